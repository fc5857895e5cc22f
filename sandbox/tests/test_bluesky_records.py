from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.bluesky import (
    CREATED_AT,
    POSTS,
    Service,
    Session,
    check_output,
    next_tid,
    post,
    ref,
    seen,
)
from sandbox.tests.clients import Control

RKEY = "3jzfcijpj2z2a"
RECORD_PREFIX = "Invalid app.bsky.feed.post record: "
GATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
LIST = "app.bsky.graph.list"


def test_put_publishes_and_the_world_sees_it(control: Control, bluesky: Service, amy: Session) -> None:
    answer = amy.put(post("Grüße"), RKEY, swapRecord=None)

    body = answer.json()
    check_output("com.atproto.repo.putRecord", body)
    uri = f"at://{amy.did}/{POSTS}/{RKEY}"
    assert answer.status_code == 200
    assert (body["uri"], body["validationStatus"], set(body["commit"])) == (uri, "valid", {"cid", "rev"})
    assert (body["cid"][:7], len(body["cid"])) == ("bafyrei", 59)
    (row,) = control.posts(platform="bluesky", account="amy.bsky.social")
    created_at = row.pop("created_at")
    assert created_at.endswith("Z")
    assert row == {
        "id": uri,
        "platform": "bluesky",
        "instance": "bluesky",
        "account": "amy.bsky.social",
        "text": "Grüße",
        "media": [],
        "reply_to": None,
        "url": f"{bluesky.url}/profile/{amy.did}/post/{RKEY}",
        "visibility": "public",
        "spoiler_text": "",
        "language": "en",
    }


def test_put_again_changes_nothing(control: Control, amy: Session) -> None:
    first = amy.put(post(), RKEY, swapRecord=None).json()
    del first["commit"]

    for more in ({"swapRecord": None}, {"swapRecord": "bafyreiother"}, {}):
        answer = amy.put(post(), RKEY, **more)
        assert (answer.status_code, answer.json()) == (200, first)
    assert control.texts() == ["Hello"]


def test_put_other_content_where_there_must_be_none_is_a_conflict(control: Control, amy: Session) -> None:
    cid = amy.put(post(), RKEY, swapRecord=None).json()["cid"]

    answer = amy.put(post("Other"), RKEY, swapRecord=None)

    assert seen(answer) == (400, "InvalidSwap", f"Record was at {cid}")
    assert control.texts() == ["Hello"]


def test_put_swaps_only_what_was_said(control: Control, amy: Session) -> None:
    first = amy.posted(rkey=RKEY)

    wrong = amy.put(post("New"), RKEY, swapRecord="bafyreiother")
    right = amy.put(post("New"), RKEY, swapRecord=first["cid"])
    absent = amy.put(post("New"), next_tid(), swapRecord=first["cid"])

    assert seen(wrong) == (400, "InvalidSwap", f"Record was at {first['cid']}")
    assert right.json()["commit"]["rev"] > first["commit"]["rev"]
    assert seen(absent) == (400, "InvalidSwap", "Record was at null")
    assert control.texts() == ["New"]


def test_put_without_a_word_overwrites(control: Control, amy: Session) -> None:
    root = amy.posted("Root")
    reply = {"root": ref(root), "parent": ref(root)}
    amy.posted(rkey=RKEY, reply=reply)

    assert amy.put(post("Other", langs=["de"]), RKEY).status_code == 200

    assert [(row["text"], row["reply_to"], row["language"]) for row in control.posts()] == [
        ("Root", None, "en"),
        ("Other", None, "de"),
    ]
    assert amy.get(RKEY).json()["value"]["text"] == "Other"


def test_same_content_has_the_same_cid(amy: Session) -> None:
    made = [amy.posted(), amy.posted(), amy.posted("Other")]

    assert made[0]["cid"] == made[1]["cid"] != made[2]["cid"]


def test_create_with_a_key_twice_is_500_and_not_doubled(control: Control, amy: Session) -> None:
    first = amy.create(post(), RKEY)

    again, other = amy.create(post(), RKEY), amy.create(post("Other"), RKEY)

    check_output("com.atproto.repo.createRecord", first.json())
    assert first.status_code == 200
    assert seen(again) == seen(other) == (500, "InternalServerError", "Internal Server Error")
    assert control.texts() == ["Hello"]


def test_create_without_a_key_makes_growing_ones(amy: Session) -> None:
    uris = [amy.create(post()).json()["uri"] for _ in range(3)]

    assert uris == sorted(set(uris))


