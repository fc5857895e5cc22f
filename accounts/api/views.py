"""Registering, signing in and out, oneself, one's keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import logout
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import PersonalViewSet, PublicViewSet, WorkspaceScopedViewSet
from accounts.api.filters import ApiKeyFilter
from accounts.api.serializers import (
    ApiKeySerializer,
    CredentialsSerializer,
    NewApiKeySerializer,
    PasswordChangeSerializer,
    ProfileSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegistrationSerializer,
    ResetAnswerSerializer,
    ResetRequestSerializer,
    ResetSerializer,
    SignedInSerializer,
    SignOutSerializer,
    TokensSerializer,
    UserSerializer,
)
from accounts.caller import Caller
from accounts.credential_queries import workspaces_of
from accounts.models import ApiKey, User
from accounts.roles import Action, Role
from accounts.services.api_keys import create_api_key, revoke_api_key
from accounts.services.password_reset import request_reset, reset_password
from accounts.services.people import change_profile, register
from accounts.services.sign_in import change_password, end_all_sessions, end_session, refresh_session, sign_in
from accounts.tokens import tokens_for
from mastablasta.core.api.fields import utc_text
from mastablasta.core.api.limits import REGISTRATION, SIGN_IN, count_sign_in
from mastablasta.core.errors import NotSignedIn

SECRET = {"Cache-Control": "no-store"}
PERSON = {"email": "ada@example.com", "password": "analytical-engine", "name": "Ada Lovelace"}


class AuthViewSet(PublicViewSet):
    """Registering and signing in: calls for who is nobody yet."""

    refusals = {"register": (403, 409), "login": (401,), "refresh": (401,)}
    limits = {"register": REGISTRATION, "login": SIGN_IN, "reset": SIGN_IN, "confirm_reset": SIGN_IN}

    @extend_schema(
        summary="Register, with a workspace of one's own and an API key",
        request=RegistrationSerializer,
        responses={201: RegisteredSerializer},
        examples=[OpenApiExample("Ada", value=PERSON, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def register(self, request: Request) -> Response:
        fields = self.body(RegistrationSerializer)
        user_agent = request.headers.get("User-Agent", "")
        made = register(**fields, at=timezone.now(), user_agent=user_agent)
        answer = {"user": UserSerializer(made.user).data, **tokens_for(made.session), "api_key": made.api_key}
        return Response(answer, status=201, headers=SECRET)

    @extend_schema(
        summary="Sign in with e-mail and password",
        request=CredentialsSerializer,
        responses={200: SignedInSerializer},
        examples=[OpenApiExample("Ada", value={key: PERSON[key] for key in ("email", "password")}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def login(self, request: Request) -> Response:
        fields = self.body(CredentialsSerializer)
        user, session = sign_in(**fields, request=request._request, at=timezone.now())
        return Response({"user": UserSerializer(user).data, **tokens_for(session)}, headers=SECRET)

    @extend_schema(
        summary="Exchange a refresh token for a new pair",
        description="Each refresh token works once; a second use ends the whole sign-in (`token_reused`).",
        request=RefreshSerializer,
        responses={200: TokensSerializer},
    )
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        token = self.body(RefreshSerializer)["refresh_token"]
        try:
            session = refresh_session(token, at=timezone.now())
        except NotSignedIn:
            count_sign_in(request._request)
            raise
        return Response(tokens_for(session), headers=SECRET)

    @extend_schema(
        summary="Send a link to choose a new password",
        description="By e-mail, good for an hour and once. The answer is the same for every address. A server without "
        "e-mail says so; its operator can set another password.",
        request=ResetRequestSerializer,
        responses={202: ResetAnswerSerializer},
    )
    @action(detail=False, methods=["post"], url_path="password/reset")
    def reset(self, request: Request) -> Response:
        message = request_reset(self.body(ResetRequestSerializer)["email"], at=timezone.now())
        return Response({"message": message}, status=202)

    @extend_schema(
        summary="Choose a new password with the token of that link",
        description="Ends every sign-in and a lock-out; API keys stay. 400 `reset_token_invalid` when the token is not "
        "good any more.",
        request=ResetSerializer,
        responses={204: None},
    )
    @action(detail=False, methods=["post"], url_path="password/reset/confirm")
    def confirm_reset(self, request: Request) -> Response:
        fields = self.body(ResetSerializer)
        reset_password(fields["token"], new=fields["new_password"], at=timezone.now())
        return Response(status=204)


class ProfileViewSet(PersonalViewSet):
    """Oneself: who one is, one's password, and the end of one's sign-ins."""

    serializer_class = ProfileSerializer
    needs_sign_in = frozenset({"logout", "password", "change_me"})

    @extend_schema(summary="Oneself, one's workspaces and roles", responses=ProfileSerializer)
    @action(detail=False)
    def me(self, request: Request) -> Response:
        return Response(self._profile(self.caller.user))

    @extend_schema(
        summary="Change one's name, time zone or default workspace",
        request=ProfileSerializer,
        responses=ProfileSerializer,
    )
    @me.mapping.patch
    def change_me(self, request: Request) -> Response:
        changes = self.body(ProfileSerializer, partial=True)
        return Response(self._profile(change_profile(self.caller.user, changes)))

    @extend_schema(summary="Sign out, here or everywhere", request=SignOutSerializer, responses={204: None})
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        everywhere = self.body(SignOutSerializer)["everywhere"]
        if everywhere:
            end_all_sessions(self.caller.user, at=timezone.now())
        if self.caller.session is None:
            logout(request._request)
        elif not everywhere:
            end_session(self.caller.session, at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Change one's password",
        description="Ends every sign-in, this one too; the answer's tokens begin a new one. API keys stay.",
        request=PasswordChangeSerializer,
        responses={200: TokensSerializer},
    )
    @action(detail=False, methods=["post"])
    def password(self, request: Request) -> Response:
        fields = self.body(PasswordChangeSerializer)
        session = change_password(
            self.caller.user,
            current=fields["current_password"],
            new=fields["new_password"],
            request=request._request,
            at=timezone.now(),
        )
        return Response(tokens_for(session), headers=SECRET)

    def _profile(self, user: User) -> dict[str, Any]:
        return {
            "id": str(user.id),
            "email": user.email,
            "name": user.name,
            "role": user.site_role,
            "timezone": user.timezone or None,
            "default_workspace": str(user.default_workspace_id) if user.default_workspace_id else None,
            "workspaces": list(_own_workspaces(self.caller)),
        }


def _own_workspaces(caller: Caller) -> Iterator[dict[str, Any]]:
    """The workspaces that the caller is a member of (with a key its own), as they are shown; no query with a key."""
    if caller.api_key is None:
        for membership, workspace_id, name, is_personal, created_at in workspaces_of(caller.user.pk):
            yield _own_workspace(caller.role_given(membership), workspace_id, name, is_personal, created_at)
    elif caller.workspace is not None and caller.is_member:
        own = caller.workspace
        yield _own_workspace(caller.role, own.id, own.name, own.is_personal, own.created_at)


def _own_workspace(role: Role | None, id: UUID, name: str, is_personal: bool, created_at: datetime) -> dict[str, Any]:
    """As OwnWorkspaceSerializer describes it; `role` is the caller's own there."""
    shown = {"id": str(id), "name": name, "role": role, "is_personal": is_personal}
    return {**shown, "created_at": utc_text(created_at)}


