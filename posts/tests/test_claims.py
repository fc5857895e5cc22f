from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.models import PlatformHost, SocialAccount
from integrations.tests.factories import make_account, make_host
from posts.models import Attempt, Delivery, Lane, Post
from posts.queue import claims
from posts.queue.types import Claimed, Result, Save
from posts.states import DELIVERY_MOVES, AttemptOutcome, DeliveryState
from posts.tests.factories import NOON, make_delivery, make_post

pytestmark = pytest.mark.django_db(transaction=True)
S = DeliveryState


def claim(at: Any = NOON, limit: int = 10) -> list[Claimed]:
    with transaction.atomic():
        return claims.claim(at=at, limit=limit, token=uuid4(), worker="test")


def finish(claimed: Claimed, state: str, at: Any = NOON, **changes: Any) -> bool:
    result = Result(
        claimed.delivery_id, claimed.account_id, claimed.post_id, claimed.token, claimed.number, claimed.state,
        state, changes.pop("outcome", AttemptOutcome.UNAVAILABLE), at, **changes,
    )  # fmt: skip
    with transaction.atomic():
        written = claims.finish([result], at=at)
        claims.recompute_post_status([claimed.post_id], at=at)
    return bool(written)


PUBLISHED = {
    "outcome": AttemptOutcome.PUBLISHED,
    "remote_id": "1",
    "url": "https://x.test/1",
    "published_at": NOON,
}


def first_deliveries(plan: dict[str, Any]) -> Iterator[str]:
    """How PostgreSQL finds the first delivery of each lane: what stands below each LIMIT of deliveries."""
    for child in plan.get("Plans", ()):
        if plan["Node Type"] == "Limit" and "posts_delivery" in json.dumps(child):
            yield child.get("Index Name") or child["Node Type"]
        yield from first_deliveries(child)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite claims lane by lane")
def test_only_the_index_of_an_accounts_deliveries_gives_claims_the_order_that_they_ask_for() -> None:
    """Else PostgreSQL takes `delivery_due` after a calm, and reads all that is due for each lane."""
    account_id = make_delivery(due_at=NOON).account_id

    for work in (lambda: claim(), lambda: claims.recompute_lanes([account_id])):
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            work()
            transaction.set_rollback(True)
        [statement] = [one["sql"] for one in captured if "posts_lane" in one["sql"] and "posts_delivery" in one["sql"]]
        found = []
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            for preparation in ("SELECT 1", "DROP INDEX delivery_head"):
                cursor.execute(preparation)
                cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
                (told,) = cursor.fetchone()
                [plan] = json.loads(told) if isinstance(told, str) else told
                found += first_deliveries(plan["Plan"])
            transaction.set_rollback(True)
        assert found in (["delivery_head", "Sort"], ["delivery_head", "Incremental Sort"]), statement


def test_claim_takes_the_earliest_due_delivery_of_each_account() -> None:
    account = make_account()
    later = make_delivery(account, due_at=NOON - timedelta(seconds=1))
    earlier = make_delivery(account, due_at=NOON - timedelta(seconds=2))
    other = make_delivery(due_at=NOON)
    make_delivery(due_at=NOON + timedelta(seconds=1))

    claimed = claim()

    assert [c.delivery_id for c in claimed] == [earlier.id, other.id]
    earlier.refresh_from_db()
    assert (earlier.state, earlier.lease_token, earlier.attempt_count) == (S.SENDING, claimed[0].token, 1)
    assert earlier.lease_expires_at == NOON + claims.LEASE
    assert Attempt.objects.filter(delivery=earlier, number=1, kind="send", outcome=None, worker="test").count() == 1
    assert claim() == []
    later.refresh_from_db()
    assert (later.state, later.lease_token) == (S.QUEUED, None)


def test_claim_takes_the_accounts_that_wait_longest_when_it_may_not_take_all() -> None:
    newest_first = [make_delivery(due_at=NOON - timedelta(seconds=age_s)) for age_s in range(4)]

    claimed = [claim(limit=2), claim(limit=2)]

    oldest_first = [delivery.id for delivery in reversed(newest_first)]
    assert [[c.delivery_id for c in batch] for batch in claimed] == [oldest_first[:2], oldest_first[2:]]


