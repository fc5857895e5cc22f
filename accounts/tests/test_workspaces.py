"""One workspace and its settings: who may read and change them, and what they may be."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.apps import apps

from accounts.models import User, Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import make_api_key, make_member, make_user, make_workspace, signed_in, with_key
from mastablasta.core.api.fields import utc_text

pytestmark = pytest.mark.django_db
CHANGES: dict[str, Any] = {
    "name": "Press office",
    "timezone": "Europe/Berlin",
    "missed_post_policy": "hold",
    "missed_post_hours": 3,
    "requires_alt_text": True,
    "duplicate_policy": "refuse",
    "duplicate_window_hours": 0,
    "clash_window_minutes": 15,
}


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(name="Engines")


def address(workspace: Workspace) -> str:
    return f"/api/v2/workspaces/{workspace.id}"


def test_settings_are_shown_changed_and_sent_back(workspace):
    admin = signed_in(make_member(workspace, role=Role.ADMIN))
    unset = {
        "timezone": None, "missed_post_policy": None, "missed_post_hours": None, "requires_alt_text": False,
        "duplicate_policy": "warn", "duplicate_window_hours": 24, "clash_window_minutes": 5,
    }  # fmt: skip

    before = admin.get(address(workspace)).json()
    changed = admin.patch(address(workspace), CHANGES)

    of_itself = {"id": str(workspace.id), "role": "admin", "is_personal": False}
    assert before == {**of_itself, **unset, "name": "Engines", "created_at": utc_text(workspace.created_at)}
    assert (changed.status_code, changed.json()) == (200, {**before, **CHANGES})
    assert admin.get(address(workspace)).json() == changed.json()
    assert admin.patch(address(workspace), before).json() == before


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "blank"),
        ("name", "x" * 101, "max_length"),
        ("timezone", "Mars/Base", "unknown_zone"),
        ("missed_post_policy", "later", "invalid_choice"),
        ("missed_post_hours", -1, "min_value"),
        ("missed_post_hours", 8785, "max_value"),
        ("requires_alt_text", 1, "wrong_type"),
        ("duplicate_policy", None, "null"),
        ("duplicate_window_hours", 8785, "max_value"),
        ("clash_window_minutes", 1441, "max_value"),
        ("clash_window_minutes", "5", "wrong_type"),
        ("deleted_at", None, "unknown"),
    ],
)
def test_setting_that_is_refused(workspace, field, value, code):
    body = signed_in(workspace.members.get()).patch(address(workspace), {field: value}).json()

    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(Role.OWNER, (200, 204)), (Role.ADMIN, (200, 403)), (Role.EDITOR, (403, 403)), (Role.VIEWER, (403, 403))],
)
def test_owners_and_admins_change_and_only_owners_delete(workspace, role, allowed):
    client = signed_in(make_member(workspace, role=role))

    changed = client.patch(address(workspace), {"name": "Other"})
    deleted = client.delete(address(workspace))

    assert (changed.status_code, deleted.status_code) == allowed
    if deleted.status_code == 403:
        assert deleted.json()["detail"].endswith(f"({role}) may not delete it; ask an owner of it.")


def test_key_changes_settings_as_its_role_says_in_its_own_workspace_only(workspace):
    owner = workspace.members.get()
    other = make_workspace(owner=owner)
    admin = with_key(make_api_key(owner, workspace)[1])
    editor = with_key(make_api_key(owner, workspace, role=Role.EDITOR)[1])

    answers = [client.patch(address(workspace), {"name": "Other"}).status_code for client in (admin, editor)]

    assert answers == [200, 403]
    assert admin.get(address(other)).status_code == 404
    assert admin.delete(address(workspace)).json()["code"] == "sign_in_required"


def test_site_admin_may_everything_everywhere(workspace):
    admin = signed_in(make_user(site_role=SiteRole.ADMIN))

    assert admin.get(address(workspace)).json()["role"] == "owner"
    assert admin.delete(address(workspace)).status_code == 204
    assert admin.get(address(workspace)).status_code == 404


def test_utc_that_nobody_chose_is_no_zone_of_ones_own():
    chose_nothing, chose = make_user(timezone="UTC"), make_user(timezone="Europe/Berlin")
    migration = importlib.import_module("accounts.migrations.0006_zones_of_their_own")

    migration.forget_the_default(apps, None)

    assert [User.objects.get(pk=user.pk).timezone for user in (chose_nothing, chose)] == ["", "Europe/Berlin"]
