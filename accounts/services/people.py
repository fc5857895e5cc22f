"""People: they register, and change what others see of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.acting import actor_for
from accounts.emails import one_form
from accounts.models import Session, User, Workspace
from accounts.passwords import check_password_rules
from accounts.roles import Role, SiteRole
from accounts.services.api_keys import create_api_key
from accounts.services.invitations import accept, pending_invitation
from accounts.services.sign_in import start_session
from accounts.services.workspaces import create_personal_workspace
from mastablasta.core.audit.actors import Via, acting
from mastablasta.core.audit.recording import difference, record, subject_of
from mastablasta.core.errors import Conflict, FieldProblem, Forbidden, Invalid

PROFILE = {"name", "timezone", "default_workspace_id"}


@dataclass(frozen=True, slots=True)
class Registered:
    """A new person, signed in, and the text of their first API key."""

    user: User
    session: Session
    api_key: str


def register(
    *, email: str, password: str, name: str, at: datetime, invitation: str = "", user_agent: str = ""
) -> Registered:
    """Make a person with a workspace of their own and an API key for their default one, and sign them in.

    With the token of an `invitation` they join its workspace, which is then their default one; it lets in where
    registration is closed, too. Raises Forbidden (registration_closed), Conflict (email_taken), Invalid (the password's
    faults, the invitation's).
    """
    user = _checked(email=email, password=password, name=name, invitation=invitation, at=at)
    with _made_once(user):
        workspace = _settle_in(user, invitation=invitation, at=at)
        _, text = create_api_key(user, workspace, name="First key", role=None, own_role=Role.OWNER, at=at)
        return Registered(user, start_session(user, at=at, user_agent=user_agent), text)


def join(*, email: str, password: str, name: str, invitation: str, at: datetime) -> User:
    """Likewise by an invitation, for somebody at a page: without API key and tokens."""
    user = _checked(email=email, password=password, name=name, invitation=invitation, at=at)
    with _made_once(user):
        _settle_in(user, invitation=invitation, at=at)
    return user


def _checked(*, email: str, password: str, name: str, invitation: str, at: datetime) -> User:
    """The person, not stored yet, with the password hashed: that takes 0.2 s, and SQLite has one writer."""
    if invitation:
        pending_invitation(invitation, at=at, field="invitation")
    elif not settings.REGISTRATION_OPEN:
        raise Forbidden("registration_closed", "Registration is closed here; ask the operator for an account.")
    user = User(email=one_form(email), name=name)
    if User.objects.filter(email=user.email).exists():
        raise _email_taken(user.email)
    check_password_rules(password, user=user, field="password")
    user.set_password(password)
    return user


@contextmanager
def _made_once(user: User) -> Iterator[None]:
    """Store the person and all that the block makes, or nothing."""
    try:
        with transaction.atomic(), acting(actor_for(user, Via.NOBODY)):
            user.save(force_insert=True)
            record("registered", [subject_of(user)], at=user.created_at)
            yield
    except IntegrityError as error:  # somebody was faster
        if User.objects.filter(email=user.email).exists():
            raise _email_taken(user.email) from error
        raise


def _settle_in(user: User, *, invitation: str, at: datetime) -> Workspace:
    """Give them a workspace of their own, let them into the one that they are invited to; returns their default one."""
    own = create_personal_workspace(user)
    if not invitation:
        return own
    user.default_workspace = accept(user, invitation, at=at).workspace
    user.save(update_fields=["default_workspace", "updated_at"])
    return user.default_workspace


def _email_taken(email: str) -> Conflict:
    sentence = f"{email} is registered already; sign in, or use another address."
    return Conflict("email_taken", sentence, [FieldProblem("email", "email_taken", sentence)])


def change_profile(user: User, changes: Mapping[str, Any]) -> User:
    """Change `name`, `timezone` (None = the workspace's) and `default_workspace_id`, as far as `changes` has them.

    Raises Invalid when the workspace is not one of theirs.
    """
    if "default_workspace_id" in changes:
        _own_workspace(user, changes["default_workspace_id"])
    after = {name: changes[name] for name in PROFILE & changes.keys()}
    if after.get("timezone", "") is None:
        after["timezone"] = ""
    told = difference({name: getattr(user, name) for name in after}, after)
    for name, value in after.items():
        setattr(user, name, value)
    with transaction.atomic():
        user.save(update_fields=[*after, "updated_at"])
        record("changed", [subject_of(user, changes=told)] if told else [], at=timezone.now())
    return user


def set_site_role(user: User, role: SiteRole, *, at: datetime) -> None:
    """Give a person another role on this site; nothing happens when it is theirs already."""
    if user.site_role == role:
        return
    with transaction.atomic():
        told = {"site_role": (user.site_role, role)}
        user.site_role = role
        user.save(update_fields=["site_role", "updated_at"])
        record("changed", [subject_of(user, changes=told)], at=at)


def _own_workspace(user: User, id: UUID | None) -> None:
    if id is None or not Workspace.objects.visible_to(user).filter(pk=id).exists():
        sentence = "There is no such workspace; GET /workspaces lists yours."
        raise Invalid.field("default_workspace", "not_found", sentence)
