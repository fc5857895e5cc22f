"""What we send and ask, against Mastodon's OpenAPI description, where a copy lies beside the project."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest

from integrations.contract import ClientApp, Content, Part, Published, Target
from integrations.platforms.mastodon.connector import MastodonConnector
from integrations.platforms.mastodon.limits import STOCK
from integrations.platforms.mastodon.oauth import MastodonOAuth
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import Notes, step_of
from tests.kit.media_contract import MediaFolder, with_media
from tests.kit.raw_server import answer, raw_server, says

BESIDE = Path(__file__).resolve().parents[5] / "shared" / "specs"
FOLDER = Path(os.environ.get("MASTABLASTA_SPECS") or BESIDE)
PATH = FOLDER / "mastodon-openapi-subset.json"
STATUS = answer('{"id":"1","url":"https://m.test/1"}')
UPLOADED = answer('{"id":"1","type":"image","url":"https://m.test/f"}')


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    if not PATH.is_file():
        pytest.skip(f"no copy of Mastodon's OpenAPI description at {PATH}")
    read: dict[str, Any] = json.loads(PATH.read_text())
    return read


def check_body(specification: dict[str, Any], path: str, body: Any, media_type: str = "application/json") -> None:
    content = specification["paths"][path]["post"]["requestBody"]["content"]
    schema = content.get(media_type, content["application/json"])["schema"]
    whole = {**schema, "components": specification["components"]}
    jsonschema.Draft202012Validator(whole).validate(body)


def known_fields(specification: dict[str, Any], path: str) -> set[str]:
    content = specification["paths"][path]["post"]["requestBody"]["content"]
    return _properties(specification, next(iter(content.values()))["schema"])


def _properties(specification: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _properties(specification, specification["components"]["schemas"][name])
    found = set(schema.get("properties", {}))
    for part in [*schema.get("oneOf", []), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        found |= _properties(specification, part)
    return found


def resolved(specification: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself where it is named elsewhere, also as the one that is not null."""
    for part in schema.get("oneOf", []):
        if part.get("type") != "null":
            return resolved(specification, part)
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = specification["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return resolved(specification, found)


def bodies_of(content: Content) -> list[dict[str, Any]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests_of(content, STATUS)]


def requests_of(content: Content, *said: bytes) -> list[bytes]:
    connections.drop_kept()
    with raw_server(says(*said)) as server:
        target = Target(server.url, "m.test", "7", "@anna@m.test")
        http = Http(server.url, token="abc", on_visible=lambda: None)
        sent: list[Published] = []
        for _ in content.parts:
            sent.append(Published("1"))
            MastodonConnector(target, http).publish(step_of(content, *sent[:-1]), progress=Notes())
    return server.requests


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"visibility": "direct", "spoiler_text": "CW", "sensitive": True, "language": "de"},
        {"visibility": "private"},
    ],
)
def test_new_status_is_as_described(specification: dict[str, Any], options: dict[str, Any]) -> None:
    bodies = bodies_of(Content((Part("One"), Part("Two", kind="reply")), options))

    for body in bodies:
        check_body(specification, "/api/v1/statuses", body)
        assert body.keys() <= known_fields(specification, "/api/v1/statuses")


def test_new_status_with_files_is_as_described(specification: dict[str, Any], tmp_path: Path) -> None:
    desk = MediaFolder(tmp_path)
    for content in (with_media(desk.picture(), desk.picture()), with_media(desk.video(), text="")):
        body = json.loads(requests_of(content, UPLOADED)[-1].partition(b"\r\n\r\n")[2])
        # One of MediaStatus and TextStatus, it says; but the first has the text of the second too.
        schema = {"$ref": "#/components/schemas/MediaStatus", "components": specification["components"]}
        jsonschema.Draft202012Validator(schema).validate(body)
        assert body.keys() == {"status", "media_ids"} <= known_fields(specification, "/api/v1/statuses")


