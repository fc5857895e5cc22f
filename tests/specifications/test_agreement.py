"""Our tables against the platforms' own specifications, where copies of these are at hand."""

from __future__ import annotations

import pytest

from integrations.platforms.facebook import metrics
from integrations.platforms.instagram.metrics import WANTED
from tests.specifications import bluesky, facebook, instagram, mastodon, twitter, youtube
from tests.specifications.agreement import (
    discovery_differences,
    graph_differences,
    lexicon_differences,
    openapi_differences,
)
from tests.specifications.copies import copy_of, json_copy_of

VERSIONS = ("x-openapi-2026-08-06-tweetfields.json", "x-openapi.json")


def test_table_of_mastodon_agrees() -> None:
    described = json_copy_of("mastodon-openapi.json")

    assert openapi_differences(mastodon.CALLS, described, version=0, is_newest=True) == []


def test_table_of_twitter_agrees_before_and_after_the_renaming() -> None:
    old, new = (json_copy_of(name) for name in VERSIONS)

    assert openapi_differences(twitter.CALLS, old, version=0, is_newest=False) == []
    assert openapi_differences(twitter.CALLS, new, version=1, is_newest=True) == []
    flows = new["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]
    assert flows["authorizationCode"]["scopes"].keys() >= twitter.SCOPES


def test_table_of_bluesky_agrees() -> None:
    assert lexicon_differences(bluesky.CALLS, copy_of("atproto-lexicons")) == []


def test_table_of_facebook_agrees() -> None:
    assert list(graph_differences(facebook.CALLS, facebook.EDGES, lambda node: json_copy_of(f"meta/{node}.json"))) == []


def test_figures_that_we_ask_facebook_for_are_there() -> None:
    """Meta's specifications name fields and edges; which insights there are they do not say."""
    for kind, names in metrics.WANTED.items():
        node = json_copy_of(f"meta/{facebook.OBJECTS[kind]}.json")
        known = {field["name"] for field in node["fields"]} | {api.get("endpoint") for api in node["apis"]}
        asked = {"insights" if name.startswith("post_") else name.partition(".")[0] for name in names}
        assert asked <= known


@pytest.mark.parametrize("host", [0, 1])
def test_table_of_instagram_agrees(host: int) -> None:
    edges = instagram.edges_at(host)
    calls = {name: call for name, call in instagram.CALLS.items() if name in edges}

    media, comment = (
        {one["name"] for one in json_copy_of(f"meta/{name}.json")["fields"]}
        for name in (("IGMedia", "IGMediaForIGOnlyAPI")[host], "IGComment")
    )
    assert [set(fields.partition(",insights")[0].split(",")) <= media for fields in WANTED] == [True] * len(WANTED)
    assert set(WANTED[-1].split(",")) <= comment
    assert set(instagram.EDGES) >= {name for name, call in instagram.CALLS.items() if not call.beyond}
    assert list(graph_differences(calls, edges, lambda node: json_copy_of(f"meta/{node}.json"))) == []


def test_table_of_youtube_agrees() -> None:
    document = json_copy_of("youtube.v3.json")

    assert list(discovery_differences(youtube.CALLS, youtube.METHODS, document)) == []
    assert youtube.CALLS.keys() - youtube.METHODS.keys() == {name for name, one in youtube.CALLS.items() if one.beyond}
