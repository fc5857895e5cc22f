"""kill -9 of the sender of webhooks, again and again, before, during and after its calls: no event is lost.

Each event reaches each endpoint at least once, with the same id and a good signature; a receiver that keeps the ids it
knows sees each once, and in the order in which they happened. The receiver is slow now and then, and fails at times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
import standardwebhooks

from tests.faults.figures import note
from tests.instance import Instance
from tests.kit.receiver import Received, Receiver, Reply, receiving
from tests.rings import LONGEST_S
from tests.scale import IS_FULL, SCALE

pytestmark = pytest.mark.timeout(2400 if IS_FULL else LONGEST_S)

KILLS = 30 if IS_FULL else 2
ENDPOINTS = 5
EVENTS = 20  # between two kills
WHEN = "2031-01-01T09:00:00Z"


@pytest.fixture
def own_instance(own_database_url: str) -> Iterator[Instance]:
    with Instance(own_database_url, WEBHOOK_ALLOW_PRIVATE="true", TIME_SCALE=str(SCALE)) as instance:
        yield instance


def senders(instance: Instance) -> list[int]:
    """The processes that say that they send."""
    rows = instance.rows("SELECT name FROM core_heartbeat WHERE name LIKE 'webhooks:%'")
    living = set(instance.pids("q2_worker"))
    return [pid for (name,) in rows if (pid := int(name.rpartition(":")[2])) in living]


def events(instance: Instance) -> list[str]:
    return [str(UUID(str(id_))) for (id_,) in instance.rows("SELECT id FROM webhooks_event ORDER BY id")]


def test_no_event_is_lost_whenever_the_sender_is_killed(own_instance: Instance) -> None:
    instance, chance = own_instance, random.Random(20_261_129)
    client = instance.client()
    account = client.connect_mastodon("ada")
    with receiving() as receiver:
        customer = Customer(receiver)
        for number in range(ENDPOINTS):
            body = {"url": f"{receiver.url}/{number}", "events": ["post.scheduled"]}
            customer.judges[f"/{number}"] = standardwebhooks.Webhook(client.post("webhooks", body)["secret"])
        receiver.reply = customer.reply
        met = 0
        for kill in range(KILLS):
            posts = [{"content": f"{kill} {n}", "accounts": [account], "scheduled_time": WHEN} for n in range(EVENTS)]
            least = len(receiver.received) + chance.randint(0, EVENTS * ENDPOINTS // 2)
            client.post("bulk/posts/create", {"posts": posts})
            pids = instance.wait_for(
                lambda least=least: len(receiver.received) >= least and senders(instance), what="sending"
            )
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                met += 1
        expected, killed_at = events(instance), time.monotonic()
        instance.wait_for(
            lambda: all(set(receiver.ids(path)) == set(expected) for path in customer.judges), what="told of everything"
        )
        took_s = time.monotonic() - killed_at

    assert len(expected) == KILLS * EVENTS
    assert met >= KILLS
    assert {path: receiver.ids(path) for path in customer.judges} == dict.fromkeys(customer.judges, expected)
    assert customer.doubtful == []
    again = len(receiver.received) - KILLS * EVENTS * ENDPOINTS
    note(
        "`kill -9` of the sender of webhooks",
        f"{met} kills, {len(expected)} events to {ENDPOINTS} endpoints: 0 lost, all in order, {again} came again; "
        f"all there {took_s:.0f} s after the last kill",
    )


class Customer:
    """Verifies what comes at once; every seventh request takes its time, every fiftieth is refused."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.judges: dict[str, standardwebhooks.Webhook] = {}
        self.doubtful: list[str] = []

    def reply(self, request: Received) -> Reply:
        number = len(self.receiver.received)
        try:
            self.judges[request.path].verify(request.body, request.headers)
        except standardwebhooks.WebhookVerificationError as error:
            self.doubtful.append(f"{request.path} {request.id}: {error}")
        time.sleep(0.1 if number % 7 == 0 else 0.005)
        return Reply(500 if number % 50 == 0 else 200)
