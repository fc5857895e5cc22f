"""Counting and links as X has them, by connector and simulator: our cases, and twitter-text's where at hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from integrations.platforms.twitter import capabilities as own_limits
from integrations.platforms.twitter import links as own_links
from integrations.platforms.twitter import text as own_text
from integrations.protocols.domains import TLDS
from sandbox.platforms.twitter import counting as simulated_text
from sandbox.platforms.twitter import links as simulated_links
from tests.specifications.copies import copy_of, json_copy_of
from tests.specifications.texts import CASHTAGS, INVALID, LENGTHS, LINKS, MOST, PER_LINK, VALID

# The first section was written for configuration v2, which counts an emoji by its characters. Of its cases these two
# come out otherwise under v3; the second section holds the like of them, as v3 counts.
BY_VERSION_3 = {
    "Count a mix of single byte single word, and double word unicode characters": 7,
    "Count unicode emoji chars outside the basic multilingual plane with skin tone modifiers": 4,
}
SECTIONS = {
    "WeightedTweetsCounterTest": 20,
    "WeightedTweetsWithDiscountedEmojiCounterTest": 22,
    "UnicodeDirectionalMarkerCounterTest": 2,
}
URL_SECTIONS = {"urls": 91, "urls_with_indices": 10, "urls_with_directional_markers": 2, "tco_urls_with_params": 5}

CONNECTOR = SimpleNamespace(
    weighted_length=own_text.weighted_length,
    cashtags=own_text.cashtags,
    has_invalid_characters=own_text.has_invalid_characters,
    find_links=own_links.find_links,
    limits=(own_limits.MAX_WEIGHTED, own_text.URL_LENGTH),
    tlds=TLDS,
)
SIMULATOR = SimpleNamespace(
    weighted_length=simulated_text.weighted_length,
    cashtags=simulated_text.cashtags,
    has_invalid_characters=simulated_text.has_invalid_characters,
    find_links=simulated_links.find_links,
    limits=(simulated_text.MAX_WEIGHTED, simulated_text.URL_LENGTH),
    tlds=simulated_links.TLDS,
)

both = pytest.mark.parametrize("code", [CONNECTOR, SIMULATOR], ids=["connector", "simulator"])


def linked(code: Any, text: str) -> list[str]:
    return [text[start:end] for start, end in code.find_links(text)]


@both
def test_texts_are_as_long_as_x_counts(code: Any) -> None:
    counted = [(text, code.weighted_length(text)) for text, _ in LENGTHS]

    assert counted == list(LENGTHS)
    assert code.limits == (MOST, PER_LINK)


@both
def test_links_are_those_that_x_makes(code: Any) -> None:
    found = [(text, tuple(linked(code, text))) for text, _ in LINKS]

    assert found == list(LINKS)


@both
def test_cashtags_are_those_that_x_makes(code: Any) -> None:
    assert [(text, tuple(code.cashtags(text))) for text, _ in CASHTAGS] == list(CASHTAGS)


@both
def test_three_code_points_are_invalid(code: Any) -> None:
    assert [text for text in INVALID if not code.has_invalid_characters(text)] == []
    assert [text for text in VALID if code.has_invalid_characters(text)] == []


def test_connector_and_simulator_know_the_same_top_level_domains() -> None:
    assert CONNECTOR.tlds == SIMULATOR.tlds
    assert {"com", "de", "みんな"} < CONNECTOR.tlds


def test_every_case_of_twitter_text_about_lengths() -> None:
    sections = _cases("validate.yml")
    config = json_copy_of("twitter-text/v3.json")
    wrong = []
    for code in (CONNECTOR, SIMULATOR):
        for case in (case for name in SECTIONS for case in sections[name]):
            expected = BY_VERSION_3.get(case["description"], case["expected"]["weightedLength"])
            length = code.weighted_length(case["text"])
            is_valid = 0 < length <= MOST and not code.has_invalid_characters(case["text"])
            if (length, is_valid) != (expected, case["expected"]["valid"]):
                wrong.append((code, case["description"], length, is_valid))

    assert ({name: len(sections[name]) for name in SECTIONS}, wrong) == (SECTIONS, [])
    assert (config["maxWeightedTweetLength"], config["transformedURLLength"]) == (MOST, PER_LINK)


def test_every_case_of_twitter_text_about_links_and_cashtags() -> None:
    sections = _cases("extract.yml")
    wrong = []
    for code in (CONNECTOR, SIMULATOR):
        for case in (case for name in URL_SECTIONS for case in sections[name]):
            found: list[Any] = linked(code, case["text"])
            if case["expected"] and isinstance(case["expected"][0], dict):
                spans = [list(span) for span in code.find_links(case["text"])]
                found = [{"url": url, "indices": span} for url, span in zip(found, spans, strict=True)]
            if found != case["expected"]:
                wrong.append((code, case["description"], found))
        wrong += [(code, case) for case in sections["cashtags"] if code.cashtags(case["text"]) != case["expected"]]

    assert ({name: len(sections[name]) for name in URL_SECTIONS}, wrong) == (URL_SECTIONS, [])
    assert sections["cashtags"]


def test_every_top_level_domain_of_twitter_text() -> None:
    sections = _cases("tlds.yml")
    cases = [case for name in ("country", "generic") for case in sections[name]]
    wrong = [
        case["text"]
        for code in (CONNECTOR, SIMULATOR)
        for case in cases
        if linked(code, case["text"]) != case["expected"]
    ]

    assert (len(CONNECTOR.tlds), wrong) == (len(cases), [])


def _cases(name: str) -> dict[str, list[dict[str, Any]]]:
    read: dict[str, list[dict[str, Any]]] = yaml.safe_load(copy_of("twitter-text", name).read_text())["tests"]
    return read
