"""What a file really is, found out by decoding it. Runs in a process of its own (process.run): no Django in here.

A picture is decoded whole, of a video the first frame and the structure: what passes can be read by others too. Every
limit that a bomb would break is looked at before its bytes are unpacked; the process's own limits stand behind them.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from media_library.codecs import captions, documents
from media_library.codecs.refusal import Refusal

MOST_PIXELS = 100_000_000  # of a picture, or of one frame
MOST_FRAMES = 3_000
MOST_PIXELS_IN_ALL = 500_000_000  # of all frames of an animation; X takes 300 million
MOST_VIDEO_PIXELS = 8192 * 4320
LONGEST_S = 4 * 3600
MOST_BOXES = 100_000
MOST_PACKETS = 500  # read in search of the first frame
KEY_FRAMES_LOOKED_AT = 3
IDR = 5  # the type of a NAL unit that begins a closed group of pictures

CAPTIONS = {"SRT": captions.SRT, "VTT": captions.VTT}
BREAKS_OFF = "The file breaks off before its end; it is not complete: upload the whole file."
ORIENTATION = 0x0112
METADATA = {"exif", "xmp", "comment", "photoshop", "XML:com.adobe.xmp"}
NO_METADATA_IN = {"APP0", "APP2", "APP14"}  # of a JPEG: JFIF, colour profile, Adobe's colour transform

# What cameras, phones and editors write. FFmpeg knows hundreds more that nobody has looked at for years.
VIDEO_CODECS = frozenset(
    (
        "h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "mpeg1video", "mpeg2video",
        "h263", "mjpeg", "prores", "dnxhd", "dvvideo", "cfhd", "huffyuv", "ffvhuff", "ffv1", "utvideo", "rawvideo",
        "qtrle", "png", "svq1", "svq3", "cinepak", "indeo3", "indeo5", "wmv1", "wmv2", "wmv3", "vc1",
    )
)  # fmt: skip


def main(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`path` and the `container` it claims to be → `found` (as inspection.Inspected) or `refused` (as Refusal)."""
    path, container = Path(arguments["path"]), arguments["container"]
    try:
        _refuse_two_in_one(path, is_document=container == "PDF")
        found = _found(path, container)
    except Refusal as no:
        return {"refused": {"code": no.code, "message": no.message, "params": no.params, "other": no.is_other_format}}
    return {"found": found}


def _found(path: Path, container: str) -> dict[str, Any]:
    if container == "PDF":
        return documents.looked_into(path)
    if container in CAPTIONS:
        return captions.looked_into(path, CAPTIONS[container])
    return _video(path, container) if container in {"mp4", "mov", "avi"} else _image(path, container)


def _refuse_two_in_one(path: Path, *, is_document: bool) -> None:
    """What is a picture to one program and an archive, a document or a page to another is nobody's holiday photo."""
    with path.open("rb") as file:
        head = file.read(1024)
        file.seek(max(0, path.stat().st_size - 1024))
        ends = (head + b"\0" + file.read()).lower()
    other = "a PDF document" if b"%pdf-" in ends and not is_document else ""
    if zipfile.is_zipfile(path):
        other = "a ZIP archive"
    is_page = b"<html" in ends and any(mark in ends for mark in (b"<head", b"<body"))  # the word alone is a caption
    if is_page or any(mark in ends for mark in (b"<script", b"<!doctype", b"<?php")):
        other = "a web page or script"
    if other:
        raise Refusal("two_in_one", f"The file is also {other}; save it again, without that.")


# --- pictures ---
def _image(path: Path, container: str) -> dict[str, Any]:
    from PIL import Image

    if container == "WEBP":
        _refuse_incomplete_riff(path)
    Image.MAX_IMAGE_PIXELS = None  # looked at here, with a reason
    try:
        with Image.open(path, formats=[container]) as image:
            return _looked_through(image, container)
    except Refusal:
        raise
    except MemoryError:
        raise Refusal("too_much_to_decode", "Decoding the picture takes too much memory; make it smaller.") from None
    except Exception as error:  # noqa: BLE001  Pillow raises whatever its parsers stumble over
        raise Refusal("damaged", f"The file cannot be decoded as {_name(container)}; {_remedy(error)}.") from None


