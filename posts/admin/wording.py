"""What bulk actions say before and after: "Retries 37 that were not sent; 2 unconfirmed are left out" and the like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from posts.services.bulk_actions import BulkAction, LeftOut

WILL = {
    BulkAction.RETRY: ngettext_lazy("Retries %(n)s that was not sent", "Retries %(n)s that were not sent", "count"),
    BulkAction.PUBLISH: ngettext_lazy("Publishes %(n)s now", "Publishes %(n)s now", "count"),
    BulkAction.RESCHEDULE: ngettext_lazy("Sends %(n)s at %(time)s UTC", "Sends %(n)s at %(time)s UTC", "count"),
    BulkAction.CANCEL: ngettext_lazy("Cancels %(n)s", "Cancels %(n)s", "count"),
    BulkAction.PUBLISHED: ngettext_lazy(
        "Notes of %(n)s that it is published", "Notes of %(n)s that they are published", "count"
    ),
    BulkAction.NOT_PUBLISHED: ngettext_lazy(
        "Notes of %(n)s that it is not published", "Notes of %(n)s that they are not published", "count"
    ),
}
DONE = {
    BulkAction.RETRY: gettext_lazy("Retried"),
    BulkAction.PUBLISH: gettext_lazy("Being published"),
    BulkAction.RESCHEDULE: gettext_lazy("Given another time"),
    BulkAction.CANCEL: gettext_lazy("Cancelled"),
    BulkAction.PUBLISHED: gettext_lazy("Noted as published"),
    BulkAction.NOT_PUBLISHED: gettext_lazy("Noted as not published; each can be retried now"),
}
LEFT_OUT = {
    "unconfirmed": gettext_lazy("unconfirmed"),
    "in_flight": gettext_lazy("under way"),
    "content_refused": gettext_lazy("refused as written"),
    "not_failed": gettext_lazy("not failed"),
    "not_waiting": gettext_lazy("not waiting"),
    "not_unconfirmed": gettext_lazy("not unconfirmed"),
    "already_out": gettext_lazy("partly out"),
    "not_found": gettext_lazy("deleted"),
    "role_too_low": gettext_lazy("not yours to change"),
    "duplicate_text": gettext_lazy("said before"),
    "too_near": gettext_lazy("too near to others"),
}


def will(action: BulkAction, count: int, left_out: Sequence[LeftOut], *, at: datetime | None = None) -> str:
    """What the action would do with `count` deliveries, and what it leaves out."""
    time = "" if at is None else f"{at:%Y-%m-%d %H:%M}"
    does = WILL[action] % {"count": count, "n": f"{count:,}", "time": time}
    if not left_out:
        return f"{does}."
    parts = [f"{one.count:,} {LEFT_OUT.get(one.code, one.code.replace('_', ' '))}" for one in left_out]
    left = sum(one.count for one in left_out)
    leaves = ngettext("%(parts)s is left out", "%(parts)s are left out", left) % {"parts": ", ".join(parts)}
    return f"{does}; {leaves}."


def done(action: BulkAction, count: int) -> str:
    return f"{DONE[action]}: {count:,}."


def not_done(left_out: Sequence[LeftOut]) -> str:
    """What was in the preview and could not be done any more, or not as it was asked for."""
    reasons = " ".join(dict.fromkeys(one.sentence for one in left_out))
    count = f"{sum(one.count for one in left_out):,}"
    return _("Left out, as things are now: %(count)s. %(reasons)s") % {"count": count, "reasons": reasons}
