"""Counting and links, against twitter-text's own conformance cases, where a copy lies beside the project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.platforms.twitter.capabilities import MAX_WEIGHTED
from integrations.platforms.twitter.links import find_links
from integrations.platforms.twitter.text import cashtags, has_invalid_characters, weighted_length

BESIDE = Path(__file__).resolve().parents[5] / "shared" / "specs"
FOLDER = Path(os.environ.get("MASTABLASTA_SPECS") or BESIDE) / "twitter-text"

# The first section was written for configuration v2, which counts an emoji by its characters. Of its cases these two
# come out otherwise under v3; the second section holds the like of them, as v3 counts.
BY_VERSION_3 = {
    "Count a mix of single byte single word, and double word unicode characters": 7,
    "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers": 4,
}
COUNTS = {
    "WeightedTweetsCounterTest": 20,
    "WeightedTweetsWithDiscountedEmojiCounterTest": 22,
    "UnicodeDirectionalMarkerCounterTest": 2,
}
URLS = {"urls": 91, "urls_with_indices": 10, "urls_with_directional_markers": 2, "tco_urls_with_params": 5}


def cases(file: str, section: str) -> list[dict[str, Any]]:
    path = FOLDER / file
    if not path.is_file():
        pytest.skip(f"no copy of twitter-text's conformance cases at {path}")
    read: list[dict[str, Any]] = yaml.safe_load(path.read_text())["tests"][section]
    return read


@pytest.mark.parametrize(("section", "count"), COUNTS.items())
def test_texts_count_as_twitter_text_says(section: str, count: int) -> None:
    read = cases("validate.yml", section)
    wrong = []
    for case in read:
        expected = BY_VERSION_3.get(case["description"], case["expected"]["weightedLength"])
        length = weighted_length(case["text"])
        is_valid = 0 < length <= MAX_WEIGHTED and not has_invalid_characters(case["text"])
        if (length, is_valid) != (expected, case["expected"]["valid"]):
            wrong.append((case["description"], length, is_valid))

    assert (len(read), wrong) == (count, [])


@pytest.mark.parametrize(("section", "count"), URLS.items())
def test_links_are_those_of_twitter_text(section: str, count: int) -> None:
    read = cases("extract.yml", section)
    wrong = []
    for case in read:
        spans = find_links(case["text"])
        found: list[Any] = [case["text"][start:end] for start, end in spans]
        if case["expected"] and isinstance(case["expected"][0], dict):
            found = [{"url": url, "indices": list(span)} for url, span in zip(found, spans, strict=True)]
        if found != case["expected"]:
            wrong.append((case["description"], found))

    assert (len(read), wrong) == (count, [])


def test_cashtags_are_those_of_twitter_text() -> None:
    wrong = [case for case in cases("extract.yml", "cashtags") if cashtags(case["text"]) != case["expected"]]

    assert wrong == []


def test_top_level_domains_are_those_of_twitter_text() -> None:
    wrong = []
    for section in ("country", "generic"):
        for case in cases("tlds.yml", section):
            found = [case["text"][start:end] for start, end in find_links(case["text"])]
            if found != case["expected"]:
                wrong.append(case["text"])

    assert wrong == []
