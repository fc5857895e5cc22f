"""What counts as the same text, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part
from posts.guard.fingerprints import fingerprint_of, normalised


def content(*texts: str, files: tuple[str, ...] = (), **options: Any) -> Content:
    uses = tuple(MediaUse(one, "", "image/png", 1, alt_text=f"What {one} shows") for one in files)
    parts = [
        Part(text, uses if number == 0 else (), "reply" if number else "post") for number, text in enumerate(texts)
    ]
    return Content(tuple(parts), **options)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Good morning!", "  good\tMORNING!\n"),
        ("Good morning", "Good\u00a0\u2009morning\u3000"),
        ("Line one\r\nline two", "Line one\u2028line two"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("İstanbul", "i\u0307stanbul"),
        ("\ufb01nally 1", "finally \u2460"),
        ("ＨＥＬＬＯ", "hello"),
        ("ΟΔΟΣ", "οδος"),
        ("Wait…", "Wait..."),
        ("news", "n\u200bew\u2060s\ufeff"),
        ("news", "\u202enews\u202c"),
        ("co\u00adoperate", "cooperate"),
        ("می\u200cخواهم", "میخواهم"),
        ("I ❤️ this", "I ❤ this"),
        ("👩\u200d💻", "👩💻"),
        ("See https://example.com/a?utm_source=x&utm_medium=y", "See https://example.com/a"),
        ("See https://example.com/a?id=5&fbclid=Ab_c", "see https://example.com/a?id=5"),
        ("See https://example.com/a?gclid=1&id=5#top.", "See https://EXAMPLE.com/a?id=5#top."),
        ("(https://example.com/?UTM_Source=a)", "(https://example.com)"),
        ("http://example.com:80/", "https://example.com:443"),
        ("https://example.com/a/", "https://example.com/a"),
        ("https://example.com/caf%C3%A9", "https://example.com/café"),
        ("https://example.com/a#:~:text=hello", "https://example.com/a"),
        ("https://youtu.be/dQw4w9WgXcQ?si=Zq", "https://youtu.be/dQw4w9WgXcQ"),
        ("https://x.com/a/status/1?s=20&t=Zq", "https://x.com/a/status/1"),
        ("example.com/a?utm_campaign=spring", "https://example.com/a"),
        ("見てhttps://example.com/a?utm_source=xとても", "見てhttps://example.com/aとても"),
    ],
)
def test_the_same_for_readers_is_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert fingerprint_of(content(one)) == fingerprint_of(content(other)) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Good morning", "Goodmorning"),
        ("Good morning!", "Good morning?"),
        ("10 €", "10 $"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "\U0001f3f4"),
        ("👍🏽", "👍🏿"),
        ("https://bit.ly/AbC", "https://bit.ly/aBc"),
        ("https://example.com/?id=5", "https://example.com/?id=6"),
        ("https://example.com/?v=Ab", "https://example.com/?v=aB"),
        ("https://example.com/a#one", "https://example.com/a#two"),
        ("https://example.com/?s=20", "https://example.com/"),
        ("https://example.com/?utmost=1", "https://example.com/"),
        ("https://example.com/a utm_source=b", "https://example.com/a"),
    ],
)
def test_what_readers_see_to_differ_differs(one: str, other: str) -> None:
    assert fingerprint_of(content(one)) != fingerprint_of(content(other))


def test_files_and_parts_count_and_what_goes_along_does_not() -> None:
    plain = fingerprint_of(content("Hello"))
    comment = Part("More in the comments", kind="comment")

    assert fingerprint_of(Content((Part("Hello"), comment))) == plain
    assert fingerprint_of(content("Hello", options={"visibility": "unlisted"})) == plain
    others = [
        content("Hello", files=("a",)),
        content("Hello", files=("b",)),
        content("Hello", files=("a", "b")),
        content("Hello", files=("b", "a")),
        content("", files=("a",)),
        content("Hello", "world"),
        content("Hello world"),
        content("Hello", post_type="story"),
    ]
    assert len({plain, *map(fingerprint_of, others)}) == len(others) + 1


@pytest.mark.parametrize("text", ["", " \u3000\n", "\u200b\ufeff"])
def test_nothing_to_be_seen_is_no_duplicate_of_anything(text: str) -> None:
    assert fingerprint_of(content(text)) is None


def test_a_fingerprint_fits_a_column_and_stays_what_it_is() -> None:
    """Rows hold it: another one after a change of the rules would have to be computed again for all of them."""
    assert fingerprint_of(content("Good morning! https://example.com/?utm_source=x")) == -6563518942875862487
    assert all(-(2**63) <= (fingerprint_of(content(str(n))) or 0) < 2**63 for n in range(100))


@pytest.mark.parametrize(
    "text", ["a." * 50_000, "a-" * 50_000, "https://" * 12_500, "\u200b" * 100_000, "a.b/" * 25_000]
)
def test_a_long_text_is_read_once(text: str) -> None:
    assert len(normalised(text)) <= len(text)
