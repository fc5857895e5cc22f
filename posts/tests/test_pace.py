"""What is late, too much, or meant for a host that does not answer: it waits, and says for what."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Workspace
from integrations.capabilities import RateRule, Source
from integrations.models import PlatformHost, RateBudget, SocialAccount
from integrations.services import budgets, circuits
from integrations.tests.factories import make_account, make_host
from posts.engine import job_loader, outcomes, rate_windows
from posts.engine.publisher import drain
from posts.models import Attempt, Delivery, Lane, Post
from posts.queue import claims, types
from posts.services import rescheduling, resolution, retries, scheduling
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.ports import free_port
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def late(account: SocialAccount, by: timedelta, **overrides: Any) -> Delivery:
    return make_delivery(account, due_at=timezone.now() - by, **overrides)


def run(seconds: float = 20.0, until: Any = None) -> None:
    """Drain, and let go what waited, as the clock has it done, until `until()` holds or nothing is left to do."""
    ends_at = time.monotonic() + seconds

    def is_over() -> bool:
        return bool(until and until()) or time.monotonic() > ends_at

    while True:
        drain(worker="test", should_stop=is_over, threads=8)
        if until is None or is_over():
            return
        claims.unpark_lanes()


def states(*deliveries: Delivery) -> list[str]:
    for delivery in deliveries:
        delivery.refresh_from_db()
    return [delivery.state for delivery in deliveries]


def creates(sandbox: Sandbox, platform: str = "mastodon") -> list[dict[str, Any]]:
    return [r for r in sandbox.requests(platform=platform) if r["operation"] == "publish"]


def move(account: SocialAccount, base_url: str) -> PlatformHost:
    """Let the account live on another host, at that address."""
    host = make_host(host=base_url.removeprefix("http://"), base_url=base_url)
    SocialAccount.objects.filter(id=account.id).update(platform_host=host)
    account.refresh_from_db()
    return host


# --- the missed-post rule ---
def test_what_is_late_within_the_rule_goes_out(sandbox: Sandbox, connected: Connect) -> None:
    delivery = late(connected(), 11 * HOUR)

    run()

    assert states(delivery) == ["published"]
    assert len(sandbox.posts()) == 1


def test_what_is_later_waits_for_a_person(sandbox: Sandbox, connected: Connect) -> None:
    delivery = late(connected(), 13 * HOUR)

    run()

    assert states(delivery) == ["held"]
    assert (creates(sandbox), delivery.error_kind, delivery.error_code) == ([], "held", "missed")
    assert delivery.error_message.startswith("It was due at ")
    assert "more than 12 hours late" in delivery.error_message
    assert Post.objects.get(id=delivery.post_id).status == "scheduled"
    assert Lane.objects.get().ready_at is None
    _, [still] = retries.retry_failed(delivery.workspace, at=timezone.now())
    assert still.error == delivery.error_message


def test_a_person_sends_what_was_held(sandbox: Sandbox, connected: Connect) -> None:
    delivery = late(connected(), 13 * HOUR)
    run()

    scheduling.publish_post(delivery.post, at=timezone.now())
    run()

    assert states(delivery) == ["published"]
    assert (delivery.error_message, len(sandbox.posts())) == ("", 1)


def test_a_person_gives_what_was_held_another_time(sandbox: Sandbox, connected: Connect) -> None:
    delivery = late(connected(), 13 * HOUR)
    run()

    rescheduling.reschedule_post(delivery.post, scheduled_at=timezone.now() + HOUR, at=timezone.now())
    run()

    assert states(delivery) == ["queued"]
    assert creates(sandbox) == []


def test_a_workspace_that_holds_decides_what_was_missed(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    Workspace.objects.filter(id=account.workspace_id).update(missed_post_policy="hold")
    moments_ago, missed = late(account, timedelta(minutes=1)), late(account, timedelta(minutes=10))

    run()

    assert states(moments_ago, missed) == ["published", "held"]
    assert "this workspace decides" in missed.error_message


def test_a_workspace_has_its_own_hours(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    Workspace.objects.filter(id=account.workspace_id).update(missed_post_hours=2)
    in_time, too_late = late(account, HOUR), late(account, 3 * HOUR)

    run()

    assert states(in_time, too_late) == ["published", "held"]


def test_a_retry_by_a_person_is_never_too_late(sandbox: Sandbox, connected: Connect) -> None:
    delivery = late(connected(), 48 * HOUR, state="failed", error_retryable=True, attempt_count=4)

    retries.retry_post(delivery.post, at=timezone.now())
    run()

    assert states(delivery) == ["published"]


def test_what_has_begun_is_never_held(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.TIME_SCALE, now = 1, timezone.now()  # absence is not believed within this test
    monkeypatch.setattr(outcomes, "LOOKS_S", (2, 5))
    delivery = late(
        connected(), 48 * HOUR, state="unknown", sent_at=now - 48 * HOUR, doubted_at=now, next_attempt_at=now,
        attempt_count=1,
    )  # fmt: skip
    claims.wake_lanes({delivery.account_id: now})

    run()

    assert states(delivery) == ["unknown"]
    assert creates(sandbox) == []
    assert {r["operation"] for r in sandbox.requests(platform="mastodon") if r["method"] == "GET"} >= {"lookup"}


# --- backlog ---
def test_a_backlog_goes_out_oldest_first_and_spaced(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    newer, older = late(account, HOUR, content="newer"), late(account, 2 * HOUR, content="older")

    run(until=lambda: states(newer, older) == ["published"] * 2)

    assert [post["text"] for post in sandbox.posts()] == ["older", "newer"]
    first, second = (datetime.fromisoformat(call["at"]) for call in creates(sandbox))
    assert second - first >= timedelta(seconds=1)


def test_posts_on_time_are_not_spaced(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    deliveries = [make_delivery(account, due_at=timezone.now(), content=f"number {i}") for i in range(3)]

    run(until=lambda: states(*deliveries) == ["published"] * 3)

    assert Lane.objects.get().blocked_until is None


# --- windows ---
def test_an_account_rests_when_its_window_is_used_up(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_loader, "publish_rate", lambda platform: (2, 1))
    account = connected()
    deliveries = [make_delivery(account, due_at=timezone.now(), content=f"number {i}") for i in range(3)]

    run(until=lambda: states(*deliveries) == ["published"] * 3)

    first, second, third = (datetime.fromisoformat(call["at"]) for call in creates(sandbox))
    assert third - first >= timedelta(seconds=1)
    assert second < third
    assert [d.tries for d in deliveries] == [0, 0, 0]


def test_our_app_stays_within_what_it_has_at_a_host(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = RateRule("publish", limit=2, window_s=3600, scope="app", source=Source("https://example.org", "2026-11-24"))
    monkeypatch.setattr(job_loader, "app_rules", lambda platform: (rule,))
    deliveries = [make_delivery(connected(name), due_at=timezone.now()) for name in ("anna", "ben", "cleo")]

    run()

    assert sorted(states(*deliveries)) == ["published", "published", "queued"]
    budget = RateBudget.objects.get()
    waiting = Delivery.objects.get(state="queued")
    assert (budget.remaining, budget.limit) == (0, 2)
    assert (waiting.next_attempt_at, waiting.tries, waiting.error_kind) == (budget.resets_at, 0, "rate_limited")
    assert "2 posts at" in waiting.error_message
    assert len(creates(sandbox)) == 2


def rule_of(limit: int, window_s: int, scope: Any, **more: Any) -> RateRule:
    return RateRule("publish", limit, window_s, scope, Source("https://example.org", "2026-11-24"), **more)


def test_every_window_of_our_app_counts(sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (
        rule_of(3, 60, "app"),
        rule_of(2, 86_400, "app", resets_in="America/Los_Angeles"),
        rule_of(9, 9_000, "app"),
    )
    monkeypatch.setattr(job_loader, "app_rules", lambda platform: rules)
    deliveries = [make_delivery(connected(name), due_at=timezone.now()) for name in ("anna", "ben", "cleo")]

    run()

    assert sorted(states(*deliveries)) == ["published", "published", "queued"]
    left = {budget.key.rpartition(":")[2]: budget.remaining for budget in RateBudget.objects.all()}
    assert left == {"60": 1, "America/Los_Angeles": 0, "9000": 7}  # what one refused was given back to the others
    day = RateBudget.objects.get(remaining=0)
    assert Delivery.objects.get(state="queued").next_attempt_at == day.resets_at == rules[1].window_end(timezone.now())
    assert len(creates(sandbox)) == 2


def test_every_window_of_an_account_counts(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (rule_of(1, 86_400, "account", resets_in="Asia/Tokyo"), rule_of(5, 3_600, "account"))
    monkeypatch.setattr(rate_windows, "longer_rules", lambda platform: rules)
    anna, ben = connected("anna"), connected("ben")
    first, second = (make_delivery(anna, due_at=timezone.now(), content=text) for text in ("one", "two"))
    other = make_delivery(ben, due_at=timezone.now())

    run(until=lambda: states(first, other) == ["published"] * 2)

    midnight = rules[0].window_end(timezone.now())
    assert (states(first, second, other), len(creates(sandbox))) == (["published", "queued", "published"], 2)
    assert list(Lane.objects.values_list("blocked_until", flat=True)) == [midnight, midnight]
    left = {budget.key: budget.remaining for budget in RateBudget.objects.all()}
    assert left == {
        f"account:{account.id}:publish:{window}": count
        for account in (anna, ben)
        for window, count in (("Asia/Tokyo", 0), ("3600", 4))
    }


def test_used_up_window_opens_again_when_it_is_over(db: None) -> None:
    rules, now = (rule_of(2, 60, "app"),), timezone.now()
    made = {"a": (rule_of(2, 60, "account"), 3)}

    assert budgets.reserve("k", rules, calls=3, at=now) == (2, now + timedelta(seconds=60))
    assert budgets.reserve("k", rules, calls=1, at=now + timedelta(seconds=59))[0] == 0
    assert budgets.reserve("k", rules, calls=1, at=now + timedelta(seconds=60))[0] == 1
    assert budgets.count_calls(made, at=now) == {"a": now + timedelta(seconds=60)}
    assert budgets.count_calls({"a": (made["a"][0], 1)}, at=now + timedelta(seconds=60)) == {}


def test_a_host_that_limits_our_app_is_left_alone_by_all_its_accounts(sandbox: Sandbox, connected: Connect) -> None:
    until = timezone.now() + timedelta(seconds=1.5)
    deliveries = [make_delivery(connected(name), due_at=timezone.now()) for name in ("anna", "ben")]
    circuits.limit_host(deliveries[0].account.platform_host_id, until=until)

    run(until=lambda: states(*deliveries) == ["published"] * 2)

    assert all(datetime.fromisoformat(call["at"]) >= until for call in creates(sandbox))
    assert [d.tries for d in deliveries] == [0, 0]


# --- hosts that do not answer ---
def test_nothing_fails_at_a_host_that_is_not_there(sandbox: Sandbox, connected: Connect) -> None:
    account, port = connected(), free_port()
    here = account.platform_host
    host = move(account, f"http://127.0.0.1:{port}/mastodon")
    delivery = make_delivery(account, due_at=timezone.now())

    run(until=lambda: Attempt.objects.filter(outcome="unavailable").count() >= 4)

    assert states(delivery) == ["queued"]
    assert (delivery.tries, delivery.error_code, delivery.visible_calls) == (2, "host_silent", 0)
    assert "does not answer; this goes out when it does" in delivery.error_message
    host.refresh_from_db()
    assert host.circuit_opened_at is not None
    # It is back: the next probe gets through, and the circuit closes.
    PlatformHost.objects.filter(id=host.id).update(base_url=here.base_url)
    run(until=lambda: states(delivery) == ["published"])
    host.refresh_from_db()
    assert (host.failures, host.circuit_opened_at, host.probe_account) == (0, None, None)
    assert len(sandbox.posts()) == 1


def test_an_open_circuit_lets_one_account_through_at_a_time(sandbox: Sandbox, connected: Connect) -> None:
    accounts = [connected(name) for name in ("anna", "ben", "cleo")]
    here = accounts[0].platform_host
    host = make_host(host="gone.test", base_url=here.base_url)
    SocialAccount.objects.filter(id__in=[a.id for a in accounts]).update(platform_host=host)
    now = timezone.now()
    probe_at = now + timedelta(seconds=2)
    PlatformHost.objects.filter(id=host.id).update(failures=5, circuit_opened_at=now, probe_at=probe_at)
    deliveries = [make_delivery(account, due_at=timezone.now()) for account in accounts]

    drain(worker="test", threads=8)

    assert states(*deliveries) == ["queued"] * 3
    assert (creates(sandbox), Lane.objects.filter(is_parked=True).count()) == ([], 3)
    claims.unpark_lanes()
    assert Lane.objects.filter(is_parked=True).count() == 3  # the probe's time has not come
    claims.unpark_lanes(at=probe_at)
    assert Lane.objects.filter(is_parked=True).count() == 2
    run(until=lambda: states(*deliveries) == ["published"] * 3)
    assert len(sandbox.posts()) == 3


def test_a_look_up_waits_for_its_host_too_and_is_never_given_up(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    move(account, f"http://127.0.0.1:{free_port()}/mastodon")
    long_ago = timezone.now() - 2 * HOUR  # longer than a doubt is looked into while the host answers
    delivery = make_delivery(
        account, due_at=long_ago, state="unknown", sent_at=long_ago, doubted_at=long_ago, attempt_count=1,
        next_attempt_at=timezone.now(),
    )  # fmt: skip
    PlatformHost.objects.filter(id=account.platform_host_id).update(failures=2)

    run(until=lambda: Lane.objects.get(account=account).is_parked)

    assert states(delivery) == ["unknown"]
    assert (delivery.sent_at, delivery.doubted_at) == (long_ago, long_ago)


class Hanging:
    """A server that takes connections and never says a word, until it is closed."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self.server.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.held.append(self.server.accept()[0])

    def close(self) -> None:
        with contextlib.suppress(OSError):  # closed before
            self.server.shutdown(socket.SHUT_RDWR)
        for one in (self.server, *self.held):
            one.close()


