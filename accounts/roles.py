"""Who may do what: one table.

A membership's role says what a person may do in a workspace; the site role caps or lifts it: `viewer` makes
every membership read-only, `editor` caps nothing, `admin` may everything, everywhere.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SiteRole(models.TextChoices):
    ADMIN = "admin", _("Admin")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")

    @property
    def group_name(self) -> str:
        """The name of its group in Django (accounts/groups.py)."""
        return f"Site {self.value}s"


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    EDITOR = "editor", _("Editor")
    VIEWER = "viewer", _("Viewer")


class Action(models.TextChoices):
    """What a request wants to do in a workspace."""

    READ = "read", "read"
    WRITE = "write", "write posts, accounts, media and webhooks, and publish"
    MANAGE = "manage", "manage members and settings"
    DELETE = "delete", "delete it"


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.OWNER: frozenset({Action.READ, Action.WRITE, Action.MANAGE, Action.DELETE}),
    Role.ADMIN: frozenset({Action.READ, Action.WRITE, Action.MANAGE}),
    Role.EDITOR: frozenset({Action.READ, Action.WRITE}),
    Role.VIEWER: frozenset({Action.READ}),
}

_RANK = [Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER]


def effective_role(membership: Role | None, *, site_role: SiteRole, narrowed_to: Role | None = None) -> Role | None:
    """The role that counts; None = no business in the workspace. `narrowed_to` is an API key's own role."""
    role = Role.OWNER if site_role == SiteRole.ADMIN else membership
    if role is None:
        return None
    if site_role == SiteRole.VIEWER:
        role = Role.VIEWER
    return role if narrowed_to is None else narrower(role, narrowed_to)


def narrower(one: Role, other: Role) -> Role:
    """The role of the two that may do less."""
    return min(one, other, key=_RANK.index)


def is_above(one: Role, other: Role) -> bool:
    """Whether the first may do more than the second."""
    return _RANK.index(one) > _RANK.index(other)


def may(role: Role | None, action: Action) -> bool:
    return role is not None and action in ALLOWED[role]
