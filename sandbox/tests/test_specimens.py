from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sandbox.tests.clients import PNG, Control, Server, origin_of, start


def test_one_of_every_form_of_call_is_written(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    process = start("--port", "0", env={**os.environ, "SANDBOX_SPECIMENS": str(path)})
    try:
        server = Server(Control(origin_of(process)).origin)
        alice = server.sign_in("alice")
        for text in ("One", "Two"):
            alice.publish(text)
        alice.publish("Three", sensitive=True)
        alice.upload(PNG, description="A cat")
        alice.own_list(limit=1)
        alice.own_list(limit=2)
        server.http.close()
    finally:
        process.terminate()
        process.communicate(timeout=5)

    calls = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(call["platform"], call["method"], without_query(call)) for call in calls] == [
        ("mastodon", "POST", "/api/v1/apps"),
        ("mastodon", "GET", "/oauth/authorize"),
        ("mastodon", "POST", "/oauth/token"),
        ("mastodon", "POST", "/api/v1/statuses"),
        ("mastodon", "POST", "/api/v1/statuses"),
        ("mastodon", "POST", "/api/v2/media"),
        ("mastodon", "GET", "/api/v1/accounts/verify_credentials"),
        ("mastodon", "GET", calls[-1]["target"].partition("?")[0]),
    ]
    assert [call["body"] for call in calls[3:5]] == [{"status": "One"}, {"status": "Three", "sensitive": True}]
    assert dict(calls[2]["body"])["grant_type"] == "authorization_code"
    file = {"file": "application/octet-stream", "size": len(PNG)}
    assert sorted(calls[5]["body"]) == [["description", "A cat"], ["file", file]]
    assert calls[7]["target"].endswith("/statuses?limit=1")
    assert all("authorization" not in call["headers"] for call in calls)


def without_query(call: dict[str, Any]) -> str:
    return str(call["target"]).partition("?")[0]
