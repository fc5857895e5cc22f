"""What the same accounts publish that says the same, or goes out close by: one statement, however much is asked."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from posts.states import TAKEN

STRIPES = 256  # that many locks at most, whatever is asked
LOCK_CLASS = 20_779  # of advisory locks of this kind
NOTHING = timedelta()
_TAKEN_SQL = "({})".format(", ".join(f"'{state.value}'" for state in TAKEN))


@dataclass(frozen=True, slots=True)
class Plan:
    """What one account is to publish. `fingerprint` None = nothing that could be the same.

    `at`: when; of a draft, which nobody has promised anything of, when it was written.
    """

    post_id: UUID
    account_id: UUID
    fingerprint: int | None
    at: datetime
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What another post publishes, or has published, by the same account. `is_same`: the same text, else close by."""

    is_same: bool
    post_id: UUID
    at: datetime
    is_draft: bool = False


def find_stored(
    plans: Sequence[Plan], *, window: timedelta, gap: timedelta, is_locked: bool
) -> dict[int, list[Neighbour]]:
    """The stored neighbours of each plan by its place among them: of either kind the nearest in time.

    The same text counts up to `window` away, anything less than `gap` away; nothing = neither. What is promised, under
    way or out counts, and for a draft other drafts too. `is_locked`: until the transaction ends, nobody else who asks
    so about the same text for the same account gets an answer; then of two at once the later one finds the earlier.
    """
    if not plans or (window == gap == NOTHING):
        return {}
    statement = _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE
    params = [json.dumps(_asked(plans, window=window, gap=gap))]
    stripes = sorted({plan.fingerprint % STRIPES for plan in plans if plan.fingerprint is not None})
    is_locked = is_locked and window != NOTHING and bool(stripes) and connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_locked:  # a statement of its own in the same message: the look needs a snapshot from after the wait
            cursor.execute(f"{_LOCK}; {statement}", [stripes, *params])
            cursor.nextset()
        else:
            cursor.execute(statement, params)
        rows = cursor.fetchall()
    return {
        number: [_neighbour(told, is_same=is_same) for told, is_same in ((same, True), (near, False)) if told]
        for number, same, near in rows
    }


def _neighbour(told: str, *, is_same: bool) -> Neighbour:
    post_id, at, is_draft = json.loads(told)
    moment = datetime.fromisoformat(at)
    return Neighbour(is_same, UUID(post_id), moment if moment.tzinfo else moment.replace(tzinfo=UTC), bool(is_draft))


def _asked(plans: Sequence[Plan], *, window: timedelta, gap: timedelta) -> list[dict[str, object]]:
    is_native = connection.features.has_native_uuid_field
    return [
        {
            "number": number,
            "post": str(plan.post_id) if is_native else plan.post_id.hex,
            "account": str(plan.account_id) if is_native else plan.account_id.hex,
            "fingerprint": plan.fingerprint if window else None,
            "at": _text(plan.at),
            "same_from": _text(plan.at - window),
            "same_to": _text(plan.at + window),
            "near_from": _text(plan.at - gap) if gap and not plan.is_draft else None,
            "near_to": _text(plan.at + gap) if gap and not plan.is_draft else None,
            "is_draft": plan.is_draft,
        }
        for number, plan in enumerate(plans)
    ]


def _text(at: datetime) -> str:
    """As both databases compare moments with their columns."""
    at = at.astimezone(UTC)
    return at.isoformat(sep=" ") if connection.vendor == "postgresql" else at.replace(tzinfo=None).isoformat(sep=" ")


