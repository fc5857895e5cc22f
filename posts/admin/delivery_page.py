"""What the page of one delivery shows: why it stands where it stands, what helps, and all that was tried."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from mastablasta.core.admin_base import may_write
from posts.admin.triage import OFFERED, address_of, page_of
from posts.api.presenting import waiting_for
from posts.api.waiting import COLUMNS
from posts.models import Attempt, Delivery
from posts.services import triage
from posts.services.explaining import explain
from posts.services.triage import Cause

MOST_ATTEMPTS = 200


def context_of(request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
    """What its template shows beside the fields."""
    row = Delivery.objects.filter(pk=delivery.pk).values(*COLUMNS).get()
    attempts = page_of(Attempt).get_queryset(request).filter(delivery=delivery).order_by("-number")[:MOST_ATTEMPTS]
    cause = Cause(delivery.state, delivery.error_code, delivery.platform)
    may_act = may_write(request, delivery.workspace_id) and delivery.post.deleted_at is None
    return {
        "delivery": delivery,
        "explanation": explain(delivery, waiting_for=waiting_for(row)),
        "attempts": [_shown(attempt) for attempt in attempts],
        "group_address": address_of(cause) if cause.state in triage.NEEDS_PERSON else "",
        "triage_actions": OFFERED.get(delivery.state, ()) if may_act else (),
        "account_address": reverse("admin:integrations_socialaccount_change", args=[delivery.account_id]),
        "post_address": reverse("admin:posts_post_change", args=[delivery.post_id]),
    }


def _shown(attempt: Attempt) -> dict[str, Any]:
    took = None if attempt.ended_at is None else (attempt.ended_at - attempt.started_at).total_seconds()
    return {
        "number": attempt.number,
        "kind": attempt.get_kind_display(),
        "started_at": attempt.started_at,
        "took": _("under way") if took is None else f"{took:.2f} s",
        "was_visible": attempt.sent_at is not None,
        "outcome": attempt.get_outcome_display() or "",
        "http_status": attempt.http_status,
        "code": attempt.code,
        "message": attempt.message,
        "request_id": attempt.request_id,
        "retry_at": attempt.retry_at,
        "worker": attempt.worker,
    }
