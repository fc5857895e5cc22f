"""Prefer: wait over HTTP, with a real drain beside it against the simulator."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections, transaction
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import Membership
from accounts.tests.factories import signed_in
from integrations.models import SocialAccount
from posts.api import waiting
from posts.engine.publisher import drain
from posts.models import Delivery, Post
from posts.tests.conftest import Connect
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(connected: Connect) -> SocialAccount:
    return connected()


@pytest.fixture
def client(account: SocialAccount) -> APIClient:
    return signed_in(Membership.objects.get(workspace=account.workspace).user)


@contextmanager
def draining() -> Iterator[None]:
    """A worker that runs beside the block."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                drain(worker="beside", should_stop=stop.is_set, threads=2)
                stop.wait(0.05)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(20)


def draft(client: APIClient, **body: Any) -> str:
    answer = client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **body})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def publish(client: APIClient, post_id: str, prefer: str, **headers: str) -> Any:
    return client.post(f"/api/v2/posts/{post_id}/publish", headers={"Prefer": prefer, **headers})


def test_waiting_answers_with_the_outcome(client: APIClient, sandbox: Sandbox) -> None:
    post_id = draft(client)

    with draining():
        answer = publish(client, post_id, "wait=20")

    [seen] = sandbox.posts()
    post = client.get(f"/api/v2/posts/{post_id}").json()
    assert (answer.status_code, answer["Preference-Applied"]) == (200, "wait")
    assert answer.json() == {
        "post": post,
        "message": "The post is published.",
        "results": {"mastodon": post["deliveries"]},
    }
    assert (post["status"], post["deliveries"][0]["platform_post_id"]) == ("published", seen["id"])


def test_creating_with_publish_waits_too_and_stays_201(client: APIClient) -> None:
    body = {"content": "Hello", "platforms": ["mastodon"], "publish": True}

    with draining():
        answer = client.post("/api/v2/posts", body, headers={"Prefer": "wait=20"})

    assert (answer.status_code, answer["Preference-Applied"]) == (201, "wait")
    assert answer.json()["status"] == "published"
    assert answer.json() == client.get(answer["Location"]).json()


def test_a_draft_is_not_waited_for(client: APIClient) -> None:
    started = time.monotonic()

    answer = client.post("/api/v2/posts", {"content": "Hello"}, headers={"Prefer": "wait=20"})

    assert answer.status_code == 201
    assert "Preference-Applied" not in answer
    assert time.monotonic() - started < 5


def test_a_failure_is_an_outcome(client: APIClient, sandbox: Sandbox) -> None:
    post_id = draft(client)
    sandbox.fault("mastodon", "publish", "reject_content")

    with draining():
        answer = publish(client, post_id, "wait=20")

    [delivery] = answer.json()["results"]["mastodon"]
    assert (answer.status_code, delivery["status"], answer.json()["post"]["status"]) == (200, "failed", "failed")
    assert answer.json()["message"] == "The post could not be published; see results."


def test_what_is_not_settled_in_time_is_202_with_the_same(client: APIClient) -> None:
    post_id = draft(client)
    started = time.monotonic()

    answer = publish(client, post_id, "wait=1")  # nobody drains

    assert 1 <= time.monotonic() - started < 5
    post = client.get(f"/api/v2/posts/{post_id}").json()
    assert (answer.status_code, answer["Preference-Applied"]) == (202, "wait")
    assert answer.json() == {
        "post": post,
        "message": "The post is being published.",
        "results": {"mastodon": post["deliveries"]},
    }


def test_what_waits_for_its_account_ends_the_waiting_unsettled(client: APIClient) -> None:
    post_id = draft(client)
    SocialAccount.objects.update(state="needs_reauth")
    started = time.monotonic()

    answer = publish(client, post_id, "wait=20")

    assert time.monotonic() - started < 5
    [delivery] = answer.json()["results"]["mastodon"]
    assert (answer.status_code, delivery["waiting_for"]) == (202, "account")


@pytest.mark.parametrize("prefer", ["", "wait", "wait=", "wait=0", "wait=soon", "wait=-5", "wait=1.5", "respond-async"])
def test_what_is_malformed_is_ignored(client: APIClient, prefer: str) -> None:
    answer = publish(client, draft(client), prefer)

    assert answer.status_code == 202
    assert answer.json().keys() == {"post", "message"}
    assert "Preference-Applied" not in answer


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("WAIT=5", 5),
        ('wait="5"', 5),
        ("wait = 5", 5),
        ("respond-async, wait=5; strict", 5),
        ('return=minimal; foo="a,wait=9", wait=5', 5),
        ("wait=5, wait=9", 5),
        ("wait=soon, wait=9", 0),
        ("wait=999", 30),
        ("wait=" + "9" * 5000, 30),
        ("wait=\u0665", 0),
    ],
)
def test_the_header_is_read_as_the_standard_has_it(prefer: str, seconds: int) -> None:
    request: Any = APIRequestFactory().post("/", headers={"Prefer": prefer})

    assert waiting.asked_wait_s(request) == seconds


def test_whoever_comes_beyond_a_quarter_of_the_threads_is_answered_at_once(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_slots", threading.BoundedSemaphore(1))
    post_id, other_id = draft(client), draft(client, content="Other")
    first: list[Any] = []

    def wait() -> None:
        try:
            first.append(publish(client, post_id, "wait=1"))
        finally:
            connections.close_all()

    waiter = threading.Thread(target=wait)
    waiter.start()
    until(lambda: waiting._slots._value == 0)
    started = time.monotonic()
    second = publish(client, other_id, "wait=20")
    lasted_s = time.monotonic() - started
    waiter.join()

    assert lasted_s < 10  # of the 20 that it asked for
    assert (second.status_code, second.json().keys()) == (202, {"post", "message", "results"})
    assert "Preference-Applied" not in second
    assert first[0]["Preference-Applied"] == "wait"
    assert waiting._slots._value == 1


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_waiting_thread_holds_no_connection_and_no_transaction(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []
    monkeypatch.setattr(
        waiting.time, "sleep", lambda _: held.append((connection.connection, connection.in_atomic_block))
    )
    monkeypatch.setattr(waiting, "SHORTEST_PAUSE_S", 0.2)

    publish(client, draft(client), "wait=1")

    assert set(held) == {(None, False)}


def test_within_a_transaction_nobody_waits(client: APIClient) -> None:
    post_id = draft(client)
    started = time.monotonic()

    with transaction.atomic():
        answer = publish(client, post_id, "wait=20")

    assert time.monotonic() - started < 5
    assert (answer.status_code, "Preference-Applied" in answer) == (202, False)


def test_waiting_goes_with_an_idempotency_key(client: APIClient, sandbox: Sandbox) -> None:
    post_id = draft(client)

    with draining():
        first = publish(client, post_id, "wait=20", **{"Idempotency-Key": "once"})
    again = publish(client, post_id, "wait=20", **{"Idempotency-Key": "once"})

    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (200, 200, "true")
    assert again.json() == first.json()
    assert (len(sandbox.posts()), Post.objects.count(), Delivery.objects.count()) == (1, 1, 1)
