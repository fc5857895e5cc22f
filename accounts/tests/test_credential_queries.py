"""The prepared queries give what the ORM gives, on either database."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from accounts.credential_queries import caller_of_key, caller_of_session, caller_of_user
from accounts.models import ApiKey, Session, User
from accounts.roles import Role, SiteRole
from accounts.services.api_keys import digest
from accounts.tests.factories import make_api_key, make_membership, make_session, make_user, make_workspace
from mastablasta.core.compiled_queries import CompiledQuery

pytestmark = pytest.mark.django_db


def columns(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.fixture
def full_user() -> User:
    """Somebody with a value in every column."""
    now = timezone.now()
    user = make_user(
        name="Ünï 😀", password="x", last_login=now, is_superuser=True, is_active=False, timezone="Asia/Tokyo"
    )
    make_workspace(owner=user)
    return user


def test_session_user_and_place_are_as_the_orm_reads_them(full_user):
    now = timezone.now()
    session = make_session(full_user, revoked_at=now, user_agent="curl", expires_at=now + timedelta(microseconds=1))

    caller = caller_of_session(session.id, workspace=None)

    assert columns(caller.session) == columns(Session.objects.get())
    assert columns(caller.user) == columns(User.objects.get())
    assert caller.session.user is caller.user
    assert (caller.workspace, caller.role) == (full_user.default_workspace, Role.OWNER)
    assert caller.workspace.name == full_user.default_workspace.name


def test_key_user_and_place_are_as_the_orm_reads_them(full_user):
    now = timezone.now()
    _key, text = make_api_key(
        full_user, full_user.default_workspace, role=Role.EDITOR, expires_at=now, last_used_at=now, revoked_at=now
    )

    caller = caller_of_key(digest(text))

    assert columns(caller.api_key) == columns(ApiKey.objects.get())
    assert columns(caller.user) == columns(User.objects.get())
    assert (caller.workspace, caller.role) == (full_user.default_workspace, Role.EDITOR)


def test_columns_that_are_null(django_assert_num_queries):
    user = make_user()
    session = make_session(user)

    with django_assert_num_queries(1):
        caller = caller_of_session(session.id, workspace=None)

    assert columns(caller.user) == columns(user)
    assert (caller.workspace, caller.role, caller.is_refused) == (None, None, False)


def test_each_call_stands_for_itself():
    first, second = (make_session(make_workspace().members.get()) for _ in range(2))
    other = make_workspace()
    make_membership(first.user, other, role=Role.VIEWER)

    assert caller_of_session(first.id, workspace=other.id).workspace == other
    assert caller_of_session(second.id, workspace=other.id).is_refused
    assert caller_of_session(first.id, workspace=None).user == first.user
    assert caller_of_session(second.id, workspace=None).user == second.user
    assert caller_of_session(uuid.uuid4(), workspace=None) is None
    assert caller_of_key("0" * 64) is None


def test_caller_of_user():
    workspace = make_workspace()
    admin = make_user(site_role=SiteRole.ADMIN)

    assert columns(caller_of_user(admin.id, workspace=None).user) == columns(admin)
    assert caller_of_user(admin.id, workspace=workspace.id).role == Role.OWNER
    assert caller_of_user(admin.id, workspace=uuid.uuid4()).is_refused


def test_slot_that_is_no_parameter_is_a_mistake():
    forgetful = CompiledQuery(lambda name: User.objects.values_list("id"), name=str)

    with pytest.raises(ValueError, match="name"):
        forgetful.first(name="x")


def test_models_come_with_what_is_selected_with_them_and_moments_are_slots():
    now = timezone.now()
    old, young = (make_session(make_user(), expires_at=now + timedelta(days=days)) for days in (1, 3))
    lasting = CompiledQuery(
        lambda at: Session.objects.filter(expires_at__gt=at).select_related("user").order_by("expires_at"), at=datetime
    )

    assert [columns(one) for one in lasting.all(at=now)] == [columns(old), columns(young)]
    [found] = lasting.all(at=now + timedelta(days=2))
    assert (columns(found.user), found._state.fields_cache.keys()) == (columns(young.user), {"user"})
    assert lasting.first(at=now + timedelta(days=4)) is None
