from __future__ import annotations

from typing import Any

import pytest

from sandbox.platforms.bluesky import syntax
from sandbox.platforms.bluesky.cids import cid_of, encode
from sandbox.tests.bluesky import output_of


def test_tid_of_a_moment() -> None:
    assert syntax.tid_of(0) == "2222222222222"
    assert syntax.tid_of(1, 1) == "2222222222323"
    assert syntax.is_tid(syntax.tid_of(1_795_000_000_000_000, 1023))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"bb": 1, "a": -1}, b"\xa2\x61a\x20\x62bb\x01"),
        ([None, True, False], b"\x83\xf6\xf5\xf4"),
        ([23, 24, 256, 65536, 1 << 32], b"\x85\x17\x18\x18\x19\1\0\x1a\0\1\0\0\x1b\0\0\0\1\0\0\0\0"),
        ("é", b"\x62\xc3\xa9"),
    ],
)
def test_dag_cbor(value: Any, expected: bytes) -> None:
    assert encode(value) == expected


def test_cid_of_the_empty_map() -> None:
    assert cid_of({}) == "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"


def test_link_is_tagged_with_its_bytes() -> None:
    link = encode({"$link": cid_of({})})

    assert (link[:5], len(link)) == (b"\xd8\x2a\x58\x25\0", 41)


@pytest.mark.parametrize("value", [0.5, {"a": [1.0]}, 1 << 64, {"$link": "zb2"}])
def test_what_no_record_can_hold(value: Any) -> None:
    with pytest.raises(ValueError, match=r"data model|too large|base32"):
        cid_of(value)


def test_answers_are_compared_with_the_lexicons_strictly() -> None:
    view = {"uri": "at://x.example/a.b.c/d", "cid": "bafyreiaaa", "author": {"did": "x"}, "likes": 1, "record": {}}

    assert list(output_of("app.bsky.feed.getPosts").problems({"posts": [view]})) == [
        "$.posts[0].indexedAt: is missing",
        "$.posts[0].author.handle: is missing",
        "$.posts[0].author.did: 'x' is no did",
        "$.posts[0].likes: is unknown",
    ]