@dataclass(slots=True)
class Together:
    """The neighbours among plans that are not stored yet: each finds those that were added before it."""

    window: timedelta
    gap: timedelta
    _same: dict[tuple[UUID, int], list[Plan]] = field(default_factory=lambda: defaultdict(list))
    _near: dict[UUID, list[tuple[datetime, UUID]]] = field(default_factory=lambda: defaultdict(list))

    def find(self, plan: Plan) -> Iterator[Neighbour]:
        """As `find_stored`."""
        if self.window and plan.fingerprint is not None:
            others = self._same[plan.account_id, plan.fingerprint]
            same = [one for one in others if plan.is_draft or not one.is_draft]
            nearest = min(same, key=lambda one: abs(one.at - plan.at), default=None)
            if nearest is not None and abs(nearest.at - plan.at) <= self.window:
                yield Neighbour(True, nearest.post_id, nearest.at, nearest.is_draft)
        if self.gap and not plan.is_draft:
            times = self._near[plan.account_id]
            place = bisect_left(times, (plan.at, plan.post_id))
            beside = times[max(place - 1, 0) : place + 1]
            near = [(abs(at - plan.at), at, post_id) for at, post_id in beside if abs(at - plan.at) < self.gap]
            if near:
                _, at, post_id = min(near)
                yield Neighbour(False, post_id, at)

    def add(self, plan: Plan) -> None:
        if plan.fingerprint is not None:
            self._same[plan.account_id, plan.fingerprint].append(plan)
        if not plan.is_draft:
            insort(self._near[plan.account_id], (plan.at, plan.post_id))


_LOCK = f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, stripe) FROM unnest(%s::int[]) AS stripe"
_WANTED_POSTGRESQL = """
SELECT * FROM jsonb_to_recordset(%s::jsonb) AS row(
  number int, post uuid, account uuid, fingerprint bigint, at timestamptz, same_from timestamptz, same_to timestamptz,
  near_from timestamptz, near_to timestamptz, is_draft boolean)"""
_WANTED_SQLITE = "SELECT {} FROM json_each(%s)".format(
    ", ".join(
        f"json_extract(value, '$.{name}') AS {name}"
        for name in (
            "number", "post", "account", "fingerprint", "at", "same_from", "same_to", "near_from", "near_to",
            "is_draft",
        )
    )
)  # fmt: skip


def _statement(wanted: str, distance: str, told: str) -> str:
    """`distance`: how far `{moment}` is from what is wanted. `told`: values as a text of JSON.

    What is found comes as one value of each row of what is wanted: no join that could be planned as one over all rows.
    """
    went_out = "COALESCE(o.published_at, o.due_at, o.created_at)"

    def found(moment: str, condition: str, order: str = "") -> str:
        # SQLite orders by columns of the query itself only, so the distance is one.
        return f"""
  SELECT o.id, {told.format(f"o.post_id, {moment}, o.state = 'draft'")} AS told,
         {distance.format(moment=moment)} AS distance
    FROM posts_delivery o JOIN posts_post p ON p.id = o.post_id
   WHERE o.account_id = w.account AND {condition} AND o.post_id <> w.post AND p.deleted_at IS NULL
     AND (o.state IN {_TAKEN_SQL} OR (w.is_draft AND o.state = 'draft')) {order}"""

    def nearest(*rows: str) -> str:
        of_all = " UNION ALL ".join(f"SELECT * FROM ({one}) AS found" for one in rows)
        return f"(SELECT told FROM ({of_all}) AS other ORDER BY distance, id LIMIT 1)"

    same = f"o.fingerprint = w.fingerprint AND {went_out} >= w.same_from AND {went_out} <= w.same_to"
    # The nearest on either side is the index's next row, however many thousand follow.
    after = found("o.due_at", "o.due_at >= w.at AND o.due_at < w.near_to", "ORDER BY o.due_at, o.id LIMIT 1")
    before = found(
        "o.due_at", "o.due_at < w.at AND o.due_at > w.near_from", "ORDER BY o.due_at DESC, o.id DESC LIMIT 1"
    )
    return f"""
WITH wanted AS MATERIALIZED ({wanted})
SELECT w.number, {nearest(found(went_out, same))}, {nearest(before, after)} FROM wanted w
"""


_POSTGRESQL = _statement(
    _WANTED_POSTGRESQL, "abs(extract(epoch FROM {moment} - w.at))", "CAST(jsonb_build_array({}) AS text)"
)
_SQLITE = _statement(_WANTED_SQLITE, "abs(julianday({moment}) - julianday(w.at))", "json_array({})")
