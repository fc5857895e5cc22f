"""Who sends what: claims of lanes, results, and the deliveries that events are given.

The publisher's queue in small (posts/queue): a lane is claimed with a lease, every later write carries its token, and
what a dead sender held comes back when the lease ends. A webhook may arrive twice, so nothing is marked before it is
sent and nothing is asked for afterwards. Lock order: events, lanes by endpoint, endpoints, deliveries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Greatest
from psycopg.types.json import Jsonb

from mastablasta.core.compiled_queries import prepared_cursor
from mastablasta.core.database_changes import DUE, notify
from mastablasta.core.ids import new_id
from mastablasta.core.time_scale import scaled
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery, EndpointLane, Event
from webhooks.outcomes import Attempted, LaneHealth, Verdict
from webhooks.services.notices import write_notice
from webhooks.states import EndpointDeliveryState, EndpointStatus

BEATS = "webhooks:"  # heartbeats of senders
LEASE = timedelta(seconds=scaled(20))
BATCH = 16  # deliveries of one endpoint that are claimed together
LONGEST_ANSWER = 1024  # characters that the log keeps
FAN_OUT = 500  # events that are given their deliveries together
PENDING = EndpointDeliveryState.PENDING

# Set-based and around Django's models, which take five times as long to write and read so many rows.
FAN_OUT_TO = """
INSERT INTO webhooks_endpointdelivery (id, created_at, updated_at, endpoint_id, event_id, state, next_attempt_at,
                                       attempt_count, failures, error_code, error_message)
SELECT r.id, %(at)s, %(at)s, r.endpoint_id, r.event_id, r.state, CASE r.state WHEN 'pending' THEN %(at)s END,
       0, 0, '', ''
  FROM unnest(%(ids)s::uuid[], %(endpoints)s::uuid[], %(events)s::uuid[], %(states)s::text[])
    AS r(id, endpoint_id, event_id, state)
ON CONFLICT DO NOTHING
"""
HEADS = """
SELECT head.endpoint_id, head.id, head.event_id, head.attempt_count, head.failures, e.body
  FROM unnest(%s::uuid[]) AS lane(id) CROSS JOIN LATERAL (
  SELECT d.endpoint_id, d.id, d.event_id, d.attempt_count, d.failures FROM webhooks_endpointdelivery d
   WHERE d.endpoint_id = lane.id AND d.state = 'pending' AND d.next_attempt_at <= %s
   ORDER BY d.event_id LIMIT %s) head
  JOIN webhooks_event e ON e.id = head.event_id ORDER BY head.event_id
"""
WRITE = """
WITH r AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(%(rows)s) AS r(
    delivery_id uuid, state text, next_attempt_at timestamptz, number int, failures int, delivered_at timestamptz,
    http_status int, code text, message text, attempt_id uuid, started_at timestamptz, duration_ms int, url text,
    headers jsonb, answer text)),
done AS (
  UPDATE webhooks_endpointdelivery d
     SET state = r.state, next_attempt_at = r.next_attempt_at, attempt_count = r.number, failures = r.failures,
         delivered_at = r.delivered_at, http_status = r.http_status, error_code = r.code, error_message = r.message,
         updated_at = %(at)s
    FROM r WHERE d.id = r.delivery_id AND d.state = 'pending'
  RETURNING d.id)
INSERT INTO webhooks_endpointattempt (id, delivery_id, number, started_at, duration_ms, url, headers, http_status, code,
                                      message, answer)
SELECT r.attempt_id, r.delivery_id, r.number, r.started_at, r.duration_ms, r.url, r.headers, r.http_status, r.code,
       r.message, r.answer
  FROM r JOIN done ON done.id = r.delivery_id
"""
NEXT_DUE = """
SELECT min(due_at) FROM (
  SELECT * FROM (SELECT created_at AS due_at FROM webhooks_event WHERE NOT is_fanned_out ORDER BY id LIMIT 1) event
  UNION ALL
  SELECT * FROM (SELECT ready_at FROM webhooks_endpointlane WHERE lease_token IS NULL AND ready_at IS NOT NULL
                  ORDER BY ready_at, endpoint_id LIMIT 1) ready
  UNION ALL
  SELECT * FROM (SELECT lease_expires_at FROM webhooks_endpointlane WHERE lease_token IS NOT NULL
                  ORDER BY lease_expires_at LIMIT 1) held) moments
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lane that is ours until its lease ends."""

    endpoint_id: UUID
    token: UUID


class Due(NamedTuple):
    """A delivery that is due, with its event's body."""

    endpoint_id: UUID
    id: UUID
    event_id: UUID
    attempt_count: int
    failures: int
    body: str