def test_repo_may_be_the_handle_but_not_anothers(bluesky: Service, amy: Session) -> None:
    bob = bluesky.sign_in("bob")

    assert amy.put(post(), RKEY, repo=amy.handle).json()["uri"].startswith(f"at://{amy.did}/")
    for repo in (bob.did, "nobody.bsky.social"):
        assert seen(amy.put(post(), RKEY, repo=repo))[:2] == (403, "AccountNotFound")
    assert seen(amy.put(post(), RKEY, repo="?"))[2] == "Input/repo must be a valid did or a handle"


@pytest.mark.parametrize("rkey", ["hello", "3jzfcijpj2z2", "kjzfcijpj2z2a", "3jzfcijpj2z21"])
def test_key_of_a_post_is_a_tid(amy: Session, rkey: str) -> None:
    message = "Invalid record key for app.bsky.feed.post: Invalid TID string"

    assert seen(amy.put(post(), rkey)) == (400, "InvalidRequest", message)
    assert seen(amy.create(post(), rkey)) == (400, "InvalidRequest", message)


FAMILY = "👨\u200d👩\u200d👧\u200d👦"
FACET = {"index": {"byteStart": 0, "byteEnd": 5}, "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "a"}]}
CARD = {"uri": "https://example.com/", "title": "A", "description": "B"}
NOWHERE = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
THUMB = {"$type": "blob", "ref": {"$link": NOWHERE}, "mimeType": "image/png", "size": 9}


def facet(**feature: Any) -> dict[str, Any]:
    return {**FACET, "features": [feature]}


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "x" * 300},
        {"text": FAMILY * 119},
        {"text": ""},
        {"langs": ["en", "pt-BR", "zh-Hant"]},
        {"langs": []},
        {"createdAt": "2026-11-23T10:00:00+01:00"},
        {"facets": [{**FACET, "index": {"byteStart": 900, "byteEnd": 2}}]},
        {"facets": [facet(**{"$type": "com.example.unknown"})]},
        {"facets": [facet(**{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/"})]},
        {"tags": ["x" * 64] * 8},
        {"labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "porn"}]}},
        {"embed": {"$type": "app.bsky.embed.external", "external": CARD}},
        {"com.example.own": [None, True, -7, {"deep": 70_000}]},
    ],
)
def test_good_posts_are_kept_as_they_came(amy: Session, changes: dict[str, Any]) -> None:
    record = post(**changes)

    answer = amy.put(record, RKEY)

    assert answer.status_code == 200, answer.text
    assert amy.get(RKEY).json()["value"] == record


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"text": "x" * 301}, "grapheme too big (maximum 300, got 301) at $.record.text"),
        ({"text": "é" * 301}, "grapheme too big (maximum 300, got 301) at $.record.text"),
        ({"text": FAMILY * 121}, "string too big (maximum 3000, got 3025) at $.record.text"),
        ({"text": 5}, "Expected string value type (got integer) at $.record.text"),
        ({"createdAt": "2026-11-23"}, "Invalid datetime at $.record.createdAt"),
        ({"createdAt": "2026-11-23T10:00:00"}, "Invalid datetime at $.record.createdAt"),
        ({"langs": ["en", "de", "fr", "it"]}, "array too big (maximum 3, got 4) at $.record.langs"),
        ({"langs": ["e"]}, "Invalid language at $.record.langs[0]"),
        ({"tags": ["a"] * 9}, "array too big (maximum 8, got 9) at $.record.tags"),
        ({"tags": ["x" * 65]}, "grapheme too big (maximum 64, got 65) at $.record.tags[0]"),
        ({"facets": [{"index": FACET["index"]}]}, 'Missing required key "features" at $.record.facets[0]'),
        (
            {"facets": [{**FACET, "index": {"byteStart": -1, "byteEnd": 2}}]},
            "integer too small (minimum 0, got -1) at $.record.facets[0].index.byteStart",
        ),
        (
            {"facets": [facet(tag="a")]},
            'Expected an object with a "$type" at $.record.facets[0].features[0]',
        ),
        (
            {"facets": [facet(**{"$type": "app.bsky.richtext.facet#mention", "did": "@amy"})]},
            "Invalid DID at $.record.facets[0].features[0].did",
        ),
        ({"reply": {"root": {"uri": "x", "cid": "y"}}}, 'Missing required key "parent" at $.record.reply'),
        (
            {"reply": {name: {"uri": "https://a.example", "cid": "bafyreiaaa"} for name in ("root", "parent")}},
            "Invalid AT URI at $.record.reply.root.uri",
        ),
        (
            {"embed": {"$type": "app.bsky.embed.record", "record": {}}},
            'Missing required key "uri" at $.record.embed.record',
        ),
    ],
)
def test_bad_posts_are_refused(control: Control, amy: Session, changes: dict[str, Any], problem: str) -> None:
    answer = amy.put(post(**changes), RKEY, swapRecord=None)

    assert seen(answer) == (400, "InvalidRequest", RECORD_PREFIX + problem)
    assert control.posts() == []