def _looked_through(image: Any, container: str) -> dict[str, Any]:
    _refuse_too_many_pixels(image.width, image.height)
    if container == "JPEG":
        size = image.size
        has_metadata = any(name not in NO_METADATA_IN for name, _ in image.applist)
        image.draft(None, (1, 1))  # an eighth of each side: reads every byte in a 64th of the memory
        image.load()
        frames, duration_ms = 1, 0  # further pictures in it are previews and depths of a phone's camera
    else:
        size = image.size
        has_metadata = any(name in METADATA for name in image.info)
        frames, duration_ms = _frames(image, container)
        has_metadata = (
            has_metadata or bool(getattr(image, "text", None)) or any(name in METADATA for name in image.info)
        )
    orientation = _orientation(image)
    mode, has_alpha = image.mode, image.has_transparency_data
    width, height = size[::-1] if orientation >= 5 else size
    is_animated = frames > 1 and container != "PNG"
    return {
        "width": width,
        "height": height,
        "duration_s": duration_ms / 1000 if is_animated else None,
        "is_animated": is_animated,
        "facts": {
            "frames": frames,
            "orientation": orientation,
            "mode": mode,
            "has_alpha": has_alpha,
            "has_metadata": has_metadata,
        },
    }


def _frames(image: Any, container: str) -> tuple[int, int]:
    """Decode every frame (of a PNG the first, which is what everybody shows); how many there are, and their time."""
    if container == "PNG":
        image.load()
        return min(int(getattr(image, "n_frames", 1)), MOST_FRAMES), 0
    frames, in_all, duration_ms = 0, 0, 0
    while True:
        frames += 1
        in_all += image.width * image.height
        _refuse_too_many_pixels(image.width, image.height)
        if frames > MOST_FRAMES:
            sentence = f"The animation has more than {MOST_FRAMES:,} frames; shorten it, or upload it as a video."
            raise Refusal("too_many_frames", sentence, limit=MOST_FRAMES)
        if in_all > MOST_PIXELS_IN_ALL:
            sentence = (
                f"The frames of the animation have more than {MOST_PIXELS_IN_ALL // 1_000_000} million pixels in all; "
                "make it smaller or shorter, or upload it as a video."
            )
            raise Refusal("too_many_pixels", sentence, limit=MOST_PIXELS_IN_ALL)
        image.load()
        duration_ms += max(0, int(image.info.get("duration", 0)))
        try:
            image.seek(frames)
        except EOFError:
            image.seek(0)
            return frames, duration_ms


def _refuse_too_many_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        sentence = (
            f"The picture has {width:,} x {height:,} pixels; at most {MOST_PIXELS // 1_000_000} million are taken: "
            "make it smaller."
        )
        raise Refusal("too_many_pixels", sentence, limit=MOST_PIXELS, actual=width * height)


def _orientation(image: Any) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001  EXIF that cannot be read turns nothing
        return 1
    return value if value in range(1, 9) else 1


def _remedy(error: Exception) -> str:
    text = str(error).lower()
    if "truncated" in text or isinstance(error, EOFError):
        return "it is not complete: upload the whole file"
    return "it is damaged: save it again and upload that"


def _name(container: str) -> str:
    return {"WEBP": "WebP", "mp4": "MP4", "mov": "MOV", "avi": "AVI"}.get(container, container)


# --- videos ---
def _video(path: Path, container: str) -> dict[str, Any]:
    import av

    if container == "avi":
        _refuse_incomplete_riff(path)
    else:
        _refuse_incomplete_boxes(path)
    demuxer = "avi" if container == "avi" else "mov"  # named, so that no other one ever looks at it
    try:
        with av.open(str(path), format=demuxer, options={"protocol_whitelist": "file"}) as file:
            return _looked_into(file, container, path.stat().st_size)
    except Refusal:
        raise
    except (av.error.FFmpegError, ValueError, OverflowError, IndexError):
        sentence = f"The file cannot be decoded as {_name(container)}; it is damaged: export it again and upload that."
        raise Refusal("damaged", sentence) from None
    except MemoryError:
        raise Refusal("too_much_to_decode", "Decoding the video takes too much memory; make it smaller.") from None


