"""Captions: what is read, in which line a mistake is, and what becomes of SubRip."""

from __future__ import annotations

import pytest

from mastablasta.core.media_rules import CaptionRule, MediaRule
from media_library.codecs.captions import SRT, VTT, Cue, read, written_as_vtt
from media_library.codecs.recipes import CannotFit, Original, plan
from media_library.codecs.refusal import Refusal
from media_library.tests import factories

FIRST, SECOND = "1\n00:00:01,000 --> 00:00:02,000\nOne\n", "2\n00:00:02,000 --> 00:00:03,000\nTwo\n"


def test_webvtt_is_read_with_its_notes_names_and_settings() -> None:
    assert read(factories.VTT.encode(), VTT) == [
        Cue(0, 1500, ("Hello",), "line:0"),
        Cue(1500, 3_600_000, ("Bye",)),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n\n"])
def test_subrip_becomes_webvtt(ends: str, before: str) -> None:
    """Italics stay; fonts and places go; what WebVTT takes for marks is escaped."""
    cues = read((before + factories.SRT).replace("\n", ends).encode(), SRT)

    made = written_as_vtt(cues)

    assert made.decode() == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\n<i>Grüße</i> &amp; mehr\n\n"
        "00:00:01.500 --> 00:00:03.000\nZwei &lt; drei\n"
    )
    assert [(cue.start_ms, cue.end_ms) for cue in read(made, VTT)] == [(0, 1500), (1500, 3000)]


@pytest.mark.parametrize(
    ("text", "mime_type", "line", "said"),
    [
        (FIRST + "\n" + SECOND.replace("2\n", "two\n", 1), SRT, 5, "number"),
        (FIRST + "\n2\n\nTwo\n", SRT, 5, "without its times"),
        (FIRST + "\n2\n00:00:02 --> 00:00:03\nTwo\n", SRT, 6, "write it as"),
        (FIRST + "\n2\n00:61:02,000 --> 00:62:03,000\nTwo\n", SRT, 6, "write it as"),
        (FIRST + "\n2\n00:00:03,000 --> 00:00:03,000\nTwo\n", SRT, 6, "before it begins"),
        (SECOND + "\n" + FIRST, SRT, 6, "before the one above"),
        (FIRST + SECOND, SRT, 5, "blank line"),
        ("1\n", SRT, 1, "without its times"),
        (FIRST + "\nOne\0", SRT, 5, "NUL"),
        ("WEBVTT\n00:01.000 --> 00:02.000\nOne\n", VTT, 2, "blank line"),
        ("WEBVTT\n\nhello\n", VTT, 3, "without its times"),
        ("WEBVTT\n\n00:01,000 --> 00:02,000\nOne\n", VTT, 3, "write it as"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nOne\n00:02.000 --> 00:03.000\nTwo\n", VTT, 5, "blank line"),
        ("WEBVTT\n\nNOTE x\n", VTT, 1, "no captions"),
    ],
)
def test_mistake_is_named_with_its_line(text: str, mime_type: str, line: int, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(text.encode(), mime_type)

    assert (caught.value.code, caught.value.params) == ("captions_malformed", {"line": line})
    assert said in caught.value.message
    assert caught.value.message.startswith(f"Line {line} ") or said == "no captions"


def test_letter_that_is_no_utf_8_is_named_with_its_line() -> None:
    with pytest.raises(Refusal, match=r"^Line 3 is not UTF-8; save the captions as UTF-8\.$"):
        read(FIRST.replace("One", "Füße").encode("latin-1"), SRT)


# --- what is made of them, decided from facts alone ---
def captions(mime_type: str, size: int = 100, vtt_bytes: int = 90) -> Original:
    return Original("captions", mime_type, size, 0, 0, 3.0, {"cues": 2, "vtt_bytes": vtt_bytes})


def rule(*mime_types: str, max_bytes: int = 100) -> MediaRule:
    return MediaRule("https://example.com", "2026-11-29", captions=CaptionRule(mime_types, max_bytes))


def test_captions_stay_as_they_are_where_they_are_taken_and_become_webvtt_elsewhere() -> None:
    as_they_are = [plan(captions(kind), rule(SRT, VTT)) for kind in (SRT, VTT)]
    made = plan(captions(SRT, size=120), rule(VTT))

    assert [(one.mime_type, one.keeps) for one in as_they_are] == [(SRT, ("bytes",)), (VTT, ("bytes",))]
    assert (made.mime_type, made.keeps, made.form) == (VTT, (), "captions")


@pytest.mark.parametrize(
    ("original", "taken"),
    [
        (captions(VTT, size=101), rule(VTT)),
        (captions(SRT, vtt_bytes=101), rule(VTT)),
        (captions(VTT), rule(SRT)),
        (captions(VTT), MediaRule("https://example.com", "2026-11-29")),
    ],
)
def test_captions_that_nobody_takes_cannot_be_made(original: Original, taken: MediaRule) -> None:
    with pytest.raises(CannotFit):
        plan(original, taken)