@pytest.mark.parametrize("name", ["text", "createdAt"])
def test_post_needs(amy: Session, name: str) -> None:
    record = post()
    del record[name]

    assert seen(amy.put(record, RKEY))[2] == f'{RECORD_PREFIX}Missing required key "{name}" at $.record'


def test_blob_that_was_never_uploaded(amy: Session) -> None:
    embed = {"$type": "app.bsky.embed.external", "external": {**CARD, "thumb": THUMB}}

    assert seen(amy.put(post(embed=embed), RKEY)) == (400, "BlobNotFound", f"Could not find blob: {NOWHERE}")


def test_without_validation_anything_passes_but_fractions(control: Control, amy: Session) -> None:
    answer = amy.put({"text": 7}, RKEY, validate=False)

    assert "validationStatus" not in answer.json()
    assert amy.get(RKEY).json()["value"] == {"$type": POSTS, "text": 7}
    assert control.texts() == [""]
    assert seen(amy.put(post(score=0.5), RKEY)) == (400, "InvalidRequest", "Bad record: 0.5 is not in the data model")


def test_type_is_filled_in_and_must_fit(amy: Session) -> None:
    amy.put({"text": "x", "createdAt": CREATED_AT}, RKEY)

    assert amy.get(RKEY).json()["value"]["$type"] == POSTS
    other = amy.put(post(**{"$type": "app.bsky.feed.like"}), RKEY)
    assert seen(other)[2] == "Invalid $type: expected app.bsky.feed.post, got app.bsky.feed.like"


def test_other_kinds_of_records_are_kept_but_are_no_posts(control: Control, bluesky: Service, amy: Session) -> None:
    record = {"$type": LIST, "name": "Birds"}

    answer = amy.put(record, RKEY, collection=LIST)

    assert answer.json()["validationStatus"] == "unknown"
    assert control.posts() == []
    read = bluesky.read("com.atproto.repo.getRecord", repo=amy.did, collection=LIST, rkey=RKEY)
    assert read["value"] == record
    assert control.requests(platform="bluesky")[1]["operation"] == "other"


def rule(name: str, **more: str) -> dict[str, str]:
    return {"$type": f"{GATE}#{name}Rule", **more}


@pytest.mark.parametrize(
    ("collection", "says", "problem"),
    [
        (GATE, {}, ""),
        (GATE, {"allow": []}, ""),
        (GATE, {"allow": [rule("mention"), rule("list", list=f"at://did:plc:a/{LIST}/3k")]}, ""),
        (GATE, {"allow": [rule("follower")] * 6}, "array too big (maximum 5, got 6) at $.record.allow"),
        (GATE, {"allow": [rule("list")]}, 'Missing required key "list" at $.record.allow[0]'),
        (GATE, {"allow": [rule("list", list="birds")]}, "Invalid AT URI at $.record.allow[0].list"),
        (POSTGATE, {"embeddingRules": [{"$type": f"{POSTGATE}#disableRule"}]}, ""),
        (POSTGATE, {"embeddingRules": ["x"]}, "Expected object value type (got string) at $.record.embeddingRules[0]"),
        (POSTGATE, {"post": "x"}, "Invalid AT URI at $.record.post"),
    ],
)
def test_gates_are_as_their_lexicons_have_them(
    amy: Session, collection: str, says: dict[str, Any], problem: str
) -> None:
    record = {"$type": collection, "post": f"at://{amy.did}/{POSTS}/{RKEY}", "createdAt": CREATED_AT, **says}

    answer = amy.put(record, RKEY, collection=collection)

    if problem:
        assert seen(answer) == (400, "InvalidRequest", f"Invalid {collection} record: {problem}")
    else:
        assert answer.json()["validationStatus"] == "valid"
    named = amy.put(record, "gate", collection=collection)
    assert seen(named)[2] == f"Invalid record key for {collection}: Invalid TID string"


def test_get_record(bluesky: Service, amy: Session) -> None:
    made = amy.posted(rkey=RKEY)
    name, query = "com.atproto.repo.getRecord", {"collection": POSTS, "rkey": RKEY}

    expected = {"uri": made["uri"], "cid": made["cid"], "value": post()}
    assert bluesky.read(name, repo=amy.handle, cid=made["cid"], **query) == expected
    missing = bluesky.get(name, repo=amy.did, collection=POSTS, rkey="3jzfcijpj2z2b")
    uri = f"at://{amy.did}/{POSTS}/3jzfcijpj2z2b"
    assert seen(missing) == (400, "RecordNotFound", f"Could not locate record: {uri}")
    assert seen(bluesky.get(name, repo=amy.did, cid="bafyreiother", **query))[1] == "RecordNotFound"
    assert seen(bluesky.get(name, repo="did:plc:nobody", **query))[1] == "RecordNotFound"


