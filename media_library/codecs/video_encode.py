"""Writes MP4: the same packets without what they tell, or H.264 and AAC within so many bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError

from media_library.codecs.pictures import Frame, flattened, too_large
from media_library.codecs.process import Refused
from media_library.codecs.recipes import MOST_FPS, SOUND_BITS_S, USUAL_FPS, Recipe, video_bits_s
from media_library.codecs.video_decode import THREADS, is_as_said, opened, pixel_ratio
from media_library.codecs.video_filters import BT709, Chain, of_pictures

MOST_BITS_S = 100_000_000  # more than anybody plays; the encoder keeps the number in 32 bits
SOUND_TAIL_S = 0.1  # an encoder of sound ends later than what it was given
TRIES = (1.0, 0.8, 0.6)  # shares of the bits that the bytes would allow
SOUND_HZ = (48_000, 44_100)
PRIMING = 3  # packets of silence that encoders of sound begin with, and that each file hides
SAME_SHAPE = 0.02
PRIVATE_UNITS = {"h264": "6", "hevc": "39-40"}  # SEI: where cameras write place, date and settings between the pictures
MUXER = {"movflags": "+faststart", "fflags": "+bitexact", "brand": "mp42"}


# --- the same packets ---
class _Hidden(Exception):
    """The file has pictures or sound that its edit list hides: whoever cut them off does not want them sent."""


def remux(source: Path, mime_type: str, recipe: Recipe, to: Path) -> bool:
    """Write picture and sound as they are encoded, or only the picture, to MP4: nothing else comes along.

    False when what came out is not as the recipe says: then it is to be encoded again.
    """
    try:
        with opened(source, mime_type) as container:
            _remux(container, recipe, to)
        return to.stat().st_size <= recipe.max_bytes and is_as_said(to, recipe)
    except _Hidden:
        return False
    except (FFmpegError, Refused):  # packets that a muxer does not take; a decoder may be more patient
        return False


def _remux(container: Any, recipe: Recipe, to: Path) -> None:
    video = container.streams.video[0]
    audio = next(iter(container.streams.audio), None)
    with av.open(str(to), "w", format="mp4", container_options=MUXER) as out:
        pictures = _template(out, video)
        units = PRIVATE_UNITS.get(video.codec_context.name)
        cleaner = BitStreamFilterContext(f"filter_units=remove_types={units}", video) if units else None
        sound = _Sound(out, audio, keeps="sound" in recipe.keeps) if audio is not None else None
        hidden = {False: 0, True: 0}  # packets of pictures, of sound
        for packet in container.demux([stream for stream in (video, audio) if stream is not None]):
            if packet.is_discard:
                hidden[packet.stream is audio] += 1
                if hidden[False] or hidden[True] > PRIMING:
                    raise _Hidden
            if packet.stream is audio and sound is not None:
                sound.take(packet)
            elif packet.dts is not None:
                for clean in cleaner.filter(packet) if cleaner else [packet]:
                    clean.stream = pictures
                    out.mux(clean)
        if sound is not None:
            sound.end()


def _template(out: Any, stream: Any) -> Any:
    made = out.add_stream_from_template(stream)
    made.metadata.clear()
    return made


class _Sound:
    """The one track of sound, taken over or encoded as AAC in stereo."""

    def __init__(self, out: Any, source: Any, *, keeps: bool) -> None:
        self.out = out
        self.keeps = keeps and source.codec_context.channels <= 2
        self.size = 0
        self.ends_at = math.inf
        if self.keeps:
            self.stream = _template(out, source)
            return
        rate = source.codec_context.sample_rate
        rate = rate if rate in SOUND_HZ else SOUND_HZ[0]
        layout = "mono" if source.codec_context.channels == 1 else "stereo"
        self.stream = out.add_stream("aac", rate=rate, layout=layout)
        self.stream.bit_rate = SOUND_BITS_S
        self.graph = Chain(
            lambda graph: graph.add_abuffer(template=source),
            # what is missing becomes silence, so that sound and picture stay together
            [("aresample", "async=1000:first_pts=0"), ("aformat", f"fltp:{rate}:{layout}"), ("asetnsamples", "1024:0")],
            "abuffersink",
        )

    def take(self, packet: Any) -> None:
        if self.keeps:
            if packet.dts is not None:
                packet.stream = self.stream
                self._write([packet])
            return
        try:
            decoded = packet.decode()
        except FFmpegError:  # a crack in the sound, not the end of the video
            return
        for frame in decoded:
            for even in self.graph.push(frame):
                if even.time < self.ends_at:
                    self._write(self.stream.encode(even))

    def end(self) -> None:
        if self.keeps:
            return
        for even in self.graph.push(None):
            if even.time < self.ends_at:
                self._write(self.stream.encode(even))
        self._write(self.stream.encode(None))

    def _write(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self.size += packet.size
            self.out.mux(packet)


# --- encoded again ---
class _TooLarge(Exception):
    """It will not stay within its bytes."""


def transcode(path: Path, mime_type: str, recipe: Recipe, to: Path) -> None:
    """Write H.264 (yuv420p, steady frames) and AAC to MP4, no larger than the recipe's bytes. Raises Refused."""
    for share in TRIES:
        try:
            with opened(path, mime_type) as container:
                _transcode(container, recipe, to, share)
            if to.stat().st_size <= recipe.max_bytes:
                return
        except _TooLarge:
            continue
    raise too_large(recipe)


