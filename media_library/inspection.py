"""What an uploaded file is: judged by its bytes alone, in a process that may die of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastablasta.core.errors import FieldProblem, Invalid, WrongType
from media_library.codecs import process
from media_library.formats import FIRST_BLOCK, NAMES, Format, format_of, looks_like

PROBE = "media_library.codecs.probe"
TIMEOUT_S = 60
MEMORY_BYTES = 2 * 1024**3
AT_ONCE = 2  # a web process's threads must not decode as many pictures as there are threads
_slots = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was found. `width`, `height` as people see it; `duration_s` of videos, animations and captions.

    `facts` of a picture: frames, orientation (EXIF, 1 to 8), mode (Pillow's), has_alpha, has_metadata. Of a video:
    container (mp4, mov or avi), video_codec, profile, fps, pixel_format, pixel_aspect (1 = square), is_interlaced,
    is_hdr, has_open_gop (of H.264), rotation (0, 90, 180 or 270: degrees clockwise by which players turn it), bit_rate,
    has_audio, audio_codec ("" = none), audio_profile, channels, sample_rate (0 = none). Of a document: pages; it has no
    size in pixels, nor have captions. Of captions: cues, vtt_bytes (how large they are as WebVTT).
    """

    kind: str
    mime_type: str
    extension: str
    width: int
    height: int
    duration_s: float | None
    is_animated: bool
    facts: Mapping[str, Any]


class NotMedia(Exception):
    """The file is none that can be used: a DomainError with one fault, of the field "file"."""

    code: str
    detail: str


class OtherFormat(NotMedia, WrongType):
    """It is of no format that is taken."""


class Damaged(NotMedia, Invalid):
    """It is of such a format, but cannot be decoded, or is too much of it."""


def inspect(path: Path, filename: str = "") -> Inspected:  # noqa: ARG001  a name proves nothing
    """Decode the file far enough to know what it is. Raises NotMedia: OtherFormat or Damaged."""
    with path.open("rb") as file:
        form = claimed_format(file.read(FIRST_BLOCK))
    arguments = {"path": str(path.resolve()), "container": form.container}
    try:
        with _slots:
            answer = process.run(
                "media_library.codecs.probe", arguments, timeout_s=TIMEOUT_S, memory_bytes=MEMORY_BYTES
            )
    except process.DecoderFailed as error:
        sentence = "The file cannot be decoded in reasonable time and memory; export it again, smaller."
        raise refusal(Damaged, "too_much_to_decode", sentence) from error
    if no := answer.get("refused"):
        raise refusal(OtherFormat if no["other"] else Damaged, no["code"], no["message"], **no["params"])
    return Inspected(kind=form.kind, mime_type=form.mime_type, extension=form.extension, **answer["found"])


def claimed_format(first_block: bytes) -> Format:
    """The format that a file of this beginning claims to be of. Raises NotMedia when it is none of ours, or empty."""
    if not first_block:
        raise refusal(Damaged, "empty", "The file is empty; choose another one.")
    if form := format_of(first_block):
        return form
    looks = looks_like(first_block)
    like = f" (it looks like {looks})" if looks else ""
    raise refusal(OtherFormat, "not_media", f"The file is not {NAMES}{like}; upload one of these.", valid=NAMES)


def refusal(kind: type[OtherFormat | Damaged], code: str, message: str, **params: Any) -> OtherFormat | Damaged:
    return kind(code, message, [FieldProblem("file", code, message, params)])
