"""What bulk actions say before and after: "Retries 37 that were not sent; 2 unconfirmed are left out" and the like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from posts.services.bulk_actions import BulkAction, LeftOut

WILL = {
    BulkAction.RETRY: ("Retries {n} that was not sent", "Retries {n} that were not sent"),
    BulkAction.PUBLISH: ("Publishes {n} now", "Publishes {n} now"),
    BulkAction.RESCHEDULE: ("Sends {n} at {time} UTC", "Sends {n} at {time} UTC"),
    BulkAction.CANCEL: ("Cancels {n}", "Cancels {n}"),
    BulkAction.PUBLISHED: ("Notes of {n} that it is published", "Notes of {n} that they are published"),
    BulkAction.NOT_PUBLISHED: ("Notes of {n} that it is not published", "Notes of {n} that they are not published"),
}
DONE = {
    BulkAction.RETRY: "Retried",
    BulkAction.PUBLISH: "Being published",
    BulkAction.RESCHEDULE: "Given another time",
    BulkAction.CANCEL: "Cancelled",
    BulkAction.PUBLISHED: "Noted as published",
    BulkAction.NOT_PUBLISHED: "Noted as not published; each can be retried now",
}
LEFT_OUT = {
    "unconfirmed": "unconfirmed",
    "in_flight": "under way",
    "content_refused": "refused as written",
    "not_failed": "not failed",
    "not_waiting": "not waiting",
    "not_unconfirmed": "not unconfirmed",
    "already_out": "partly out",
    "not_found": "deleted",
    "role_too_low": "not yours to change",
    "duplicate_text": "said before",
    "too_near": "too near to others",
}


def will(action: BulkAction, count: int, left_out: Sequence[LeftOut], *, at: datetime | None = None) -> str:
    """What the action would do with `count` deliveries, and what it leaves out."""
    one, many = WILL[action]
    time = "" if at is None else f"{at:%Y-%m-%d %H:%M}"
    sentence = (one if count == 1 else many).format(n=f"{count:,}", time=time)
    return f"{sentence}{_and_leaves(left_out)}."


def done(action: BulkAction, count: int) -> str:
    return f"{DONE[action]}: {count:,}."


def not_done(left_out: Sequence[LeftOut]) -> str:
    """What was in the preview and could not be done any more, or not as it was asked for."""
    reasons = " ".join(dict.fromkeys(one.sentence for one in left_out))
    return f"Left out, as things are now: {sum(one.count for one in left_out):,}. {reasons}"


def _and_leaves(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return ""
    parts = [f"{one.count:,} {LEFT_OUT.get(one.code, one.code.replace('_', ' '))}" for one in left_out]
    count = sum(one.count for one in left_out)
    return f"; {', '.join(parts)} {'is' if count == 1 else 'are'} left out"