class ApiKeyViewSet(WorkspaceScopedViewSet):
    """One's own keys for the workspace."""

    queryset = ApiKey.objects.all()
    rows_name = "api_keys"
    serializer_class = ApiKeySerializer
    filterset_class = ApiKeyFilter
    actions_needed = {"create": Action.READ, "destroy": Action.READ}  # one's own key, which may no more than oneself
    needs_sign_in = frozenset({"create", "destroy"})

    def narrow(self, rows: Any) -> Any:
        return rows.filter(user=self.caller.user, revoked_at=None).order_by("-created_at", "-id")

    @extend_schema(summary="One's own keys for this workspace, newest first")
    def list(self, request: Request) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="Make a key for this workspace",
        request=ApiKeySerializer,
        responses={201: NewApiKeySerializer},
        examples=[OpenApiExample("Read only", value={"name": "Dashboard", "role": "viewer"}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        fields = self.body(ApiKeySerializer)
        key, text = create_api_key(
            self.caller.user,
            self.workspace,
            own_role=self.caller.role or Role.VIEWER,
            at=timezone.now(),
            **fields,
        )
        return Response({**ApiKeySerializer(key).data, "api_key": text}, status=201, headers=SECRET)

    @extend_schema(summary="Revoke a key, at once", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:
        revoke_api_key(self.get_object(), at=timezone.now())
        return Response(status=204)
