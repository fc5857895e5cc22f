"""Links and tags in one list of texts, as each platform finds them: by the connectors, and by the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.platforms.bluesky import text as bluesky
from integrations.platforms.twitter import links as twitter
from integrations.protocols import mastodon_links as mastodon
from integrations.protocols.mastodon_text import counted_length as mastodon_length
from sandbox.platforms.mastodon import links as simulated_mastodon
from sandbox.platforms.mastodon.rules import counted_length as simulated_mastodon_length
from sandbox.platforms.twitter import links as simulated_twitter
from tests.specifications.texts import LENGTHS

LIST: dict[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("links.yaml").read_text("utf-8"))


def linked_on_bluesky(text: str) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in bluesky.stretches(text) if one.kind == "link"]


@pytest.mark.parametrize(
    ("platform", "find_links"),
    [
        ("bluesky", linked_on_bluesky),
        ("x", twitter.find_links),
        ("x", simulated_twitter.find_links),
        ("mastodon", mastodon.find_links),
        ("mastodon", simulated_mastodon.find_links),
    ],
    ids=["bluesky", "x", "x-simulated", "mastodon", "mastodon-simulated"],
)
def test_links_are_those_of_the_platform(platform: str, find_links: Callable[[str], Iterable[tuple[int, int]]]) -> None:
    wrong = []
    for case in LIST["links"]:
        text, expected = case["text"], case.get(platform, case["links"])
        found = [text[start:end] for start, end in find_links(text)]
        if found != expected:
            wrong.append((text, found, expected))

    assert wrong == []
    assert len(LIST["links"]) > 200


def test_connector_and_simulator_count_every_text_alike_for_mastodon() -> None:
    texts = [case["text"] for case in LIST["links"] + LIST["tags"]] + [text for text, _ in LENGTHS]

    counted = {text: mastodon_length(text) for text in texts}

    assert counted == {text: simulated_mastodon_length(text, "", 23) for text in texts}


def test_tags_are_those_of_bluesky() -> None:
    found = [[one.value for one in bluesky.stretches(case["text"]) if one.kind == "tag"] for case in LIST["tags"]]

    assert found == [case["tags"] for case in LIST["tags"]]


def test_what_is_marked_never_overlaps_and_leads_where_it_says() -> None:
    for case in [*LIST["links"], *LIST["tags"]]:
        text, end = case["text"], 0
        for one in bluesky.stretches(text):
            assert end <= one.start < one.end <= len(text)
            assert one.kind != "link" or one.value in (
                text[one.start : one.end],
                f"https://{text[one.start : one.end]}",
            )
            end = one.end