def _transcode(container: Any, recipe: Recipe, to: Path, share: float) -> None:
    video = container.streams.video[0]
    audio = next(iter(container.streams.audio), None)
    video.codec_context.thread_count = THREADS
    duration_s = (container.duration or 0) / 1_000_000
    bits_s = video_bits_s(recipe.max_bytes, duration_s, has_sound=audio is not None) * share
    fps = _steady_fps(video, recipe.max_fps)
    with av.open(str(to), "w", format="mp4", container_options=MUXER) as out:
        pictures = _Pictures(out, recipe, fps, bits_s)
        sound = _Sound(out, audio, keeps=False) if audio is not None else None
        if sound is not None and recipe.max_duration_s is not None:
            sound.ends_at = recipe.max_duration_s - SOUND_TAIL_S
        graph: _Graph | None = None
        for packet in container.demux([stream for stream in (video, audio) if stream is not None]):
            if packet.stream is audio and sound is not None:
                sound.take(packet)
                continue
            for frame in _decoded(packet):
                graph = graph or _Graph(frame, video, recipe, fps)
                for made in graph.push(frame):
                    pictures.take(made)
            if pictures.size + (sound.size if sound else 0) > recipe.max_bytes:
                raise _TooLarge
        if graph is None:
            raise Refused("media_unreadable", "No picture of this video can be decoded. Upload it again.")
        for made in graph.push(None):
            pictures.take(made)
        pictures.end()
        if sound is not None:
            sound.end()


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except FFmpegError:  # one damaged packet; a file that is damaged throughout gives no picture at all
        return []


def _steady_fps(stream: Any, max_fps: float | None) -> Fraction:
    """The rate of what is made: its own as far as that is one, within what is taken."""
    most = Fraction(max_fps or MOST_FPS).limit_denominator(1001)
    for rate in (stream.guessed_rate, stream.average_rate):
        if rate and 1 <= rate <= MOST_FPS:
            return min(Fraction(rate).limit_denominator(1001), most)
    return min(Fraction(USUAL_FPS).limit_denominator(1001), most)


class _Graph:
    """What turns, cuts, scales and steadies the frames of a stream; made by the first of them."""

    def __init__(self, frame: Any, stream: Any, recipe: Recipe, fps: Fraction) -> None:
        self.size, self.format = (frame.width, frame.height), frame.format.name
        # Where frames are stored in another order than they are shown, each carries the duration of another one; only
        # the last one's counts, and must not be that of a pause.
        self.duration = round(1 / (fps * stream.time_base)) if stream.codec_context.has_b_frames else None
        self.colours = _colours(frame)
        self.chain = of_pictures(frame, stream.time_base, _steps(frame, pixel_ratio(stream), recipe, fps))

    def push(self, frame: Any) -> Iterator[Any]:
        if frame is not None and ((frame.width, frame.height), frame.format.name) != (self.size, self.format):
            frame = frame.reformat(width=self.size[0], height=self.size[1], format=self.format)
        if frame is not None:
            frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc = self.colours
            if self.duration is not None:
                frame.duration = self.duration
        return self.chain.push(frame)


def _colours(frame: Any) -> tuple[int, int, int, int]:
    return frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc


def _steps(frame: Any, ratio: float, recipe: Recipe, fps: Fraction) -> Iterator[tuple[str, str]]:
    rotation = frame.rotation % 360
    width, height = frame.width * ratio, float(frame.height)
    if frame.interlaced_frame:
        yield "yadif", "deint=interlaced"
    yield "fps", f"fps={fps.numerator}/{fps.denominator}"
    if rotation in (90, 270):
        width, height = height, width
        yield "transpose", "cclock" if rotation == 90 else "clock"
    elif rotation == 180:
        yield "hflip", ""
        yield "vflip", ""
    yield from _shape(width, height, recipe)
    yield "setsar", "1"
    yield "format", "yuv420p"


def _shape(width: float, height: float, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """From so large to what is wanted; where shapes differ, bars or a cut, never distortion."""
    across, down = recipe.width / width, recipe.height / height
    colours = f"out_range=tv:{BT709}:flags=lanczos"
    if abs(across / down - 1) <= SAME_SHAPE:
        yield "scale", f"{recipe.width}:{recipe.height}:{colours}"
        return
    scale = max(across, down) if recipe.fit == "crop" else min(across, down, 1.0)
    rounded = math.ceil if recipe.fit == "crop" else math.floor
    inner = [
        max(2, rounded(side * scale / 2 + (-1e-6 if recipe.fit == "crop" else 1e-6)) * 2) for side in (width, height)
    ]
    yield "scale", f"{inner[0]}:{inner[1]}:{colours}"
    if recipe.fit == "crop":
        yield "crop", f"{recipe.width}:{recipe.height}"
    else:
        yield "pad", f"{recipe.width}:{recipe.height}:(ow-iw)/2:(oh-ih)/2:black"


class _Pictures:
    """The one track of pictures: constant quality, capped so that the bytes suffice."""

    def __init__(self, out: Any, recipe: Recipe, fps: Fraction, bits_s: float) -> None:
        self.out = out
        self.size = 0
        self.stream = out.add_stream("libx264", rate=fps)
        context = self.stream.codec_context
        context.width, context.height, context.pix_fmt = recipe.width, recipe.height, "yuv420p"
        context.time_base = self.time_base = 1 / fps
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1  # BT.709
        context.thread_count = THREADS
        most_bits_s = str(int(min(bits_s, MOST_BITS_S)))
        context.options = {
            "preset": "veryfast",
            "profile": "high",
            "crf": "21",
            "maxrate": most_bits_s,
            "bufsize": most_bits_s,
            "g": str(max(1, round(fps * 2))),
            "flags": "+cgop",
        }
        self.last = -1
        self.most = math.inf if recipe.max_duration_s is None else math.floor(recipe.max_duration_s * fps)

    def take(self, frame: Any) -> None:
        frame.pict_type = 0  # keyframes where ours belong
        at = max(self.last + 1, round(frame.pts * frame.time_base / self.time_base))
        if at >= self.most:
            return
        self.last = at
        frame.time_base, frame.pts = self.time_base, self.last
        self._write(self.stream.encode(frame))

    def end(self) -> None:
        self._write(self.stream.encode(None))

    def _write(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self.size += packet.size
            self.out.mux(packet)


def film(frames: Iterable[Frame], recipe: Recipe, to: Path, *, quickest_ms: int, duration_s: float) -> None:
    """Write the pictures of an animation as a silent MP4; raises Refused when its bytes do not suffice.

    `quickest_ms`: how long the shortest of them is shown; it sets the rate.
    """
    fps = Fraction(min(50, max(10, math.ceil(1000 / quickest_ms))))
    bits_s = video_bits_s(recipe.max_bytes, duration_s, has_sound=False)
    with av.open(str(to), "w", format="mp4", container_options=MUXER) as out:
        pictures = _Pictures(out, recipe, fps, bits_s)
        shown_ms = 0
        tick = 0
        for frame in frames:
            picture: Any = av.VideoFrame.from_image(flattened(frame.image).convert("RGB"))  # type: ignore[no-untyped-call]
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            shown_ms += frame.duration_ms
            while tick == 0 or tick * 1000 < shown_ms * fps:
                picture.pts, picture.time_base = tick, 1 / fps
                pictures.take(picture)
                tick += 1
        pictures.end()
    if to.stat().st_size > recipe.max_bytes:
        raise too_large(recipe)
