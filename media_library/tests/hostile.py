"""Files that nobody should be able to upload: broken, cut off, two things at once, or bombs."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import av
from PIL import Image

from media_library.tests.factories import SRT, clip, moving, pdf, photo, still

MB = 1024 * 1024


# --- pictures, byte by byte ---
def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 10, height: int = 10, *, before: bytes = b"", pixels: bytes | None = None) -> bytes:
    """An RGB picture; `before` are chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes((3 * width + 1) * height) if pixels is None else pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """So many megabytes of nothing, compressed: of equal blocks, as to compress 200 takes half a second."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (megabytes * MB % 65_521) << 16 | 1
    return zlib.compress(b"")[:2] + block * megabytes + packer.flush() + struct.pack(">I", adler)


def gif(width: int, height: int, frames: int) -> bytes:
    """An animation whose every frame draws one pixel on a canvas."""
    frame = b"\x21\xf9\x04\x04\x0a\0\0\0" + b"\x2c\0\0\0\0\x01\0\x01\0\0" + b"\x02\x02\x44\x01\0"
    canvas = struct.pack("<HH", width, height) + b"\xf0\0\0" + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + canvas + frame * frames + b"\x3b"


def jpeg_of(width: int, height: int) -> bytes:
    """A small photo whose header claims another size."""
    data = bytearray(photo())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def webp_of(width: int, height: int) -> bytes:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + _three(width - 1) + _three(height - 1)
    body = b"WEBP" + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


# --- videos ---
@cache
def sound(form: str) -> bytes:
    """A file of that container without any picture."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as to:
        stream: Any = to.add_stream("mp3" if form == "avi" else "aac", rate=44_100, layout="mono")
        samples = stream.codec_context.frame_size or 1152
        for number in range(20):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=samples)
            frame.sample_rate, frame.pts = 44_100, number * samples
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))
    return out.getvalue()


def film(form: str, codec: str, *, every_s: int = 1, pixel_format: str = "yuv420p") -> bytes:
    """Two pictures, `every_s` seconds apart."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as to:
        stream: Any = to.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(3):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (number * 90, 0, 0)))
            frame.pts = number * every_s
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))
    return out.getvalue()


def without(video: bytes, box: bytes) -> bytes:
    """An MP4 less the last of its boxes, from that one on."""
    return video[: video.rindex(box) - 4]


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def avi_of(width: int, height: int) -> bytes:
    data = bytearray(film("avi", "rawvideo"))
    at = data.index(b"strf") + 12
    data[at : at + 8] = struct.pack("<ii", width, height)
    return bytes(data)


def turned(video: bytes, degrees: int) -> bytes:
    """An MP4 that players turn clockwise by so much: as a telephone that is held upright writes it."""
    one = 0x10000
    a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    data = bytearray(video)
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    return bytes(data)


# --- two things at once ---
def with_archive(data: bytes) -> bytes:
    out = io.BytesIO(data)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("index.html", "<b>hello</b>")
    return out.getvalue()


def archive() -> bytes:
    """A zip bomb: 10 MB of nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a", bytes(10 * MB))
    return out.getvalue()


def cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


