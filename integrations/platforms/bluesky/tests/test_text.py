"""What becomes a link, a mention or a tag, and at which bytes."""

from __future__ import annotations

import pytest

from integrations.platforms.bluesky.keys import ALPHABET, record_key, tid
from integrations.platforms.bluesky.text import facets, graphemes, has_mentions

DIDS = {"atproto.com": "did:plc:ewvi7nxzyoun6zhxrhs64oiz"}


def marked(text: str) -> list[tuple[str, str]]:
    """(kind, the text under the facet) of every facet."""
    found = []
    for facet in facets(text, did_of=lambda handle: f"did:plc:{handle}"):
        index = facet["index"]
        under = text.encode()[index["byteStart"] : index["byteEnd"]].decode()
        found.append((facet["features"][0]["$type"].partition("#")[2], under))
    return found


def test_the_official_example() -> None:
    text = "✨ example mentioning @atproto.com to share the URL 👨‍❤️‍👨 https://en.wikipedia.org/wiki/CBOR."

    assert facets(text, did_of=DIDS.get) == [
        {
            "index": {"byteStart": 23, "byteEnd": 35},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": DIDS["atproto.com"]}],
        },
        {
            "index": {"byteStart": 74, "byteEnd": 108},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://en.wikipedia.org/wiki/CBOR"}],
        },
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", []),
        ("see example.com.", [("link", "example.com")]),
        ("(see https://example.com/a_(b))", [("link", "https://example.com/a_(b))")]),
        ("(https://example.com)", [("link", "https://example.com")]),
        ("file.nosuchtld and 1.2.3", []),
        ("mail me@example.com", []),
        ("https://", []),
        ("#one, #2026 #zwei!", [("tag", "#one"), ("tag", "#zwei")]),
        ("a#b", []),
        ("# nothing", []),
        ("@ada.bsky.social: hi", [("mention", "@ada.bsky.social")]),
        ("@ada", []),
        ("https://example.com/#tag", [("link", "https://example.com/#tag")]),
        ("日本 #タグ", [("tag", "#タグ")]),
        ("#" + "x" * 65, []),
    ],
)
def test_marks(text: str, expected: list[tuple[str, str]]) -> None:
    assert marked(text) == expected


def test_bare_domains_lead_to_https() -> None:
    [facet] = facets("example.com/a", did_of=DIDS.get)

    assert facet["features"][0]["uri"] == "https://example.com/a"


def test_nobody_is_mentioned_who_is_not_there() -> None:
    assert has_mentions("@ada.bsky.social")
    assert facets("@ada.bsky.social", did_of=lambda _: None) == []


def test_long_texts_take_no_time() -> None:
    for text in ("a." * 5_000, "@a" * 5_000, "#" * 10_000, "https://" * 2_000, "(" * 10_000):
        facets(text, did_of=lambda _: None)


def test_graphemes_are_what_people_see() -> None:
    assert [graphemes(text) for text in ("", "abc", "👨‍👩‍👧‍👦", "e\u0301", "🇩🇪🇫🇷", "\r\n")] == [0, 3, 1, 1, 2, 1]


def test_record_keys_are_stable_valid_and_apart() -> None:
    delivery = "01a20db0-14d8-7600-b50c-26b7f4e4b2dd"
    keys = [record_key(f"{delivery}.{generation}.{part}") for generation in (1, 2) for part in range(25)]

    assert keys == [record_key(f"{delivery}.{generation}.{part}") for generation in (1, 2) for part in range(25)]
    assert len(set(keys)) == 50
    assert all(len(key) == 13 and set(key) <= set(ALPHABET) and key[0] in "234567abcdefghij" for key in keys)


def test_a_tid_sorts_by_its_moment() -> None:
    assert tid(0, 0) == "2222222222222"
    assert tid(0, 1) == "2222222222223"
    assert tid(1, 0) == "2222222222322"[:10] + "322"
    assert sorted([tid(1_790_000_000_000_000, 7), tid(1_700_000_000_000_000, 9)])[0] == tid(1_700_000_000_000_000, 9)
