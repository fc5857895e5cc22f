"""Why a claimed delivery is not sent now although it is due, and what becomes of it; found before any call.

In the claim's own transaction: nothing scans the backlog for what is too late, and nothing that has begun is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings

from accounts.models import Workspace
from mastablasta.core.time_scale import scaled

# What the policy "hold" still sends: a restart or a deploy takes less and is nobody's idea of down-time.
HOLD_GRACE = timedelta(minutes=5)
LOOKS_FOR_KEY_AGAIN = timedelta(seconds=scaled(60))


@dataclass(frozen=True, slots=True)
class Blocker:
    """`account`: it cannot be used. `held`: too late, a person decides. `host`: its circuit is open.

    `window`: the platform takes no call of our app before `until`. `slow`: it has enough of our calls in hand.
    `media`: its files are not yet in the form that is needed. `unfit`: they cannot be brought into it. `secret`: what
    is stored of the access cannot be read before somebody helps; it is looked at again at `until`.
    """

    kind: Literal["account", "held", "host", "window", "slow", "media", "unfit", "secret"]
    message: str
    until: datetime | None = None


def unreadable_grant(*, at: datetime) -> Blocker:
    """The key is lost that what is stored of the access was encrypted with: nothing is given up, it may come back."""
    sentence = (
        "What is stored of the access to this account was encrypted with a key that ENCRYPTION_KEY does not hold any "
        "more: whoever runs this server can put that key back; else connect the account again."
    )
    return Blocker("secret", sentence, at + LOOKS_FOR_KEY_AGAIN)


# --- the missed-post rule ---
@dataclass(frozen=True, slots=True)
class MissedRule:
    """How late a post may still go out by itself. Returned by `rules_of`."""

    longest: timedelta
    hours: int
    holds: bool

    def blocker(self, promised_at: datetime, *, at: datetime, is_first_look: bool) -> Blocker | None:
        """Why what was promised for `promised_at` may not go out at `at`; None = it may.

        "hold" is meant for what fell due while nobody worked: what was looked at before (it is being retried, or had
        to wait for its platform) goes on until it is too old for anybody.
        """
        late = at - promised_at
        due = promised_at.strftime("%Y-%m-%d %H:%M UTC")
        remedy = "Publish it now, give it another time or cancel it."
        if late > self.longest:
            message = f"It was due at {due}; what is more than {self.hours} hours late waits for a person. {remedy}"
            return Blocker("held", message)
        if self.holds and is_first_look and late > HOLD_GRACE:
            message = f"It was due at {due}, when nothing could be sent; this workspace decides for itself. {remedy}"
            return Blocker("held", message)
        return None


def missed_rules_of(workspaces: Iterable[UUID]) -> Mapping[UUID, MissedRule]:
    """The rule of each workspace: its own, else the server's (MISSED_POST_POLICY, MISSED_POST_HOURS)."""
    rows = Workspace.objects.filter(id__in=set(workspaces)).values_list("id", "missed_post_policy", "missed_post_hours")
    rules = {}
    for workspace, policy, own_hours in rows:
        hours = settings.MISSED_POST_HOURS if own_hours is None else own_hours
        holds = (policy or settings.MISSED_POST_POLICY) == "hold"
        rules[workspace] = MissedRule(timedelta(hours=hours), hours, holds)
    return rules