JP2 = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "
OTHER: dict[str, Callable[[], bytes]] = {  # no format of ours: 415 not_media
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "svg with a prolog": lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
    "html as jpg": lambda: b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "php as gif": lambda: b"<?php system($_GET['c']); ?>",
    "gif in small letters": lambda: b"gif89a" + bytes(200),
    "shell script": lambda: b"#!/bin/sh\nrm -rf /\n" + bytes(100),
    "text": lambda: b"Dear Sir or Madam, " * 20,
    "one byte": lambda: b"\xff",
    "zip bomb": archive,
    "gzip": lambda: zlib.compress(bytes(10_000), wbits=31),
    "windows program": lambda: b"MZ\x90\0\x03\0\0\0\x04" + bytes(200),
    "linux program": lambda: b"\x7fELF\x02\x01\x01" + bytes(200),
    "tiff": lambda: still("TIFF"),
    "bmp": lambda: still("BMP"),
    "ico": lambda: still("ICO"),
    "jpeg 2000": lambda: JP2 + bytes(200),
    "heic": lambda: box(b"ftyp", b"heic\0\0\0\0mif1heic") + bytes(200),
    "m4a": lambda: box(b"ftyp", b"M4A \0\0\0\0M4A mp42") + bytes(200),
    "webm": lambda: film("webm", "libvpx"),
    "mp3": lambda: b"ID3\x04\0\0\0\0\0\0" + bytes(200),
    "wav": lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(200),
    "playlist": lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "nothing but zeros": lambda: bytes(5000),
}
TWO_IN_ONE: dict[str, Callable[[], bytes]] = {
    "GIF89a<script>": lambda: b"GIF89a<script>alert(document.domain)</script>",
    "gif with a script for its size": lambda: b"GIF89a/*" + gif(9, 9, 1)[8:] + b"*/=1;<script>alert(1)</script>",
    "jpeg and zip": lambda: with_archive(photo()),
    "png and zip": lambda: with_archive(still()),
    "mp4 and zip": lambda: with_archive(clip("mp4")),
    "gif and html": lambda: moving() + b"<HTML><body onload=alert(1)>",
    "png and php": lambda: png(before=chunk(b"tEXt", b"Comment\0<?php system('id'); ?>")),
    "pdf and zip": lambda: with_archive(pdf()),
    "pdf and html": lambda: pdf() + b"%<html><body onload=alert(1)>",
    "jpeg and pdf": lambda: photo() + b"%PDF-1.4 1 0 obj <<>> endobj",
}
DAMAGED: dict[str, Callable[[], bytes]] = {
    "jpeg cut off": lambda: cut(photo((800, 600))),
    "png cut off": lambda: cut(still(size=(800, 600))),
    "gif cut off": lambda: cut(moving(size=(300, 300))),
    "webp cut off": lambda: cut(still("WEBP", (800, 600))),
    "mp4 cut off": lambda: cut(clip("mp4")),
    "mov cut off": lambda: cut(clip("mov")),
    "avi cut off": lambda: cut(clip("avi")),
    "png of eleven bytes": lambda: png()[:11],
    "jpeg of a header": lambda: photo()[:200],
    "jpeg of noise": lambda: b"\xff\xd8\xff\xe0" + random.Random(2).randbytes(5000),
    "gif of noise": lambda: b"GIF89a" + random.Random(3).randbytes(5000),
    "gif without a frame": lambda: gif(10, 10, 0),
    "png of noise": lambda: b"\x89PNG\r\n\x1a\n" + random.Random(4).randbytes(5000),
    "png with a wrong checksum": lambda: png()[:30] + b"\1" + png()[31:],
    "png with too few pixels": lambda: png(1000, 1000, pixels=bytes(100)),
    "png with a huge text": lambda: png(before=chunk(b"zTXt", b"a\0\0" + zeros(200))),
    "png with a huge profile": lambda: png(before=chunk(b"iCCP", b"a\0\0" + zeros(200))),
    "webp of noise": lambda: b"RIFF\x88\x13\0\0WEBPVP8 " + random.Random(5).randbytes(5000),
    "webp with a huge canvas": lambda: webp_of(16_383, 16_383),
    "mp4 without moov": lambda: without(clip("mp4"), b"moov"),
    "mp4 of a name": lambda: box(b"ftyp", b"isom\0\0\2\0isomiso2mp41"),
    "mp4 with an empty moov": lambda: box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + box(b"moov", b""),
    "mp4 with a moov of noise": lambda: (
        box(b"ftyp", b"isom\0\0\2\0mp41") + box(b"moov", random.Random(6).randbytes(900))
    ),
    "mp4 whose pictures are zeros": lambda: _blanked(film("mp4", "libx264")),
    "mp4 of many boxes": lambda: box(b"ftyp", b"isom\0\0\2\0mp41") + box(b"free", b"") * 110_000 + box(b"moov", b""),
    "pdf of a header": lambda: b"%PDF-1.7\n1 0 obj <<>> endobj" + bytes(100),
    "pdf cut off": lambda: cut(pdf()),
    "pdf of noise": lambda: b"%PDF-1.7\n" + random.Random(8).randbytes(5000) + b"\nstartxref\n9\n%%EOF\n",
    "pdf without pages": lambda: pdf(0),
    "pdf whose pages lead nowhere": lambda: pdf().replace(b"/Kids", b"/Sdik"),
    "avi of a header": lambda: b"RIFF\x04\0\0\0AVI ",
    "avi of noise": lambda: b"RIFF\x8c\x13\0\0AVI " + random.Random(7).randbytes(5000),
}
TOO_MUCH: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png of 50,000 x 50,000": ("too_many_pixels", lambda: png(50_000, 50_000, pixels=bytes(1000))),
    "jpeg of 65,500 x 65,500": ("too_many_pixels", lambda: jpeg_of(65_500, 65_500)),
    "gif of 65,535 x 65,535": ("too_many_pixels", lambda: gif(65_535, 65_535, 1)),
    "gif of 5,000 x 5,000, 30 times": ("too_many_pixels", lambda: gif(5_000, 5_000, 30)),
    "gif of 400,000 frames": ("too_many_frames", lambda: gif(1, 1, 400_000)),
    "avi of 60,000 x 60,000": ("too_many_pixels", lambda: avi_of(60_000, 60_000)),
    "mp4 of ten hours": ("too_long", lambda: film("mp4", "libx264", every_s=18_000)),
}
NO_PICTURES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "mp4 of sound": ("no_video", lambda: sound("mp4")),
    "mov of sound": ("no_video", lambda: sound("mov")),
    "avi of sound": ("no_video", lambda: sound("avi")),
    "avi as flash had it": ("codec_not_supported", lambda: film("avi", "flv")),
}
UNREADABLE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pdf with a password": ("encrypted", lambda: pdf(password="secret")),
    "captions in UTF-16": ("captions_malformed", lambda: SRT.encode("utf-16")),
    "captions in Latin-1": ("captions_malformed", lambda: SRT.encode("latin-1")),
    "captions of a header": ("captions_malformed", lambda: b"WEBVTT\n\nNOTE nothing\n"),
    "captions out of order": ("captions_malformed", lambda: SRT.replace("00:00:00,000", "00:00:02,900").encode()),
}
TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "srt of 1 MB and a byte": lambda: SRT.encode().ljust(MB + 1),
    "jpeg of 10 MB and a byte": lambda: photo().ljust(10 * MB + 1, b"\0"),
    "png of 10 MB and a byte": lambda: still().ljust(10 * MB + 1, b"\0"),
    "gif of 10 MB and a byte": lambda: moving().ljust(10 * MB + 1, b"\0"),
}


def _blanked(video: bytes) -> bytes:
    """The same, but of its pictures nothing is left."""
    at = video.index(b"mdat") + 4
    length = struct.unpack(">I", video[at - 8 : at - 4])[0] - 8
    return video[:at] + bytes(length) + video[at + length :]
