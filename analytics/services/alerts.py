"""What people do with alerts: make them and delete them."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User, Workspace
from analytics.models import MetricAlert
from integrations.models import SocialAccount
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Conflict, Invalid

MOST_ALERTS = 100  # of a workspace


def create_alert(
    workspace: Workspace, *, by: User, figure: str, threshold: int, platform: str = "", account_id: UUID | None = None
) -> MetricAlert:
    """Have webhooks told when a figure of a post rises above `threshold`; "" and None = on all platforms, accounts.

    Raises Invalid (account_id), Conflict (too_many_alerts).
    """
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).only("id").get(pk=workspace.pk)
        if MetricAlert.objects.in_workspace(workspace).count() >= MOST_ALERTS:
            sentence = f"A workspace has at most {MOST_ALERTS} alerts; delete one that is no longer needed."
            raise Conflict("too_many_alerts", sentence)
        if account_id and not SocialAccount.objects.in_workspace(workspace).filter(id=account_id).exists():
            raise Invalid.field("account_id", "unknown_account", "There is no such account; GET /accounts lists them.")
        alert = MetricAlert.objects.create(
            workspace=workspace,
            created_by=by,
            figure=figure,
            threshold=threshold,
            platform=platform,
            account_id=account_id,
        )
        record("created", [subject_of(alert, changes={"platform": (None, platform or None)})], at=alert.created_at)
    return alert


def delete_alert(alert: MetricAlert) -> None:
    """Nobody is told by it any more."""
    with transaction.atomic():
        record("deleted", [subject_of(alert)], at=timezone.now())
        alert.delete()