def test_claim_marks_only_deliveries_of_one_step() -> None:
    one = make_delivery(is_one_step=True)
    many = make_delivery(is_one_step=False)

    claim()

    one.refresh_from_db()
    many.refresh_from_db()
    assert (one.sent_at, many.sent_at) == (NOON, None)


def test_finish_frees_the_lane_for_the_next_and_closes_the_attempt() -> None:
    account = make_account()
    first = make_delivery(account, due_at=NOON - timedelta(seconds=1))
    second = make_delivery(account)
    [claimed] = claim()

    assert finish(claimed, S.PUBLISHED, **PUBLISHED)

    first.refresh_from_db()
    assert (first.state, first.remote_id, first.lease_token, first.next_attempt_at) == (
        S.PUBLISHED,
        "1",
        None,
        None,
    )
    attempt = Attempt.objects.get(delivery=first)
    assert (attempt.outcome, attempt.ended_at) == ("published", NOON)
    assert [c.delivery_id for c in claim()] == [second.id]


def test_finish_without_the_lease_changes_nothing() -> None:
    delivery = make_delivery()
    [late] = claim()
    with transaction.atomic():
        assert claims.take_over(at=NOON + claims.LEASE, limit=10) == 1
    [mine] = claim(NOON + claims.LEASE)

    assert not finish(late, S.PUBLISHED, **PUBLISHED)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.lease_token, delivery.remote_id) == (S.UNKNOWN, mine.token, "")
    lane = Lane.objects.get(account=delivery.account)
    assert lane.lease_token == mine.token
    assert claim(NOON + claims.LEASE) == []


def test_save_without_the_lease_or_after_its_end_says_so() -> None:
    delivery = make_delivery(is_one_step=False)
    [claimed] = claim()

    assert claims.save([Save(delivery.id, uuid4(), sent_at=NOON)], at=NOON) == set()
    assert claims.save([Save(delivery.id, claimed.token, sent_at=NOON)], at=NOON + claims.LEASE) == set()
    delivery.refresh_from_db()
    assert delivery.sent_at is None

    kept = Save(delivery.id, claimed.token, sent_at=NOON, progress={"a": 1})
    assert claims.save([kept], at=NOON) == {delivery.id}
    delivery.refresh_from_db()
    assert (delivery.sent_at, delivery.progress) == (NOON, {"a": 1})


def test_take_over_sends_unmarked_ones_again_and_asks_about_marked_ones() -> None:
    marked, unmarked = make_delivery(is_one_step=True), make_delivery(is_one_step=False)
    claim()
    end = NOON + claims.LEASE

    with transaction.atomic():
        assert claims.take_over(at=end - timedelta(microseconds=1), limit=10) == 0
        assert claims.take_over(at=end, limit=10) == 2

    marked.refresh_from_db()
    unmarked.refresh_from_db()
    assert (marked.state, marked.sent_at, marked.doubted_at, marked.lease_token) == (
        S.UNKNOWN,
        NOON,
        end,
        None,
    )
    assert (unmarked.state, unmarked.sent_at, unmarked.lease_token) == (S.QUEUED, None, None)
    outcomes = dict(Attempt.objects.values_list("delivery", "outcome"))
    assert outcomes == {marked.id: "unknown", unmarked.id: "abandoned"}
    assert {c.state for c in claim(end)} == {S.UNKNOWN, S.SENDING}


def test_take_over_asks_about_what_was_marked_while_it_was_asked_for() -> None:
    """Of media, the last of many polls makes the visible call; asking again would make it a second time."""
    earlier = NOON - timedelta(minutes=1)
    polled = [make_delivery(state=S.PROCESSING, is_one_step=False, sent_at=sent_at) for sent_at in (None, earlier)]
    marked = make_delivery(state=S.PROCESSING, is_one_step=False, sent_at=earlier)
    claimed = {one.delivery_id: one for one in claim()}
    claims.save([Save(marked.id, claimed[marked.id].token, sent_at=NOON)], at=NOON)
    end = NOON + claims.LEASE

    with transaction.atomic():
        assert claims.take_over(at=end, limit=10) == 3

    for delivery in (marked, *polled):
        delivery.refresh_from_db()
    assert [one.state for one in (*polled, marked)] == [S.PROCESSING, S.PROCESSING, S.UNKNOWN]
    assert (marked.sent_at, marked.doubted_at, marked.visible_calls) == (NOON, end, 1)
    outcomes = dict(Attempt.objects.values_list("delivery", "outcome"))
    assert outcomes == {marked.id: "unknown", polled[0].id: "abandoned", polled[1].id: "abandoned"}


