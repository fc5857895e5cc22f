"""What goes through the door is in no log, no exception and no repr."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable

import pytest
import structlog

from mastablasta.core.outbound import Auth, CallFailed, Http, OAuthSession, connections
from mastablasta.core.outbound.http import call_of
from mastablasta.core.outbound.transport import Call
from tests.kit.raw_server import Turn, answer, is_silent, raw_server, resets, says, says_once

TOKEN, BODY, QUERY, ANSWER = "canary-token", "canary-body", "canary-query", "canary-answer"
CANARIES = [TOKEN, BODY, QUERY, ANSWER]


def canaries_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def post(url: str) -> object:
    http = Http(url, auth=Auth(TOKEN), on_visible=lambda: None)
    return http.post("/x", params={"q": QUERY}, json={"a": BODY}, visible=True, timeout_s=0.3).json()


FAILURES: dict[str, Turn] = {
    "reset": resets,
    "silence": is_silent,
    "garbage": says_once(f"{ANSWER}\r\n".encode()),
    "half": says_once(answer(ANSWER)[:-2]),
    "no JSON": says(answer(ANSWER)),
}


@pytest.mark.parametrize("turn", FAILURES.values(), ids=FAILURES.keys())
def test_failure_tells_no_secret(turn: Turn) -> None:
    connections.drop_kept()
    rendered = structlog.testing.CapturingLogger()
    log = structlog.wrap_logger(
        rendered,
        processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
    )
    with raw_server(turn) as server:
        try:
            post(server.url)
        except CallFailed as failure:
            told = [repr(failure), str(failure), json.dumps(failure.__dict__, default=str), traceback.format_exc()]
            log.exception("call_failed")

    assert server.requests or turn is FAILURES["silence"]
    assert canaries_in("\n".join(told)) == []
    logged = json.dumps([call.args for call in rendered.calls])
    frames = json.loads(rendered.calls[0].args[0])["exception"][0]["frames"]
    assert TOKEN not in json.dumps([frame for frame in frames if "/tests/" not in frame["filename"]])
    assert "call_failed" in logged


def test_refused_address_tells_no_secret() -> None:
    for url in (f"https://user:{TOKEN}@example.com/", f"https://10.0.0.1/{QUERY}?{QUERY}"):
        with pytest.raises(CallFailed) as caught:
            Http(url, auth=Auth(TOKEN)).get("/")

        assert canaries_in(str(caught.value)) == []


def test_reprs_tell_no_secret() -> None:
    with raw_server(says(answer(ANSWER, x_secret=ANSWER))) as server:
        http = Http(server.url, auth=Auth(TOKEN))
        got = http.get("/x", params={"q": QUERY})
    call: Call = call_of(
        "POST",
        f"https://example.com/x?q={QUERY}",
        headers={"Authorization": TOKEN},
        body=BODY.encode(),
        purpose="platform",
    )

    assert canaries_in(f"{http!r} {got!r} {call!r}") == []


@pytest.mark.parametrize("ask", ["fetch_token", "refresh_token"])
def test_oauth_session_logs_no_secret(ask: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    granted = json.dumps({"access_token": ANSWER, "token_type": "Bearer", "refresh_token": ANSWER})
    with raw_server(says(answer(granted), answer(ANSWER))) as server:
        session = OAuthSession("client")
        calls: dict[str, Callable[[], object]] = {
            "fetch_token": lambda: session.fetch_token(
                server.url, code=QUERY, client_secret=TOKEN, include_client_id=True
            ),
            "refresh_token": lambda: session.refresh_token(server.url, refresh_token=QUERY, client_secret=TOKEN),
        }

        calls[ask]()
        with pytest.raises(CallFailed) as caught:
            calls[ask]()

    assert (caught.value.code, len(server.requests)) == ("unreadable", 2)
    assert canaries_in(caplog.text + str(caught.value)) == []