class Wanted(NamedTuple):
    """A delivery to be made."""

    endpoint_id: UUID
    event_id: UUID
    state: str


@dataclass(frozen=True, slots=True)
class ClaimedLane:
    """An endpoint with what is due for it, in order."""

    lease: Lease
    endpoint: Endpoint
    health: LaneHealth
    deliveries: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one try of a claimed delivery. `number`: the try's, from 1."""

    lease: Lease
    delivery_id: UUID
    number: int
    attempted: Attempted
    verdict: Verdict


# --- events ---
def fan_out(*, at: datetime) -> int:
    """Give the oldest events that have none their deliveries, and wake the lanes; returns how many events it were.

    One at a time does it, so that no endpoint gets a later event first.
    """
    with transaction.atomic():
        fresh = Event.objects.filter(is_fanned_out=False).order_by("id").select_for_update()
        events = list(fresh.defer("body")[:FAN_OUT])
        if not events:
            return 0
        wanted = _wanted(events)
        lanes = lock_lanes(one.endpoint_id for one in wanted)
        _make([one for one in wanted if one.endpoint_id in lanes], at=at)  # one without was deleted meanwhile
        Event.objects.filter(id__in=[event.id for event in events]).update(is_fanned_out=True)
        _recompute(lanes)
    return len(events)


def _wanted(events: Sequence[Event]) -> list[Wanted]:
    endpoints: dict[UUID, list[tuple[UUID, set[str], str]]] = {}
    rows = Endpoint.objects.filter(workspace__in={event.workspace_id for event in events}).order_by("id")
    for endpoint_id, workspace, types, status in rows.values_list("id", "workspace", "events", "status"):
        state = EndpointDeliveryState.MISSED if status == EndpointStatus.DISABLED else PENDING
        endpoints.setdefault(workspace, []).append((endpoint_id, set(types), state.value))
    return [
        Wanted(endpoint_id, event.id, state)
        for event in events
        for endpoint_id, types, state in endpoints.get(event.workspace_id, ())
        if event.type in types
    ]


def _make(wanted: Sequence[Wanted], *, at: datetime) -> None:
    if not wanted:
        return
    if connection.vendor == "postgresql":
        endpoints, events, states = (list(column) for column in zip(*wanted, strict=True))
        ids = [new_id() for _ in wanted]
        with connection.cursor() as cursor:
            cursor.execute(
                FAN_OUT_TO, {"at": at, "ids": ids, "endpoints": endpoints, "events": events, "states": states}
            )
        return
    EndpointDelivery.objects.bulk_create(
        [EndpointDelivery(**one._asdict(), next_attempt_at=at if one.state == PENDING else None) for one in wanted],
        ignore_conflicts=True,
    )


# --- the sender's side ---
def claim(*, at: datetime, limit: int, most_failing: int, token: UUID) -> list[ClaimedLane]:
    """Take up to `limit` lanes with something due, of them `most_failing` whose last call failed; [] = none is due.

    In the caller's transaction.
    """
    failing = _take_lanes(at=at, limit=min(limit, most_failing), token=token, is_failing=True)
    lanes = failing + _take_lanes(at=at, limit=limit - len(failing), token=token, is_failing=False)
    if not lanes:
        return []
    deliveries: dict[UUID, list[Due]] = {}
    for due in _heads([lane.endpoint_id for lane in lanes], at=at):
        deliveries.setdefault(due.endpoint_id, []).append(due)
    endpoints = Endpoint.objects.in_bulk(list(deliveries))
    free_lanes([lane.endpoint_id for lane in lanes if lane.endpoint_id not in endpoints])
    return [
        ClaimedLane(
            Lease(lane.endpoint_id, token),
            endpoints[lane.endpoint_id],
            LaneHealth(lane.failures, lane.failing_since, lane.blocked_until),
            deliveries[lane.endpoint_id],
        )
        for lane in lanes
        if lane.endpoint_id in endpoints
    ]


def _take_lanes(*, at: datetime, limit: int, token: UUID, is_failing: bool) -> list[EndpointLane]:
    if limit <= 0:
        return []
    ready = EndpointLane.objects.filter(lease_token=None, ready_at__lte=at).order_by("ready_at", "endpoint")
    ready = ready.filter(failures__gt=0) if is_failing else ready.filter(failures=0)
    lanes = list(ready.select_for_update(skip_locked=True)[:limit])
    if lanes:
        EndpointLane.objects.filter(endpoint__in=[lane.endpoint_id for lane in lanes]).update(
            lease_token=token, lease_expires_at=at + LEASE
        )
    return lanes


