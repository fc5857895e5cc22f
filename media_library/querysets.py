"""Whose files one may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from accounts.querysets import WorkspaceScopedQuerySet

if TYPE_CHECKING:
    from accounts.models import Workspace
    from media_library.models import Asset, Rendition  # noqa: F401  named in a base's type


class AssetQuerySet(WorkspaceScopedQuerySet["Asset"]):
    """Files of a workspace."""

    def kept(self) -> Self:
        """Those that were not deleted."""
        return self.filter(deleted_at=None)


class RenditionQuerySet(WorkspaceScopedQuerySet["Rendition"]):
    """Renditions belong where their file does."""

    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"asset__workspace": workspace}
