"""A walk over every operation that the API describes: nobody reaches another workspace, nobody exceeds their role.

What the walk needs to call an operation stands in tests/tenancy.py; an operation that is not there fails.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import PASSWORD, make_api_key, make_member, make_workspace, signed_in, with_key
from mastablasta.core.audit.models import AuditEntry
from media_library.tests.factories import photo
from tests.kit.certificates import Authority
from tests.kit.named_hosts import allowed_host
from tests.kit.raw_server import answer, raw_server, says
from tests.tenancy import OPERATIONS, Kind, Operation

PREFIX = "/api/v2"
METHODS = ("get", "post", "put", "patch", "delete")
READS = ("GET",)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


@cache
def described() -> frozenset[str]:
    """Every operation of the schema, as `GET /posts/{id}`."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return frozenset(
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, operations in paths.items()
        for method in operations
        if method in METHODS
    )


def names(*, kinds: tuple[Kind, ...] = tuple(Kind), named: bool = False, write: bool | None = None) -> list[str]:
    """Operations of these kinds; `named`: whose path names a thing; `write`: by whether they change anything."""
    return [
        name
        for name, operation in OPERATIONS.items()
        if operation.kind in kinds
        and (not named or "{id}" in name)
        and (write is None or write is not (name.startswith(READS) or operation.only_reads))
    ]


WRITES = names(kinds=(Kind.PERSONAL, Kind.WORKSPACE), write=True)
READS_OF_WORKSPACES = names(kinds=(Kind.WORKSPACE,), write=False)


@pytest.fixture
def known_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody's password is PASSWORD."""
    monkeypatch.setattr(User, "check_password", lambda self, text: text == PASSWORD)


@pytest.fixture
def pictures_host(authority: Authority, settings: Settings) -> Iterator[None]:
    """A host that the operator allows to be fetched from: settings.PICTURES_URL."""
    host, picture = "pictures.example", says(answer(photo()))
    with allowed_host(host, settings, authority=authority), raw_server(picture, tls=authority.server(host)) as server:
        settings.PICTURES_URL = f"https://{host}:{server.port}"
        yield


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Any:
    """Call the operation `name` as `client` about `thing`, with a body that is valid for `workspace`."""

    def asked(
        name: str, client: APIClient, *, thing: Any = None, workspace: Workspace | None = None, **headers: str
    ) -> Any:
        operation = OPERATIONS[name]
        for fixture in operation.fixtures:
            request.getfixturevalue(fixture)
        method, path = name.split(" ")
        path = path.format(id=thing, **named_in(operation, workspace))
        body = operation.body(workspace) if workspace is not None else None
        call = getattr(client, method.lower())
        form = {"format": "multipart"} if operation.is_multipart and body is not None else {}
        return call(f"{PREFIX}{path}{operation.query}", *([] if method in READS else [body]), **form, headers=headers)

    return asked


def named_in(operation: Operation, workspace: Workspace | None) -> dict[str, Any]:
    """What stands for the parameters of its path beyond `id`."""
    return {
        name: value(workspace) if callable(value) and workspace is not None else value
        for name, value in operation.path.items()
    }


def thing_of(name: str, workspace: Workspace) -> Any:
    make = OPERATIONS[name].thing
    return make(workspace) if make else None


def owner_of(workspace: Workspace) -> User:
    return workspace.memberships.get(role=Role.OWNER).user


def is_2xx(response: Any) -> bool:
    return 200 <= response.status_code < 300


def test_every_operation_is_in_the_walk_and_none_that_is_gone():
    assert described() == set(OPERATIONS)


def test_operations_whose_path_names_a_thing_say_how_to_make_one():
    assert [name for name in names(named=True) if OPERATIONS[name].thing is None] == []
    assert all(set(re.findall(r"{(\w+)}", name)) <= {"id", *OPERATIONS[name].path} for name in OPERATIONS)


@pytest.mark.parametrize("name", names(kinds=(Kind.PUBLIC,)))
def test_public_operation_asks_nobody_to_sign_in(ask, name):
    assert ask(name, APIClient(raise_request_exception=False)).json().get("code") != "not_authenticated"


@pytest.mark.parametrize("name", names(kinds=(Kind.PERSONAL, Kind.WORKSPACE)))
def test_owner_is_let_through_and_the_audit_log_hears_of_what_they_change(ask, name):
    workspace = make_workspace()
    thing, operation = thing_of(name, workspace), OPERATIONS[name]
    before = set(AuditEntry.objects.values_list("id", flat=True))

    response = ask(name, signed_in(owner_of(workspace)), thing=thing, workspace=workspace)

    assert is_2xx(response), response.content
    told = AuditEntry.objects.exclude(id__in=before)
    assert told.exists() == (name in WRITES and not operation.untold), "it is told, or says why not (Operation.untold)"
    assert set(told.values_list("actor_name", flat=True)) <= {owner_of(workspace).email}


