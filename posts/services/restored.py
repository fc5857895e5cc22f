"""What a restored or copied database may not send by itself: it cannot know what has gone out since."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from posts.models import Attempt, Delivery, Lane
from posts.queue import claims
from posts.states import AttemptOutcome, DeliveryState

S = DeliveryState
AWAITS_TIME = (S.QUEUED, S.BLOCKED, S.SENDING)
BEGUN = Q(parts_done__gt=0) | Q(visible_calls__gt=0) | Q(sent_at__isnull=False) | Q(state__in=[S.PROCESSING, S.UNKNOWN])
MAY_BE_OUT = (
    "The database was restored or copied after this was due, so it may have gone out since. Look at the account: if it "
    "is not out, publish it now, give it another time or cancel it."
)
BEGUN_BEFORE = (
    "The database was restored or copied after this had begun, so nobody knows what of it went out since. Look at the "
    "account and say whether it is out."
)


class Withheld(NamedTuple):
    """How many deliveries wait for a person: `held` had not begun, `unconfirmed` had."""

    held: int
    unconfirmed: int


def withhold(*, due_until: datetime | None, at: datetime) -> Withheld:
    """Let everything that was due until then, or had begun, wait for a person; None = whatever its time.

    In the caller's transaction, while nothing is claimed.
    """
    begun = Delivery.objects.filter(BEGUN, state__in=[*AWAITS_TIME, S.PROCESSING, S.UNKNOWN])
    rest = Delivery.objects.filter(~BEGUN, state__in=AWAITS_TIME)
    if due_until is not None:
        rest = rest.filter(Q(due_at__lte=due_until) | Q(state=S.SENDING))
    posts = set(begun.values_list("post", flat=True)) | set(rest.values_list("post", flat=True))
    accounts = set(Lane.objects.filter(lease_token__isnull=False).values_list("account", flat=True))
    accounts |= set(begun.values_list("account", flat=True)) | set(rest.values_list("account", flat=True))
    claims.lock_lanes(accounts)
    free = {"lease_token": None, "lease_expires_at": None, "updated_at": at, "next_attempt_at": None}
    unconfirmed = begun.update(
        **free, state=S.UNCONFIRMED, sent_at=Coalesce("sent_at", "due_at", Value(at)), error_code="restored",
        error_kind="unknown", error_message=BEGUN_BEFORE, error_retryable=False,
    )  # fmt: skip
    held = rest.update(
        **free, state=S.HELD, error_code="restored", error_kind="held", error_message=MAY_BE_OUT, error_retryable=True
    )
    Attempt.objects.filter(ended_at=None, delivery__post__in=posts).update(
        ended_at=at, outcome=AttemptOutcome.ABANDONED, code="restored", message="The database was restored or copied."
    )
    Lane.objects.filter(account__in=accounts).update(lease_token=None, lease_expires_at=None)
    claims.recompute_lanes(accounts)
    claims.recompute_post_status(posts, at=at)
    return Withheld(held, unconfirmed)