def _looked_into(file: Any, container: str, size: int) -> dict[str, Any]:
    import av

    from media_library.codecs.video_filters import HDR

    pictures = [one for one in file.streams.video if not one.disposition & av.stream.Disposition.attached_pic]
    if not len(file.streams):
        raise Refusal("damaged", "The file holds nothing that can be decoded; export it again and upload that.")
    if not pictures:
        sentence = "The file holds no video, only sound or data; upload one with pictures."
        raise Refusal("no_video", sentence, is_other_format=True)
    stream = pictures[0]
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    if codec not in VIDEO_CODECS:
        sentence = f"The video is encoded as {codec or 'something unknown'}, which is not taken; export it as H.264."
        raise Refusal("codec_not_supported", sentence, is_other_format=True, codec=codec)
    _refuse_large_frames(stream.codec_context.width, stream.codec_context.height)
    duration_s = _duration_s(file, stream)
    if duration_s > LONGEST_S:
        sentence = f"The video lasts {duration_s / 3600:.1f} hours; at most {LONGEST_S // 3600} are taken: cut it."
        raise Refusal("too_long", sentence, limit=LONGEST_S, actual=round(duration_s))
    frame = _first_frame(file, stream)
    _refuse_large_frames(frame.width, frame.height)
    has_open_gop = codec == "h264" and _has_open_gop(file, stream)
    rotation = -int(frame.rotation) % 360 // 90 * 90
    pixel_aspect = float(stream.sample_aspect_ratio or 1)
    shown = max(1, round(frame.width * pixel_aspect)), frame.height
    width, height = shown[::-1] if rotation in {90, 270} else shown
    sound = file.streams.audio[0].codec_context if file.streams.audio else None
    return {
        "width": width,
        "height": height,
        "duration_s": duration_s,
        "is_animated": False,
        "facts": {
            "container": container,
            "video_codec": codec,
            "audio_codec": sound.codec.canonical_name if sound else "",
            "has_audio": bool(file.streams.audio),
            "fps": round(float(stream.average_rate or stream.guessed_rate or 0), 3),
            "pixel_format": frame.format.name,
            "pixel_aspect": round(pixel_aspect, 4),
            "is_interlaced": bool(frame.interlaced_frame),
            "is_hdr": int(frame.color_trc) in HDR,
            "has_open_gop": has_open_gop,
            "profile": stream.profile or "",
            "channels": sound.channels if sound else 0,
            "sample_rate": sound.sample_rate if sound else 0,
            "audio_profile": (sound.profile or "") if sound else "",
            "rotation": rotation,
            "bit_rate": int(file.bit_rate or size * 8 / duration_s),
        },
    }


def _first_frame(file: Any, stream: Any) -> Any:
    stream.codec_context.thread_count = 1  # memory of one frame, not of one a core
    for number, packet in enumerate(file.demux(stream)):
        if frames := packet.decode():
            return frames[0]
        if number > MOST_PACKETS:
            break
    raise Refusal("damaged", "No frame of the video can be decoded; export it again and upload that.")


def _has_open_gop(file: Any, stream: Any) -> bool:
    """Whether a key frame behind the first one is not an IDR: what follows it may refer to frames before it.

    Looks at the next few key frames of H.264 as MP4 and MOV store it, each unit with its length before it.
    """
    head = bytes(stream.codec_context.extradata or b"")
    if len(head) < 5 or head[0] != 1:
        return False
    length = (head[4] & 3) + 1
    seen = 0
    for number, packet in enumerate(file.demux(stream)):
        if packet.is_keyframe and packet.size:
            if IDR not in _unit_types(bytes(packet), length):
                return True
            seen += 1
        if seen == KEY_FRAMES_LOOKED_AT or number > MOST_PACKETS:
            break
    return False


def _unit_types(packet: bytes, length: int) -> Iterator[int]:
    """The types of a packet's NAL units (ITU-T H.264, table 7-1)."""
    at = 0
    while at + length < len(packet):
        size = int.from_bytes(packet[at : at + length], "big")
        yield packet[at + length] & 0x1F
        at += length + size


def _duration_s(file: Any, stream: Any) -> float:
    """Of the whole, else of the pictures; one frame's time where it is not said."""
    if file.duration and file.duration > 0:
        return float(file.duration / 1_000_000)
    if stream.duration and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    sentence = "The video does not say how long it lasts; it is damaged or empty: export it again and upload that."
    raise Refusal("damaged", sentence)


def _refuse_large_frames(width: int, height: int) -> None:
    if width * height > MOST_VIDEO_PIXELS or not width * height:
        sentence = f"The video has {width:,} x {height:,} pixels; at most 8,192 x 4,320 are taken: make it smaller."
        raise Refusal("too_many_pixels", sentence, limit=MOST_VIDEO_PIXELS, actual=width * height)


def _refuse_incomplete_boxes(path: Path) -> None:
    """An MP4 or MOV is a row of boxes that say how long they are; one of them, moov, is the index of the rest."""
    kinds = set()
    for number, (kind, is_whole) in enumerate(_boxes(path)):
        kinds.add(kind)
        if not is_whole:
            raise Refusal("damaged", BREAKS_OFF)
        if number > MOST_BOXES:
            raise Refusal("damaged", "The video is in too many pieces; export it again and upload that.")
    if b"moov" not in kinds:
        sentence = "The video has no index (moov): recording or copying it was not finished; export it again."
        raise Refusal("damaged", sentence)


def _boxes(path: Path) -> Iterator[tuple[bytes, bool]]:
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if length == 0:  # to the end
                length = size - at
            if length < 8:
                return  # no box: padding behind the last one, or the decoder will say
            at += length
            yield kind, at <= size


def _refuse_incomplete_riff(path: Path) -> None:
    """An AVI or WebP is one RIFF list, or several behind each other, each with its length."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + 12 <= size:
            file.seek(at)
            mark, length, _ = struct.unpack("<4sI4s", file.read(12))
            if mark != b"RIFF":
                return
            at += 8 + length + length % 2
            if at > size + 1:
                raise Refusal("damaged", BREAKS_OFF)
            if not length:
                return