def test_renew_keeps_what_is_held() -> None:
    delivery = make_delivery(is_one_step=False)
    [claimed] = claim()

    claims.renew([claimed.token], at=NOON + timedelta(seconds=15))

    with transaction.atomic():
        assert claims.take_over(at=NOON + claims.LEASE, limit=10) == 0
    mark = Save(delivery.id, claimed.token, sent_at=NOON + claims.LEASE)
    assert claims.save([mark], at=NOON + claims.LEASE) == {delivery.id}


def test_a_delivery_that_waits_does_not_hold_back_the_others() -> None:
    account = make_account()
    make_delivery(account, due_at=NOON - timedelta(seconds=1))
    other = make_delivery(account)
    [claimed] = claim()

    finish(claimed, S.QUEUED, next_attempt_at=NOON + timedelta(seconds=4), tries=1)

    assert [c.delivery_id for c in claim()] == [other.id]


def test_a_blocked_lane_is_not_looked_at_before_its_time_also_for_new_posts() -> None:
    account = make_account()
    make_delivery(account)
    [claimed] = claim()
    until = NOON + timedelta(seconds=30)

    finish(claimed, S.QUEUED, next_attempt_at=until, blocked_until=until)
    make_delivery(account, due_at=NOON + timedelta(seconds=1))

    assert claim(until - timedelta(milliseconds=1)) == []
    assert claims.next_ready_at() == until
    assert len(claim(until)) == 1


def test_a_parked_lane_waits_until_its_account_is_usable() -> None:
    account = make_account()
    delivery = make_delivery(account)
    [claimed] = claim()
    finish(claimed, S.BLOCKED, outcome=AttemptOutcome.NEEDS_RECONNECT, park=True)
    account.state = "needs_reauth"
    account.save()
    make_delivery(account)

    assert claims.unpark_lanes(at=NOON) == 0
    assert claim() == []

    account.state = "active"
    account.save()
    assert claims.unpark_lanes(at=NOON) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error_code) == (S.QUEUED, "")
    assert len(claim()) == 1


# --- hosts that answer again ---
def in_doubt(host: PlatformHost, *, due_at: datetime = NOON, next_in_s: float = 3600, **overrides: Any) -> Delivery:
    """A delivery in doubt whose next look is far away."""
    account = overrides.pop("account", None) or make_account(platform_host=host)
    return make_delivery(
        account, due_at=due_at, state=S.UNKNOWN, sent_at=NOON, doubted_at=NOON, attempt_count=1,
        next_attempt_at=NOON + timedelta(seconds=next_in_s), **overrides,
    )  # fmt: skip


def test_a_host_that_answers_again_wakes_every_look_up() -> None:
    """Whether their lanes are parked or not; and nothing of other hosts."""
    host, other = make_host(answers_again_at=NOON), make_host(host="other.test")
    open_lane, parked, elsewhere = in_doubt(host), in_doubt(host), in_doubt(other)
    Lane.objects.filter(account=parked.account).update(is_parked=True, ready_at=None)

    assert claims.unpark_lanes(at=NOON) == 2

    assert {c.delivery_id for c in claim()} == {open_lane.id, parked.id}
    elsewhere.refresh_from_db()
    assert elsewhere.next_attempt_at == NOON + timedelta(hours=1)
    assert claims.unpark_lanes(at=NOON) == 0  # once an answer
    host.refresh_from_db()
    assert host.answers_again_at is None


