from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.tests.clients import Client, Control, Server, wait_until

HELLO = b'{"status":"Hello"}'


def raw_publish(alice: Client, *, body: bytes = HELLO) -> socket.socket:
    """Send a complete publish call over a socket of its own."""
    parts = urlsplit(alice.server.url)
    connection = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10)
    head = (
        f"POST {parts.path}/api/v1/statuses HTTP/1.1\r\nHost: sandbox\r\n"
        f"Authorization: Bearer {alice.access_token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize(
    ("effect", "status", "body", "texts"),
    [
        ("status_500", 500, None, []),
        (
            "status_503",
            503,
            {"error": "There was a temporary problem serving your request, please try again"},
            [],
        ),
        ("accept_then_500", 500, None, ["Hello"]),
        ("reject_content", 422, {"error": "Validation failed: Text contains a blocked word"}, []),
        ("html_502", 502, None, []),
        ("publish_without_id", 200, {}, []),
    ],
)
def test_effect_answers_and_leaves_in_the_world(
    control: Control, alice: Client, effect: str, status: int, body: dict[str, str] | None, texts: list[str]
) -> None:
    control.fault(effect)

    answer = alice.publish("Hello")

    assert answer.status_code == status
    if body is None:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    else:
        assert answer.json() == body
    assert control.texts() == texts
    assert control.requests()[-1]["status"] == status
    assert alice.publish("Next").status_code == 200


def test_garbage_200_does_it_and_cannot_be_read(control: Control, alice: Client) -> None:
    control.fault("garbage_200")

    answer = alice.publish("Hello")

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert control.texts() == ["Hello"]


@pytest.mark.parametrize(("effect", "texts"), [("reset_before", []), ("accept_then_reset", ["Hello"])])
def test_reset_is_seen_as_a_reset_and_not_as_an_end(
    control: Control, alice: Client, effect: str, texts: list[str]
) -> None:
    control.fault(effect)

    connection = raw_publish(alice)
    with pytest.raises(ConnectionResetError):
        connection.recv(100)
    connection.close()

    assert control.texts() == texts
    call = control.requests()[-1]
    assert (call["operation"], call["status"], call["ms"]) == ("publish", None, None)


def test_reset_reaches_a_client_that_keeps_its_connection(control: Control, alice: Client) -> None:
    alice.published("First")
    control.fault("accept_then_reset")

    with pytest.raises(requests.ConnectionError) as caught:
        alice.publish("Second")

    assert "ConnectionResetError" in repr(caught.value)
    assert control.texts() == ["First", "Second"]
    assert alice.publish("Third").status_code == 200


def test_reset_waits_for_the_end_of_the_request(control: Control, alice: Client) -> None:
    control.fault("reset_before")

    parts = urlsplit(alice.server.url)
    slow = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=0.3)
    slow.sendall(f"POST {parts.path}/api/v1/statuses HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 18\r\n\r\n".encode())
    slow.sendall(HELLO[:9])
    with pytest.raises(TimeoutError):
        slow.recv(100)
    slow.sendall(HELLO[9:])
    with pytest.raises(ConnectionResetError):
        slow.recv(100)
    slow.close()


def test_call_that_never_arrived_whole_takes_no_fault_and_is_not_noted(control: Control, alice: Client) -> None:
    control.fault("status_500")
    calls = len(control.requests())

    parts = urlsplit(alice.server.url)
    broken = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=1)
    broken.sendall(
        f"POST {parts.path}/api/v1/statuses HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 18\r\n\r\n".encode()
    )
    broken.close()
    time.sleep(0.1)

    assert len(control.requests()) == calls
    assert len(control.get("state")["faults"]) == 1


def test_rate_limited_closes_the_window_for_every_publish_call(control: Control, server: Server, alice: Client) -> None:
    bob = server.sign_in("bob")
    control.fault("rate_limited", retry_after=1)

    before = datetime.now(UTC)
    hit = alice.publish("One")
    after = datetime.now(UTC)
    closed = bob.publish("Two")
    read = alice.call("GET", "/api/v1/accounts/verify_credentials")
    time.sleep(1.05)
    opened = bob.publish("Three")

    assert [hit.status_code, closed.status_code, read.status_code, opened.status_code] == [429, 429, 200, 200]
    assert hit.json() == closed.json() == {"error": "Too many requests"}
    assert hit.headers["X-RateLimit-Remaining"] == "0"
    assert hit.headers["X-RateLimit-Reset"] == closed.headers["X-RateLimit-Reset"]
    reset = datetime.fromisoformat(hit.headers["X-RateLimit-Reset"])
    window, rounding = timedelta(seconds=1), timedelta(milliseconds=2)
    assert before + window - rounding <= reset <= after + window + rounding
    assert "Retry-After" not in hit.headers
    assert control.texts() == ["Three"]


def test_closed_window_uses_up_no_other_fault(control: Control, alice: Client) -> None:
    control.fault("rate_limited", retry_after=30)
    alice.publish()
    control.fault("status_500")

    alice.publish()

    assert [rule["effect"] for rule in control.get("state")["faults"]] == ["status_500"]
    assert control.call("DELETE", "faults").json() == {"cleared": 1}
    assert alice.publish().status_code == 200


