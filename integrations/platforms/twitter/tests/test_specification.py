"""What we send and ask, against what X's OpenAPI descriptions say, of before and after the renaming."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.contract import Content, MediaUse, Part, Pending, Published, Target
from integrations.platforms.twitter.connector import TwitterConnector
from integrations.platforms.twitter.oauth import SCOPES, TwitterOAuth
from integrations.platforms.twitter.reading import QUERIES
from integrations.platforms.twitter.tests.test_uploads import form_of as form_of_request
from integrations.sign_in import NO_APP
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.raw_server import answer, raw_server, says
from tests.specifications.shapes import JSON, MULTIPART, Sent
from tests.specifications.tables import Request, form_of, problems_of
from tests.specifications.twitter import CALLS, NEW_POST
from tests.specifications.twitter import SCOPES as KNOWN_SCOPES

UPLOAD, METADATA = "POST /2/media/upload", "POST /2/media/metadata"
TIMELINE = CALLS["GET /2/users/{id}/tweets"]


def bodies_of(content: Content) -> list[dict[str, Any]]:
    connections.drop_kept()
    sent: list[Published] = []
    with raw_server(says(answer('{"data":{"id":"1","text":"a"}}', 201))) as server:
        http = Http(server.url, auth=Auth("abc"), on_visible=lambda: None)
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), http)
        for _ in content.parts:
            connector.publish(step_of(content, *sent), progress=InMemoryProgress())
            sent.append(Published("1"))
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def look_up(refuse: int = 0) -> dict[str, str]:
    """The query of a look-up at a server that refuses the first `refuse` of our queries."""
    connections.drop_kept()
    said = [answer('{"title":"Invalid Request","type":"/invalid-request"}', 400)] * refuse
    with raw_server(says(*said, answer('{"meta":{"result_count":0}}'))) as server:
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), Http(server.url, auth=Auth("abc")))
        since = datetime(2026, 11, 23, tzinfo=UTC)
        connector.reconcile(step_of("Hello"), progress=InMemoryProgress(), since=since, known=frozenset())
    query = urlsplit(server.requests[-1].split()[1].decode()).query
    return {name: values[0] for name, values in parse_qs(query).items()}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reply_settings": "following", "made_with_ai": True, "paid_partnership": False},
        {"reply_settings": "mentionedUsers"},
        {"reply_settings": "subscribers"},
        {"reply_settings": "verified"},
        {"poll_options": ["A", "B" * 25], "poll_duration_minutes": 5},
        {"poll_options": list("ABCD")},
        {"quote_tweet_id": "https://x.com/anna/status/1", "community_id": "7", "share_with_followers": False},
    ],
)
def test_new_post_is_as_described(options: dict[str, Any]) -> None:
    bodies = bodies_of(Content((Part("One"), Part("Two", kind="reply")), options, "thread"))
    bodies.append({**bodies[0], "media": {"media_ids": ["1992578411000000000"]}})

    assert "poll" not in bodies[1]
    assert [list(NEW_POST.problems(body)) for body in bodies] == [[], [], []]
    assert list(NEW_POST.problems({**bodies[0], "nonsense": 1})) == ["$.nonsense: is unknown"]  # so the check checks


def test_options_that_we_offer_are_described() -> None:
    offered = TwitterConnector.capabilities.options["properties"]

    of_posts = offered.keys() - {"title"}  # of an article, which is another call
    assert {name.partition("_")[0] if "poll" in name else name for name in of_posts} <= NEW_POST.known.keys()
    assert list(offered["reply_settings"]["enum"]) == list(NEW_POST.known["reply_settings"].options)


def sent(request: bytes) -> Request:
    """A request on the wire as the tables see it."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    method, target, _ = first.split()
    plain = Request(method, target, headers)
    if plain.media_type == MULTIPART:
        file = Sent("image/png", len(body))
        fields = [
            (name, file if name == "media" else value.decode()) for name, value in form_of_request(request).items()
        ]
        return Request(method, target, headers, form_of(fields))
    return Request(method, target, headers, json.loads(body) if plain.media_type == JSON else None)


def test_upload_of_a_picture_is_as_described(tmp_path: Path) -> None:
    upload, description = (sent(request) for request in uploaded(tmp_path, 10, "image/png"))

    assert [f"{one.method} {one.target}" for one in (upload, description)] == [UPLOAD, METADATA]
    assert problems_of("twitter", upload) == problems_of("twitter", description) == []


@pytest.mark.parametrize(("kind", "mime_type"), [("animation", "image/gif"), ("video", "video/mp4")])
def test_upload_in_segments_is_as_described(tmp_path: Path, kind: str, mime_type: str) -> None:
    requests = [sent(request) for request in uploaded(tmp_path, 10, mime_type, kind)]

    assert [f"{one.method} {one.target}" for one in requests] == [
        "POST /2/media/upload/initialize",
        "POST /2/media/upload/5/append",
        "POST /2/media/upload/5/finalize",
        METADATA,
        "GET /2/media/upload?command=STATUS&media_id=5",
    ]
    assert [problems_of("twitter", one) for one in requests] == [[]] * 5
    assert problems_of("twitter", requests[1]) != problems_of("twitter", without(requests[1], "segment_index"))


def without(request: Request, name: str) -> Request:
    left = {key: value for key, value in request.body.items() if key != name}
    return Request(request.method, request.target, request.headers, left)


def uploaded(folder: Path, size: int, mime_type: str, kind: str = "image") -> list[bytes]:
    """The requests for one file with an alt text, without the one for the post."""
    path = folder / "media"
    path.write_bytes(b"a" * size)
    use = MediaUse("1", str(path), mime_type, size, "A cat", kind=kind)
    working = answer('{"data":{"id":"5","processing_info":{"state":"pending"}}}')
    named, ready = answer('{"data":{"id":"5"}}'), answer('{"data":{"id":"5","processing_info":{"state":"succeeded"}}}')
    said = [named, named] if kind == "image" else [named, named, working, named, ready]
    connections.drop_kept()
    with raw_server(says(*said, answer('{"data":{"id":"1","text":"a"}}', 201))) as server:
        http = Http(server.url, auth=Auth("abc"), on_visible=lambda: None)
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), http)
        notes = InMemoryProgress()
        for _ in ("uploaded", "asked for"):
            if not isinstance(connector.publish(step_of(Content((Part("", media=(use,)),))), progress=notes), Pending):
                break
    return server.requests[:-1]


@pytest.mark.parametrize("refuse", [0, 1])
def test_look_up_is_as_described_before_and_after_the_renaming(refuse: int) -> None:
    query = look_up(refuse)
    described, other = TIMELINE.versions[refuse], TIMELINE.versions[1 - refuse]
    given = {name: [value] for name, value in query.items()}

    assert list(described.problems(described.read_all(given))) == []
    assert list(other.problems(other.read_all(given))) != []
    assert query.items() >= QUERIES[refuse].items()


def test_question_who_it_is_is_as_described() -> None:
    connections.drop_kept()
    with raw_server(says(answer('{"data":{"id":"1","username":"anna"}}'))) as server:
        TwitterOAuth(Http(server.url), {}).who_am_i(NO_APP, access_token="abc")

    asked = sent(server.requests[0])
    assert asked.target.startswith("/2/users/me?user.fields=")
    assert problems_of("twitter", asked) == []


def test_scopes_that_we_ask_for_are_enough() -> None:
    needed = frozenset[str]().union(*(call.scopes for call in CALLS.values()))

    assert needed <= set(SCOPES) <= KNOWN_SCOPES
