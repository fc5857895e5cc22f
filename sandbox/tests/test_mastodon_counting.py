from __future__ import annotations

import pytest

from sandbox.platforms.mastodon.rules import counted_length

LINK = 23


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("a\nb", 3),
        ("a\r\nb", 3),
        ("日本語", 3),
        ("e\u0301", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("👍🏽🇩🇪", 2),
        ("https://example.com", LINK),
        ("http://example.com/a?b=c#d", LINK),
        ("see https://example.com.", 4 + LINK + 1),
        ("(https://example.com/a)", 1 + LINK + 1),
        ("https://example.com/a_(b)", LINK),
        ("https://example.com/a,b, c", LINK + 3),
        ("https://example.com/?q=1&r=2!", LINK + 1),
        ("https://münchen.de/straße", LINK),
        ("https://münchen.example", 23),
        ("https://example.com:8080/x", LINK),
        ("https://a.net https://b.net", LINK + 1 + LINK),
        ("https://a.net\nhttps://b.net", LINK + 1 + LINK),
        ("y" * 476 + " https://example.com/aaaa*", 501),
        ("y" * 476 + " https://en.wikipedia.org/wiki/Rust_(programming_language)", 500),
        ("https://example.com/a(言語)", LINK + 4),
        ("https://example.com/a(b", LINK + 2),
        ("https://example.com/記事。", LINK),
        ("詳しくはhttps://example.com/a", 4 + LINK),
        ("ipfs://example.com/a", LINK),
        ("https://t.co/abc.def", LINK + 4),
        ("example.com/https://example.org/", 32),
        ("http://a_b.com/aaaaaaaaaaaaaa", 29),
        ("https://example.com/" + "a" * 4_076, LINK),
        ("https://example.com/" + "a" * 4_077, 4_097),
        ("@a@" + "b" * 253, 2),
        ("@a@" + "b" * 254, 257),
        ("@a@b.example@c", 14),
        ("=@a@b.example", 13),
        (" \n a b \x00\n", 3),
        ("⌚\ufe0f✌\ufe0f🏽", 2),
        ("हिन्दी", 3),
        ("क्षि", 2),
        ("ক্ষ", 2),
        ("한글 각", 4),
        ("กำ", 1),
        ("\u0600\u0600", 1),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪🇫", 3),
        ("HTTPS://EXAMPLE.COM/ABC", LINK),
        ("example.com", 11),
        ("ftp://example.com", 17),
        ("https://localhost", 17),
        ("xhttps://example.com", 20),
        ("@alice hello", 12),
        ("@alice@example.com hello", 12),
        ("hi @alice@example.com!", 10),
        ("mail alice@example.com", 22),
        ("/@alice@example.com", 19),
        ("@a@b.example @c@d.example", 5),
        ("https://example.com/@alice", LINK),
        ("https://example.com/@alice@other.example", LINK),
    ],
)
def test_text_counts(text: str, length: int) -> None:
    assert counted_length(text, "", LINK) == length


def test_content_warning_counts_and_its_links_count_whole() -> None:
    assert counted_length("https://example.com", "https://example.com", LINK) == LINK + 19


def test_link_counts_what_the_server_reserves() -> None:
    assert counted_length("x https://example.com", "", 5) == 7