def test_get_record_is_not_late(control: Control, amy: Session) -> None:
    control.put("limits", lookup_lag_ms=60_000)
    amy.posted(rkey=RKEY)

    assert amy.get(RKEY).status_code == 200
    assert amy.keys()[0] == [RKEY]


def test_list_records_in_pages(amy: Session) -> None:
    keys = sorted(next_tid() for _ in range(5))
    for key in [*keys[3:], *keys[:3]]:
        amy.posted(rkey=key)

    assert amy.keys() == (keys[::-1], keys[0])
    assert amy.keys(limit=2) == (keys[:2:-1], keys[3])
    assert amy.keys(limit=2, cursor=keys[3]) == ([keys[2], keys[1]], keys[1])
    assert amy.keys(limit=2, reverse="true") == (keys[:2], keys[1])
    assert amy.keys(limit=9, reverse="true", cursor=keys[1]) == (keys[2:], keys[4])
    assert amy.keys(cursor=keys[0]) == ([], None)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"limit": 101}, "Error: limit can not be greater than 100"),
        ({"limit": 0}, "Error: limit can not be less than 1"),
        ({"limit": "x"}, "Error: limit must be an integer"),
        ({"repo": "did:plc:nobody"}, "Could not find repo: did:plc:nobody"),
        ({"collection": "posts"}, "Error: collection must be a valid nsid"),
    ],
)
def test_list_records_refuses(bluesky: Service, amy: Session, query: dict[str, Any], message: str) -> None:
    answer = bluesky.get("com.atproto.repo.listRecords", **{"repo": amy.did, "collection": POSTS, **query})

    assert seen(answer) == (400, "InvalidRequest", message)


def test_delete_is_idempotent(control: Control, amy: Session) -> None:
    amy.posted(rkey=RKEY)

    first, again = amy.delete(RKEY), amy.delete(RKEY)

    check_output("com.atproto.repo.deleteRecord", first.json())
    assert (first.status_code, set(first.json())) == (200, {"commit"})
    assert (again.status_code, again.json()) == (200, {})
    assert seen(amy.get(RKEY))[1] == "RecordNotFound"
    assert control.posts() == []
    assert amy.keys() == ([], None)
    assert amy.put(post("Again"), RKEY, swapRecord=None).status_code == 200


def test_delete_of_something_else_than_meant_is_a_conflict(control: Control, amy: Session) -> None:
    made = amy.posted(rkey=RKEY)

    answer = amy.write("deleteRecord", None, RKEY, swapRecord="bafyreiother")

    assert seen(answer) == (400, "InvalidSwap", f"Record was at {made['cid']}")
    assert control.texts() == ["Hello"]


def test_swap_commit(amy: Session) -> None:
    commit = amy.posted()["commit"]["cid"]

    assert amy.put(post("Two"), next_tid(), swapCommit=commit).status_code == 200
    assert seen(amy.put(post("Three"), next_tid(), swapCommit=commit))[1] == "InvalidSwap"
    assert seen(amy.create(post("Three"), swapCommit=commit))[1] == "InvalidSwap"


def test_reply_to_what_is_gone_is_kept(control: Control, amy: Session) -> None:
    gone = {"uri": f"at://{amy.did}/{POSTS}/3jzfcijpj2z2b", "cid": "bafyreigone"}

    amy.posted("Reply", reply={"root": gone, "parent": gone})

    assert [row["reply_to"] for row in control.posts()] == [gone["uri"]]


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
def test_lost_reply_is_found_again_and_sent_again_without_harm(control: Control, amy: Session, effect: str) -> None:
    control.put("limits", idempotency=False, duplicates=False)
    control.fault(effect, platform="bluesky")

    try:
        first = amy.put(post(), RKEY, swapRecord=None)
        assert effect != "accept_then_reset", first.text
    except OSError:
        assert effect == "accept_then_reset"

    assert amy.get(RKEY).status_code == 200
    again = amy.put(post(), RKEY, swapRecord=None)
    assert (again.status_code, "commit" in again.json()) == (200, False)
    assert control.texts() == ["Hello"]


def test_operations(control: Control, amy: Session) -> None:
    amy.posted(rkey=RKEY)
    amy.create(post())
    amy.get(RKEY)
    amy.keys()
    amy.delete(RKEY)

    operations = [row["operation"] for row in control.requests(platform="bluesky")]

    assert operations == ["token", "publish", "publish", "lookup", "lookup", "delete"]
