"""That the check of every request checks: what is not as described is found, in requests and in the tables."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mastablasta.core.outbound import File, Http, connections
from tests.kit.raw_server import answer, raw_server, says
from tests.specifications import checking
from tests.specifications.agreement import lexicon_differences, openapi_differences
from tests.specifications.shapes import (
    ANYTHING,
    FILE,
    FLAG,
    FORM,
    JSON,
    MULTIPART,
    TEXT,
    WHOLE,
    Call,
    Items,
    Sent,
    Text,
    Union,
    Whole,
    fields,
    one_of,
)
from tests.specifications.tables import NoTable, Request, problems_of

STATUS = {"status": "Hello", "visibility": "public"}
TIMELINE = "/2/users/7/tweets?max_results=100&since_id=1&exclude=retweets"
FIND = "/xrpc/com.atproto.identity.resolveHandle"


def posted(body: Any, **headers: str) -> Request:
    return Request("POST", "/api/v1/statuses", {"Content-Type": JSON, **headers}, body)


def uploaded(**changes: Any) -> Request:
    given = {"media": [Sent("image/png", 3)], "media_category": ["tweet_image"], **changes}
    body = {name: value for name, value in given.items() if value is not None}
    return Request("POST", "/2/media/upload", {"Content-Type": f"{MULTIPART}; boundary=a"}, body)


def test_platform_without_a_table_is_told_where_it_belongs() -> None:
    with pytest.raises(NoTable, match=r"tests/specifications/myspace\.py"):
        problems_of("myspace", Request("GET", "/friends"))


@pytest.mark.parametrize(
    ("slug", "request_"),
    [
        ("mastodon", posted(STATUS, Host="m.test")),
        ("mastodon", posted({"media_ids": ["1"]}, **{"Idempotency-Key": "k"})),
        ("mastodon", Request("GET", "/api/v1/accounts/7/statuses?limit=40&exclude_reblogs=true")),
        ("mastodon", Request("GET", "/api/v1/media/a%2Fb")),
        ("twitter", Request("GET", f"{TIMELINE}&tweet.fields=attachments,entities")),
        ("twitter", Request("GET", f"{TIMELINE}&post.fields=attachments,entities")),
        ("twitter", uploaded()),
        ("bluesky", Request("GET", f"{FIND}?handle=anna.example")),
        ("bluesky", Request("POST", "/xrpc/com.atproto.server.refreshSession")),
    ],
)
def test_what_is_as_described_passes(slug: str, request_: Request) -> None:
    assert problems_of(slug, request_) == []


@pytest.mark.parametrize(
    ("slug", "request_", "problem"),
    [
        ("mastodon", Request("POST", "/api/v1/status", {}, {}), "mastodon has no POST /api/v1/status"),
        ("mastodon", Request("PUT", "/api/v1/statuses"), "mastodon has no PUT /api/v1/statuses"),
        ("mastodon", posted({**STATUS, "reply_to": "1"}), "body.reply_to: is unknown"),
        ("mastodon", posted({"visibility": "public"}), "body.status: is missing"),
        ("mastodon", posted({**STATUS, "visibility": "secret"}), "body.visibility: 'secret' is none of public,"),
        ("mastodon", posted({**STATUS, "sensitive": "yes"}), "body.sensitive: is neither true nor false"),
        ("mastodon", posted({"media_ids": [1]}), "body.media_ids[0]: is no text"),
        ("mastodon", posted({"media_ids": "1"}), "body.media_ids: is not a list"),
        ("mastodon", posted(None), "the body is missing"),
        ("mastodon", posted(STATUS, Idempotency="k"), "header Idempotency: is unknown"),
        ("mastodon", Request("POST", "/api/v1/statuses", {"Content-Type": FORM}, {"status": ["a"]}), "the body is of"),
        ("mastodon", Request("GET", "/api/v2/instance", {"Content-Type": JSON}, {}), "the body is of type"),
        ("mastodon", Request("GET", "/api/v1/accounts/7/statuses?limit=many"), "query.limit: is not a whole number"),
        ("mastodon", Request("GET", "/api/v1/accounts/7/statuses?exclude_boosts=true"), "exclude_boosts: is unknown"),
        ("twitter", Request("GET", f"{TIMELINE}&tweet.fields=note_post"), "'note_post' is none of"),
        ("twitter", Request("GET", f"{TIMELINE}&post.fields=entities&tweet.fields=entities"), "fields: is unknown"),
        ("twitter", Request("GET", "/2/users/7/tweets?max_results=101"), "query.max_results: is more than 100"),
        ("twitter", Request("GET", "/2/users/anna/tweets"), "path.id: 'anna' is no ^[0-9]{1,19}$"),
        ("twitter", uploaded(media=["bytes"]), "body.media: is no file"),
        ("twitter", uploaded(media_category=None), "body.media_category: is missing"),
        ("bluesky", Request("GET", f"{FIND}?handle=anna"), "query.handle: 'anna' is no handle"),
        ("bluesky", Request("GET", FIND), "query.handle: is missing"),
        (
            "bluesky",
            Request(
                "POST", "/xrpc/app.bsky.video.uploadVideo?did=did:m:v&name=a", {"Content-Type": "video/webm"}, FILE
            ),
            "the body is of type video/webm",
        ),
    ],
)
def test_what_is_not_is_found(slug: str, request_: Request, problem: str) -> None:
    [found] = problems_of(slug, request_)

    assert problem in found


def send_as(module: str, code: str) -> list[str]:
    """What is found of a call that the code of a module makes through the door."""
    connections.drop_kept()
    with raw_server(says(answer())) as server:
        names = {"__name__": module, "http": Http(server.url), "File": File}
        exec(code, names)
    return checking.take()


@pytest.mark.parametrize(
    ("slug", "code", "problem"),
    [
        ("mastodon", "http.post('/api/v1/statuses', json={'status': 'a', 'reply_to': '1'})", "reply_to: is unknown"),
        ("mastodon", "http.post('/mastodon/api/v1/statuses', json={})", "body.status: is missing"),
        ("mastodon", "http.post('/oauth/revoke', data={'token': 'a', 'client_id': 'b'})", "client_secret: is missing"),
        ("twitter", "http.get('/2/users/me', params={'user.fields': 'id,age'})", "'age' is none of"),
        (
            "twitter",
            "http.post('/2/media/upload', data={'kind': 'a'}, files={'media': File('a', 'image/png', content=b'a')})",
            "kind: is unknown",
        ),
        (
            "bluesky",
            "http.post('/xrpc/app.bsky.video.uploadVideo', params={'did': 'did:m:v', 'name': 'a'}, "
            "data=File('a', 'image/gif', content=b'a'))",
            "image/gif",
        ),
    ],
)
def test_whatever_a_platform_sends_is_looked_at(slug: str, code: str, problem: str) -> None:
    found = send_as(f"integrations.platforms.{slug}.anything", code)

    assert found
    assert all(problem in one or "is missing" in one for one in found)
    assert any(problem in one for one in found)


@pytest.mark.parametrize("module", ["integrations.platforms.mastodon.tests.test_a", "posts.engine.sender"])
def test_what_others_send_is_not(module: str) -> None:
    assert send_as(module, "http.post('/api/v1/statuses', json={})") == []


def test_what_whole_instances_send_is_looked_at_once(tmp_path: Path) -> None:
    specimens = checking.Specimens(tmp_path / "calls.jsonl")
    assert list(specimens.problems()) == []
    agent = {"user-agent": "MastaBlasta/2 (+http://our.test)"}
    calls = [
        ("mastodon", "POST", "/api/v1/statuses", {**agent, "content-type": JSON}, {"status": "a", "reply_to": "1"}),
        ("mastodon", "POST", "/oauth/revoke", {**agent, "content-type": FORM}, [["token", "a"], ["client_id", "b"]]),
        ("mastodon", "GET", "/nowhere", {"user-agent": "Mozilla/5.0"}, None),
        (
            "twitter",
            "POST",
            "/2/media/upload",
            {**agent, "content-type": f"{MULTIPART}; boundary=a"},
            [["media", {"file": "image/png", "size": 3}], ["media_category", "tweet_image"]],
        ),
        (
            "bluesky",
            "POST",
            "/xrpc/com.atproto.repo.uploadBlob",
            {**agent, "content-type": "image/png"},
            {"file": "image/png", "size": 3},
        ),
    ]
    with specimens.path.open("w") as file:
        for call in calls:
            file.write(json.dumps(dict(zip(("platform", "method", "target", "headers", "body"), call, strict=True))))
            file.write("\n")
        file.write('{"platform": "mast')  # a line that is being written

    assert list(specimens.problems()) == [
        "POST /api/v1/statuses: body.reply_to: is unknown",
        "POST /oauth/revoke: body.client_secret: is missing",
    ]
    assert list(specimens.problems()) == []


# --- tables against specifications ---

DESCRIBED: Mapping[str, Any] = {
    "paths": {
        "/things/{id}": {
            "post": {
                "security": [{"OAuth2": ["write"]}],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "size", "in": "query", "schema": {"type": "integer", "maximum": 9}},
                    {"name": "Key", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "responses": {"200": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "allOf": [
                    {"type": "object", "properties": {"kind": {"type": "string", "enum": ["a", "b"]}}},
                    {
                        "type": "object",
                        "required": ["names"],
                        "properties": {
                            "names": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 5}},
                            "note": {"type": ["string", "null"]},
                        },
                    },
                ]
            }
        }
    },
}
_THING = {"kind": one_of("a", "b"), "names!": Items(Text(most=5), most=4), "note?": TEXT}
THINGS = Call(
    path={"id": TEXT},
    query=fields({"size": Whole(most=9)}),
    headers={"Key": TEXT},
    body={JSON: fields(_THING)},
    answers={200: fields({"names!": Items(Text(most=5), most=4)}, is_part=True)},
    scopes=frozenset({"write"}),
)


def differences(call: Call, name: str = "POST /things/{id}") -> list[str]:
    return openapi_differences({name: call}, copy.deepcopy(DESCRIBED), version=0, is_newest=True)


def test_table_that_agrees_has_no_differences() -> None:
    assert differences(THINGS) == []


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"path": {"key": TEXT}}, "path.key: is not described"),
        ({"query": fields({"size": Whole(most=10)})}, "query.size: has the bounds (None, 9), not (None, 10)"),
        ({"query": fields({"size!": Whole(most=9)})}, "query: has to have "),
        ({"query": fields({"size": TEXT})}, "query.size: is of type integer"),
        ({"query": fields({"width": WHOLE})}, "query.width: is not described"),
        ({"headers": {"Name": TEXT}}, "header Name: is not described"),
        ({"body": {JSON: fields(_THING | {"kind": one_of("a")})}}, "body.kind: is one of a, b"),
        ({"body": {JSON: fields(_THING | {"kind": one_of("a", "b", "c")})}}, "body.kind: is one of a, b"),
        ({"body": {JSON: fields(_THING | {"names!": Items(TEXT, most=4)})}}, "body.names[]: has the bounds"),
        ({"body": {JSON: fields(_THING | {"names!": Items(Text(most=5))})}}, "body.names: has the bounds (None, 4)"),
        ({"body": {JSON: fields({"kind": one_of("a", "b")})}}, "body: has to have names"),
        ({"body": {JSON: fields({name.rstrip("?"): one for name, one in _THING.items()})}}, "body.note: may be null"),
        ({"answers": {201: None}}, "answers 201: is not described"),
        ({"answers": {200: fields({"age": WHOLE}, is_part=True)}}, "answer 200.age: is not described"),
        ({"refusals": frozenset({404})}, "answers 404: is not described"),
        ({"scopes": frozenset({"read"})}, "needs other scopes"),
    ],
)
def test_table_that_differs_is_found(changes: dict[str, Any], difference: str) -> None:
    assert any(difference in one for one in differences(replace(THINGS, **changes)))


def test_call_that_is_not_described_is_found() -> None:
    assert differences(THINGS, "GET /things/{id}") == ["GET /things/{id}: is not described"]
    assert differences(replace(THINGS, beyond="https://elsewhere.example"), "GET /things/{id}") == []


LEXICONS: Mapping[str, Any] = {
    "org/example/put.json": {
        "main": {
            "type": "procedure",
            "input": {
                "encoding": JSON,
                "schema": {
                    "type": "object",
                    "required": ["text"],
                    "nullable": ["swap"],
                    "properties": {
                        "text": {"type": "string", "maxLength": 30, "maxGraphemes": 3},
                        "swap": {"type": "string", "format": "cid"},
                        "embed": {"type": "union", "refs": ["#card", "org.example.other"]},
                        "record": {"type": "unknown"},
                    },
                },
            },
            "output": {"encoding": JSON, "schema": {"type": "ref", "ref": "#done"}},
            "errors": [{"name": "Gone"}],
        },
        "card": {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string", "format": "uri"}}},
        "done": {"type": "object", "properties": {"done": {"type": "boolean"}}},
    }
}
_PUT = {
    "text!": Text(most=30, most_graphemes=3),
    "swap?": Text(form="cid"),
    "embed": Union({"org.example.put#card": fields({"uri!": Text(form="uri")})}),
    "record": ANYTHING,
}
PUTTING = Call(body={JSON: fields(_PUT)}, answers={200: fields({"done": FLAG})}, errors=frozenset({"Gone"}))


@pytest.fixture
def lexicons(tmp_path: Path) -> Path:
    for name, defs in LEXICONS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"defs": defs}))
    return tmp_path


def test_table_that_agrees_with_lexicons_has_no_differences(lexicons: Path) -> None:
    assert lexicon_differences({"POST /xrpc/org.example.put": PUTTING}, lexicons) == []
    assert lexicon_differences({"POST /xrpc/org.example.get": PUTTING}, lexicons) != []


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"query": fields({"limit": WHOLE})}, "query.limit: is not described"),
        ({"body": {}}, "takes a body of application/json"),
        ({"body": {JSON: fields(_PUT | {"text!": Text(most=30)})}}, "body.text: has the bounds"),
        ({"body": {JSON: fields(_PUT | {"swap?": TEXT})}}, "body.swap: has the bounds"),
        (
            {"body": {JSON: fields(_PUT | {"embed": Union({"org.example.none": ANYTHING})})}},
            "is never org.example.none",
        ),
        (
            {"body": {JSON: fields(_PUT | {"embed": Union({"org.example.put#card": fields({"uri!": TEXT})})})}},
            "body.embed(org.example.put#card).uri: has the bounds",
        ),
        ({"answers": {200: fields({"done": TEXT})}}, "answer.done: is of type boolean"),
        ({"errors": frozenset({"Full"})}, "error Full: is not described"),
    ],
)
def test_table_that_differs_from_lexicons_is_found(lexicons: Path, changes: dict[str, Any], difference: str) -> None:
    found = lexicon_differences({"POST /xrpc/org.example.put": replace(PUTTING, **changes)}, lexicons)

    assert any(difference in one for one in found)
