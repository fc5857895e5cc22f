"""Taking back what is out, on the platforms that allow it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from integrations import registry
from integrations.errors import CallFailed
from integrations.services import tokens
from integrations.services.connectors import connector_for
from integrations.services.hosts import app_of
from mastablasta.core.errors import Conflict, DomainError, FieldProblem
from posts import audit
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import post_content, scheduling
from posts.states import IN_FLIGHT_OR_UNCERTAIN, DeliveryState


class CannotDelete(Conflict):
    """The platform has no call that takes a post back."""


class NotRetracted(Conflict):
    """Some of it is still out; what could be taken back is."""


def retract_post(post: Post, *, at: datetime) -> None:
    """Delete every part of it at its platform; already gone counts as deleted. No transaction is held over a call.

    Raises NotRetracted with one problem an account where a platform refuses, does not answer or takes nothing back
    (`cannot_delete`, without a call); calling it again goes on with the rest. Raises Conflict while something is in
    flight or in doubt.
    """
    with transaction.atomic():
        deliveries = scheduling.lock_post(post)
        if any(d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
            raise Conflict("in_flight", "Something of this post is under way or in doubt; wait for its outcome.")
    problems = []
    out = post.deliveries.filter(state=DeliveryState.PUBLISHED).select_related(
        "account__platform_host", "account__credential__platform_host"
    )
    for delivery in out.order_by("id"):
        try:
            _retract(delivery, at=at)
        except CannotDelete as refusal:
            problems.append(_problem(delivery, refusal.code, str(refusal)))
        except (CallFailed, DomainError) as failure:
            problems.append(_problem(delivery, "not_deleted", str(failure)))
    if problems:
        raise NotRetracted("not_deleted", f"Not everything could be deleted: {problems[0].message}", problems)


def _problem(delivery: Delivery, code: str, sentence: str) -> FieldProblem:
    params = {"account_id": str(delivery.account_id), "delivery_id": str(delivery.id)}
    where = f"{delivery.account.handle} on {delivery.get_platform_display()}"
    return FieldProblem("deliveries", code, f"{where}: {sentence}", params)


def _retract(delivery: Delivery, *, at: datetime) -> None:
    account = delivery.account
    target = post_content.target_of(account)
    capabilities = registry.connector_class(delivery.platform).capabilities_at(target)
    if not capabilities.can_delete:
        sentence = f"{capabilities.label} takes no post back; delete this one without remote=true, and it stays there."
        raise CannotDelete("cannot_delete", sentence)
    if account.credential is None:
        raise Conflict("needs_reauth", "The account has to be connected again.")
    credential = tokens.fresh_credentials(account.credential, at=at)
    connector = connector_for(
        delivery.platform,
        target,
        token=str(account.target_token_enc or credential.access_enc),
        app=app_of(account.platform_host),
    )
    ids = [part["remote_id"] for part in delivery.parts or ()] or [delivery.remote_id]
    for remote_id in reversed([remote_id for remote_id in ids if remote_id]):  # replies before what they answer
        connector.delete(remote_id)
    with transaction.atomic():
        Delivery.objects.filter(id=delivery.id, state=DeliveryState.PUBLISHED).update(
            state=DeliveryState.RETRACTED, updated_at=at
        )
        audit.record_moves("deleted at the platform", [delivery], DeliveryState.RETRACTED, at=at)
        claims.recompute_post_status([delivery.post_id], at=at)
