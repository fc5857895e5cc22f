"""Workspaces: made by registering or by hand, chosen as default."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Action, Role, SiteRole, effective_role, may
from mastablasta.core.errors import Forbidden


def create_workspace(owner: User, *, name: str) -> Workspace:
    """Make a workspace of `owner`, the default when they have none. Raises Forbidden for a site viewer."""
    if owner.site_role == SiteRole.VIEWER:
        raise Forbidden("role_too_low", "Your role (viewer) may not make workspaces; ask an admin of the site.")
    return _make_workspace(owner, name=name)


def create_personal_workspace(owner: User) -> Workspace:
    """Make the workspace that everybody begins with."""
    return _make_workspace(owner, name=(owner.name or owner.email)[:100], is_personal=True)


def settle(user: User) -> None:
    """See that whoever was made by `createsuperuser` or in the admin has a default workspace."""
    if user.default_workspace_id is not None:
        return
    joined = Workspace.objects.of_member(user).order_by("created_at", "id").first()
    if joined is None:
        create_personal_workspace(user)
    else:
        _make_default(user, joined)


def may_write(person: User, workspace: Workspace) -> bool:
    """Whether their role there lets them write; where no request has said so already."""
    membership = workspace.memberships.filter(user=person).first()
    role = effective_role(Role(membership.role) if membership else None, site_role=SiteRole(person.site_role))
    return may(role, Action.WRITE)


def _make_workspace(owner: User, *, name: str, is_personal: bool = False) -> Workspace:
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name, is_personal=is_personal)
        Membership.objects.create(user=owner, workspace=workspace, role=Role.OWNER)
        if owner.default_workspace_id is None:
            _make_default(owner, workspace)
    return workspace


def _make_default(user: User, workspace: Workspace) -> None:
    user.default_workspace = workspace
    user.save(update_fields=["default_workspace", "updated_at"])
