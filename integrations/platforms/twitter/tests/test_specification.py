"""What we send and ask, against X's OpenAPI descriptions of before and after the renaming, where copies lie beside."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from integrations.contract import Content, MediaUse, Part, Pending, Published, Target
from integrations.platforms.twitter.connector import TwitterConnector
from integrations.platforms.twitter.oauth import SCOPES, TwitterOAuth
from integrations.platforms.twitter.reading import QUERIES
from integrations.platforms.twitter.tests.test_uploads import form_of
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import Notes, step_of
from tests.kit.raw_server import answer, raw_server, says

BESIDE = Path(__file__).resolve().parents[5] / "shared" / "specs"
FOLDER = Path(os.environ.get("MASTABLASTA_SPECS") or BESIDE)
NEW, OLD = "x-openapi.json", "x-openapi-2026-08-06-tweetfields.json"
TIMELINE = "/2/users/{id}/tweets"
UPLOAD = "/2/media/upload"
Description = dict[str, Any]


def description(name: str) -> Description:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"no copy of X's OpenAPI description at {path}")
    read: Description = json.loads(path.read_text())
    return read


@pytest.fixture(scope="module", params=[NEW, OLD])
def either(request: pytest.FixtureRequest) -> Description:
    return description(request.param)


def parameters(spec: Description, path: str, method: str = "get") -> dict[str, Any]:
    found = spec["paths"][path][method].get("parameters", [])
    return {one["name"]: one for one in (_resolved(spec, one) for one in found)}


def _resolved(spec: Description, one: Any) -> Any:
    while "$ref" in one:
        _, *steps = one["$ref"].split("/")
        one = spec
        for step in steps:
            one = one[step]
    return one


def check_query(spec: Description, path: str, query: dict[str, str]) -> None:
    known = parameters(spec, path)
    for name, value in query.items():
        schema = _resolved(spec, known[name]["schema"])
        if schema["type"] == "array":
            assert set(value.split(",")) <= set(schema["items"]["enum"]), name
        else:
            read: Any = int(value) if schema["type"] == "integer" else value
            jsonschema.Draft7Validator(schema).validate(read)


def bodies_of(content: Content) -> list[dict[str, Any]]:
    connections.drop_kept()
    sent: list[Published] = []
    with raw_server(says(answer('{"data":{"id":"1","text":"a"}}', 201))) as server:
        http = Http(server.url, token="abc", on_visible=lambda: None)
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), http)
        for _ in content.parts:
            connector.publish(step_of(content, *sent), progress=Notes())
            sent.append(Published("1"))
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def look_up(refuse: int = 0) -> dict[str, str]:
    """The query of a look-up at a server that refuses the first `refuse` of our queries."""
    connections.drop_kept()
    said = [answer('{"title":"Invalid Request","type":"/invalid-request"}', 400)] * refuse
    with raw_server(says(*said, answer('{"meta":{"result_count":0}}'))) as server:
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), Http(server.url, token="abc"))
        since = datetime(2026, 11, 23, tzinfo=UTC)
        connector.reconcile(step_of("Hello"), progress=Notes(), since=since, known=frozenset())
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
    ],
)
def test_new_post_is_as_described(either: Description, options: dict[str, Any]) -> None:
    content = either["paths"]["/2/tweets"]["post"]["requestBody"]["content"]["application/json"]
    validator = jsonschema.Draft7Validator({**content["schema"], "components": either["components"]})

    bodies = bodies_of(Content((Part("One"), Part("Two", kind="reply")), options, "thread"))
    bodies.append({**bodies[0], "media": {"media_ids": ["1992578411000000000"]}})

    for body in bodies:
        validator.validate(body)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**bodies[0], "nonsense": 1})  # so the check checks


def test_options_that_we_offer_are_described(either: Description) -> None:
    body = either["paths"]["/2/tweets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    described = _resolved(either, body)["properties"]
    offered = TwitterConnector.capabilities.options["properties"]

    assert offered.keys() <= described.keys()
    assert set(offered["reply_settings"]["enum"]) == set(_resolved(either, described["reply_settings"])["enum"])


def check_body(spec: Description, path: str, request: bytes, **read: Any) -> None:
    """Check what was sent against its schema; `read` are the fields of a form as JSON has them."""
    head, _, body = request.partition(b"\r\n\r\n")
    kind = "multipart/form-data" if b"multipart/form-data" in head else "application/json"
    schema = spec["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]
    validator = jsonschema.Draft7Validator({**schema, "components": spec["components"]})
    validator.validate(read or json.loads(body))


def test_upload_of_a_picture_is_as_described(either: Description, tmp_path: Path) -> None:
    upload, description = uploaded(tmp_path, 10, "image/png")

    form = form_of(upload)
    check_body(either, "/2/media/upload", upload, **{name: value.decode() for name, value in form.items()})
    check_body(either, "/2/media/metadata", description)


@pytest.mark.parametrize(("kind", "mime_type"), [("animation", "image/gif"), ("video", "video/mp4")])
def test_upload_in_segments_is_as_described(either: Description, tmp_path: Path, kind: str, mime_type: str) -> None:
    begun, segment, _, description, asked = uploaded(tmp_path, 10, mime_type, kind)

    form = form_of(segment)
    check_body(either, "/2/media/upload/initialize", begun)
    fields = {"media": form["media"].decode(), "segment_index": int(form["segment_index"])}
    check_body(either, "/2/media/upload/{id}/append", segment, **fields)
    check_body(either, "/2/media/metadata", description)
    query = parse_qs(urlsplit(asked.split()[1].decode()).query)
    check_query(either, "/2/media/upload", {name: values[0] for name, values in query.items()})


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
        http = Http(server.url, token="abc", on_visible=lambda: None)
        connector = TwitterConnector(Target(server.url, "api.x.com", "7", "@anna"), http)
        notes = Notes()
        for _ in ("uploaded", "asked for"):
            if not isinstance(connector.publish(step_of(Content((Part("", media=(use,)),))), progress=notes), Pending):
                break
    return server.requests[:-1]


@pytest.mark.parametrize(("name", "refuse"), [(OLD, 0), (NEW, 1)])
def test_look_up_is_as_described_before_and_after_the_renaming(name: str, refuse: int) -> None:
    query = look_up(refuse)

    check_query(description(name), TIMELINE, query)
    assert query.items() >= QUERIES[refuse].items()


def test_question_who_it_is_is_as_described(either: Description) -> None:
    connections.drop_kept()
    with raw_server(says(answer('{"data":{"id":"1","username":"anna"}}'))) as server:
        TwitterOAuth(Http(server.url), {}).who_am_i("abc")

    query = urlsplit(server.requests[0].split()[1].decode()).query
    check_query(either, "/2/users/me", {name: values[0] for name, values in parse_qs(query).items()})


def test_scopes_that_we_ask_for_are_enough(either: Description) -> None:
    schemes = either["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"]["scopes"]
    media = [(path, method) for path in either["paths"] if path.startswith(UPLOAD) for method in either["paths"][path]]
    asked = [
        *media,
        ("/2/media/metadata", "post"),
        ("/2/tweets", "post"),
        ("/2/tweets/{id}", "delete"),
        (TIMELINE, "get"),
        ("/2/users/me", "get"),
    ]

    needed = {
        scope
        for path, method in asked
        for way in either["paths"][path][method]["security"]
        for scope in way.get("OAuth2UserToken", [])
    }

    assert needed <= set(SCOPES) <= set(schemes)
