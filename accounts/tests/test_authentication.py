"""Who asks, in which workspace, with which role: read in one query."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.urls import include, path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.api.base import WorkspaceView
from accounts.models import ApiKey, User, Workspace
from accounts.roles import Action, Role, SiteRole
from accounts.tests.factories import (
    make_api_key,
    make_member,
    make_membership,
    make_session,
    make_user,
    make_workspace,
    signed_in,
    with_key,
)
from accounts.tokens import tokens_for
from mastablasta.core.tests.answers import assert_problem

NOT_SIGNED_IN = (
    "not_authenticated",
    "Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key`.",
)
NO_WORKSPACE = ("workspace_not_found", "X-Workspace: there is no such workspace; GET /workspaces lists yours.")
BAD_KEY = ("api_key_invalid", "X-API-Key: no such key, or it has expired or been revoked; make another.")


class Where(WorkspaceView):
    """Says what authentication found; costs no query of its own."""

    actions_needed = {"DELETE": Action.MANAGE}

    def get(self, request: Request) -> Response:
        return Response({"workspace": str(self.workspace.id), "role": self.caller.role})

    post = put = patch = delete = get


urlpatterns = [path("api/v2/where", Where.as_view()), path("", include("mastablasta.urls"))]
handler404 = "mastablasta.core.api.error_pages.not_found"
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
URL = "/api/v2/where"


def where(client: APIClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(URL).json()
    return found


def found(workspace: Workspace, role: str) -> dict[str, Any]:
    return {"workspace": str(workspace.id), "role": role}


def test_without_header_it_is_the_default_workspace(django_assert_num_queries):
    workspace = make_workspace()
    client = signed_in(make_member(workspace, role=Role.EDITOR))

    with django_assert_num_queries(1):
        assert where(client) == found(workspace, "editor")


def test_header_picks_another_workspace(django_assert_num_queries):
    user = make_workspace().members.get()
    other = make_workspace()
    make_membership(user, other, role=Role.VIEWER)
    client = signed_in(user, workspace=other)

    with django_assert_num_queries(1):
        assert where(client) == found(other, "viewer")


@pytest.mark.parametrize("text", ["", "x", "1", "None", "00000000-0000-0000-0000-000000000000", "é"])
def test_header_that_names_no_workspace_is_404(text):
    client = signed_in(make_workspace().members.get())

    assert_problem(client.get(URL, headers={"X-Workspace": text}), 404, *NO_WORKSPACE)


def test_foreign_unknown_and_deleted_workspaces_are_the_same_404(django_assert_num_queries):
    user = make_workspace().members.get()
    deleted = make_workspace(owner=user, deleted_at=timezone.now())

    for named in (make_workspace().id, uuid.uuid4(), deleted.id):
        client = signed_in(user)
        with django_assert_num_queries(1):
            response = client.get(URL, headers={"X-Workspace": str(named)})
        assert_problem(response, 404, *NO_WORKSPACE)


def test_header_counts_for_personal_views_too():
    client = signed_in(make_workspace().members.get(), workspace=make_workspace())

    assert_problem(client.get("/api/v2/auth/me"), 404, *NO_WORKSPACE)


@pytest.mark.parametrize("loss", ["none", "deleted", "left"])
def test_without_default_workspace_one_must_be_named(loss):
    user = make_workspace().members.get()
    if loss == "none":
        User.objects.update(default_workspace=None)
    elif loss == "deleted":
        Workspace.objects.update(deleted_at=timezone.now())
    else:
        user.memberships.all().delete()

    response = signed_in(user).get(URL)

    assert_problem(response, 400, "workspace_required", "X-Workspace: name a workspace; you have no default one.")


@pytest.mark.parametrize(
    ("method", "allowed"),
    [
        ("get", {Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER}),
        ("head", {Role.VIEWER, Role.EDITOR, Role.ADMIN, Role.OWNER}),
        ("post", {Role.EDITOR, Role.ADMIN, Role.OWNER}),
        ("put", {Role.EDITOR, Role.ADMIN, Role.OWNER}),
        ("patch", {Role.EDITOR, Role.ADMIN, Role.OWNER}),
        ("delete", {Role.ADMIN, Role.OWNER}),
    ],
)
def test_role_decides_what_a_method_may(method, allowed):
    workspace = make_workspace()

    for role in Role:
        response = getattr(signed_in(make_member(workspace, role=role)), method)(URL)
        assert response.status_code == (200 if role in allowed else 403), role


def test_refusal_names_role_and_remedy():
    viewer = make_member(make_workspace(), role=Role.VIEWER)

    sentence = (
        "Your role in this workspace (viewer) may not write posts, accounts, media and webhooks, and publish; "
        "ask an owner or admin of it."
    )
    assert_problem(signed_in(viewer).post(URL), 403, "role_too_low", sentence)


def test_site_viewer_only_reads_whatever_the_membership():
    workspace = make_workspace()
    client = signed_in(make_member(workspace, role=Role.OWNER, site_role=SiteRole.VIEWER))

    assert where(client) == found(workspace, "viewer")
    assert client.post(URL).status_code == 403


def test_site_admin_may_everything_everywhere(django_assert_num_queries):
    workspace = make_workspace()
    admin = make_user(site_role=SiteRole.ADMIN)
    client = signed_in(admin, workspace=workspace)

    with django_assert_num_queries(1):
        assert where(client) == found(workspace, "owner")
    assert client.delete(URL).status_code == 200
    assert_problem(signed_in(admin).get(URL, headers={"X-Workspace": str(uuid.uuid4())}), 404, *NO_WORKSPACE)


def test_key_speaks_for_its_user_in_its_workspace(django_assert_num_queries):
    user = make_workspace().members.get()
    other = make_workspace()
    make_membership(user, other, role=Role.EDITOR)
    _, text = make_api_key(user, other, last_used_at=timezone.now())
    client = with_key(text)

    with django_assert_num_queries(1):
        assert where(client) == found(other, "editor")
    assert client.get(URL, headers={"X-Workspace": str(other.id)}).status_code == 200
    assert_problem(client.get(URL, headers={"X-Workspace": str(user.default_workspace_id)}), 404, *NO_WORKSPACE)


@pytest.mark.parametrize(
    ("membership", "key_role", "counts"),
    [
        (Role.OWNER, None, "owner"),
        (Role.OWNER, Role.EDITOR, "editor"),
        (Role.EDITOR, Role.VIEWER, "viewer"),
        (Role.VIEWER, Role.ADMIN, "viewer"),
    ],
)
def test_key_is_never_more_than_its_user(membership, key_role, counts):
    workspace = make_workspace()
    _, text = make_api_key(make_member(workspace, role=membership), workspace, role=key_role)

    assert where(with_key(text)) == found(workspace, counts)


def test_key_outlives_no_membership():
    workspace = make_workspace()
    user = make_member(workspace)
    _, text = make_api_key(user, workspace)

    user.memberships.all().delete()

    assert_problem(with_key(text).get(URL), 404, *NO_WORKSPACE)


@pytest.mark.parametrize("change", ["revoked", "expired", "inactive", "unknown", "cut", "empty"])
def test_key_that_opens_nothing(change):
    workspace = make_workspace()
    _, text = make_api_key(workspace.members.get(), workspace)
    now = timezone.now()
    if change == "revoked":
        ApiKey.objects.update(revoked_at=now)
    if change == "expired":
        ApiKey.objects.update(expires_at=now - timedelta(seconds=1))
    if change == "inactive":
        User.objects.update(is_active=False)
    texts = {"unknown": "mb_" + "x" * 43, "cut": text[:-1], "empty": ""}

    assert_problem(with_key(texts.get(change, text)).get(URL), 401, *BAD_KEY)


def test_use_of_a_key_is_noted_at_most_once_a_minute(django_assert_num_queries):
    workspace = make_workspace()
    key, text = make_api_key(workspace.members.get(), workspace)
    client = with_key(text)

    with django_assert_num_queries(2):
        client.get(URL)
    with django_assert_num_queries(1):
        client.get(URL)
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(seconds=10)
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        client.get(URL)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Basic YTpi"}, {"Authorization": "Token abc"}],
)
def test_anonymous_is_401_and_told_how(headers, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = APIClient().get(URL, headers=headers)

    assert_problem(response, 401, *NOT_SIGNED_IN)
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("text", ["", " ", "x", "a.b.c", "mb_key", "é", "x" * 8_000])
def test_rubbish_for_a_token_costs_no_query(text, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = APIClient().get(URL, headers={"Authorization": f"Bearer {text}"})

    assert_problem(response, 401, "token_invalid", "The access token is not one of ours; sign in again.")


def test_scheme_is_written_in_any_case():
    user = make_workspace().members.get()
    token = tokens_for(make_session(user))["access_token"]

    assert APIClient().get(URL, headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_session_that_is_gone_is_401():
    user = make_workspace().members.get()
    client = signed_in(user)
    user.sessions.all().delete()

    assert_problem(client.get(URL), 401, "session_ended", "This sign-in has ended; sign in again.")


def test_browser_session_of_the_admin_works_with_its_csrf_token():
    workspace = make_workspace()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(workspace.members.get(), backend="django.contrib.auth.backends.ModelBackend")
    client.get("/admin/login/")
    token = client.cookies["csrftoken"].value

    assert where(client) == found(workspace, "owner")
    assert client.post(URL).status_code == 403
    assert client.post(URL, headers={"X-CSRFToken": token}).status_code == 200


def test_paths_work_with_and_without_trailing_slash():
    client = signed_in(make_workspace().members.get())

    assert [client.get(f"/api/v2/workspaces{end}").status_code for end in ("", "/", "//")] == [200, 200, 404]
    assert client.post("/api/v2/workspaces/", {"name": "Mine"}).status_code == 201
