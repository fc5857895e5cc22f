"""What is to come: scheduled posts that will not go out, because the sign-in of their account ends before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from integrations.models import SocialAccount

ENDS_SOON = timedelta(days=14)  # so long before people are told that an account has to be connected again
MOST_ACCOUNTS = 100
REMEDY = "Connect it again before then."


@dataclass(frozen=True, slots=True)
class Forecast:
    """From when on an account's posts will not go out, how many of those that are scheduled now, and a sentence."""

    ends_at: datetime
    posts: int
    message: str


def forecast_of(account: SocialAccount) -> Forecast | None:
    """What is to come of an account `with_forecast`; None where its sign-in has no end that is known, or has ended."""
    ends_at: datetime | None = getattr(account, "sign_in_ends_at", None)
    if ends_at is None:
        return None
    posts: int = getattr(account, "posts_after_it", None) or 0
    day = f"{ends_at.astimezone(UTC):%A}, {ends_at.day} {ends_at.astimezone(UTC):%B %Y}"
    if posts:
        what = "1 scheduled post" if posts == 1 else f"{posts} scheduled posts"
        message = f"{what} of {account.handle} will fail from {day}, on: its sign-in ends. {REMEDY}"
    else:
        message = f"The sign-in of {account.handle} ends on {day}. {REMEDY}"
    return Forecast(ends_at, posts, message)


def sign_ins_that_end() -> list[tuple[UUID, datetime]]:
    """Accounts whose sign-ins have an end that is known, with it: the hundred that end first."""
    accounts: Any = SocialAccount.objects.connected().with_forecast()
    ending = accounts.filter(sign_in_ends_at__isnull=False)
    return list(ending.order_by("sign_in_ends_at").values_list("id", "sign_in_ends_at")[:MOST_ACCOUNTS])
