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
        ("(see https://example.com/a_(b))", [("link", "https://example.com/a_(b)")]),
        ("(https://example.com)", [("link", "https://example.com")]),
        ("file.nosuchtld and 1.2.3", []),
        ("mail me@example.com", []),
        ("https://", []),
        ("#one, #2026 #zwei!", [("tag", "#one"), ("tag", "#zwei")]),
        ("a#b", []),
        ("# nothing", []),
        ("@ada.bsky.social: hi", [("mention", "@ada.bsky.social")]),
        ("@ada", []),
        ("@ada.bsky.social@mastodon.social", []),
        ("l\u2019@ada.bsky.social a dit", [("mention", "@ada.bsky.social")]),
        (".@ada.bsky.social", [("mention", "@ada.bsky.social")]),
        ("\u300c@ada.bsky.social\u3092\u898b\u3066\u300d", [("mention", "@ada.bsky.social")]),
        ("@ada.TEST", [("mention", "@ada.TEST")]),
        ("foo_@ada.bsky.social", []),
        ("jos\u00e9@ada.bsky.social", []),
        ("foo\u00ad@ada.bsky.social", []),
        ("@ada.bsky.social\u0301 hi", []),
        ("@ada.com.\u307f\u3093\u306a", []),
        ("https://example.com/@ada.bsky.social", [("link", "https://example.com/@ada.bsky.social")]),
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


def test_tags_are_in_one_unicode_form() -> None:
    [facet] = facets("#u\u0308bung", did_of=DIDS.get)

    assert facet["features"][0]["tag"] == "\u00fcbung"
    assert facet["index"] == {"byteStart": 0, "byteEnd": 8}


def test_a_cashtag_is_a_tag_in_capitals() -> None:
    [facet] = facets("up: $aapl!", did_of=DIDS.get)

    assert facet["features"][0] == {"$type": "app.bsky.richtext.facet#tag", "tag": "$AAPL"}
    assert facet["index"] == {"byteStart": 4, "byteEnd": 9}


def test_nobody_is_mentioned_who_is_not_there() -> None:
    assert has_mentions("@ada.bsky.social")
    assert facets("@ada.bsky.social", did_of=lambda _: None) == []


def test_long_texts_take_no_time() -> None:
    long = ["a." * 5_000, "@a" * 5_000, "#" * 10_000, "https://" * 2_000, "(" * 10_000, f"#{'!' * 9_000}a"]
    long += ['https://a.com/x"' * 700, "\u00ad" * 9_000 + "a.co", "a.co\u00ad" * 2_000, f"https://{'a@' * 5_000}"]
    for text in long:
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
