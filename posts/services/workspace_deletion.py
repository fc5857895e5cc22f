"""Deleting a workspace: nothing of it goes out any more, and nobody gets in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Count

from accounts.models import Workspace
from accounts.services import workspaces
from integrations.models import SocialAccount
from mastablasta.core import jobs
from mastablasta.core.errors import Conflict, FieldProblem
from posts import audit
from posts.models import Delivery
from posts.queue import claims
from posts.states import IN_FLIGHT_OR_UNCERTAIN, DeliveryState
from webhooks.services.endpoints import delete_endpoints

TASK = "integrations.tasks.disconnect_deleted"
WAITS = (DeliveryState.QUEUED, DeliveryState.BLOCKED, DeliveryState.HELD)
AT_ONCE = 1_000
log = structlog.get_logger(__name__)


def delete_workspace(workspace: Workspace, *, is_forced: bool = False, at: datetime) -> None:
    """Delete it for everybody in it: no list shows it, its keys and invitations end. Its rows stay in the database.

    What is out stays out. Its accounts are disconnected, and the platforms told, by a worker soon after. Raises
    Conflict: `in_flight` and `unconfirmed` while that is so of one of its posts, `workspace_in_use` while posts are
    scheduled; `is_forced` cancels those.
    """
    with transaction.atomic():
        claims.lock_lanes(SocialAccount.objects.in_workspace(workspace).values_list("id", flat=True))
        deliveries = Delivery.objects.filter(account__workspace=workspace, post__deleted_at=None)
        count = dict(deliveries.values_list("state").annotate(Count("id")).order_by())
        _refuse_while_under_way(count)
        waiting = sum(count.get(state, 0) for state in WAITS)
        if waiting and not is_forced:
            sentence = (
                f"{_posts(waiting)} scheduled in this workspace; cancel or publish that first, or repeat with "
                "?force=true, which cancels it."
            )
            raise _conflict("workspace_in_use", sentence, waiting)
        if waiting:
            _cancel(workspace, at=at)
        workspaces.delete(workspace, at=at)
        delete_endpoints(workspace)
        jobs.enqueue(TASK)
    log.info("workspace_deleted", workspace=str(workspace.pk))


def _refuse_while_under_way(count: dict[str, int]) -> None:
    unclear = count.get(DeliveryState.UNCONFIRMED, 0)
    if busy := sum(count.get(state, 0) for state in IN_FLIGHT_OR_UNCERTAIN) - unclear:
        sentence = f"{_posts(busy)} being published right now; try again when that has settled."
        raise _conflict("in_flight", sentence, busy)
    if unclear:
        sentence = f"{_posts(unclear)} unconfirmed in this workspace; say first whether it is out (resolve)."
        raise _conflict("unconfirmed", sentence, unclear)


def _posts(count: int) -> str:
    return "1 post is" if count == 1 else f"{count} posts are"


def _conflict(code: str, sentence: str, count: int) -> Conflict:
    return Conflict(code, sentence, [FieldProblem("", code, sentence, {"deliveries": count})])


def _cancel(workspace: Workspace, *, at: datetime) -> None:
    """Cancel all that waits, in steps of AT_ONCE; the lanes are locked."""
    waiting = Delivery.objects.filter(account__workspace=workspace, state__in=WAITS)
    accounts: set[UUID] = set()
    columns = ("id", "post_id", "account_id", "platform", "state", "workspace_id")
    while rows := list(waiting.order_by("id").only(*columns)[:AT_ONCE]):
        Delivery.objects.filter(id__in=[row.id for row in rows]).update(
            state=DeliveryState.CANCELLED, next_attempt_at=None, updated_at=at
        )
        audit.record_moves("cancelled", rows, DeliveryState.CANCELLED, at=at)
        claims.recompute_post_status((row.post_id for row in rows), at=at)
        accounts |= {row.account_id for row in rows}
    claims.recompute_lanes(accounts)
