"""What accounts tell webhooks: written in the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from integrations.models import SocialAccount
from webhooks import outbox
from webhooks.outbox import NewEvent

NEEDS_REAUTH = "account.needs_reauth"


def record_needs_reauth(accounts: Collection[UUID], *, reason: str, at: datetime) -> None:
    """Write that these accounts have to be connected again."""
    rows = SocialAccount.objects.filter(id__in=accounts).order_by("id")
    found = list(rows.values("id", "workspace_id", "platform", "handle"))
    wanted = outbox.wanted_types({row["workspace_id"] for row in found})
    events = [
        NewEvent(
            row["workspace_id"],
            NEEDS_REAUTH,
            {"account_id": row["id"], "platform": row["platform"], "handle": row["handle"], "reason": reason},
        )
        for row in found
        if NEEDS_REAUTH in wanted.get(row["workspace_id"], ())
    ]
    if events:
        outbox.record(events, at=at)