@pytest.mark.parametrize("name", names(kinds=(Kind.PERSONAL, Kind.WORKSPACE)))
def test_nobody_from_elsewhere_gets_at_it(ask, name):
    """Neither without a proof, nor by naming the workspace, nor by the id of what is in it, which stays as it is."""
    foreign, own = make_workspace(), make_workspace()
    thing, outsider = thing_of(name, foreign), signed_in(owner_of(own))
    asked = {"thing": thing, "workspace": foreign}

    refused = {
        "anonymous": said_by(ask(name, APIClient(), **asked)),
        "foreign": said_by(ask(name, outsider, **asked, **{"X-Workspace": str(foreign.id)})),
        "unknown": said_by(ask(name, outsider, **asked, **{"X-Workspace": str(uuid.uuid4())})),
    }

    assert refused == {
        "anonymous": (401, "not_authenticated"),
        "foreign": (404, "workspace_not_found"),
        "unknown": (404, "workspace_not_found"),
    }
    if "{id}" not in name:
        return
    for proof, client in {"token": outsider, "key": with_key(make_api_key(owner_of(own), own)[1])}.items():
        response = ask(name, client, **asked)
        unknown = ask(name, client, thing=uuid.uuid4(), workspace=foreign)

        takes_a_sign_in = proof == "key" and response.json()["code"] == "sign_in_required"
        assert response.status_code == (403 if takes_a_sign_in else 404), proof
        assert without_request(response) == without_request(unknown), proof  # nothing tells that it exists
    assert is_2xx(ask(name, signed_in(owner_of(foreign)), **asked))


def said_by(response: Any) -> tuple[int, str]:
    """The status of a refusal and its code."""
    return response.status_code, response.json()["code"]


def without_request(response: Any) -> dict[str, Any]:
    body: dict[str, Any] = {**response.json(), "status": response.status_code}
    del body["request_id"]
    return body


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in names(kinds=(Kind.WORKSPACE,), write=False)
        if "{" not in name and name.startswith(READS) and not OPERATIONS[name].adds_up
    ],
)
def test_list_shows_ones_own_and_nothing_foreign(ask, name):
    foreign, own = make_workspace(), make_workspace()
    theirs, ours = thing_of(name, foreign), thing_of(name, own)

    response = ask(name, signed_in(owner_of(own)))

    shown = response.getvalue().decode()
    assert is_2xx(response)
    assert str(ours) in shown
    assert str(theirs) not in shown
    if not OPERATIONS[name].gives_bytes:
        assert response.json()["total"] == 1


@pytest.mark.parametrize("name", [*READS_OF_WORKSPACES, *(one for one in WRITES if not OPERATIONS[one].viewer_may)])
def test_viewers_read_and_editors_write(ask, name):
    """A viewer writes nothing, be it for the membership, the person on the whole site or the key; and reads all."""
    workspace, operation = make_workspace(), OPERATIONS[name]
    asked = {"thing": thing_of(name, workspace), "workspace": workspace}
    membership = signed_in(make_member(workspace, role=Role.VIEWER))
    if name in WRITES:
        caps = {
            "key": with_key(make_api_key(owner_of(workspace), workspace, role=Role.VIEWER)[1]),
            "membership": membership,
            "site": signed_in(make_member(workspace, role=Role.OWNER, site_role=SiteRole.VIEWER)),
        }
        refused = {cap: said_by(ask(name, client, **asked)) for cap, client in caps.items()}
        by_key = "sign_in_required" if operation.takes_a_sign_in else "role_too_low"
        assert refused == {"key": (403, by_key), "membership": (403, "role_too_low"), "site": (403, "role_too_low")}
    else:
        response = ask(name, membership, **asked)
        assert response.status_code == 403 if operation.begins_a_write else is_2xx(response), response.content
    if operation.kind is Kind.WORKSPACE and not operation.is_of_one_person:
        response = ask(name, signed_in(make_member(workspace)), **asked)
        assert response.status_code == 403 if operation.takes_an_admin else is_2xx(response), response.content


@pytest.mark.parametrize("name", [name for name in WRITES if OPERATIONS[name].viewer_may])
def test_what_a_viewer_may_write_is_their_own_and_takes_a_sign_in(ask, name):
    workspace = make_workspace()
    thing = thing_of(name, workspace)
    for role in (Role.VIEWER, Role.EDITOR):
        person = make_member(workspace, role=role)

        response = ask(name, signed_in(person), thing=thing, workspace=workspace)
        by_key = ask(name, with_key(make_api_key(person, workspace)[1]), thing=thing, workspace=workspace)

        assert response.status_code == 404 if OPERATIONS[name].is_of_one_person else is_2xx(response), role
        assert said_by(by_key) == (403, "sign_in_required"), role
