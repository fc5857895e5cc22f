"""Hosts that are half there: creates fail while look-ups answer; and what goes on when a host is back."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from integrations.models import PlatformHost, SocialAccount
from integrations.services import circuits
from integrations.tests.factories import connect
from posts.engine import outcomes, publisher, sender
from posts.engine.publisher import drain
from posts.models import Attempt, Delivery, Lane
from posts.queue import claims
from posts.tests.conftest import HASTE
from posts.tests.factories import make_delivery
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

ALWAYS = 1000


SCALE = 0.05  # of real waits: each of these tests waits for several retries and probes


@pytest.fixture(autouse=True)
def _in_more_haste(_in_haste: None, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Waits are shorter still; and the simulator shows at once what is out, so absence is believed at once."""
    settings.TIME_SCALE = SCALE
    monkeypatch.setattr(circuits, "SHORTEST_PROBE_S", 2 * SCALE)
    monkeypatch.setattr(outcomes, "LOOKS_S", tuple(seconds * SCALE / HASTE for seconds in outcomes.LOOKS_S))
    monkeypatch.setattr(outcomes, "LONGEST_GAP_S", outcomes.LONGEST_GAP_S * SCALE / HASTE)
    monkeypatch.setattr(publisher, "LINGER_S", 0.05)
    monkeypatch.setattr(sender, "visibility_lag_s", lambda _: 0.0)


def publish(account: SocialAccount, content: str = "Hello", **overrides: Any) -> Delivery:
    return make_delivery(account, due_at=timezone.now(), content=content, **overrides)


def run(until: Any, seconds: float = 60.0) -> None:
    """Drain, and let go what waited, as the clock has it done, until `until()` holds."""
    ends_at = time.monotonic() + seconds

    def is_over() -> bool:
        return bool(until()) or time.monotonic() > ends_at

    while not is_over():
        claims.unpark_lanes()
        drain(worker="test", should_stop=is_over, threads=4, at_most_s=0.1)  # the chore comes again and again


def states(*deliveries: Delivery) -> list[str]:
    for delivery in deliveries:
        delivery.refresh_from_db()
    return [delivery.state for delivery in deliveries]


def calls(sandbox: Sandbox, platform: str, operation: str) -> list[datetime]:
    return [datetime.fromisoformat(call["at"]) for call in sandbox.requests(platform) if call["operation"] == operation]


def texts(sandbox: Sandbox, platform: str) -> list[str]:
    return sorted(post["text"] for post in sandbox.posts(platform))


def opened(host_id: Any) -> bool:
    return PlatformHost.objects.filter(id=host_id, circuit_opened_at__isnull=False).exists()


# --- creates fail, look-ups answer ---
@pytest.mark.parametrize("platform", ["bluesky", "mastodon", "twitter"])
def test_retries_keep_their_pace_however_soon_a_look_up_answers(sandbox: Sandbox, platform: str) -> None:
    delivery = publish(connect(sandbox, "anna", platform=platform))
    sandbox.fault(platform, "publish", "status_500", times=ALWAYS)  # no silence: it may be about this one post

    run(until=lambda: states(delivery) == ["failed"])

    tried = calls(sandbox, platform, "publish")
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(tried)]
    assert (delivery.state, delivery.error_code, len(tried)) == ("failed", "not_sent", 4)
    assert [gap >= wait * SCALE for gap, wait in zip(gaps, (1, 2, 4), strict=True)] == [True] * 3
    assert texts(sandbox, platform) == []


@pytest.mark.parametrize(
    ("platform", "effect"),
    [
        ("bluesky", "status_503"),
        ("bluesky", "html_502"),
        ("bluesky", "reset_before"),
        ("mastodon", "status_503"),
        ("twitter", "reset_before"),
    ],
)
def test_a_lone_post_waits_while_creates_find_nobody(sandbox: Sandbox, platform: str, effect: str) -> None:
    account = connect(sandbox, "anna", platform=platform)
    delivery = publish(account)
    sandbox.fault(platform, "publish", effect, times=ALWAYS)

    run(until=lambda: len(calls(sandbox, platform, "publish")) >= 5 and states(delivery) == ["queued"])

    assert opened(account.platform_host_id)
    assert (delivery.state, delivery.tries, delivery.error_code) == ("queued", 2, "host_silent")
    assert "takes no posts" in delivery.error_message
    before = len(calls(sandbox, platform, "publish"))
    sandbox.clear_faults()
    run(until=lambda: states(delivery) == ["published"])
    assert not opened(account.platform_host_id)
    assert (delivery.state, delivery.tries, texts(sandbox, platform)) == ("published", 2, ["Hello"])
    assert len(calls(sandbox, platform, "publish")) == before + 1


def test_one_create_at_a_time_probes_and_a_look_up_closes_nothing(sandbox: Sandbox) -> None:
    accounts = [connect(sandbox, name, platform="bluesky") for name in ("anna", "ben", "cleo")]
    deliveries = [publish(account, account.handle) for account in accounts]
    host = accounts[0].platform_host_id
    sandbox.fault("bluesky", "publish", "status_503", times=ALWAYS)

    run(until=lambda: len(calls(sandbox, "bluesky", "publish")) >= 5 and states(*deliveries) == ["queued"] * 3)

    opened_at = PlatformHost.objects.get(id=host).circuit_opened_at
    assert opened_at is not None
    probes = [at for at in calls(sandbox, "bluesky", "publish") if at > opened_at]
    assert len(probes) >= 2
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(probes)]
    assert min(gaps) >= 2 * SCALE * 0.9 - 0.05
    assert sum(one.tries for one in deliveries) <= 2  # the third silent call opens it; those before may come earlier
    sandbox.clear_faults()
    run(until=lambda: states(*deliveries) == ["published"] * 3)
    assert texts(sandbox, "bluesky") == sorted(account.handle for account in accounts)


