"""Three proofs of who asks: an access token, an API key, the admin's browser session.

Each costs at most one query (the browser session: Django's two besides), which also reads whether the sign-in still
stands and the role in the workspace that is meant. Once a minute at most, a key's use is noted by a second one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.caller import Caller
from accounts.credential_queries import caller_of_key, caller_of_session, caller_of_user
from accounts.models import ApiKey, User
from accounts.services.api_keys import digest
from accounts.tokens import AccessToken, BadToken, ExpiredToken

NOTED_EVERY = timedelta(minutes=1)
NOBODYS = UUID(int=0)
CHOSEN_WORKSPACE = "workspace"  # in a browser's session: which one its pages are about


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; the session that the token names must still stand."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = AccessToken.read(text.strip())
        except ExpiredToken as error:
            sentence = "The access token has expired; POST /auth/refresh gives a new one."
            raise AuthenticationFailed(sentence, "token_expired") from error
        except BadToken as error:
            sentence = "The access token is not one of ours; sign in again."
            raise AuthenticationFailed(sentence, "token_invalid") from error
        caller = caller_of_session(claims["sid"], workspace=wanted_workspace(request))
        session = caller.session if caller else None
        if caller is None or session is None or not session.stands(timezone.now()) or not caller.user.is_active:
            raise AuthenticationFailed("This sign-in has ended; sign in again.", "session_ended")
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: mb_…`; it speaks for its user in its one workspace."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        text = request.headers.get("X-API-Key")
        if text is None:
            return None
        at = timezone.now()
        caller = caller_of_key(digest(text.strip()))
        key = caller.api_key if caller else None
        if caller is None or key is None or not key.stands(at) or not caller.user.is_active:
            sentence = "X-API-Key: no such key, or it has expired or been revoked; make another."
            raise AuthenticationFailed(sentence, "api_key_invalid")
        _note_use(key, at)
        if wanted_workspace(request) not in {None, key.workspace_id}:
            caller = Caller(caller.user, api_key=key, is_refused=True)
        return caller.user, caller


class AdminSessionAuthentication(SessionAuthentication):
    """The browser session of who signed in at /api-auth/login or /admin/, with its CSRF token: for the browsable API.

    Without X-Workspace the workspace is meant that was chosen in that browser, checked like one that is named: programs
    never see it, and it opens nothing. After a membership has ended its pages are 404 until another one is chosen.
    """

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        wanted = wanted_workspace(request) or chosen_workspace(request)
        caller = caller_of_user(found[0].pk, workspace=wanted)
        return caller.user, caller

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            sentence = "A browser's session needs its CSRF token with it; send X-CSRFToken."
            raise PermissionDenied(sentence, "csrf_failed") from error


def wanted_workspace(request: Request) -> UUID | None:
    """The workspace that X-Workspace names; None without the header, nobody's id when it is not an id."""
    text = request.headers.get("X-Workspace")
    if text is None:
        return None
    try:
        return UUID(text.strip())
    except ValueError:
        return NOBODYS


def chosen_workspace(request: Request) -> UUID | None:
    """The workspace that was chosen in this browser (accounts/views.py)."""
    chosen: str | None = request._request.session.get(CHOSEN_WORKSPACE)
    return UUID(chosen) if chosen else None


def _note_use(key: ApiKey, at: datetime) -> None:
    if key.last_used_at is None or key.last_used_at <= at - NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=at - NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=at)
