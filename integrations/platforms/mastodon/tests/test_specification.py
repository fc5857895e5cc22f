"""What we send and ask, against what Mastodon's documentation says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from integrations.contract import Content, Part, Published, Target
from integrations.platforms.mastodon.connector import MastodonConnector
from integrations.platforms.mastodon.limits import STOCK
from integrations.platforms.mastodon.oauth import SCOPES, MastodonOAuth
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.media_contract import MediaFolder, with_media
from tests.kit.raw_server import answer, raw_server, says
from tests.specifications.mastodon import (
    CALLS,
    MEDIA_LIMITS,
    MEDIA_STATUS,
    POLL_LIMITS,
    POLL_STATUS,
    STATUS_LIMITS,
    TEXT_STATUS,
    UPLOAD,
)
from tests.specifications.shapes import FORM
from tests.specifications.tables import Request, form_of, problems_of

STATUS = answer('{"id":"1","url":"https://m.test/1"}')
UPLOADED = answer('{"id":"1","type":"image","url":"https://m.test/f"}')


def bodies_of(content: Content) -> list[dict[str, Any]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in requests_of(content, STATUS)]


def requests_of(content: Content, *said: bytes) -> list[bytes]:
    connections.drop_kept()
    with raw_server(says(*said)) as server:
        target = Target(server.url, "m.test", "7", "@anna@m.test")
        http = Http(server.url, auth=Auth("abc"), on_visible=lambda: None)
        sent: list[Published] = []
        for _ in content.parts:
            sent.append(Published("1"))
            MastodonConnector(target, http).publish(step_of(content, *sent[:-1]), progress=InMemoryProgress())
    return server.requests


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"visibility": "direct", "spoiler_text": "CW", "sensitive": True, "language": "de"},
        {"visibility": "private"},
        {"quoted_status_id": "https://m.test/@a/1", "quote_approval_policy": "followers"},
    ],
)
def test_new_status_is_as_described(options: dict[str, Any]) -> None:
    bodies = bodies_of(Content((Part("One"), Part("Two", kind="reply")), options))

    assert [list(TEXT_STATUS.problems(body)) for body in bodies] == [[], []]
    assert list(TEXT_STATUS.problems({**bodies[0], "nonsense": 1})) == ["$.nonsense: is unknown"]  # so the check checks


def test_new_status_with_a_poll_is_as_described() -> None:
    options = {"poll_options": ["A", "B"], "poll_expires_in": 300, "poll_multiple": True, "poll_hide_totals": False}
    poll, reply = bodies_of(Content((Part("One"), Part("Two", kind="reply")), options))

    assert poll["poll"] == {"options": ["A", "B"], "expires_in": 300, "multiple": True, "hide_totals": False}
    assert (list(POLL_STATUS.problems(poll)), list(TEXT_STATUS.problems(reply))) == ([], [])


def test_new_status_with_files_is_as_described(tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    for content in (with_media(folder.picture(), folder.picture()), with_media(folder.video(), text="")):
        body = json.loads(requests_of(content, UPLOADED)[-1].partition(b"\r\n\r\n")[2])

        assert body.keys() == {"status", "media_ids"}
        assert list(MEDIA_STATUS.problems(body)) == []


def test_upload_is_as_described(tmp_path: Path) -> None:
    request = requests_of(with_media(MediaFolder(tmp_path).picture(alt_text="A cat")), UPLOADED, STATUS)[0]

    names = {name.decode() for name in re.findall(rb'form-data; name="([^"]+)"', request)}
    assert request.startswith(b"POST /api/v2/media HTTP/1.1\r\n")
    assert names == {"file", "description"} <= UPLOAD.known.keys()
    assert UPLOAD.required <= names


def test_answers_that_we_know_of_files_are_those_described() -> None:
    shown = CALLS["GET /api/v1/media/{id}"]

    assert CALLS["POST /api/v2/media"].answers.keys() == {200, 202}
    assert shown.answers.keys() == {200, 206}
    assert shown.refusals >= {422, 404, 410}


def test_limits_that_we_read_are_described() -> None:
    assert STOCK.keys() <= MEDIA_LIMITS.known.keys() | STATUS_LIMITS.known.keys() | POLL_LIMITS.known.keys()
    assert "supported_mime_types" in MEDIA_LIMITS.known


def test_options_that_we_offer_are_described() -> None:
    offered = MastodonConnector.capabilities.options["properties"]

    polls = {name.removeprefix("poll_") for name in offered if name.startswith("poll_")}
    assert polls == POLL_STATUS.known["poll"].known.keys()  # type: ignore[attr-defined]
    assert {name for name in offered if not name.startswith("poll_")} <= TEXT_STATUS.known.keys() | {"focus"}
    assert "focus" in UPLOAD.known
    assert set(offered["visibility"]["enum"]) <= set(TEXT_STATUS.known["visibility"].options)


def test_sign_in_calls_are_as_described() -> None:
    connections.drop_kept()
    said = [answer('{"client_id":"a","client_secret":"b"}'), answer('{"access_token":"t","token_type":"Bearer"}')]
    with raw_server(says(*said)) as server:
        flow = MastodonOAuth(Http(server.url), {"identity_scope": "profile"})
        flow.register(redirect_uri="https://our.test/callback")
        flow.exchange(ClientApp("a", "b"), code="c", redirect_uri="https://our.test/callback", verifier="v" * 64)
        flow.revoke(ClientApp("a", "b"), token="t")

    sent = [form_request(request) for request in server.requests]
    assert [one.target for one in sent] == ["/api/v1/apps", "/oauth/token", "/oauth/revoke"]
    assert [problems_of("mastodon", one) for one in sent] == [[], [], []]


def form_request(request: bytes) -> Request:
    path = request.split()[1].decode()
    body = form_of(parse_qsl(request.partition(b"\r\n\r\n")[2].decode(), keep_blank_values=True))
    return Request("POST", path, {"Content-Type": FORM}, body)


def test_scopes_that_we_ask_for_are_enough() -> None:
    for identity in ("profile", "read:accounts"):
        asked = {*SCOPES, identity}

        assert [name for name, call in CALLS.items() if call.scopes and not call.scopes & asked] == []
