"""What a claimed account is to be asked for: what is due, within its window and within what its workspace may pay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from analytics.collection.reading import Job, Post
from analytics.models import CollectionLane, CollectionPlan
from integrations import registry
from integrations.capabilities import MetricsRule, RateRule
from integrations.models import Credential, SocialAccount
from integrations.services import budgets, tokens
from integrations.services.hosts import app_of
from mastablasta.core.compiled_queries import CompiledQuery, prepared_cursor
from posts.services.post_content import target_of
from posts.states import DeliveryState

MOST_POSTS = 2500  # of one account in one go: 25 calls at X; a claim costs as much as a hundred posts
PROFILE_READS = 2  # X charges for a profile as for two posts: https://docs.x.com/x-api/getting-started/pricing


def job_of(lane: CollectionLane, *, at: datetime) -> Job:
    """What a claimed account is to be asked for, within the budgets; what is beyond waits for the next window.

    What is out no more, or whose post is deleted here, is asked for never again. An account with nothing left to ask
    for has a job without posts.
    """
    account, grant = lane.account, lane.account.credential
    assert grant is not None  # noqa: S101  a claim gives no others
    target = target_of(account)
    batch = registry.connector_class(account.platform).metrics_batch(target)
    wants_account = lane.next_at is not None and lane.next_at <= at
    posts = _due_posts(lane.account_id, at=at, counts=batch > 0)
    posts, wants_account = _within_calls(account, posts, wants_account=wants_account, batch=batch, at=at)
    posts, wants_account = _within_cost(account, posts, wants_account=wants_account, at=at)
    return Job(
        account_id=account.id,
        workspace_id=account.workspace_id,
        token=lane.lease_token or UUID(int=0),
        platform=account.platform,
        host_id=account.platform_host_id,
        target=target,
        app=app_of(account.platform_host),
        access_token=str(grant.access_enc),
        expires_at=grant.expires_at,
        renew=(lambda: _renewed(grant)) if grant.refresh_enc else None,
        target_token=str(account.target_token_enc or ""),
        batch=batch,
        posts=posts,
        wants_account=wants_account,
        failures=lane.failures,
    )


def _renewed(credential: Credential) -> str:
    """The access token of a newer pair. It is all that a reading thread asks of the database, on a connection that it
    gives back."""
    try:
        return str(tokens.newer_credentials(credential, at=timezone.now()).access_enc)
    finally:
        connection.close()


# --- what is due ---
_COLUMNS = (
    "delivery",
    "delivery__state",
    "delivery__post__deleted_at",
    "delivery__remote_id",
    "delivery__parts",
    "delivery__published_at",
    "gone_at",
    "failures",
    "collected_at",
)
# With a tenth of the work: both values are read in C, while the cells of rows are read one by one, some in Python.
_AS_TWO_VALUES = """
SELECT coalesce(array_agg(delivery_id), '{{}}'),
       coalesce(json_agg(json_build_array(state = 'published' AND deleted_at IS NULL,
         CASE WHEN parts IS NULL OR parts = '[]' THEN jsonb_build_array(remote_id)
              ELSE jsonb_path_query_array(parts, '$[*].remote_id') END,
         published_at, gone_at, failures, collected_at)), '[]')::text
  FROM ({rows})
       due (delivery_id, state, deleted_at, remote_id, parts, published_at, gone_at, failures, collected_at)