def test_a_host_that_hangs_does_not_keep_the_others_waiting(sandbox: Sandbox, connected: Connect) -> None:
    """Eight threads and twelve posts to a host that answers none of them, all due before five good ones."""
    hangs = Hanging()
    host = make_host(host="hangs.test", base_url=f"http://127.0.0.1:{hangs.port}/mastodon")
    due_at = timezone.now()
    bad = [make_delivery(make_account(platform_host=host), due_at=due_at - timedelta(seconds=1)) for _ in range(12)]
    good = [make_delivery(connected(f"person{i}"), due_at=due_at) for i in range(5)]
    calls = Attempt.objects.filter(delivery__in=bad).exclude(outcome="abandoned")
    ended: list[bool] = []

    def is_over() -> bool:
        if ended:
            return True
        if states(*good) != ["published"] * 5:
            return False
        assert calls.filter(ended_at=None).exists()
        ended.extend(call.ended_at is not None for call in calls)
        hangs.close()  # the calls under way end; so does the drain
        return True

    run(until=is_over)

    assert len(creates(sandbox)) == 5
    assert not any(ended)  # nobody waited for a call to the silent host to end
    assert "published" not in states(*bad)


# --- what ends its worker ---
def test_what_ends_its_worker_every_time_is_given_up() -> None:
    delivery = make_delivery(make_account(), due_at=timezone.now(), is_one_step=False)
    at = timezone.now()

    for turn in range(types.MOST_LOSSES):
        assert states(delivery) == ["queued"], turn
        [_] = claims.claim(at=at, limit=5, token=delivery.id, worker="gone")
        at += claims.LEASE
        assert claims.take_over(at=at) == 1

    assert states(delivery) == ["failed"]
    assert (delivery.error_code, delivery.error_retryable, delivery.lease_token) == ("worker_lost", True, None)
    assert "3 workers in a row ended" in delivery.error_message
    assert Post.objects.get(id=delivery.post_id).status == "failed"
    assert claims.claim(at=at, limit=5, token=delivery.id, worker="next") == []


