"""One's API keys: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import ApiKey, User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_api_key, make_member, make_user, make_workspace, signed_in, with_key
from mastablasta.core.api.fields import utc_text
from mastablasta.core.tests.answers import assert_problem, one

ME, KEYS, WORKSPACES = "/api/v2/auth/me", "/api/v2/auth/api-keys", "/api/v2/workspaces"
KEY_CANNOT = ("sign_in_required", "An API key cannot do this; sign in and use the access token.")
pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(owner=make_user(email="ada@example.test", name="Ada"), name="Engines")


@pytest.fixture
def ada(workspace) -> User:
    user: User = workspace.members.get()
    return user


def key_shown(key: ApiKey) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "prefix": key.prefix,
        "workspace": str(key.workspace_id),
        "role": key.role,
        "expires_at": utc_text(key.expires_at) if key.expires_at else None,
        "last_used_at": utc_text(key.last_used_at) if key.last_used_at else None,
        "created_at": utc_text(key.created_at),
    }


def test_key_is_shown_once_and_works(ada, workspace):
    response = signed_in(ada).post(
        KEYS, {"name": "Deploy", "role": "editor", "expires_at": "2031-01-01T01:00:00+01:00"}
    )

    key = ApiKey.objects.get()
    text = response.json()["api_key"]
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json() == {**key_shown(key), "api_key": text}
    assert (key.name, key.role, key.workspace, key.user) == ("Deploy", Role.EDITOR, workspace, ada)
    assert key_shown(key)["expires_at"] == "2031-01-01T00:00:00Z"
    assert text.startswith(key.prefix)
    assert len(text) == 46
    assert with_key(text).get(ME).status_code == 200


def test_keys_of_others_and_of_other_workspaces_are_not_listed(ada, workspace):
    old, _ = make_api_key(ada, workspace, created_at=timezone.now())
    new, _ = make_api_key(ada, workspace)
    make_api_key(ada, workspace, revoked_at=timezone.now())
    make_api_key(make_member(workspace, role=Role.ADMIN), workspace)
    make_api_key(ada, make_workspace(owner=ada))

    assert signed_in(ada).get(KEYS).json() == {
        "api_keys": [key_shown(new), key_shown(old)],
        "total": 2,
        "limit": 50,
        "offset": 0,
        "next": None,
        "previous": None,
    }


@pytest.mark.parametrize("count", [1, 50])
def test_list_of_keys_costs_two_queries(ada, workspace, count, django_assert_num_queries):
    for _ in range(count):
        make_api_key(ada, workspace)
    client = signed_in(ada)

    with django_assert_num_queries(2):
        assert len(client.get(KEYS).json()["api_keys"]) == count


def test_revoked_key_opens_nothing_at_once(ada, workspace):
    key, text = make_api_key(ada, workspace)
    client = signed_in(ada)

    response = client.delete(f"{KEYS}/{key.id}")

    assert (response.status_code, response.content) == (204, b"")
    assert with_key(text).get(ME).status_code == 401
    assert client.delete(f"{KEYS}/{key.id}").status_code == 404


def test_key_of_a_colleague_cannot_be_revoked(ada, workspace):
    key, text = make_api_key(make_member(workspace), workspace)

    assert signed_in(ada).delete(f"{KEYS}/{key.id}").status_code == 404
    assert with_key(text).get(ME).status_code == 200


def test_key_makes_and_revokes_no_keys_and_changes_nobody(ada, workspace):
    key, text = make_api_key(ada, workspace)
    client = with_key(text)

    assert_problem(client.post(KEYS, {"name": "More"}), 403, *KEY_CANNOT)
    assert_problem(client.delete(f"{KEYS}/{key.id}"), 403, *KEY_CANNOT)
    assert_problem(client.patch(ME, {"name": "Eve"}), 403, *KEY_CANNOT)
    assert_problem(client.post(WORKSPACES, {"name": "More"}), 403, *KEY_CANNOT)
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("role", "asked", "made"),
    [
        (Role.VIEWER, "viewer", True),
        (Role.VIEWER, None, True),
        (Role.VIEWER, "editor", False),
        (Role.EDITOR, "admin", False),
        (Role.ADMIN, "owner", False),
        (Role.OWNER, "owner", True),
    ],
)
def test_key_may_be_asked_for_no_more_than_its_user_is(workspace, role, asked, made):
    response = signed_in(make_member(workspace, role=role)).post(KEYS, {"name": "Key", "role": asked})

    assert response.status_code == (201 if made else 400)
    if not made:
        sentence = f"A key cannot be more than its user, who is {role} here; choose {role} or less."
        expected = one("role", "role_too_high", sentence)
        assert_problem(response, 400, "role_too_high", f"role: {sentence}", [expected])


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 101}, "name", "max_length"),
        ({"name": "a", "role": "king"}, "role", "invalid_choice"),
        ({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"name": "a", "expires_at": "2031-01-01T00:00:00"}, "expires_at", "no_offset"),
        ({"name": "a", "expires": "2031-01-01T00:00:00Z"}, "expires", "unknown"),
    ],
)
def test_key_that_cannot_be(ada, fields, field, code):
    body = signed_in(ada).post(KEYS, fields).json()

    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert not ApiKey.objects.exists()


def test_key_that_expires(ada):
    at = timezone.now() + timedelta(hours=1)
    text = signed_in(ada).post(KEYS, {"name": "Short", "expires_at": utc_text(at)}).json()["api_key"]

    assert with_key(text).get(ME).status_code == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert with_key(text).get(ME).status_code == 401