def test_rate_limited_of_one_instance_leaves_the_others_open(control: Control, alice: Client) -> None:
    other = Server(control.origin, "mastodon-fork").sign_in("alice")
    control.fault("rate_limited", retry_after=30, instance="mastodon-fork")

    assert alice.publish().status_code == 200
    assert [other.publish().status_code, other.publish().status_code] == [429, 429]
    assert alice.publish().status_code == 200


def test_slow_does_it_at_once_and_answers_late(control: Control, alice: Client) -> None:
    control.fault("slow", ms=400)

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(alice.publish, "Slow")
        wait_until(lambda: control.texts() == ["Slow"], timeout_s=0.35)
        assert not late.done()
        answer = late.result()

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.4


def test_slow_goes_together_with_another_effect(control: Control, alice: Client) -> None:
    control.fault("slow", ms=150)
    control.fault("status_503")

    answer = alice.publish()

    assert (answer.status_code, answer.elapsed.total_seconds() >= 0.15) == (503, True)
    assert control.get("state")["faults"] == []


def test_times_counts_fitting_calls_only(control: Control, alice: Client) -> None:
    control.fault("status_500", operation="lookup", times=2)

    statuses = [alice.publish().status_code]
    statuses += [alice.call("GET", "/api/v1/statuses/1").status_code for _ in range(3)]

    assert statuses == [200, 500, 500, 404]


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("publish", "POST", "/api/v1/statuses"),
        ("upload", "POST", "/api/v2/media"),
        ("upload", "GET", "/api/v1/media/1"),
        ("metrics", "GET", "/api/v1/statuses"),
        ("lookup", "GET", "/api/v1/statuses/1/source"),
        ("lookup", "GET", "/api/v1/accounts/1/statuses"),
        ("delete", "DELETE", "/api/v1/statuses/1"),
        ("token", "POST", "/oauth/token"),
        ("token", "POST", "/oauth/revoke"),
        ("other", "POST", "/api/v1/apps"),
        ("other", "GET", "/api/v1/accounts/verify_credentials"),
        ("any", "GET", "/api/v2/instance"),
    ],
)
def test_operation_names_these_calls(control: Control, alice: Client, operation: str, method: str, path: str) -> None:
    control.fault("status_503", operation=operation)

    assert alice.call(method, path).status_code == 503
    expected = "other" if operation == "any" else operation
    assert control.requests()[-1]["operation"] == expected


def test_first_rule_wins_and_the_others_wait(control: Control, alice: Client) -> None:
    control.fault("status_503")
    control.fault("reject_content")

    assert [alice.publish().status_code for _ in range(3)] == [503, 422, 200]


def test_same_seed_gives_the_same_faults(control: Control, alice: Client) -> None:
    def outcomes(seed: int) -> list[int]:
        control.call("DELETE", "faults")
        control.fault("status_500", times=1000, probability=0.4, seed=seed)
        return [alice.publish().status_code for _ in range(30)]

    control.put("limits", quotas=False)
    first, second, other = outcomes(7), outcomes(7), outcomes(8)

    assert first == second
    assert first != other
    assert 3 < first.count(500) < 25


def test_probability_0_never_strikes_and_1_always(control: Control, alice: Client) -> None:
    control.fault("status_500", times=2, probability=0)
    assert [alice.publish().status_code for _ in range(3)] == [200, 200, 200]

    control.call("DELETE", "faults")
    control.fault("status_500", times=2, probability=1)
    assert [alice.publish().status_code for _ in range(3)] == [500, 500, 200]


@pytest.mark.parametrize(
    ("effect", "sentence"),
    [("expire_token", "The access token expired"), ("revoke_token", "The access token was revoked")],
)
def test_token_effects_end_all_tokens_issued_so_far(
    control: Control, server: Server, alice: Client, effect: str, sentence: str
) -> None:
    order = control.post("faults", platform="mastodon", effect=effect)
    fresh = server.sign_in("alice")

    assert order == {"platform": "mastodon", "effect": effect, "tokens": 1}
    answer = alice.publish("Ended")
    assert (answer.status_code, answer.json()) == (401, {"error": sentence})
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert fresh.publish("Fresh").status_code == 200
    assert control.texts() == ["Fresh"]


def test_500_slow_connections_at_once_hold(control: Control, alice: Client) -> None:
    control.put("limits", quotas=False)
    control.fault("slow", ms=700, times=500)
    connections = [raw_publish(alice) for _ in range(500)]

    began = time.monotonic()
    assert control.call("GET", "state").elapsed.total_seconds() < 0.3
    heads = [connection.recv(65_536).partition(b"\r\n")[0] for connection in connections]

    assert heads == [b"HTTP/1.1 200 OK"] * 500
    assert time.monotonic() - began < 10
    assert len(control.posts()) == 500
    for connection in connections:
        connection.close()


def test_at_is_when_the_call_arrived_not_when_it_was_answered(control: Control, alice: Client) -> None:
    control.fault("slow", ms=300)
    sent = datetime.now(UTC)

    alice.publish()

    call = control.requests(operation="publish")[0]
    assert re.fullmatch(r".*\.\d{3}Z", call["at"])
    assert datetime.fromisoformat(call["at"]) - sent < timedelta(milliseconds=200)
    assert call["ms"] >= 300