def test_a_look_up_that_ends_its_worker_every_time_is_left_to_a_person() -> None:
    now = timezone.now()
    delivery = make_delivery(
        make_account(), due_at=now, state="unknown", sent_at=now, doubted_at=now, attempt_count=1, next_attempt_at=now
    )
    at = now

    for _ in range(types.MOST_LOSSES):
        [_] = claims.claim(at=at, limit=5, token=delivery.id, worker="gone")
        at += claims.LEASE
        claims.take_over(at=at)

    assert states(delivery) == ["unconfirmed"]
    assert (delivery.error_retryable, Post.objects.get(id=delivery.post_id).status) == (False, "unconfirmed")


def test_a_result_forgets_the_losses(sandbox: Sandbox, connected: Connect) -> None:
    delivery = make_delivery(connected(), due_at=timezone.now(), losses=2)

    run()

    assert states(delivery) == ["published"]
    assert delivery.losses == 0


# --- a doubt that nobody can look into ---
def test_a_person_settles_a_doubt_at_a_signed_out_account() -> None:
    now = timezone.now()
    account = make_account()
    delivery = make_delivery(
        account, due_at=now, state="unknown", sent_at=now, doubted_at=now, attempt_count=1, next_attempt_at=now
    )
    SocialAccount.objects.filter(id=account.id).update(state="needs_reauth")

    resolution.resolve_delivery(delivery, is_published=False, by=delivery.post.author, at=now)

    assert states(delivery) == ["failed"]
    assert (delivery.error_retryable, delivery.sent_at, delivery.doubted_at) == (True, None, None)
