"""Captions of videos, as SubRip (SRT) and WebVTT have them: read strictly, written as WebVTT.

Our own, since what libraries there are read past mistakes, and a person has to hear in which line theirs is.
Sources: https://www.w3.org/TR/webvtt1/ (read 2026-11-29); SubRip has no specification.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media_library.codecs.refusal import Refusal

SRT, VTT = "application/x-subrip", "text/vtt"
ARROW = "-->"
_TIME = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]\d)[%s](\d{3})"
_TIMES = {
    SRT: re.compile(rf"\s*{_TIME % ',.'}\s*-->\s*{_TIME % ',.'}\s*(?:X1:.*)?"),
    VTT: re.compile(rf"\s*{_TIME % '.'}\s*-->\s*{_TIME % '.'}(?:[ \t]+(\S.*?))?\s*"),
}
_LINE_END = re.compile(r"\r\n|\r|\n")
_SRT_TAG = re.compile(r"(</?[biu]>)|</?font[^>]*>|\{\\[^}]*\}", re.IGNORECASE)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BESIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t].*)?")


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: from when to when it is shown, in milliseconds, and its lines as they stand in the file."""

    start_ms: int
    end_ms: int
    text: tuple[str, ...]
    settings: str = ""


def looked_into(path: Path, mime_type: str) -> dict[str, Any]:
    """What inspection.Inspected holds of captions; `facts`: how many `cues`, and `vtt_bytes`, how large as WebVTT.

    Raises Refusal, which names the line.
    """
    data = path.read_bytes()
    cues = read(data, mime_type)
    as_vtt = len(data) if mime_type == VTT else len(written_as_vtt(cues))
    return {
        "width": 0,
        "height": 0,
        "duration_s": max(cue.end_ms for cue in cues) / 1000,
        "is_animated": False,
        "facts": {"cues": len(cues), "vtt_bytes": as_vtt},
    }


def read(data: bytes, mime_type: str) -> list[Cue]:
    """The captions of a file, in their order, at least one. Raises Refusal."""
    lines = _lines(data)
    cues, times = [], _TIMES[mime_type]
    at = _after_header(lines) if mime_type == VTT else 0
    last_ms = 0
    while (at := _next_written(lines, at)) < len(lines):
        if mime_type == VTT and _BESIDE.fullmatch(lines[at]):
            at = _next_blank(lines, at)
            continue
        at = _at_times(lines, at, mime_type)
        found = times.fullmatch(lines[at])
        if found is None:
            example = "00:01:02,500 --> 00:01:04,000" if mime_type == SRT else "00:01:02.500 --> 00:01:04.000"
            raise _malformed(at, f"is to say when the caption is shown; write it as {example}")
        end = _next_blank(lines, at)
        cue = Cue(_ms(found.groups()[:4]), _ms(found.groups()[4:8]), tuple(lines[at + 1 : end]), _settings(found))
        _refuse_disorder(cue, at, last_ms)
        _refuse_swallowed(lines, at, end)
        cues.append(cue)
        last_ms, at = cue.start_ms, end
    if not cues:
        raise Refusal("captions_malformed", "The file holds no captions; export them again and upload that.", line=1)
    return cues


def written_as_vtt(cues: Sequence[Cue]) -> bytes:
    """Captions of SubRip as WebVTT, in UTF-8: italics, bold and underlined stay, fonts and places are left out."""
    blocks = ["WEBVTT"]
    for cue in cues:
        text = [line for line in map(_vtt_line, cue.text) if line.strip()]
        blocks.append("\n".join([f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}", *text]))
    return ("\n\n".join(blocks) + "\n").encode()


# --- lines ---
def _lines(data: bytes) -> list[str]:
    if data.startswith(_UTF_16):
        raise _malformed(0, "is not UTF-8 but UTF-16; save the captions as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _LINE_END.findall(data[: error.start].decode("latin-1"))
        raise _malformed(len(before), "is not UTF-8; save the captions as UTF-8") from None
    lines = _LINE_END.split(text)
    for number, line in enumerate(lines):
        if "\0" in line:
            raise _malformed(number, "holds a NUL character; remove it")
    return lines


def _after_header(lines: Sequence[str]) -> int:
    """The line after the header of a WebVTT file, which ends with a blank one."""
    end = _next_blank(lines, 0)
    for at in range(1, end):
        if ARROW in lines[at]:
            raise _malformed(at, "needs a blank line between WEBVTT and the first caption; add one")
    return end


def _next_written(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _next_blank(lines: Sequence[str], at: int) -> int:
    while at < len(lines) and lines[at].strip():
        at += 1
    return at


def _at_times(lines: Sequence[str], at: int, mime_type: str) -> int:
    """The line with the times of the caption that begins at `at`: of SubRip its number stands before, of WebVTT maybe
    a name.
    """
    if mime_type == SRT:
        if not lines[at].strip().isdecimal():
            raise _malformed(at, f"is to be the number of a caption, and says {lines[at].strip()[:40]!r}; correct it")
    elif ARROW in lines[at]:
        return at
    if at + 1 >= len(lines) or not lines[at + 1].strip():
        raise _malformed(at, "begins a caption without its times; add them, or remove it")
    return at + 1


def _refuse_disorder(cue: Cue, at: int, last_ms: int) -> None:
    if cue.end_ms <= cue.start_ms:
        raise _malformed(at, "ends the caption before it begins; correct the times")
    if cue.start_ms < last_ms:
        raise _malformed(at, "begins the caption before the one above it; put them in order")


def _refuse_swallowed(lines: Sequence[str], at: int, end: int) -> None:
    """Times among the words of a caption: the blank line before them is missing."""
    for number in range(at + 1, end):
        if ARROW in lines[number]:
            raise _malformed(number, "has times in the middle of a caption; put a blank line before the caption")


def _malformed(at: int, what: str) -> Refusal:
    return Refusal("captions_malformed", f"Line {at + 1:,} {what}.", line=at + 1)


# --- values ---
def _ms(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds


def _settings(found: re.Match[str]) -> str:
    return (found[9] or "") if found.re.groups > 8 else ""


def _time(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _vtt_line(line: str) -> str:
    kept, at = "", 0
    for tag in _SRT_TAG.finditer(line):
        kept += _escaped(line[at : tag.start()]) + (tag[1] or "").lower()
        at = tag.end()
    return kept + _escaped(line[at:])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
