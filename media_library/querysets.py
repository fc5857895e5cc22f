"""Whose files one may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db.models import OuterRef, Q

from accounts.querysets import WorkspaceScopedQuerySet
from mastablasta.core.lookups import has_any

if TYPE_CHECKING:
    from accounts.models import Workspace
    from media_library.models import Asset, Rendition  # noqa: F401  named in a base's type


class AssetQuerySet(WorkspaceScopedQuerySet["Asset"]):
    """Files of a workspace."""

    def kept(self) -> Self:
        """Those that were not deleted."""
        return self.filter(deleted_at=None)

    def used(self, is_used: bool = True) -> Self:
        """Those that a post has, or none has; deleted posts do not count.

        Looked up file by file: as an EXISTS it is a join, for which PostgreSQL may read all uses of all files.
        """
        uses = self.model._meta.get_field("uses").related_model
        found = has_any(uses._default_manager.filter(asset=OuterRef("pk"), post__deleted_at=None))
        return self.filter(found if is_used else ~found)

    def used_among(self, ids: Iterable[UUID]) -> set[UUID]:
        """Which of these a post has; one query."""
        used = self.filter(pk__in=list(ids), uses__isnull=False, uses__post__deleted_at=None)
        return set(used.values_list("pk", flat=True).distinct())

    def of_forms(self, forms: Iterable[str]) -> Self:
        """Those that are an image, animation, video, document or captions, as `Asset.form` says."""
        of_form = {
            "image": Q(kind="image", is_animated=False),
            "animation": Q(is_animated=True),
            "video": Q(kind="video", is_animated=False),
            "document": Q(kind="document"),
            "captions": Q(kind="captions"),
        }
        wanted = Q(pk__in=[])
        for form in forms:
            wanted |= of_form[form]
        return self.filter(wanted)

    def with_words(self, words: Iterable[str]) -> Self:
        """Those whose name or alt text holds every word, whatever its case."""
        rows = self
        for word in words:
            rows = rows.filter(Q(filename__holds=word) | Q(alt_text__holds=word))
        return rows


class RenditionQuerySet(WorkspaceScopedQuerySet["Rendition"]):
    """Renditions belong where their file does."""

    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"asset__workspace": workspace}
