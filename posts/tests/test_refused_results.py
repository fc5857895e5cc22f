"""What the database cannot keep of a result holds up nobody else, and nothing is sent again for it."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings

from integrations.models import SocialAccount
from integrations.tests.factories import make_account, make_host
from mastablasta.core.outbound import connections
from posts.models import Attempt, Delivery, Lane
from posts.queue import claims, types
from posts.tests.conftest import Connect
from posts.tests.test_publishing import publish, run_until_settled, settled
from tests.kit.raw_server import RawServer, answer, raw_server, says
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
NOT_TEXT = "no \x00 and no \ud800 half"


def account_at(server: RawServer) -> SocialAccount:
    connections.drop_kept()
    host = make_host(host=server.url.partition("//")[2], base_url=server.url)
    return make_account(platform_host=host)


@pytest.mark.parametrize("status", [422, 200])
def test_texts_that_no_database_keeps_come_out_of_an_answer_readable(status: int) -> None:
    """A refusal is explained, and a post that is out is known to be, whatever signs the platform's answer holds."""
    told: dict[str, Any] = {"error": NOT_TEXT}
    if status == 200:
        told = {"id": "7", "url": f"https://mastodon.test/{NOT_TEXT}", "account": {"id": "1"}, "content": NOT_TEXT}
    with raw_server(says(answer(json.dumps(told), status))) as server:
        delivery = publish(account_at(server), "Hello")
        run_until_settled(delivery, seconds=10)
        sent = [request for request in server.requests if request.startswith(b"POST")]

    delivery.refresh_from_db()
    assert (delivery.state, len(sent)) == ("published" if status == 200 else "rejected", 1)
    if status == 422:
        assert "no \ufffd and no \ufffd half" in delivery.error_message
        [attempt] = Attempt.objects.filter(delivery=delivery)
        assert "no \ufffd and no \ufffd half" in attempt.message


@pytest.mark.parametrize("error", [DataError("it cannot be kept"), TypeError("it cannot be written")])
def test_result_that_is_refused_holds_up_no_other_and_is_looked_up(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch, settings: Settings, error: Exception
) -> None:
    settings.TIME_SCALE = 0.1
    sandbox.limits(idempotency=False)
    bad = publish(connected("anna"), "bad")
    good = [publish(connected(name), f"good {name}") for name in ("berta", "clara")]
    finish = claims.finish
    refused: list[int] = []

    def picky(results: list[types.Result], **more: Any) -> Any:
        if any(one.delivery_id == bad.id and one.state == "published" for one in results) and len(refused) < 3:
            refused.append(len(results))
            raise error
        return finish(results, **more)

    monkeypatch.setattr(claims, "finish", picky)
    run_until_settled(*good)
    ended_with_the_others = settled(bad)
    for leased in (Lane, Delivery):
        leased.objects.exclude(lease_token=None).update(lease_expires_at=timezone.now())
    run_until_settled(bad)

    for delivery in (bad, *good):
        delivery.refresh_from_db()
    assert not ended_with_the_others
    assert {delivery.state for delivery in (bad, *good)} == {"published"}
    assert sorted(post["text"] for post in sandbox.posts()) == ["bad", "good berta", "good clara"]


def test_database_that_goes_while_the_refused_one_is_looked_for_loses_no_result(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries = [publish(connected(name), name) for name in ("anna", "berta", "clara")]
    finish = claims.finish
    calls: list[int] = []

    def gone(results: list[types.Result], **more: Any) -> Any:
        if results and len(calls) < 2:
            calls.append(len(results))
            raise DataError("not this") if len(calls) == 1 else OperationalError("gone")
        return finish(results, **more)

    monkeypatch.setattr(claims, "finish", gone)
    run_until_settled(*deliveries)

    assert sorted(post["text"] for post in sandbox.posts()) == ["anna", "berta", "clara"]
    assert list(Attempt.objects.order_by("id").values_list("kind", "outcome")) == [("send", "published")] * 3
    assert len(calls) == 2


def test_database_that_refuses_every_claim_is_not_asked_without_pause(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, claim, asked = publish(connected(), "Hello"), claims.claim, []

    def refuses(**more: Any) -> Any:
        asked.append(time.monotonic())
        if len(asked) < 4:
            raise DataError("not this")
        return claim(**more)

    monkeypatch.setattr(claims, "claim", refuses)
    run_until_settled(delivery)

    assert len(sandbox.posts()) == 1
    assert min(after - before for before, after in pairwise(asked[:4])) > 0.1
