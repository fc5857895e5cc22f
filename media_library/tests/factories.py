"""Real pictures and videos for the tests of every app, and assets that hold them."""

from __future__ import annotations

import hashlib
import io
import itertools
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

import av
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from pypdf import PdfWriter

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from media_library.codecs import probe
from media_library.formats import FIRST_BLOCK, HAVE_PICTURES, format_of
from media_library.models import Asset, AssetStatus, Rendition

_numbers = itertools.count(1)
MAKER = "A camera that tells"  # stands in the EXIF of every photo() and must never leave
GPS_IFD, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F


def picture(size: tuple[int, int] = (64, 48), *, colour: tuple[int, int, int] | None = None) -> Image.Image:
    """A picture unlike every other: its left upper quarter is red, the rest of `colour` or of a colour of its own."""
    number = next(_numbers)
    image = Image.new("RGB", size, colour or (number % 200, number // 200 % 200, 200))
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    return image


def photo(size: tuple[int, int] = (64, 48), *, orientation: int = 1, quality: int = 90) -> bytes:
    """A JPEG as a camera makes it: with its maker, a place (GPS) and an orientation in EXIF, and a comment."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = MAKER, orientation
    exif[GPS_IFD] = {1: "N", 2: (48.0, 8.0, 14.0)}
    out = io.BytesIO()
    comment = f"{MAKER} {next(_numbers)}"  # colours so near to each other become the same bytes
    picture(size).save(out, "JPEG", quality=quality, exif=exif, comment=comment.encode())
    return out.getvalue()


def still(form: str = "PNG", size: tuple[int, int] = (64, 48), *, mode: str = "RGB", **how: Any) -> bytes:
    """A picture as PNG, WEBP, GIF, JPEG, TIFF …; with mode "RGBA" its right half is see-through."""
    image = picture(size)
    if mode == "RGBA":
        image = image.convert("RGBA")
        image.paste((0, 0, 0, 0), (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, form, **how)
    return out.getvalue()


def moving(form: str = "GIF", size: tuple[int, int] = (64, 48), *, frames: int = 3) -> bytes:
    """An animated GIF or WEBP, 100 ms a frame."""
    first, *others = [picture(size) for _ in range(frames)]
    for index, frame in enumerate([first, *others]):  # unlike enough for an encoder that joins frames
        frame.paste((0, 255, 0) if index % 2 else (0, 0, 255), (size[0] // 2, size[1] // 2, *size))
    out = io.BytesIO()
    first.save(out, form, save_all=True, append_images=others, duration=100, loop=0)
    return out.getvalue()


@cache
def _clip(
    form: str, codec: str, duration_s: float, size: tuple[int, int], fps: int, has_audio: bool, is_noisy: bool
) -> bytes:
    out = io.BytesIO()
    with av.open(
        out, "w", format=form, container_options={} if form == "avi" else {"movflags": "use_metadata_tags"}
    ) as to:
        to.metadata["comment"] = MAKER
        to.metadata["location"] = "+48.1371+011.5754/"
        video: Any = to.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio: Any = to.add_stream("mp3" if form == "avi" else "aac", rate=44_100, layout="mono") if has_audio else None
        for number in range(round(duration_s * fps)):
            plain = Image.new("RGB", size, (number * 20 % 256, 100, 50))
            frame = av.VideoFrame.from_image(Image.effect_noise(size, 100).convert("RGB") if is_noisy else plain)
            frame.pts = number
            to.mux(video.encode(frame))
        to.mux(video.encode(None))
        at, samples = 0, (audio.codec_context.frame_size or 1152) if audio else 0
        while audio and at < duration_s * 44_100:
            sound = av.AudioFrame(format="fltp", layout="mono", samples=samples)
            sound.sample_rate, sound.pts = 44_100, at
            for plane in sound.planes:
                plane.update(bytes(plane.buffer_size))
            at += samples
            to.mux(audio.encode(sound))
        if audio:
            to.mux(audio.encode(None))
    return out.getvalue()


def long_clip(size: int) -> bytes:
    """An MP4 of H.264 and at least `size` bytes, all of them pictures: a second of noise, again and again.

    Encoded once, so that half a gigabyte takes seconds.
    """
    second = _clip("mp4", "libx264", 1.0, (1280, 720), 10, has_audio=False, is_noisy=True)
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        with av.open(io.BytesIO(second)) as once:
            target: Any = to.add_stream_from_template(once.streams.video[0])
        for number in itertools.count():
            if out.tell() > size:
                break
            with av.open(io.BytesIO(second)) as again:
                source = again.streams.video[0]
                lasts = int(1 / source.time_base)
                for packet in again.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.dts, packet.pts = packet.dts + number * lasts, packet.pts + number * lasts
                    packet.stream = target
                    to.mux(packet)
    return out.getvalue()


def clip(
    form: str = "mp4",
    *,
    duration_s: float = 1.0,
    size: tuple[int, int] = (64, 48),
    fps: int = 10,
    has_audio: bool = True,
    codec: str = "",
    is_noisy: bool = False,
) -> bytes:
    """A video as mp4, mov (H.264, AAC) or avi (MPEG-4, MP3), each call other bytes; its metadata names MAKER.

    A noisy one has many bytes: about 1.5 MB a second at 640 x 480 and 10 frames.
    """
    made = _clip(form, codec or ("mpeg4" if form == "avi" else "libx264"), duration_s, size, fps, has_audio, is_noisy)
    tail = f"MastaBlasta test {next(_numbers)}".encode()  # a free box, or a chunk behind the list: players skip it
    if form == "avi":
        tail += b" " * (len(tail) % 2)
        return made + b"JUNK" + len(tail).to_bytes(4, "little") + tail
    return made + (len(tail) + 8).to_bytes(4, "big") + b"free" + tail


SRT = """1
00:00:00,000 --> 00:00:01,500
<i>Grüße</i> & <font color="red">mehr</font>

2
00:00:01,500 --> 00:00:03,000
{\\an8}Zwei < drei
"""
VTT = """WEBVTT

NOTE of whoever wrote it

hello
00:00.000 --> 00:01.500 line:0
Hello

00:01.500 --> 01:00:00.000
Bye
"""


def pdf(pages: int = 3, *, password: str = "") -> bytes:
    """A PDF of empty pages, each call other bytes; with a password an encrypted one."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(width=300, height=200)
    writer.add_metadata({"/Author": MAKER, "/Subject": f"{next(_numbers)}"})
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


MIME_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


def make_asset(*, workspace: Workspace | None = None, data: bytes | None = None, **overrides: Any) -> Asset:
    """A ready asset whose file lies in the storage: a JPEG photo unless `data` is another file.

    Its facts are those that an upload finds; what is given in `overrides` wins.
    """
    data = photo() if data is None else data
    number = next(_numbers)
    stored = default_storage.save(f"test/{number}", ContentFile(data))
    found, thumbnail = found_in(data), ""
    if found["kind"] in HAVE_PICTURES:
        thumbnail = default_storage.save(f"thumbnails/test/thumb_{number}.jpg", ContentFile(still("JPEG", (32, 24))))
    fields = {
        "filename": f"file {number}",
        "stored_name": stored,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "thumbnail_name": thumbnail,
        "status": AssetStatus.READY,
        **found,
        **overrides,
    }
    return Asset.objects.create(workspace=workspace or make_workspace(), **fields)


def make_rendition(asset: Asset, *, data: bytes | None = None, **overrides: Any) -> Rendition:
    """A ready rendition of `asset` whose file lies in the storage: a JPEG without metadata unless `data` is another."""
    data = still("JPEG", (32, 24)) if data is None else data
    found = found_in(data)
    if "stored_name" not in overrides:
        overrides["stored_name"] = default_storage.save(f"renditions/test/{next(_numbers)}", ContentFile(data))
    fields = {
        "recipe_key": "web",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "status": AssetStatus.READY,
        **{name: found[name] for name in ("mime_type", "width", "height", "duration_s")},
        **overrides,
    }
    return Rendition.objects.create(asset=asset, **fields)


def found_in(data: bytes) -> dict[str, Any]:
    form = format_of(data[:FIRST_BLOCK])
    if form is not None and form.kind not in HAVE_PICTURES:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            found = probe.main({"path": file.name, "container": form.container})["found"]
        return {"kind": form.kind, "mime_type": form.mime_type, **found}
    if data[4:8] == b"ftyp" or data[8:12] == b"AVI ":
        mime_type = "video/x-msvideo" if data[8:12] == b"AVI " else "video/mp4"
        mime_type = "video/quicktime" if data[8:12] == b"qt  " else mime_type
        container = {"video/quicktime": "mov", "video/x-msvideo": "avi"}.get(mime_type, "mp4")
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            found = probe.main({"path": file.name, "container": container})["found"]
        return {"kind": "video", "mime_type": mime_type, **found}
    with Image.open(io.BytesIO(data)) as image:
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        size = image.size[::-1] if turned else image.size
        frames = getattr(image, "n_frames", 1)
        duration_ms, mode = 0, image.mode
        for index in range(frames):
            image.seek(index)
            image.load()
            duration_ms += int(image.info.get("duration", 0)) if frames > 1 else 0
        return {
            "kind": "image",
            "mime_type": MIME_TYPES[str(image.format)],
            "width": size[0],
            "height": size[1],
            "duration_s": duration_ms / 1000 if frames > 1 else None,
            "is_animated": frames > 1,
            "facts": {"frames": frames, "orientation": image.getexif().get(ORIENTATION, 1), "mode": mode},
        }


# How one file of each format that has pictures is made, by its extension, and its type.
ONE_OF_EACH: dict[str, tuple[Callable[[], bytes], str]] = {
    "jpg": (photo, "image/jpeg"),
    "png": (lambda: still(mode="RGBA"), "image/png"),
    "gif": (moving, "image/gif"),
    "webp": (lambda: moving("WEBP"), "image/webp"),
    "mp4": (lambda: clip("mp4"), "video/mp4"),
    "mov": (lambda: clip("mov"), "video/quicktime"),
    "avi": (lambda: clip("avi"), "video/x-msvideo"),
}
