"""Oneself and one's workspaces."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership, User, Workspace
from accounts.roles import Role, SiteRole
from accounts.services.workspaces import SETTINGS
from accounts.tests.factories import (
    make_api_key,
    make_membership,
    make_user,
    make_workspace,
    signed_in,
    with_key,
)
from mastablasta.core.api.fields import utc_text
from mastablasta.core.tests.answers import assert_problem, one

ME, WORKSPACES = "/api/v2/auth/me", "/api/v2/workspaces"
pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(owner=make_user(email="ada@example.test", name="Ada"), name="Engines")


@pytest.fixture
def ada(workspace) -> User:
    user: User = workspace.members.get()
    return user


def shown(workspace: Workspace, role: str) -> dict[str, Any]:
    return {
        "id": str(workspace.id),
        "name": workspace.name,
        "role": role,
        "is_personal": workspace.is_personal,
        "created_at": utc_text(workspace.created_at),
    }


def shown_whole(workspace: Workspace, role: str) -> dict[str, Any]:
    settings = {name: getattr(workspace, name) for name in SETTINGS}
    return {**shown(workspace, role), **settings, "timezone": None, "missed_post_policy": None}


def test_me_is_the_user_and_their_workspaces(ada, workspace):
    second = make_workspace(name="Second")
    make_membership(ada, second, role=Role.VIEWER)
    make_workspace(owner=ada, deleted_at=timezone.now())
    make_workspace()

    assert signed_in(ada).get(ME).json() == {
        "id": str(ada.id),
        "email": "ada@example.test",
        "name": "Ada",
        "role": "editor",
        "timezone": None,
        "default_workspace": str(workspace.id),
        "workspaces": [shown(workspace, "owner"), shown(second, "viewer")],
    }


def test_me_of_somebody_without_workspace():
    body = signed_in(make_user()).get(ME).json()

    assert (body["default_workspace"], body["workspaces"]) == (None, [])


def test_me_with_a_key_knows_only_the_keys_workspace_and_role_at_one_query(ada, workspace, django_assert_num_queries):
    make_workspace(owner=ada)
    _, text = make_api_key(ada, workspace, role=Role.VIEWER)
    client = with_key(text)
    client.get(ME)  # which notes the key's first use

    with django_assert_num_queries(1):
        assert client.get(ME).json()["workspaces"] == [shown(workspace, "viewer")]


def test_me_with_a_key_of_a_site_admin_names_no_workspace_without_membership(workspace):
    admin = make_user(site_role=SiteRole.ADMIN)
    _, text = make_api_key(admin, workspace)

    assert with_key(text).get(ME).json()["workspaces"] == []


@pytest.mark.parametrize("count", [1, 3])
def test_me_costs_two_queries_whatever_the_workspaces(ada, count, django_assert_num_queries):
    for _ in range(count - 1):
        make_workspace(owner=ada)
    client = signed_in(ada)

    with django_assert_num_queries(2):
        assert len(client.get(ME).json()["workspaces"]) == count


def test_changing_oneself(ada):
    second = make_workspace(owner=ada)
    changes = {"name": "Ada L.", "timezone": "Europe/London", "default_workspace": str(second.id)}

    body = signed_in(ada).patch(ME, changes).json()

    assert {name: body[name] for name in changes} == changes
    ada.refresh_from_db()
    assert (ada.name, ada.timezone, ada.default_workspace) == ("Ada L.", "Europe/London", second)


def test_what_get_gave_can_be_sent_back(ada):
    client = signed_in(ada)
    before = client.get(ME).json()

    assert client.patch(ME, before).json() == before


def test_email_and_role_cannot_be_changed_by_oneself(ada):
    signed_in(ada).patch(ME, {"email": "eve@example.test", "role": "admin", "id": str(uuid.uuid4())})

    unchanged = User.objects.get()
    assert (unchanged.id, unchanged.email, unchanged.site_role) == (ada.id, "ada@example.test", SiteRole.EDITOR)


@pytest.mark.parametrize("named", ["foreign", "unknown", "deleted"])
def test_default_workspace_must_be_ones_own(ada, workspace, named):
    ids = {
        "foreign": make_workspace().id,
        "unknown": uuid.uuid4(),
        "deleted": make_workspace(owner=ada, deleted_at=timezone.now()).id,
    }

    response = signed_in(ada).patch(ME, {"default_workspace": str(ids[named])})

    expected = one("default_workspace", "not_found", "There is no such workspace; GET /workspaces lists yours.")
    assert_problem(response, 400, "not_found", f"default_workspace: {expected['message']}", [expected])
    assert User.objects.get(pk=ada.pk).default_workspace == workspace


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("timezone", "Mars/Base", "unknown_zone"),
        ("timezone", "", "blank"),
        ("name", "x" * 151, "max_length"),
        ("name", 5, "wrong_type"),
        ("default_workspace", "x", "invalid"),
        ("default_workspace", 5, "wrong_type"),
        ("nmae", "x", "unknown"),
    ],
)
def test_change_that_is_refused(ada, field, value, code):
    body = signed_in(ada).patch(ME, {field: value}).json()

    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


def test_workspaces_are_those_one_is_in(ada, workspace):
    second = make_workspace(name="Second")
    make_membership(ada, second, role=Role.ADMIN)
    make_workspace()

    assert signed_in(ada).get(WORKSPACES).json() == {
        "workspaces": [shown_whole(workspace, "owner"), shown_whole(second, "admin")],
        "total": 2,
        "limit": 50,
        "offset": 0,
        "next": None,
        "previous": None,
    }


def test_site_admin_sees_every_workspace_as_owner(workspace):
    other = make_workspace()
    admin = make_user(site_role=SiteRole.ADMIN)

    expected = [shown_whole(workspace, "owner"), shown_whole(other, "owner")]
    assert signed_in(admin).get(WORKSPACES).json()["workspaces"] == expected


def test_making_a_workspace(ada, workspace):
    response = signed_in(ada).post(WORKSPACES, {"name": "Notes", "requires_alt_text": True})

    made = Workspace.objects.get(name="Notes")
    assert response.status_code == 201
    assert response.json() == shown_whole(made, "owner")
    assert made.requires_alt_text
    assert Membership.objects.get(workspace=made).user == ada
    assert User.objects.get(pk=ada.pk).default_workspace == workspace


def test_first_workspace_becomes_the_default():
    user = make_user()

    body = signed_in(user).post(WORKSPACES, {"name": "First"}).json()

    assert str(User.objects.get().default_workspace_id) == body["id"]


def test_site_viewer_makes_no_workspace():
    viewer = make_user(site_role=SiteRole.VIEWER)

    sentence = "Your role (viewer) may not make workspaces; ask an admin of the site."
    assert_problem(signed_in(viewer).post(WORKSPACES, {"name": "Mine"}), 403, "role_too_low", sentence)
    assert not Workspace.objects.exists()
