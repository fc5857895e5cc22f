"""One thing done with many deliveries, whosever they are: rehearsed if need be, and said of each other one why not.

What is done is what the API does, by the same services. Those take posts of one workspace, or one post: AT_ONCE posts
at most are a transaction of their own, since its lanes are locked at once, and no longer than that takes. A rehearsal
does the same and undoes it, so that it is never wrong about the rules; the price is that it locks as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, groupby, islice
from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext_lazy

from accounts.models import User
from mastablasta.core.errors import Conflict, DomainError
from posts.models import Delivery
from posts.querysets import DeliveryQuerySet
from posts.services import cancellation, rescheduling, resolution, retries, scheduling
from posts.services.locks import Outcome
from posts.states import NOT_OUT, DeliveryState

S = DeliveryState

AT_ONCE = 250


class BulkAction(models.TextChoices):
    """What may be done with deliveries that need a person."""

    RETRY = "retry", gettext_lazy("Retry")
    PUBLISH = "publish", gettext_lazy("Publish now")
    RESCHEDULE = "reschedule", gettext_lazy("Give another time")
    CANCEL = "cancel", gettext_lazy("Cancel")
    PUBLISHED = "published", gettext_lazy("It is published")
    NOT_PUBLISHED = "not_published", gettext_lazy("It is not published")


@dataclass(frozen=True, slots=True)
class Order:
    """What `by` wants done. `scheduled_at`: the other time of RESCHEDULE. `urls`: where what is PUBLISHED is out."""

    action: BulkAction
    by: User
    scheduled_at: datetime | None = None
    urls: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Deliveries with which it is not done: a code, the sentence of one of them, and how many."""

    code: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """The deliveries with which it was done, how many others of the same posts it moved, and what was left out."""

    done: list[UUID]
    moved_along: int
    left_out: list[LeftOut]


Refusals = dict[UUID, DomainError]  # by delivery
Step = Callable[[Order, Sequence[Delivery], datetime], Refusals]


def carry_out(order: Order, rows: DeliveryQuerySet, *, at: datetime, is_rehearsal: bool = False) -> Report:
    """Do it with `rows`, as far as it can be done with each; a rehearsal changes nothing. Outside a transaction.

    Where services take many posts at once, in a fixed number of statements for each workspace.
    """
    shown = rows.select_related("post", "workspace").order_by("workspace", "post", "id")
    done: list[UUID] = []
    moved_along = 0
    refused: list[DomainError] = []
    for unit in _units(order.action, shown):
        moved, refusals = _do(order, unit, at=at, is_rehearsal=is_rehearsal)
        names = {delivery.id for delivery in unit}
        done += [delivery_id for delivery_id in moved if delivery_id in names]
        moved_along += len(moved - names)
        refused += [refusals.get(one.id) or _as_it_is(order.action, one) for one in unit if one.id not in moved]
    return Report(done, moved_along, _by_code(refused))


def _units(action: BulkAction, rows: Iterable[Delivery]) -> Iterable[list[Delivery]]:
    """All deliveries of one post, or of up to AT_ONCE posts of one workspace."""
    most = AT_ONCE if STEPS[action] is _of_workspace else 1
    for _, of_workspace in groupby(rows, key=lambda one: one.workspace_id):
        of_posts = iter([list(of_post) for _, of_post in groupby(of_workspace, key=lambda one: one.post_id)])
        while some := list(islice(of_posts, most)):
            yield list(chain.from_iterable(some))


def _do(order: Order, unit: Sequence[Delivery], *, at: datetime, is_rehearsal: bool) -> tuple[set[UUID], Refusals]:
    """The deliveries that came to the state that is wanted, chosen or not, and why chosen ones were refused."""
    posts = {delivery.post_id for delivery in unit}
    with transaction.atomic():
        before = _standing(posts)
        refusals = STEPS[order.action](order, unit, at)
        after = _standing(posts)
        transaction.set_rollback(is_rehearsal)
    wanted = TARGETS[order.action]
    moved = {one for one, standing in after.items() if standing[0] == wanted and standing != before.get(one)}
    return moved, refusals


def _standing(posts: Iterable[UUID]) -> dict[UUID, tuple[str, datetime | None]]:
    rows = Delivery.objects.filter(post__in=list(posts)).values_list("id", "state", "due_at")
    return {delivery_id: (state, due_at) for delivery_id, state, due_at in rows}


def _as_it_is(action: BulkAction, delivery: Delivery) -> DomainError:
    """Why a delivery stays as it is although its post was not refused."""
    if action == BulkAction.RETRY and delivery.state in NOT_OUT:
        return Conflict("content_refused", f"{delivery.error_message} Edit the post before you retry it.")
    return Conflict("not_waiting", f"This delivery is {delivery.state}; there is nothing to be done with it.")


def _by_code(refused: Iterable[DomainError]) -> list[LeftOut]:
    """The most first."""
    sentences: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for refusal in refused:
        sentences.setdefault(refusal.code, refusal.detail)
        counts[refusal.code] += 1
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [LeftOut(code, sentences[code], count) for code, count in ranked]


# --- what the services are asked for ---
def _of_workspace(order: Order, unit: Sequence[Delivery], at: datetime) -> Refusals:
    workspace, posts = unit[0].workspace, list(dict.fromkeys(delivery.post_id for delivery in unit))
    outcomes: Mapping[UUID, Outcome]
    if order.action == BulkAction.RETRY:
        chosen = retries.Chosen(deliveries=frozenset(delivery.id for delivery in unit))
        outcomes = retries.retry_posts(workspace, posts, at=at, chosen=chosen)
    elif order.action == BulkAction.PUBLISH:
        outcomes = scheduling.publish_posts(workspace, posts, at=at)
    else:
        outcomes = cancellation.cancel_posts(workspace, posts, at=at)
    return {one.id: refusal for one in unit if isinstance(refusal := outcomes[one.post_id], DomainError)}


def _reschedule(order: Order, unit: Sequence[Delivery], at: datetime) -> Refusals:
    if order.scheduled_at is None:
        raise ValueError("another time is wanted, and none is given")
    try:
        rescheduling.reschedule_post(unit[0].post, scheduled_at=order.scheduled_at, at=at)
    except DomainError as refusal:
        return {delivery.id: refusal for delivery in unit}
    return {}


def _resolve(order: Order, unit: Sequence[Delivery], at: datetime) -> Refusals:
    is_published = order.action == BulkAction.PUBLISHED
    refusals: Refusals = {}
    for delivery in unit:
        url = order.urls.get(delivery.id, "")
        try:
            resolution.resolve_delivery(delivery, is_published=is_published, url=url, by=order.by, at=at)
        except DomainError as refusal:
            refusals[delivery.id] = refusal
    return refusals


STEPS: Mapping[BulkAction, Step] = {
    BulkAction.RETRY: _of_workspace,
    BulkAction.PUBLISH: _of_workspace,
    BulkAction.RESCHEDULE: _reschedule,
    BulkAction.CANCEL: _of_workspace,
    BulkAction.PUBLISHED: _resolve,
    BulkAction.NOT_PUBLISHED: _resolve,
}
TARGETS: Mapping[BulkAction, str] = {
    BulkAction.RETRY: S.QUEUED,
    BulkAction.PUBLISH: S.QUEUED,
    BulkAction.RESCHEDULE: S.QUEUED,
    BulkAction.CANCEL: S.CANCELLED,
    BulkAction.PUBLISHED: S.PUBLISHED,
    BulkAction.NOT_PUBLISHED: S.FAILED,
}
