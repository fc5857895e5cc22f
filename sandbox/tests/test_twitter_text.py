from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.platforms.twitter.counting import cashtags, has_invalid_characters, weighted_length
from sandbox.platforms.twitter.links import TLDS, find_links
from sandbox.tests.twitter import cases

URL = 23
BEFORE_DISCOUNT = (
    "Count a mix of single byte single word, and double word unicode characters",
    "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers",
)


def linked(text: str) -> list[str]:
    return [text[start:end] for start, end in find_links(text)]


def of_version_3(case: Any) -> bool:
    """Return whether a case is not about how version 2 counted the parts of an emoji."""
    return not isinstance(case, dict) or case["description"] not in BEFORE_DISCOUNT


@pytest.mark.parametrize(
    "case",
    [
        *filter(of_version_3, cases("validate", "WeightedTweetsCounterTest")),
        *cases("validate", "WeightedTweetsWithDiscountedEmojiCounterTest"),
    ],
)
def test_counts_as_the_conformance_cases(case: dict[str, Any]) -> None:
    length = weighted_length(case["text"])

    assert (length, length <= 280) == (case["expected"]["weightedLength"], case["expected"]["valid"])


@pytest.mark.parametrize("case", cases("validate", "UnicodeDirectionalMarkerCounterTest"))
def test_directional_marks_count_and_invalid_characters_are_seen(case: dict[str, Any]) -> None:
    assert weighted_length(case["text"]) == case["expected"]["weightedLength"]
    assert has_invalid_characters(case["text"]) is not case["expected"]["valid"]


@pytest.mark.parametrize("case", cases("extract", "urls", "tco_urls_with_params"))
def test_links_as_the_conformance_cases(case: dict[str, Any]) -> None:
    assert linked(case["text"]) == case["expected"]


@pytest.mark.parametrize("case", cases("extract", "urls_with_indices", "urls_with_directional_markers"))
def test_links_stand_where_the_conformance_cases_have_them(case: dict[str, Any]) -> None:
    assert [list(link) for link in find_links(case["text"])] == [link["indices"] for link in case["expected"]]


@pytest.mark.parametrize("case", cases("extract", "cashtags"))
def test_cashtags_as_the_conformance_cases(case: dict[str, Any]) -> None:
    assert cashtags(case["text"]) == case["expected"]


def test_top_level_domains_are_those_of_the_conformance_cases() -> None:
    texts = [case["text"] for case in cases("tlds", "country", "generic") if isinstance(case, dict)]
    if not texts:
        pytest.skip("no copy of twitter-text's tlds.yml")

    assert [linked(text) for text in texts] == [[text] for text in texts]
    assert len(TLDS) == len(texts)


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
    began = time.perf_counter()

    weighted_length(text)

    assert time.perf_counter() - began < 1
