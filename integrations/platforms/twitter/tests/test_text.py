"""Text as X counts, refuses and shows it."""

from __future__ import annotations

import time

import pytest

from integrations.platforms.twitter.links import find_links
from integrations.platforms.twitter.text import (
    cashtags,
    comparable,
    comparable_shown,
    has_invalid_characters,
    weighted_length,
)

SHORT = "https://t.co/Ab12"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Hello", 5),
        ("a\nb", 3),
        ("a\r\nb", 4),
        ("Grüße", 5),
        ("e\u0301", 1),
        ("\u10ff", 1),
        ("\u1100", 2),  # Hangul Jamo begin where single weight ends
        ("\u200d\u2010\u201f\u2032\u2037", 5),
        ("\u200e\u2026\u2038", 6),
        ("你好", 4),
        ("日本語", 6),
        ("한글", 4),
        ("𠮷", 2),
        ("😀", 2),
        ("👍🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇩🇪", 2),
        ("🇩🇪🇫🇷", 4),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🏳️‍🌈", 2),
        ("❤️‍🔥", 2),  # made after twitter-text
        ("1️⃣", 2),
        ("☺️", 2),
        ("⌚️", 2),
        ("✌️🏽", 2),
        ("☺", 2),
        ("☎︎", 4),
        ("©", 1),
        ("©️", 2),
        ("™", 2),
        ("😀\ufe0f", 4),
        ("🎉🏽", 4),
    ],
)
def test_character_counts(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("https://example.com", ["https://example.com"]),
        ("HTTPS://EXAMPLE.COM/A", ["HTTPS://EXAMPLE.COM/A"]),
        ("see example.com.", ["example.com"]),
        ("see example.com/a?b=c#d.", ["example.com/a?b=c#d"]),
        ("example.com?b=c", ["example.com"]),
        ("https://example.com?b=c", ["https://example.com?b=c"]),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("https://example.com:8080/", ["https://example.com:8080/"]),
        ("https://bücher.example.de/ü", ["https://bücher.example.de/ü"]),
        ("日本語example.com中国", ["example.com"]),
        ("https://日本語.みんな", ["https://日本語.みんな"]),
        ("日本語.みんな", []),
        ("a.com b.co.uk", ["a.com", "b.co.uk"]),
        ("https://xn--bcher-kva.example.xn--p1ai/", ["https://xn--bcher-kva.example.xn--p1ai/"]),
        ("http://a_b.example.com", ["http://a_b.example.com"]),
        ("http://a_b.com", []),
        ("version 2.0, e.g. this", []),
        ("file.notatld", []),
        ("example.com@", []),
        ("anna@example.com", []),
        ("#example.com", []),
        ("$example.com", []),
        ("www.-example.com", []),
        ("https://localhost/", []),
        ("https://t.co/abc.def", ["https://t.co/abc"]),
        ("https://t.co/" + "a" * 41, []),
        ("https://" + "a" * 64 + ".com", []),
        ("https://example.com/" + "a" * 4100, []),
    ],
)
def test_links_are_found(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in find_links(text)] == links


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("https://example.com", 23),
        ("t.co", 23),
        ("example.com/" + "a" * 300, 23),
        ("a https://example.com/x. b", 2 + 23 + 3),
        ("日本語example.com", 6 + 23),
        ("🎉example.com🎉", 2 + 23 + 2),
    ],
)
def test_link_counts_as_23(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    "piece",
    ["a.", "a.b ", "あ.", "あ", "a_b.com.", "http://a.co/(", "a.co?((", "a.co/....", "@あa.com", "あ_", ".xn--a"],
)
def test_long_texts_take_no_longer_than_their_length(piece: str) -> None:
    """The expressions that X publishes need minutes for the first of these."""
    text = piece * (25_000 // len(piece))
    begun = time.process_time()

    weighted_length(text)

    assert time.process_time() - begun < 1


@pytest.mark.parametrize("character", ["\ufffe", "\ufeff", "\uffff"])
def test_three_code_points_are_invalid(character: str) -> None:
    assert has_invalid_characters(f"a{character}b")
    assert not has_invalid_characters("Grüße 👋\u200e\u2067")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("$TSLA and $brk.b", ["TSLA", "brk.b"]),
        ("$TSLA.", ["TSLA"]),
        ("costs $100, a$AP, $$X, $TOOLONGTAG", []),
        ("($TSLA)", []),
    ],
)
def test_cashtags_are_found(text: str, tags: list[str]) -> None:
    assert cashtags(text) == tags


@pytest.mark.parametrize(
    ("text", "shown", "links"),
    [
        ("Hello", "Hello", {}),
        ("a & b <3 > c", "a &amp; b &lt;3 &gt; c", {}),
        ("&amp; stays", "&amp;amp; stays", {}),
        ("&copy; stays", "&amp;copy; stays", {}),
        ("e\u0301", "é", {}),
        (" a\r\n\r\nb  c\t", "a\n\nb c", {}),
        ("see https://example.com/a?b=1&c=2", f"see {SHORT}", {SHORT: "https://example.com/a?b=1&c=2"}),
        ("see Example.com now", f"see {SHORT} now", {SHORT: "http://Example.com"}),
        ("https://example.com", SHORT, {SHORT: "https://example.com/"}),
        ("https://bücher.de/ü", SHORT, {SHORT: "https://xn--bcher-kva.de/%C3%BC"}),
        ("picture", f"picture {SHORT}", {SHORT: ""}),
    ],
)
def test_shown_text_is_recognised(text: str, shown: str, links: dict[str, str]) -> None:
    assert comparable_shown(shown, links) == comparable(text)


@pytest.mark.parametrize(
    ("text", "shown", "links"),
    [
        ("Hello", "hello", {}),
        ("a b", "ab", {}),
        ("see example.com", f"see {SHORT}", {SHORT: "http://example.org"}),
        ("see example.com", f"see {SHORT}", {}),
    ],
)
def test_another_text_is_not_recognised(text: str, shown: str, links: dict[str, str]) -> None:
    assert comparable_shown(shown, links) != comparable(text)
