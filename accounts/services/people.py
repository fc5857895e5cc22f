"""People: they register, and change what others see of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.emails import one_form
from accounts.models import Session, User, Workspace
from accounts.passwords import check_password_rules
from accounts.roles import Role
from accounts.services.api_keys import create_api_key
from accounts.services.sign_in import start_session
from accounts.services.workspaces import create_personal_workspace
from mastablasta.core.errors import Conflict, FieldProblem, Forbidden, Invalid

PROFILE = {"name", "timezone", "default_workspace_id"}


@dataclass(frozen=True, slots=True)
class Registered:
    """A new person, signed in, and the text of their first API key."""

    user: User
    session: Session
    api_key: str


def register(*, email: str, password: str, name: str, at: datetime, user_agent: str = "") -> Registered:
    """Make a person with a workspace of their own and an API key for it, and sign them in.

    Raises Forbidden (registration_closed), Conflict (email_taken), Invalid (the password's faults).
    """
    if not settings.REGISTRATION_OPEN:
        raise Forbidden("registration_closed", "Registration is closed here; ask the operator for an account.")
    user = User(email=one_form(email), name=name)
    if User.objects.filter(email=user.email).exists():
        raise _email_taken(user.email)
    check_password_rules(password, user=user, field="password")
    user.set_password(password)  # outside the transaction: it takes 0.2 s, and SQLite has one writer
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            workspace = create_personal_workspace(user)
            _, text = create_api_key(user, workspace, name="First key", role=None, own_role=Role.OWNER, at=at)
            return Registered(user, start_session(user, at=at, user_agent=user_agent), text)
    except IntegrityError as error:  # somebody was faster
        if User.objects.filter(email=user.email).exists():
            raise _email_taken(user.email) from error
        raise


def _email_taken(email: str) -> Conflict:
    sentence = f"{email} is registered already; sign in, or use another address."
    return Conflict("email_taken", sentence, [FieldProblem("email", "email_taken", sentence)])


def change_profile(user: User, changes: Mapping[str, Any]) -> User:
    """Change `name`, `timezone` and `default_workspace_id`, as far as `changes` has them.

    Raises Invalid when the workspace is not one of theirs.
    """
    if "default_workspace_id" in changes:
        _own_workspace(user, changes["default_workspace_id"])
    for name in PROFILE & changes.keys():
        setattr(user, name, changes[name])
    user.save(update_fields=[*(PROFILE & changes.keys()), "updated_at"])
    return user


def _own_workspace(user: User, id: UUID | None) -> None:
    if id is None or not Workspace.objects.visible_to(user).filter(pk=id).exists():
        sentence = "There is no such workspace; GET /workspaces lists yours."
        raise Invalid.field("default_workspace", "not_found", sentence)
