"""A person settles a doubt about a delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from mastablasta.core.audit.recording import record
from mastablasta.core.errors import Conflict, Invalid
from posts import audit
from posts.models import Delivery
from posts.queue import claims
from posts.services import scheduling
from posts.services.retries import S


def resolve_delivery(delivery: Delivery, *, is_published: bool, url: str = "", by: User, at: datetime) -> Delivery:
    """A person has looked: it is out (maybe under `url`), or is not and may be retried; nothing is sent by itself."""
    with transaction.atomic():
        scheduling.lock_post(delivery.post)
        current = Delivery.objects.select_related("account").get(id=delivery.id)
        # Signed out, its platform cannot be asked, maybe never again: then a person's word settles the doubt.
        is_unasked = current.state == S.UNKNOWN and current.lease_token is None and current.account.state != "active"
        if current.state != S.UNCONFIRMED and not is_unasked:
            raise Conflict("not_unconfirmed", "Only an unconfirmed delivery can be resolved.")
        if url and not url.startswith(("https://", "http://")):
            raise Invalid.field(
                "url", "invalid", "url is not a web address; give the address of the post, or leave it out."
            )
        changes: dict[str, Any]
        if is_published:
            changes = {
                "state": S.PUBLISHED, "resolved_by": by, "published_at": current.sent_at or at,
                "url": url or current.url, "error_code": "", "error_kind": "", "error_message": "",
            }  # fmt: skip
        else:
            message = "A person looked: it is not out."
            changes = {"state": S.FAILED, "error_code": "not_sent", "error_message": message, "error_retryable": True}
        Delivery.objects.filter(id=current.id, state=current.state).update(
            **changes, sent_at=None, doubted_at=None, updated_at=at
        )
        told = {"state": (current.state, changes["state"]), **({"url": (None, url)} if url else {})}
        record("resolved", [audit.delivery_subject(current, **told)], at=at)
        claims.recompute_lanes([current.account_id])
        claims.recompute_post_status([current.post_id], at=at)
    delivery.refresh_from_db()
    return delivery
