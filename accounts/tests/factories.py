"""People, workspaces and their proofs, for the tests of every app."""

from __future__ import annotations

import itertools
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session as BrowserSession
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Invitation, Membership, Session, User, Workspace
from accounts.roles import Role
from accounts.services.api_keys import digest
from accounts.tokens import tokens_for
from mastablasta.core.ids import new_id

_numbers = itertools.count(1)
PASSWORD = "correct horse battery"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def make_user(**overrides: Any) -> User:
    """A person without any workspace. `password` is hashed only when given: hashing is slow."""
    number = next(_numbers)
    password = overrides.pop("password", None)
    user = User(**{"email": f"person{number}@example.test", "name": f"Person {number}", **overrides})
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    return user


def make_workspace(*, owner: User | None = None, **overrides: Any) -> Workspace:
    """A workspace; `owner` (made when left out) owns it, and has it as default when they had none."""
    workspace = Workspace.objects.create(**{"name": f"Workspace {next(_numbers)}", **overrides})
    make_membership(owner or make_user(default_workspace=workspace), workspace, role=Role.OWNER)
    return workspace


def make_membership(user: User, workspace: Workspace, *, role: Role = Role.EDITOR) -> Membership:
    if user.default_workspace_id is None:
        user.default_workspace = workspace
        user.save(update_fields=["default_workspace"])
    return Membership.objects.create(user=user, workspace=workspace, role=role)


def make_member(workspace: Workspace, *, role: Role = Role.EDITOR, **overrides: Any) -> User:
    """A new person with `role` in `workspace`, which is their default."""
    user = make_user(**{"default_workspace": workspace, **overrides})
    make_membership(user, workspace, role=role)
    return user


def make_session(user: User, **overrides: Any) -> Session:
    now = timezone.now()
    standing = {"current_jti": new_id(), "expires_at": now + timedelta(days=30), "last_used_at": now}
    return Session.objects.create(user=user, **{**standing, **overrides})


def make_api_key(user: User, workspace: Workspace, **overrides: Any) -> tuple[ApiKey, str]:
    """A key and its text."""
    text = f"mb_{secrets.token_urlsafe(32)}"
    told = {"name": "Key", "prefix": text[:10], "sha256": digest(text)}
    return ApiKey.objects.create(user=user, workspace=workspace, **{**told, **overrides}), text


def make_invitation(workspace: Workspace, **overrides: Any) -> tuple[Invitation, str]:
    """An invitation that can be accepted, and its token."""
    token = secrets.token_urlsafe(32)
    told = {"email": f"guest{next(_numbers)}@example.test", "role": Role.EDITOR, "sha256": digest(token)}
    until = timezone.now() + timedelta(days=7)
    return Invitation.objects.create(workspace=workspace, **{**told, "expires_at": until, **overrides}), token


def signed_in(user: User, *, workspace: Workspace | None = None) -> APIClient:
    """A client that sends an access token of `user`, and X-Workspace when `workspace` is given."""
    client = APIClient(raise_request_exception=False)
    headers = {"HTTP_AUTHORIZATION": f"Bearer {tokens_for(make_session(user))['access_token']}"}
    if workspace is not None:
        headers["HTTP_X_WORKSPACE"] = str(workspace.id)
    client.credentials(**headers)
    return client


def with_key(text: str) -> APIClient:
    """A client that sends the API key `text`."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_X_API_KEY=text)
    return client


def browser_of(user: User) -> Client:
    """A browser with a session of theirs, as if they had signed in; who tests that goes through it."""
    key, until = secrets.token_hex(16), timezone.now() + timedelta(days=14)
    proof = {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: BACKEND, HASH_SESSION_KEY: user.get_session_auth_hash()}
    BrowserSession.objects.create(session_key=key, session_data=SessionStore().encode(proof), expire_date=until)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client