def test_a_host_that_answers_again_wakes_look_ups_before_what_came_after_them() -> None:
    host = make_host(answers_again_at=NOON)
    first = in_doubt(host, due_at=NOON - timedelta(seconds=9))
    make_delivery(first.account, due_at=NOON - timedelta(seconds=5))

    claims.unpark_lanes(at=NOON)

    assert [c.delivery_id for c in claim()] == [first.id]


def test_a_host_that_answers_again_leaves_alone_what_is_held_or_cannot_be_used() -> None:
    host = make_host(answers_again_at=NOON)
    held, signed_out = in_doubt(host, next_in_s=0), in_doubt(host)
    [claimed] = claim()
    SocialAccount.objects.filter(id=signed_out.account_id).update(state="needs_reauth")

    assert claims.unpark_lanes(at=NOON) == 0

    held.refresh_from_db()
    assert (held.lease_token, held.next_attempt_at) == (claimed.token, NOON)
    assert claim() == []


def test_a_closed_window_stays_closed_when_a_host_answers_again() -> None:
    delivery = in_doubt(make_host(answers_again_at=NOON))
    until = NOON + timedelta(seconds=30)
    Lane.objects.filter(account=delivery.account).update(blocked_until=until)

    claims.unpark_lanes(at=NOON)

    assert claim(until - timedelta(seconds=1)) == []
    assert [c.delivery_id for c in claim(until)] == [delivery.id]


def test_a_host_that_takes_no_sends_keeps_lanes_shut_but_for_look_ups_that_come_first() -> None:
    far = NOON + timedelta(hours=1)
    host = make_host(circuit_opened_at=NOON, failed_sends=3, probe_at=far)
    doubt, later_doubt, send = (
        in_doubt(host, next_in_s=0),
        in_doubt(host),
        make_delivery(make_account(platform_host=host)),
    )
    behind = in_doubt(host, next_in_s=0)
    make_delivery(behind.account, due_at=NOON - timedelta(seconds=1))
    Lane.objects.update(is_parked=True, ready_at=None)

    assert claims.unpark_lanes(at=NOON) == 1

    assert [c.delivery_id for c in claim()] == [doubt.id]
    assert Lane.objects.filter(is_parked=True).count() == 3
    assert {later_doubt.account_id, send.account_id, behind.account_id} == set(
        Lane.objects.filter(is_parked=True).values_list("account", flat=True)
    )


def test_a_host_that_takes_no_sends_is_probed_by_a_send() -> None:
    host = make_host(circuit_opened_at=NOON, failed_sends=3, probe_at=NOON)
    in_doubt(host, due_at=NOON - timedelta(hours=1), next_in_s=1)
    send = make_delivery(make_account(platform_host=host))
    Lane.objects.update(is_parked=True, ready_at=None)

    assert claims.unpark_lanes(at=NOON) == 1

    host.refresh_from_db()
    assert host.probe_account == send.account_id
    assert [c.delivery_id for c in claim()] == [send.id]


def test_a_hint_that_was_too_early_is_repaired_and_costs_one_look() -> None:
    delivery = make_delivery(due_at=NOON + timedelta(hours=1))
    Lane.objects.update(ready_at=NOON)

    assert claim() == []

    assert Lane.objects.get().ready_at == delivery.due_at


