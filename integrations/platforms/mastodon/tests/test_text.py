"""Text as Mastodon counts and compares it."""

from __future__ import annotations

import pytest

from integrations.protocols.mastodon_text import comparable, comparable_shown, counted_length, words_of

URL = "x" * 23


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Hello", 5),
        ("Grüße", 5),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("👍🏽🇩🇪", 2),
        ("a\nb", 3),
        ("a\r\nb", 3),
        ("你好", 2),
        ("https://example.com", 23),
        ("https://example.com/" + "a" * 300, 23),
        ("see https://example.com/a?b=c#d.", 4 + 23 + 1),
        ("(https://example.com/a)", 1 + 23 + 1),
        ("https://example.com, https://example.org!", 23 + 2 + 23 + 1),
        ("https://bücher.de/ü", 23),
        ("https://bücher.example/ü", 24),  # example is no top-level domain
        (f"{'y' * 476} https://example.com/aaaa*", 501),
        (f"{'y' * 476} https://en.wikipedia.org/wiki/Rust_(programming_language)", 500),
        ("https://example.com/a_(b(c))", 23),
        ("https://example.com/a_(言語)", 23 + 4),  # what ends with brackets ends with Latin or Cyrillic ones
        ("https://example.com/a_(язык)", 23),
        ("https://example.com/a(b", 23 + 2),
        ("https://example.com/'a'", 23 + 1),
        ("https://example.com/a?b=c_(d).", 23 + 2),
        ("https://example.com/記事。", 23),
        ("見てhttps://example.com/a", 2 + 23),
        ("xhttps://example.com/a", 22),
        ("gemini://example.com/a", 23),
        ("ftp://example.com/aaaaaaaaaaaaaaaaa", 35),
        ("https://t.co/abc.def", 23 + 4),
        ("https://t.co/" + "a" * 41, 54),
        ("http://a_b.com/aaaaaaaaaaaaaa", 29),
        ("example.com/https://example.org/", 32),
        ("https://example.com/" + "a" * 4_076, 23),
        ("https://example.com/" + "a" * 4_077, 4_097),
        ("https://" + "a" * 64 + ".com", 76),
        ("HTTPS://EXAMPLE.COM/A", 23),
        ("http://localhost:8000/a", 23),  # as it stands: 23 characters
        ("http://localhost/abc", 20),
        ("example.com/a", 13),
        ("https://", 8),
        ("@anna", 5),
        ("@anna@mastodon.social", 5),
        ("hi @anna@mastodon.social!", 3 + 5 + 1),
        ("mail anna@example.com", 21),
        ("https://mastodon.social/@anna@example.com", 23),
        ("@a@b.example @c@d.example", 5),
        ("@a.b@c.example", 4),
        ("@a@b.example@c", 14),
        ("@a@bücher.example", 2),
        ("=@a@b.example", 13),
        ("@a@" + "b" * 253, 2),
        ("@a@" + "b" * 254, 257),
        ("⌚\ufe0f✌\ufe0f🏽", 2),
        ("हिन्दी", 3),
        ("क्षि", 2),
        ("ক্ষ", 2),
        ("한글 각", 4),
        ("กำ", 1),
        ("\u0600\u0600", 1),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪🇫", 3),
        (" \t\n a b \n\0", 3),
        ("\u3000a", 2),
    ],
)
def test_text_counts(text: str, length: int) -> None:
    assert counted_length(text) == length


def test_warning_counts_too() -> None:
    assert counted_length("text", spoiler_text="Birds 🐦") == 11


def test_link_counts_as_the_server_says() -> None:
    assert counted_length("https://example.com/long/path", characters_per_url=10) == 10


def test_long_texts_take_no_time() -> None:
    for text in ("://" + "a." * 5_000, "https://" * 2_000, "https://a.com/" + "(a" * 5_000, "@a." * 3_000):
        counted_length(text)


def test_line_ends_and_trailing_spaces_do_not_count_as_different() -> None:
    assert comparable(" a \r\nb\t\rc\n\n") == comparable("a\nb\nc") == "a\nb\nc"


def test_what_people_would_see_counts_as_different() -> None:
    assert comparable("a b") != comparable("a  b")
    assert comparable("a\n\nb") != comparable("a\nb")


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("<p>Hello</p>", "Hello"),
        ("<p>a &amp; b &lt;3</p>", "a & b <3"),
        ("<p>One<br>two</p><p>three</p>", "One\ntwo\n\nthree"),
        ("<p>One<br/>two</p>", "One \n two"),
        (
            '<p><span class="h-card"><a href="https://b.example/@anna" class="u-url mention">@<span>anna</span></a>'
            "</span> hi</p>",
            "@anna@b.example hi",
        ),
        (
            '<p><a href="https://example.com/a/b"><span class="invisible">https://</span>'
            '<span class="ellipsis">example.com/a</span><span class="invisible">/b</span></a></p>',
            "https://example.com/a/b",
        ),
        ('<p><a href="https://m.example/tags/birds">#<span>birds</span></a></p>', "#birds"),
    ],
)
def test_words_are_read_off_the_html(shown: str, text: str) -> None:
    assert comparable_shown(shown) == words_of(text)
