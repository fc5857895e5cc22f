"""Filters over people's tables, and the one base of every queryset that belongs to a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models

from accounts.roles import SiteRole

if TYPE_CHECKING:
    from accounts.models import Invitation, Session, User, Workspace  # noqa: F401  some are named in a base's type

Model = TypeVar("Model", bound=models.Model)


class WorkspaceScopedQuerySet(models.QuerySet[Model]):
    """The base of querysets over rows of a workspace. Faces reach such rows through `in_workspace` only."""

    def in_workspace(self, workspace: Workspace) -> Self:
        return self.filter(**self.scope(workspace))

    def scope(self, workspace: Workspace) -> dict[str, Any]:
        """The condition that ties a row to its workspace; a model without the column overrides it."""
        return {"workspace": workspace}


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def kept(self) -> Self:
        """Without the deleted ones."""
        return self.filter(deleted_at=None)

    def of_member(self, user: User) -> Self:
        """Those that `user` is a member of."""
        return self.kept().filter(memberships__user=user)

    def visible_to(self, user: User) -> Self:
        """Those that `user` may see: a site admin all, others what they are members of."""
        return self.kept() if user.site_role == SiteRole.ADMIN else self.of_member(user)

    def with_role_of(self, user: User) -> Self:
        """With `member_role`, the role of `user`'s membership; None without one."""
        own = models.Q(memberships__user=user)
        return self.annotate(
            own_membership=models.FilteredRelation("memberships", condition=own),
            member_role=models.F("own_membership__role"),
        )


class InvitationQuerySet(WorkspaceScopedQuerySet["Invitation"]):
    def pending(self, at: datetime) -> Self:
        """Those that can still be accepted."""
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=at, workspace__deleted_at=None)


class SessionQuerySet(models.QuerySet["Session"]):
    def standing(self, at: datetime) -> Self:
        """Neither ended nor expired at `at`."""
        return self.filter(revoked_at=None, expires_at__gt=at)