def _heads(endpoints: list[UUID], *, at: datetime) -> list[Due]:
    """The first deliveries of each endpoint that are due, BATCH at most, in order."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(HEADS, [endpoints, at, BATCH])
            return [Due(*row) for row in cursor.fetchall()]
    pending = EndpointDelivery.objects.filter(state=PENDING, next_attempt_at__lte=at).order_by("event")
    columns = ("endpoint", "id", "event", "attempt_count", "failures", "event__body")
    return [Due(*row) for one in endpoints for row in pending.filter(endpoint=one).values_list(*columns)[:BATCH]]


def finish(results: Sequence[Result], ended: Collection[Lease], *, at: datetime) -> set[UUID]:
    """Write results, and free the lanes that have `ended`; returns the deliveries written, without a late sender's.

    An endpoint that is to be switched off is, with what waits for it. In the caller's transaction.
    """
    held = lock_lanes({result.lease.endpoint_id for result in results} | {lease.endpoint_id for lease in ended})
    ours = [result for result in results if held.get(result.lease.endpoint_id) == result.lease.token]
    _write(ours, at=at)
    last = {result.lease.endpoint_id: result.verdict for result in ours}
    _write_health({endpoint: verdict.lane for endpoint, verdict in last.items()})
    for endpoint, verdict in last.items():
        if verdict.disabled_reason:
            switch_off(endpoint, reason=verdict.disabled_reason, at=at)
    free_lanes([lease.endpoint_id for lease in ended if held.get(lease.endpoint_id) == lease.token])
    return {result.delivery_id for result in ours}


def _write(results: Sequence[Result], *, at: datetime) -> None:
    """Write what came of the deliveries, and each try into the log."""
    if not results:
        return
    if connection.vendor == "postgresql":
        rows = [{**_changes(one), **_log_of(one)} for one in results]
        values: dict[str, Any] = {"rows": Jsonb(rows, dumps=orjson.dumps), "at": at}
        with connection.cursor() as cursor:
            cursor.execute(WRITE, values)
        return
    for one in results:
        changes = _changes(one)
        changes |= {f"error_{name}": changes.pop(name) for name in ("code", "message")}
        delivery = EndpointDelivery.objects.filter(id=changes.pop("delivery_id"), state=PENDING)
        if delivery.update(attempt_count=changes.pop("number"), updated_at=at, **changes):
            attempt_row(one.delivery_id, one.number, one.attempted).save(force_insert=True)


def _changes(result: Result) -> dict[str, Any]:
    attempted, verdict = result.attempted, result.verdict
    return {
        "delivery_id": result.delivery_id,
        "state": verdict.state.value,
        "next_attempt_at": verdict.next_attempt_at,
        "number": result.number,
        "failures": verdict.failures,
        "delivered_at": attempted.ended_at if attempted.is_taken else None,
        "http_status": attempted.http_status,
        "code": attempted.code,
        "message": attempted.message[:500],
    }


def _log_of(result: Result) -> dict[str, Any]:
    attempted = result.attempted
    return {
        "attempt_id": new_id(),
        "started_at": attempted.started_at,
        "duration_ms": attempted.duration_ms,
        "url": attempted.url,
        "headers": attempted.headers,
        "answer": attempted.answer[:LONGEST_ANSWER],
    }


def attempt_row(delivery_id: UUID, number: int, attempted: Attempted) -> EndpointAttempt:
    """The log's row of a try, not stored yet."""
    return EndpointAttempt(
        delivery_id=delivery_id,
        number=number,
        started_at=attempted.started_at,
        duration_ms=attempted.duration_ms,
        url=attempted.url,
        headers=attempted.headers,
        http_status=attempted.http_status,
        code=attempted.code,
        message=attempted.message[:500],
        answer=attempted.answer[:LONGEST_ANSWER],
    )


def _write_health(health: Mapping[UUID, LaneHealth]) -> None:
    """Most lanes are well and stay so: one statement says that, and costs nothing where they were."""
    well = [endpoint for endpoint, one in health.items() if not one.failures]
    if well:
        EndpointLane.objects.filter(Q(failures__gt=0) | ~Q(blocked_until=None), endpoint__in=well).update(
            failures=0, failing_since=None, blocked_until=None
        )
    for endpoint, one in health.items():
        if one.failures:
            EndpointLane.objects.filter(endpoint=endpoint).update(
                failures=one.failures, failing_since=one.failing_since, blocked_until=one.blocked_until
            )