def test_sweep_finds_what_would_be_looked_at_too_late() -> None:
    delivery = make_delivery()
    fine = make_delivery()
    Lane.objects.filter(account=delivery.account).update(ready_at=None)

    assert claims.sweep_lanes() == 1
    assert claims.sweep_lanes() == 0
    assert {c.delivery_id for c in claim()} == {delivery.id, fine.id}


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["draft"], "draft"),
        (["queued", "queued"], "scheduled"),
        (["blocked"], "scheduled"),
        (["held"], "scheduled"),
        (["queued", "sending"], "publishing"),
        (["published", "queued"], "publishing"),
        (["unknown", "unconfirmed"], "publishing"),
        (["unconfirmed", "published"], "unconfirmed"),
        (["published", "retracted"], "published"),
        (["published", "failed"], "partially_published"),
        (["published", "cancelled"], "partially_published"),
        (["failed", "cancelled"], "failed"),
        (["rejected"], "failed"),
        (["cancelled", "cancelled"], "cancelled"),
    ],
)
def test_the_status_of_a_post_is_read_off_its_deliveries(states: list[str], status: str) -> None:
    post = make_post(accounts=[make_account(), make_account()][: len(states)], scheduled_at=NOON)
    for delivery, state in zip(post.deliveries.all(), states, strict=True):
        in_flight = state == "sending"
        uncertain = state in {"unknown", "unconfirmed"}
        delivery.delete()  # no move leads to most of these at once
        Delivery.objects.create(
            post=post, workspace=post.workspace, account_id=delivery.account_id, platform="mastodon",
            state=state, due_at=NOON, next_attempt_at=NOON, remote_id="1", published_at=NOON,
            lease_token=uuid4() if in_flight else None, lease_expires_at=NOON if in_flight else None,
            sent_at=NOON if uncertain else None, doubted_at=NOON if uncertain else None,
        )  # fmt: skip

    with transaction.atomic():
        claims.recompute_post_status([post.id], at=NOON)

    assert Post.objects.get().status == status


def test_a_move_outside_the_table_cannot_be_written() -> None:
    make_delivery()
    [claimed] = claim()

    for state in DeliveryState.values:
        if not DELIVERY_MOVES.allows(claimed.state, state):
            with pytest.raises(Exception, match="sending ->"):
                finish(claimed, state)


@pytest.mark.parametrize(
    "broken",
    [
        {"state": "sending"},
        {"state": "published", "published_at": NOON},
        {"state": "published", "remote_id": "1"},
        {"state": "unknown", "next_attempt_at": NOON, "due_at": NOON},
        {"state": "queued", "next_attempt_at": None},
        {"state": "draft", "sent_at": NOON},
        {"state": "queued", "lease_token": uuid4(), "lease_expires_at": NOON},
        {"lease_token": uuid4()},
        {"state": "nonsense"},
    ],
)
def test_the_database_refuses_a_row_that_cannot_be(broken: dict[str, Any]) -> None:
    delivery = make_delivery()

    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(id=delivery.id).update(**broken)


def test_two_deliveries_of_one_account_cannot_both_be_in_flight() -> None:
    account = make_account()
    first, second = make_delivery(account), make_delivery(account)
    held = {"state": "sending", "lease_token": uuid4(), "lease_expires_at": NOON}
    Delivery.objects.filter(id=first.id).update(**held)

    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(id=second.id).update(**held)


@pytest.fixture
def sixty() -> list[Post]:
    """Drafts for ten accounts."""
    accounts = [make_account() for _ in range(10)]
    return [make_post(accounts=[accounts[i % 10]]) for i in range(60)]


def test_claims_and_schedules_at_once_lose_nothing_and_take_nothing_twice(sixty: list[Post]) -> None:
    """Four threads schedule into 10 accounts while three claim and finish; everything is claimed exactly once."""
    stop, taken, errors = threading.Event(), [], []

    def schedule(share: int) -> None:
        try:
            for post in sixty[share::4]:
                with transaction.atomic():
                    claims.lock_lanes([d.account_id for d in post.deliveries.all()])
                    post.deliveries.update(state="queued", due_at=NOON, next_attempt_at=NOON)
                    claims.wake_lanes({d.account_id: NOON for d in post.deliveries.all()})
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    def work() -> None:
        try:
            while not stop.is_set() or claims.next_ready_at():
                batch = claim(limit=4)
                for claimed in batch:
                    taken.append(claimed.delivery_id)
                    assert finish(claimed, S.PUBLISHED, **PUBLISHED)
                time.sleep(0 if batch else 0.01)  # SQLite lets whoever asks without a pause starve the others
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    schedulers = [threading.Thread(target=schedule, args=(i,)) for i in range(4)]
    workers = [threading.Thread(target=work) for _ in range(3)]
    for thread in [*schedulers, *workers]:
        thread.start()
    for thread in schedulers:
        thread.join()
    stop.set()
    for thread in workers:
        thread.join()

    assert errors == []
    assert len(taken) == len(set(taken)) == 60
    assert not Delivery.objects.exclude(state="published").exists()
