"""Bodies that say more than they may: what is unknown is refused by name, what is only read is ignored, everywhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db.models import Model, UUIDField

from accounts.models import Membership, User, Workspace
from accounts.tests.factories import make_workspace, signed_in
from tests.tenancy import OPERATIONS, Kind
from tests.test_tenancy import PREFIX, is_2xx, named_in, owner_of, thing_of

WRITES = [
    name
    for name, operation in OPERATIONS.items()
    if operation.kind is not Kind.PUBLIC
    and name.startswith(("POST", "PUT", "PATCH"))
    and not operation.fixtures
    and not operation.is_multipart
]
GIVEN = UUID("01990000-0000-7000-8000-00000000dead")
OURS = [model for model in apps.get_models() if isinstance(model._meta.pk, UUIDField)]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


def greedy(foreign: Workspace) -> dict[str, Any]:
    """Names that a careless program would take over from a body: of columns, of relations, of Python."""
    somebody = str(owner_of(foreign).id)
    return {
        **dict.fromkeys(("workspace", "workspace_id", "default_workspace_id", "workspaces"), str(foreign.id)),
        **dict.fromkeys(("user", "user_id", "author", "author_id", "owner", "created_by", "invited_by"), somebody),
        **dict.fromkeys(("is_staff", "is_superuser", "is_personal", "staff_access", "is_default"), True),
        **dict.fromkeys(("site_role", "roles"), "admin"),
        **dict.fromkeys(("created_at", "deleted_at", "accepted_at", "revoked_at"), "2020-01-01T00:00:00Z"),
        **dict.fromkeys(("status", "state"), "published"),
        **dict.fromkeys(("sha256", "prefix", "access_enc", "secret_enc", "password", "platform_post_id"), "taken over"),
        **dict.fromkeys(("credential", "credential_id", "remote_id", "lease_token"), str(uuid4())),
        **{name: [somebody] for name in ("memberships", "members", "deliveries", "groups", "user_permissions")},
        **{name: {"id": str(foreign.id)} for name in ("__class__", "_state", "workspace__id", "user.site_role")},
        "id": str(GIVEN),
        "pk": str(GIVEN),
    }  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_body_takes_over_nothing(name: str) -> None:
    foreign, own = make_workspace(), make_workspace()
    operation, thing = OPERATIONS[name], thing_of(name, own)
    method, path = name.split(" ")
    path = PREFIX + path.format(id=thing, **named_in(operation, own)) + operation.query
    meant = operation.body(own) or {}
    client, before = signed_in(owner_of(own)), standing(foreign)
    body = {**greedy(foreign), **meant}

    for _ in range(5):
        answer = getattr(client, method.lower())(path, body)
        if answer.status_code != 400:
            break
        faults = answer.json()["errors"]
        unknown = {fault["field"]: fault["params"]["valid"] for fault in faults if fault["code"] == "unknown"}
        assert unknown, answer.content
        meant_names = set(next(iter(unknown.values()))) - meant.keys()
        body = {key: value for key, value in body.items() if key not in unknown.keys() | meant_names}

    assert is_2xx(answer), answer.content
    assert standing(foreign) == before
    assert [model.__name__ for model in OURS if rows_of(model).filter(pk=GIVEN).exists()] == []
    assert "taken over" not in answer.content.decode()


def rows_of(model: type[Model]) -> Any:
    return model._base_manager.all()


def standing(foreign: Workspace) -> dict[str, Any]:
    """Who may what, and what another workspace holds."""
    people = User.objects.filter(memberships__workspace=foreign)
    return {
        "people": list(people.values_list("id", "site_role", "is_active", "is_superuser", "password")),
        "workspace": Workspace.objects.filter(pk=foreign.pk).values().get(),
        "site admins": User.objects.exclude(site_role="editor").count(),
        "members": list(Membership.objects.filter(workspace=foreign).values_list("user", "role")),
        "rows": {
            model.__name__: rows_of(model).filter(workspace=foreign).count()
            for model in OURS
            if any(field.is_relation and field.name == "workspace" for field in model._meta.concrete_fields)
        },
    }
