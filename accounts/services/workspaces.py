"""Workspaces: made by registering or by hand, chosen as default, set as their members want."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import Action, Role, SiteRole, effective_role, may
from accounts.services.api_keys import end_api_keys
from mastablasta.core.audit.recording import difference, record, subject_of
from mastablasta.core.errors import Forbidden

SETTINGS = (
    "timezone",
    "missed_post_policy",
    "missed_post_hours",
    "requires_alt_text",
    "duplicate_policy",
    "duplicate_window_hours",
    "clash_window_minutes",
)
TEXTS = ("timezone", "missed_post_policy")  # None of these is kept as ""
MOST_MISSED_HOURS = MOST_DUPLICATE_HOURS = 24 * 366
MOST_CLASH_MINUTES = 24 * 60


def create_workspace(owner: User, *, name: str, **settings: Any) -> Workspace:
    """Make a workspace of `owner`, the default when they have none; `settings` as `change_workspace` takes them.

    Raises Forbidden for a site viewer.
    """
    if owner.site_role == SiteRole.VIEWER:
        raise Forbidden("role_too_low", "Your role (viewer) may not make workspaces; ask an admin of the site.")
    return _make_workspace(owner, name=name, **_kept(settings))


def change_workspace(workspace: Workspace, changes: Mapping[str, Any]) -> Workspace:
    """Change `name` and SETTINGS, as far as `changes` has them; None leaves a setting to the server.

    What is scheduled already goes by the new settings.
    """
    told = difference({name: getattr(workspace, name) for name in changes}, _kept(changes))
    for name, value in _kept(changes).items():
        setattr(workspace, name, value)
    with transaction.atomic():
        workspace.save(update_fields=[*changes, "updated_at"])
        record("changed", [subject_of(workspace, changes=told)] if told else [], at=timezone.now())
    return workspace


def delete(workspace: Workspace, *, at: datetime) -> None:
    """Take it out of every list, end its API keys and invitations, and give those another default who had it as theirs.

    Whether it may go is the caller's question. Inside a transaction.
    """
    offers = Invitation.objects.in_workspace(workspace).pending(at)
    record("withdrawn", map(subject_of, offers), at=at)
    offers.update(withdrawn_at=at, updated_at=at)
    end_api_keys(ApiKey.objects.in_workspace(workspace), at=at)
    record("deleted", [subject_of(workspace)], at=at)
    Workspace.objects.filter(pk=workspace.pk, deleted_at=None).update(deleted_at=at, updated_at=at)
    choose_other_default(User.objects.all(), workspace, at=at)


def choose_other_default(users: QuerySet[User], workspace: Workspace, *, at: datetime) -> None:
    """Give those of `users` whose default `workspace` is the oldest other one that they are in, or none."""
    others = Workspace.objects.kept().exclude(pk=workspace.pk).filter(memberships__user=OuterRef("pk"))
    oldest = Subquery(others.order_by("created_at", "id").values("pk")[:1])
    users.filter(default_workspace=workspace).update(default_workspace=oldest, updated_at=at)


def _kept(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None and name in TEXTS else value for name, value in settings.items()}


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


def _make_workspace(owner: User, *, name: str, is_personal: bool = False, **settings: Any) -> Workspace:
    with transaction.atomic():
        workspace = Workspace.objects.create(name=name, is_personal=is_personal, **settings)
        Membership.objects.create(user=owner, workspace=workspace, role=Role.OWNER)
        record("created", [subject_of(workspace, changes={"owner": (None, owner.email)})], at=timezone.now())
        if owner.default_workspace_id is None:
            _make_default(owner, workspace)
    return workspace


def _make_default(user: User, workspace: Workspace) -> None:
    user.default_workspace = workspace
    user.save(update_fields=["default_workspace", "updated_at"])
