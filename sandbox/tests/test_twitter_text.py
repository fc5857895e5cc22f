from __future__ import annotations

import time

import pytest

from sandbox.platforms.twitter.counting import weighted_length

URL = 23


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Hello", 5),
        ("Hello. World", 12),
        ("ééé", 3),
        ("e\u0301", 1),
        ("日本", 4),
        ("\u10ff", 1),
        ("\u1100", 2),
        ("\u2018\u2019\u201c\u201d\u2013\u2014", 6),
        ("…", 2),
        ("👍🏽🇩🇪👨‍👩‍👧‍👦", 6),
        ("1️⃣ ☺️ ☺ © ©️", 2 + 1 + 2 + 1 + 2 + 1 + 1 + 1 + 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🇩", 2),
        ("see https://example.com/a?b=c.", 4 + URL + 1),
        ("see example.com", 4 + URL),
        ("http://x.co", URL),
        ("example.notld file.tar.bz2", 26),
        ("ann@example.com @example.com #example.com $example.com", 54),
        ("https://localhost/a", 19),
        ("https://example.com/(film) (https://example.com)", URL + 2 + URL + 1),
        ("🎉example.com", 2 + URL),
    ],
)
def test_text_counts(text: str, length: int) -> None:
    assert weighted_length(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "a." * 12_500,
        "a-_" * 8_000 + ".com",
        "http://a.com/" + "(a" * 12_000,
        "http://a.com/" + "." * 24_000,
        "あ" * 25_000 + ".com",
        "http://" * 3_500 + ".",
        "\U0001f3f4\U000e0020" * 8_000,
    ],
)
def test_longest_texts_count_quickly(text: str) -> None:
    began = time.thread_time()  # whatever else the machine does meanwhile

    weighted_length(text)

    assert time.thread_time() - began < 2
