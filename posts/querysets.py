"""Filters over posts and deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from unicodedata import normalize
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Exists, Func, OuterRef, Q
from django.db.models.sql.compiler import SQLCompiler

from accounts.querysets import WorkspaceScopedQuerySet
from mastablasta.core.lookups import has_any
from posts.states import CLAIMABLE

if TYPE_CHECKING:
    from accounts.models import Workspace
    from posts.models import Attempt, BulkJob, Delivery, Post  # noqa: F401  named below, as text

KEEP_BULK_JOBS = timedelta(days=30)


class PostQuerySet(WorkspaceScopedQuerySet["Post"]):
    def kept(self) -> Self:
        """Without the deleted ones."""
        return self.filter(deleted_at=None)

    def for_platforms(self, slugs: Iterable[str]) -> Self:
        """For any of these, also where no account was connected when it was chosen."""
        chosen = list(slugs)
        if not chosen:
            return self.none()
        wanted = Q()
        for slug in chosen:
            wanted |= Q(wanted_platforms__icontains=f'"{slug}"')
        return self.filter(wanted | Q(_HasDeliveryTo(chosen)))  # which is looked up for the others only

    def for_accounts(self, ids: Iterable[UUID]) -> Self:
        return self.filter(self._has_delivery(account__in=list(ids)))

    def tagged(self, names: Iterable[str]) -> Self:
        """With any of these tags."""
        from posts.models import PostTag

        return self.filter(
            Exists(PostTag.objects.filter(post=OuterRef("pk"), name__in=[normalize("NFC", name) for name in names]))
        )

    def with_media(self, has_media: bool) -> Self:
        """Those of which any part has a file for anybody, or none."""
        from posts.models import PostMedia

        found = has_any(PostMedia.objects.filter(post=OuterRef("pk")))
        return self.filter(found if has_media else ~found)

    def rewrite(self, posts: Sequence[Post], *fields: str) -> None:
        """Write these fields of posts that are there and locked, and `updated_at`; one statement (SQLite: a batch).

        An upsert that only ever updates: Django's bulk_update compares each row with each.
        """
        made = [post.created_at for post in posts]
        self.bulk_create(posts, update_conflicts=True, unique_fields=["id"], update_fields=[*fields, "updated_at"])
        for post, created_at in zip(posts, made, strict=True):
            post.created_at = created_at  # Django has set it as for a new row; the stored one stays

    @staticmethod
    def _has_delivery(**wanted: Any) -> Exists:
        from posts.models import Delivery

        return Exists(Delivery.objects.filter(post=OuterRef("pk"), **wanted))


class _HasDeliveryTo(Func):
    """As `has_any` of the deliveries to these platforms, which Django takes longer to write than SQLite to look up."""

    template = (
        "((SELECT id FROM posts_delivery WHERE post_id = %(expressions)s AND platform IN (%(marks)s) LIMIT 1)"
        " IS NOT NULL)"
    )
    output_field = BooleanField()

    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__("pk")
        self.slugs = slugs

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        sql, params = super().as_sql(compiler, connection, marks=", ".join(["%s"] * len(self.slugs)))
        return sql, [*params, *self.slugs]


class DeliveryQuerySet(WorkspaceScopedQuerySet["Delivery"]):
    def due(self, at: datetime) -> Self:
        """What should be worked on at `at`, oldest promise first; nobody holds it."""
        return self.filter(state__in=CLAIMABLE, lease_token=None, next_attempt_at__lte=at).order_by(
            "next_attempt_at", "id"
        )

    def of_kept_posts(self) -> Self:
        """Those whose post is not deleted. Looked up one by one: where few are asked for, a join may read all posts."""
        from posts.models import Post

        return self.filter(has_any(Post.objects.filter(pk=OuterRef("post"), deleted_at=None)))


class AttemptQuerySet(WorkspaceScopedQuerySet["Attempt"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"delivery__workspace": workspace}


class BulkJobQuerySet(WorkspaceScopedQuerySet["BulkJob"]):
    def open(self) -> Self:
        """Those on which there is something to do."""
        from posts.models import OPEN_BULK

        return self.filter(status__in=OPEN_BULK, workspace__deleted_at=None)

    def prune(self, *, at: datetime) -> int:
        """Remove those that ended KEEP_BULK_JOBS ago, with their items and results; returns how many rows."""
        return self.filter(finished_at__lte=at - KEEP_BULK_JOBS).delete()[0]