"""


def _due(account: UUID, at: datetime) -> QuerySet[Any, Any]:
    plans = CollectionPlan.objects.filter(account=account, next_at__lte=at).order_by("next_at", "delivery")
    return plans.values_list(*_COLUMNS)[:MOST_POSTS]


_DUE = CompiledQuery(_due, account=UUID, at=datetime)


def _planned(account_id: UUID, *, at: datetime) -> Iterable[tuple[bool, Post]]:
    """The posts whose plans are due, and whether each is out; those that are not may lack ids and a moment."""
    if connection.vendor == "postgresql":
        return _planned_at_once(account_id, at=at)
    return [
        (
            state == DeliveryState.PUBLISHED and deleted_at is None,
            Post(delivery_id, tuple(part["remote_id"] for part in parts or ()) or (remote_id,), *about),
        )
        for delivery_id, state, deleted_at, remote_id, parts, *about in _DUE.all(account=account_id, at=at)
    ]


def _planned_at_once(account_id: UUID, *, at: datetime) -> Iterable[tuple[bool, Post]]:
    sql, values = _DUE.statement(account=account_id, at=at)
    with prepared_cursor() as cursor:
        cursor.execute(_AS_TWO_VALUES.format(rows=sql), values)
        ids, text = cursor.fetchone()
    moment, make = datetime.fromisoformat, Post._make
    return [
        (
            is_out,
            make(
                (
                    delivery_id,
                    tuple(refs),
                    published_at and moment(published_at),
                    gone_at and moment(gone_at),
                    failures,
                    collected_at and moment(collected_at),
                )
            ),
        )
        for delivery_id, (is_out, refs, published_at, gone_at, failures, collected_at) in zip(
            ids, orjson.loads(text), strict=True
        )
    ]


def _due_posts(account_id: UUID, *, at: datetime, counts: bool) -> list[Post]:
    """The posts of an account that are due, the youngest first: they change most. `counts`: if its platform does."""
    posts: list[Post] = []
    ended = []
    for is_out, post in _planned(account_id, at=at):
        if counts and is_out and post.published_at is not None and all(post.refs):
            posts.append(post)
        else:
            ended.append(post.delivery_id)
    if ended:
        CollectionPlan.objects.filter(delivery__in=ended).update(next_at=None)
    return sorted(posts, key=attrgetter("published_at"), reverse=True)


# --- within the budgets ---
def _within_calls(
    account: SocialAccount, posts: list[Post], *, wants_account: bool, batch: int, at: datetime
) -> tuple[list[Post], bool]:
    """As much as the account's window has calls for; the lane waits for the next one where that is less than all."""
    rule = registry.capabilities(account.platform).metrics
    refs = _refs_of(posts)
    wanted = (-(-refs // batch) if refs else 0) + int(wants_account)
    if rule is None or not wanted:
        return posts, wants_account
    granted, until = budgets.reserve(f"account:{account.id}:metrics", [rule.budget], calls=wanted, at=at)
    if granted == wanted:
        return posts, wants_account
    CollectionLane.objects.filter(account=account.id).update(blocked_until=until)
    return _first(posts, granted * batch), False


def _within_cost(
    account: SocialAccount, posts: list[Post], *, wants_account: bool, at: datetime
) -> tuple[list[Post], bool]:
    """As much as the workspace may still pay for today, where the platform charges. A post costs once a day.

    Of more than that those have their turn that were told longest ago, so that none is left out for good.
    """
    rule = registry.capabilities(account.platform).metrics
    if rule is None or not rule.is_paid:
        return posts, wants_account
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    unpaid = [post for post in posts if post.collected_at is None or post.collected_at < today]
    wanted = _refs_of(unpaid) + (PROFILE_READS if wants_account else 0)
    granted, until = _pay(account, rule, wanted, at=at)
    if granted == wanted:
        return posts, wants_account
    bought = _first(sorted(unpaid, key=_has_waited), granted)
    taken = {post.delivery_id for post in bought}
    waiting = [post.delivery_id for post in unpaid if post.delivery_id not in taken]
    CollectionPlan.objects.filter(delivery__in=waiting).update(next_at=until)
    if wants_account:
        CollectionLane.objects.filter(account=account.id).update(next_at=until)
    paid = [post for post in posts if post.collected_at is not None and post.collected_at >= today]
    return [*paid, *bought], False


def _refs_of(posts: Iterable[Post]) -> int:
    return sum([len(post.refs) for post in posts])


def _has_waited(post: Post) -> tuple[bool, datetime]:
    return post.collected_at is not None, post.collected_at or post.published_at


def _pay(account: SocialAccount, rule: MetricsRule, reads: int, *, at: datetime) -> tuple[int, datetime]:
    if not reads:
        return 0, at
    day = RateRule("reads", settings.ANALYTICS_PAID_READS, 86_400, "account", rule.source, resets_in="UTC")
    return budgets.reserve(f"workspace:{account.workspace_id}:{account.platform}:reads", [day], calls=reads, at=at)


def _first(posts: Sequence[Post], refs: int) -> list[Post]:
    """As many whole posts, from the first on, as have no more parts than this together.

    A thread that is too long for what is left keeps no others back.
    """
    found: list[Post] = []
    for post in posts:
        if len(post.refs) <= refs:
            refs -= len(post.refs)
            found.append(post)
    return found