def switch_off(endpoint_id: UUID, *, reason: str, at: datetime) -> None:
    """Send it nothing more until a person switches it on again; what waits for it is missed, and its owner is told.

    Its lane is locked by the caller's transaction.
    """
    Endpoint.objects.filter(id=endpoint_id).update(
        status=EndpointStatus.DISABLED, disabled_reason=reason[:500], disabled_at=at, updated_at=at
    )
    EndpointDelivery.objects.filter(endpoint=endpoint_id, state=PENDING).update(
        state=EndpointDeliveryState.MISSED, next_attempt_at=None, updated_at=at
    )
    EndpointLane.objects.filter(endpoint=endpoint_id).update(is_open=False, ready_at=None)
    write_notice(Endpoint.objects.select_related("workspace").get(id=endpoint_id), at=at)


def renew(tokens: Collection[UUID], *, at: datetime) -> None:
    """Keep what these tokens hold."""
    EndpointLane.objects.filter(lease_token__in=tokens).update(lease_expires_at=at + LEASE)


def take_over(*, at: datetime) -> int:
    """Free the lanes of dead senders, and return how many; what they had in hand is sent again."""
    if not EndpointLane.objects.filter(lease_expires_at__lte=at).exists():
        return 0
    with transaction.atomic():
        dead = EndpointLane.objects.filter(lease_expires_at__lte=at).order_by("endpoint")
        lanes = list(dead.select_for_update(skip_locked=True).values_list("endpoint", flat=True)[:1000])
        free_lanes(lanes)
    return len(lanes)


def next_due_at() -> datetime | None:
    """When there is work next, maybe in the past; None = never. What is in hand is due when its lease ends."""
    with prepared_cursor() as cursor:
        cursor.execute(NEXT_DUE)
        (found,) = cursor.fetchone()
    if isinstance(found, str):  # SQLite has no type for times
        return datetime.fromisoformat(found).replace(tzinfo=UTC)
    return found  # type: ignore[no-any-return]  # as the database gave it


# --- everybody's side ---
def lock_lanes(endpoints: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """Keep these lanes as they are until the transaction ends; the lease token of each, None = nobody holds it."""
    lanes = EndpointLane.objects.filter(endpoint__in=sorted(set(endpoints))).order_by("endpoint")
    return dict(lanes.select_for_update().values_list("endpoint", "lease_token"))


def free_lanes(endpoints: Collection[UUID]) -> None:
    """Let go of these lanes, locked by this transaction, and say when each wants a look again."""
    _recompute(endpoints, lease_token=None, lease_expires_at=None)


def recompute_lanes(endpoints: Collection[UUID]) -> None:
    """Say again when each wants a look, after its deliveries changed; locks the lanes first.

    A separate statement after the lock: only then does it see what was committed while it waited.
    """
    if endpoints:
        lock_lanes(endpoints)
        _recompute(endpoints)


def _recompute(endpoints: Collection[UUID], **more: Any) -> None:
    if not endpoints:
        return
    pending = EndpointDelivery.objects.filter(endpoint=OuterRef("endpoint"), state=PENDING)
    first = Subquery(pending.order_by("next_attempt_at").values("next_attempt_at")[:1])
    ready_at = Greatest(first, Coalesce(F("blocked_until"), first))
    EndpointLane.objects.filter(endpoint__in=endpoints).update(
        ready_at=Case(When(Q(Exists(pending), is_open=True), then=ready_at), default=None), **more
    )


def open_lane(endpoint: Endpoint, *, at: datetime) -> None:
    """Let its queue go on, as if nothing had failed; its lane is locked by this transaction."""
    EndpointLane.objects.filter(endpoint=endpoint).update(
        is_open=True, failures=0, failing_since=None, blocked_until=None
    )
    EndpointDelivery.objects.filter(endpoint=endpoint, state=PENDING).update(next_attempt_at=at, failures=0)
    _recompute([endpoint.pk])
    notify(DUE)


def close_lane(endpoint: Endpoint) -> None:
    """Let its queue wait; its lane is locked by this transaction. What is in hand is still sent."""
    EndpointLane.objects.filter(endpoint=endpoint).update(is_open=False, ready_at=None)
