"""The queue in SQLite: one writer at a time, so an IMMEDIATE transaction is the claim and needs no row locks.

Callers run every step inside `atomic()`, which is IMMEDIATE by settings: reads are as of the write that follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Min, Q, QuerySet

from posts.models import Attempt, Delivery, Lane, Post
from posts.queue.types import GIVEN_UP, MOST_LOSSES, POST_STATUS_SQL, TOLD, Claimed, Dialect, Result, Save, StatusChange
from posts.states import ATTEMPT_KIND, CLAIMABLE, AttemptOutcome, DeliveryState

# What becomes of it when too many workers vanished with it; by state, and whether it is marked.
GIVEN_UP_AS: dict[tuple[str, bool], DeliveryState] = {
    (DeliveryState.SENDING, False): DeliveryState.FAILED,
    (DeliveryState.UNKNOWN, True): DeliveryState.UNCONFIRMED,
}
BEFORE = ("id", "workspace", "status")  # of a post whose status is computed again


class SQLite(Dialect):
    def claim(self, *, at: datetime, limit: int, token: UUID, expires_at: datetime, worker: str) -> list[Claimed]:
        lanes = list(
            Lane.objects.filter(lease_token=None, ready_at__lte=at)
            .order_by("ready_at", "account")
            .values_list("account", flat=True)[:limit]
        )
        claimed: list[tuple[datetime, Claimed]] = []
        idle: list[UUID] = []
        for account in lanes:
            head = Delivery.objects.due(at).filter(account=account).first()
            if head is None or head.due_at is None:
                idle.append(account)
                continue
            state, sent_at = head.state, head.sent_at
            if state == DeliveryState.QUEUED:
                state, sent_at = DeliveryState.SENDING, at if head.is_one_step else None
            number = head.attempt_count + 1
            Delivery.objects.filter(id=head.id).update(
                state=state, lease_token=token, lease_expires_at=expires_at, attempt_count=number, sent_at=sent_at,
                updated_at=at,
            )  # fmt: skip
            claimed.append((head.due_at, Claimed(head.id, account, head.post_id, state, number, token)))
        Lane.objects.filter(account__in=[c.account_id for _, c in claimed]).update(
            lease_token=token, lease_expires_at=expires_at
        )
        Attempt.objects.bulk_create(
            Attempt(
                delivery_id=c.delivery_id, number=c.number, kind=ATTEMPT_KIND[c.state], lease_token=token,
                worker=worker, started_at=at,
            )
            for _, c in claimed
        )  # fmt: skip
        self.recompute_lanes(idle)
        return [c for _, c in sorted(claimed, key=lambda pair: (pair[0], pair[1].delivery_id))]

    def save(self, saves: Sequence[Save], *, at: datetime) -> set[UUID]:
        held = set()
        for save in saves:
            changes: dict[str, object] = {"updated_at": at}
            if save.sent_at is not None or save.closes_mark:
                changes["sent_at"] = None if save.closes_mark else save.sent_at
            if save.progress is not None or save.closes_mark:
                changes["progress"] = None if save.closes_mark else dict(save.progress or {})
            if save.parts is not None:
                changes |= {"parts": list(save.parts), "parts_done": len(save.parts)}
            if Delivery.objects.filter(id=save.delivery_id, lease_token=save.token, lease_expires_at__gt=at).update(
                **changes
            ):
                held.add(save.delivery_id)
        return held

    def finish(self, results: Sequence[Result], *, at: datetime) -> set[UUID]:
        written = set()
        for r in results:
            lane = Lane.objects.filter(account=r.account_id, lease_token=r.token)
            if not Delivery.objects.filter(id=r.delivery_id, lease_token=r.token).update(
                state=r.state, lease_token=None, lease_expires_at=None, next_attempt_at=r.next_attempt_at,
                tries=r.tries, visible_calls=r.visible_calls, sent_at=r.sent_at, doubted_at=r.doubted_at,
                progress=None if r.progress is None else dict(r.progress),
                parts=None if r.parts is None else list(r.parts), parts_done=len(r.parts or ()),
                warnings=list(r.warnings),
                remote_id=r.remote_id, url=r.url, published_at=r.published_at, error_code=r.error_code,
                error_kind=r.error_kind, error_message=r.error_message, error_retryable=r.error_retryable,
                losses=0, updated_at=at,
            ):  # fmt: skip
                lane.update(lease_token=None, lease_expires_at=None)
                continue
            written.add(r.delivery_id)
            Attempt.objects.filter(delivery=r.delivery_id, number=r.number).update(
                outcome=r.outcome, ended_at=r.ended_at, sent_at=r.attempt_sent_at, http_status=r.http_status,
                code=r.code, message=r.message, request_id=r.request_id, retry_at=r.retry_at,
            )  # fmt: skip
            if r.park:
                lane.update(is_parked=True)
            for until in (r.blocked_until, _spend(lane, r, at=at)):
                if until is not None:
                    lane.filter(Q(blocked_until=None) | Q(blocked_until__lt=until)).update(blocked_until=until)
            lane.update(lease_token=None, lease_expires_at=None)
        self.recompute_lanes(sorted({r.account_id for r in results}))
        return written

    def renew(self, tokens: list[UUID], *, expires_at: datetime) -> None:
        Lane.objects.filter(lease_token__in=tokens).update(lease_expires_at=expires_at)
        Delivery.objects.filter(lease_token__in=tokens).update(lease_expires_at=expires_at)

    def take_over(self, *, at: datetime, limit: int) -> tuple[int, set[UUID]]:
        given_up = set()
        lanes = list(Lane.objects.filter(lease_expires_at__lte=at).order_by("account")[:limit])
        for lane in lanes:
            for orphan in Delivery.objects.filter(account=lane.account_id, lease_token=lane.lease_token):
                attempt = Attempt.objects.filter(delivery=orphan, number=orphan.attempt_count)
                is_doubtful = orphan.sent_at is not None and (
                    orphan.state == DeliveryState.SENDING
                    or (orphan.state == DeliveryState.PROCESSING
                        and attempt.filter(started_at__lte=orphan.sent_at).exists())
                )  # fmt: skip
                attempt.filter(ended_at=None).update(
                    ended_at=at, sent_at=orphan.sent_at if is_doubtful else None, code="worker_lost",
                    message="The worker that held this is gone.",
                    outcome=AttemptOutcome.UNKNOWN if is_doubtful else AttemptOutcome.ABANDONED,
                )  # fmt: skip
                orphan.losses += 1
                state = GIVEN_UP_AS.get((orphan.state, orphan.sent_at is not None))
                if state is not None and orphan.losses >= MOST_LOSSES:
                    orphan.error_code, orphan.error_kind, orphan.error_message = "worker_lost", "internal", GIVEN_UP
                    orphan.state, orphan.error_retryable = state, state == DeliveryState.FAILED
                    given_up.add(orphan.post_id)
                elif is_doubtful:
                    orphan.state, orphan.doubted_at = DeliveryState.UNKNOWN, at
                    orphan.visible_calls += 1
                elif orphan.state == DeliveryState.SENDING:
                    orphan.state = DeliveryState.QUEUED
                orphan.next_attempt_at, orphan.lease_token, orphan.lease_expires_at = at, None, None
                orphan.save()
        accounts = [lane.account_id for lane in lanes]
        Lane.objects.filter(account__in=accounts).update(lease_token=None, lease_expires_at=None)
        self.recompute_lanes(accounts)
        return len(accounts), given_up

    def lock_lanes(self, accounts: list[UUID]) -> None:
        """Nothing to do: the transaction is the lock."""

    def wake_lanes(self, due: Mapping[UUID, datetime]) -> None:
        Lane.objects.bulk_create([Lane(account_id=account) for account in due], ignore_conflicts=True)
        for account, ready_at in due.items():
            lane = Lane.objects.filter(account=account, is_parked=False)
            lane.filter(Q(ready_at=None) | Q(ready_at__gt=ready_at)).update(ready_at=ready_at)
            lane.filter(ready_at__lt=F("blocked_until")).update(ready_at=F("blocked_until"))

    def recompute_lanes(self, accounts: list[UUID]) -> None:
        claimable = Delivery.objects.filter(account__in=accounts, state__in=CLAIMABLE, lease_token=None)
        heads = dict(claimable.values_list("account").annotate(due=Min("next_attempt_at")))
        for lane in Lane.objects.filter(account__in=accounts):
            ready_at = None if lane.is_parked else heads.get(lane.account_id)
            if ready_at is not None and lane.blocked_until is not None:
                ready_at = max(ready_at, lane.blocked_until)
            Lane.objects.filter(account=lane.account_id).update(ready_at=ready_at)

    def recompute_post_status(self, posts: list[UUID], *, at: datetime) -> list[StatusChange]:
        with connection.cursor() as cursor:
            marks = ", ".join(["%s"] * len(posts))
            cursor.execute(
                f"SELECT post_id, {POST_STATUS_SQL}, MAX(published_at) FROM posts_delivery"
                f" WHERE post_id IN ({marks}) GROUP BY post_id",
                [post.hex for post in posts],
            )
            rows = cursor.fetchall()
        before = {id_: found for id_, *found in Post.objects.filter(id__in=posts).values_list(*BEFORE)}
        alike: dict[tuple[str, str | None], list[UUID]] = defaultdict(list)
        changes = []
        for post, status, latest in rows:
            alike[status, latest].append(UUID(post))
            workspace, old_status = before[UUID(post)]
            if status in TOLD and status != old_status:
                changes.append(StatusChange(UUID(post), workspace, old_status, status))
        for (status, latest), ids in alike.items():
            published_at = datetime.fromisoformat(latest).replace(tzinfo=UTC) if latest else None
            Post.objects.filter(id__in=ids).exclude(status=status, published_at=published_at).update(
                status=status, published_at=published_at, updated_at=at
            )
        return changes

    def late_lanes(self, limit: int) -> list[UUID]:
        heads = (
            Delivery.objects.filter(
                state__in=CLAIMABLE,
                lease_token=None,
                account__lane__lease_token=None,
                account__lane__is_parked=False,
            )
            .values("account", "account__lane__ready_at", "account__lane__blocked_until")
            .annotate(due=Min("next_attempt_at"))
            .order_by("account")
        )
        late = [
            row["account"]
            for row in heads
            if row["account__lane__ready_at"] is None
            or row["account__lane__ready_at"] > max(row["due"], row["account__lane__blocked_until"] or row["due"])
        ]
        return late[:limit]


def _spend(lane: QuerySet[Lane], result: Result, *, at: datetime) -> datetime | None:
    """Count the visible calls in the account's rate window; returns its end when it is used up."""
    row = lane.first()
    if result.rate is None or not result.spent or row is None:
        return None
    calls, seconds = result.rate
    if row.window_ends_at is None or row.window_ends_at <= at:
        row.window_ends_at, row.window_spent = at + timedelta(seconds=seconds), 0
    row.window_spent += result.spent
    lane.update(window_ends_at=row.window_ends_at, window_spent=row.window_spent)
    return row.window_ends_at if row.window_spent >= calls else None