def test_upload_is_as_described(specification: dict[str, Any], tmp_path: Path) -> None:
    request = requests_of(with_media(MediaFolder(tmp_path).picture(alt_text="A cat")), UPLOADED, STATUS)[0]

    names = set(re.findall(rb'form-data; name="([^"]+)"', request))
    described = specification["paths"]["/api/v2/media"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert request.startswith(b"POST /api/v2/media HTTP/1.1\r\n")
    assert {name.decode() for name in names} == {"file", "description"} <= described["schema"]["properties"].keys()
    assert set(described["schema"].get("required", [])) <= {"file", "description"}


def test_answers_that_we_know_of_files_are_those_described(specification: dict[str, Any]) -> None:
    upload = specification["paths"]["/api/v2/media"]["post"]["responses"].keys()
    shown = specification["paths"]["/api/v1/media/{id}"]["get"]["responses"].keys()

    assert {status for status in upload if status < "300"} == {"200", "202"}
    assert {status for status in shown if status < "300"} == {"200", "206"}
    assert {"422", "404", "410"} <= shown


def test_limits_that_we_read_are_described(specification: dict[str, Any]) -> None:
    instance = specification["components"]["schemas"]["Instance"]
    configuration = resolved(specification, instance["properties"]["configuration"])["properties"]
    media = resolved(specification, configuration["media_attachments"])["properties"].keys()
    statuses = resolved(specification, configuration["statuses"])["properties"].keys()

    assert STOCK.keys() <= media | statuses
    assert "supported_mime_types" in media


def test_options_that_we_offer_are_described(specification: dict[str, Any]) -> None:
    offered = MastodonConnector.capabilities.options["properties"]

    assert offered.keys() <= known_fields(specification, "/api/v1/statuses")
    described = specification["components"]["schemas"]["StatusVisibilityEnum"]["enum"]
    assert set(offered["visibility"]["enum"]) <= set(described)


def test_sign_in_calls_are_as_described(specification: dict[str, Any]) -> None:
    connections.drop_kept()
    said = [answer('{"client_id":"a","client_secret":"b"}'), answer('{"access_token":"t","token_type":"Bearer"}')]
    with raw_server(says(*said)) as server:
        flow = MastodonOAuth(Http(server.url), {"identity_scope": "profile"})
        flow.register(redirect_uri="https://our.test/callback")
        flow.exchange(ClientApp("a", "b"), code="c", redirect_uri="https://our.test/callback", verifier="v" * 64)
        flow.revoke(ClientApp("a", "b"), token="t")

    for request in server.requests:
        path = request.split()[1].decode()
        body = dict(parse_qsl(request.partition(b"\r\n\r\n")[2].decode()))
        assert body.keys() <= known_fields(specification, path)
        check_body(specification, path, {**body, **_lists(specification, path, body)})
    assert len(server.requests) == 3


def _lists(specification: dict[str, Any], path: str, body: dict[str, str]) -> dict[str, Any]:
    """Fields that the description shows as lists and that a form gives as one text (`redirect_uris`)."""
    content = specification["paths"][path]["post"]["requestBody"]["content"]
    schema = next(iter(content.values()))["schema"]
    return {
        name: [body[name]]
        for name, field in schema.get("properties", {}).items()
        if name in body and field.get("type") == "array"
    }


def test_paths_that_we_ask_are_described(specification: dict[str, Any]) -> None:
    asked = {
        "/api/v1/statuses/{id}": "delete",
        "/api/v1/statuses/{id}/source": "get",
        "/api/v1/accounts/{id}/statuses": "get",
        "/api/v1/accounts/verify_credentials": "get",
        "/api/v2/media": "post",
        "/api/v1/media/{id}": "get",
        "/api/v2/instance": "get",
        "/api/v1/instance": "get",
        "/.well-known/oauth-authorization-server": "get",
    }

    for path, method in asked.items():
        assert method in specification["paths"][path]
    listing = specification["paths"]["/api/v1/accounts/{id}/statuses"]["get"]["parameters"]
    assert {"limit", "max_id", "exclude_reblogs"} <= {parameter["name"] for parameter in listing if "name" in parameter}