def test_look_ups_go_on_while_a_host_takes_no_posts(sandbox: Sandbox) -> None:
    """Of two posts in doubt one is out: that is found out although nothing can be sent."""
    anna, ben = (connect(sandbox, name, platform="bluesky") for name in ("anna", "ben"))
    there = publish(anna, "there")
    sandbox.fault("bluesky", "publish", "accept_then_reset")
    run(until=lambda: states(there) == ["published"])
    sandbox.fault("bluesky", "publish", "reset_before", times=ALWAYS)
    missing = publish(ben, "missing")
    run(until=lambda: opened(ben.platform_host_id) and states(missing) == ["queued"])

    sandbox.clear_faults()
    sandbox.fault("bluesky", "publish", "accept_then_reset", times=ALWAYS)  # accepted, and never an answer
    run(until=lambda: states(missing) == ["published"])

    assert opened(ben.platform_host_id)
    assert texts(sandbox, "bluesky") == ["missing", "there"]


def test_a_post_behind_one_that_waits_is_looked_up(sandbox: Sandbox) -> None:
    """The account's next post, due already, must not keep its lane closed to the look-up before it."""
    anna = connect(sandbox, "anna", platform="bluesky")
    now = timezone.now()
    PlatformHost.objects.filter(id=anna.platform_host_id).update(
        circuit_opened_at=now, failed_sends=3, probe_at=now + timedelta(hours=1)
    )
    later = now + timedelta(seconds=30)
    first = make_delivery(
        anna, due_at=now - timedelta(seconds=9), state="unknown", sent_at=now, doubted_at=now, next_attempt_at=later,
        attempt_count=1,
    )  # fmt: skip
    second = make_delivery(anna, due_at=now - timedelta(seconds=5))
    drain(worker="test", threads=2)
    assert (states(first, second), Lane.objects.get().is_parked) == (["unknown", "queued"], True)
    Delivery.objects.filter(id=first.id).update(next_attempt_at=now)

    run(until=lambda: states(first) == ["queued"])

    assert (states(first, second), first.error_code, first.tries) == (["queued", "queued"], "host_silent", 0)
    assert calls(sandbox, "bluesky", "publish") == []
    assert Attempt.objects.filter(delivery=second, outcome="abandoned").count() <= 2


# --- in doubt after an outage ---
def test_the_first_answer_of_a_host_wakes_all_that_waits_for_it(sandbox: Sandbox) -> None:
    """Two in doubt, one of them with its next look far away and its lane open; another account's probe closes."""
    anna, ben, cleo = (connect(sandbox, name, platform="bluesky") for name in ("anna", "ben", "cleo"))
    now = timezone.now()
    since = {"state": "unknown", "sent_at": now, "doubted_at": now, "attempt_count": 9}
    far = make_delivery(anna, due_at=now, next_attempt_at=now + timedelta(hours=1), **since)
    parked = make_delivery(ben, due_at=now, next_attempt_at=now + timedelta(hours=1), **since)
    Lane.objects.filter(account=ben).update(is_parked=True, ready_at=None)
    probe = publish(cleo)
    PlatformHost.objects.filter(id=anna.platform_host_id).update(
        circuit_opened_at=now, failures=9, probe_at=now, probe_account=cleo.id
    )

    run(until=lambda: states(far, parked, probe) == ["published"] * 3)

    assert states(far, parked, probe) == ["published"] * 3
    assert len(texts(sandbox, "bluesky")) == 3


@pytest.mark.parametrize("platform", ["bluesky", "mastodon", "twitter"])
def test_after_an_outage_of_everything_all_go_on_with_the_first_answer(sandbox: Sandbox, platform: str) -> None:
    """The one in doubt for longest is asked for once more before the host is back, as its plan goes."""
    anna, ben, cleo = (connect(sandbox, name, platform=platform) for name in ("anna", "ben", "cleo"))
    sandbox.fault(platform, "any", "html_502", times=ALWAYS)
    first = publish(anna, "first")
    run(until=lambda: opened(anna.platform_host_id) and Lane.objects.get(account=anna).is_parked)
    begun = timezone.now() - timedelta(minutes=7)
    Delivery.objects.filter(id=first.id).update(sent_at=begun, doubted_at=begun)
    asked = Attempt.objects.filter(delivery=first, kind="reconcile", outcome="unavailable")
    before = asked.count()
    run(until=lambda: asked.count() > before and Lane.objects.get(account=anna).is_parked)
    others = [publish(ben, "second"), publish(cleo, "third")]

    sandbox.clear_faults()
    run(until=lambda: states(first, *others) == ["published"] * 3)

    assert states(first, *others) == ["published"] * 3
    assert texts(sandbox, platform) == ["first", "second", "third"]
    assert not opened(anna.platform_host_id)
