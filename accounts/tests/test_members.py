"""Members: who may change or remove whom, what ends with a membership, and that an owner stays."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import (
    make_api_key,
    make_invitation,
    make_member,
    make_user,
    make_workspace,
    signed_in,
    with_key,
)
from accounts.tests.test_races import at_once
from mastablasta.core.api.fields import utc_text
from mastablasta.core.tests.answers import assert_problem

pytestmark = pytest.mark.django_db
LAST_OWNER = ("last_owner", "The last owner stays; make somebody else owner first, or delete the workspace.")


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(owner=make_user(name="Ada", email="ada@example.test"))


def members(workspace: Workspace, user: User | None = None) -> str:
    return f"/api/v2/workspaces/{workspace.id}/members" + (f"/{user.pk}" if user else "")


def role_of(user: User, workspace: Workspace) -> str | None:
    return Membership.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("which", ["members", "invitations"])
def test_lists_cost_the_same_however_long(workspace, which, rows, django_assert_num_queries):
    ada = workspace.members.get()
    for _ in range(rows):
        make_member(workspace)
        make_invitation(workspace, invited_by=ada)
    client = signed_in(ada)

    with django_assert_num_queries(3):  # sign-in, workspace, rows (all on the first page)
        body = client.get(f"/api/v2/workspaces/{workspace.id}/{which}").json()

    assert body["total"] == rows + (1 if which == "members" else 0)


def test_members_are_listed_with_role_and_address(workspace):
    bob = make_member(workspace, role=Role.VIEWER)
    make_member(make_workspace())
    client = signed_in(bob)

    body = client.get(members(workspace)).json()

    rows = [
        {
            "user_id": str(one.user_id),
            "email": one.user.email,
            "name": one.user.name,
            "role": one.role,
            "joined_at": utc_text(one.created_at),
        }
        for one in Membership.objects.in_workspace(workspace).order_by("created_at")
    ]
    assert [row["role"] for row in rows] == ["owner", "viewer"]
    assert (body["members"], body["total"]) == (rows, 2)


RANKS = (Role.OWNER, Role.ADMIN, Role.EDITOR, Role.VIEWER)
MAY: dict[Role, dict[Role, set[Role]]] = {  # editors and viewers change nobody: tests/test_tenancy.py
    Role.OWNER: {other: set(RANKS) for other in RANKS},
    Role.ADMIN: {Role.OWNER: set(), **{other: set(RANKS) - {Role.OWNER} for other in RANKS[1:]}},
}


@pytest.mark.parametrize("own", MAY)
def test_nobody_gives_a_role_above_their_own_or_touches_who_is_above_them(workspace, own):
    client = signed_in(make_member(workspace, role=own))
    allowed: dict[Role, set[Role]] = {other: set() for other in RANKS}

    for before in RANKS:
        other = make_member(workspace, role=before)
        for role in RANKS:
            Membership.objects.filter(user=other).update(role=before)
            answer = client.patch(members(workspace, other), {"role": role})
            assert answer.status_code in {200, 403}
            assert role_of(other, workspace) == (role if answer.status_code == 200 else before)
            if answer.status_code == 200:
                allowed[before].add(role)

    assert allowed == MAY[own]


@pytest.mark.parametrize(
    ("own", "removable"),
    [(Role.OWNER, set(RANKS)), (Role.ADMIN, set(RANKS[1:])), (Role.EDITOR, set()), (Role.VIEWER, set())],
)
def test_nobody_removes_who_is_above_them_and_everybody_may_leave(workspace, own, removable):
    person = make_member(workspace, role=own)
    client = signed_in(person)
    removed = set()

    for role in RANKS:
        if client.delete(members(workspace, make_member(workspace, role=role))).status_code == 204:
            removed.add(role)

    assert removed == removable
    assert client.delete(members(workspace, person)).status_code == 204
    assert client.get(members(workspace)).status_code == 404


def test_keys_invitations_and_access_of_who_is_removed_end_at_once(workspace):
    bob = make_member(workspace, role=Role.ADMIN)
    other = make_workspace(owner=bob)
    key, text = make_api_key(bob, workspace)
    elsewhere = make_api_key(bob, other)[1]
    sent, _ = make_invitation(workspace, invited_by=bob)
    kept, _ = make_invitation(workspace, invited_by=workspace.members.get(name="Ada"))
    client = signed_in(bob)

    signed_in(workspace.members.get(name="Ada")).delete(members(workspace, bob))

    assert client.get(f"/api/v2/workspaces/{workspace.id}").status_code == 404
    assert client.get("/api/v2/posts", headers={"X-Workspace": str(workspace.id)}).status_code == 404
    assert (with_key(text).get("/api/v2/posts").status_code, with_key(elsewhere).get("/api/v2/posts").status_code) == (
        401,
        200,
    )
    assert client.get("/api/v2/auth/me").json()["default_workspace"] == str(other.id)
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    withdrawn = {one.pk for one in Invitation.objects.exclude(withdrawn_at=None)}
    assert withdrawn == {sent.pk} != {kept.pk}


def test_a_lower_role_withdraws_what_they_could_not_offer_any_more(workspace):
    owner = make_member(workspace, role=Role.OWNER)
    of_owner, of_editor = (
        make_invitation(workspace, invited_by=owner, role=role)[0] for role in (Role.OWNER, Role.EDITOR)
    )
    client = signed_in(workspace.members.get(name="Ada"))

    def withdrawn() -> set[Any]:
        return set(Invitation.objects.exclude(withdrawn_at=None).values_list("pk", flat=True))

    client.patch(members(workspace, owner), {"role": "admin"})
    assert withdrawn() == {of_owner.pk}
    client.patch(members(workspace, owner), {"role": "editor"})
    assert withdrawn() == {of_owner.pk, of_editor.pk}


@pytest.mark.parametrize("other", [None, "inactive"])
def test_last_owner_neither_leaves_nor_steps_down(workspace, other):
    ada = workspace.members.get(name="Ada")
    if other:
        make_member(workspace, role=Role.OWNER, is_active=False)
    client = signed_in(ada)

    assert_problem(client.delete(members(workspace, ada)), 409, *LAST_OWNER)
    assert_problem(client.patch(members(workspace, ada), {"role": "admin"}), 409, *LAST_OWNER)
    for nothing_new in ({"role": "owner"}, {}):
        assert client.patch(members(workspace, ada), nothing_new).status_code == 200
    assert role_of(ada, workspace) == "owner"


def test_site_viewer_may_leave_and_nothing_else(workspace):
    viewer = make_member(workspace, role=Role.OWNER, site_role=SiteRole.VIEWER)
    client = signed_in(viewer)

    assert client.patch(members(workspace, viewer), {"role": "viewer"}).json()["code"] == "role_too_low"
    assert client.delete(members(workspace, viewer)).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays(workspace):
    clients = {user: signed_in(user) for user in (workspace.members.get(), make_member(workspace, role=Role.OWNER))}
    turns = iter(clients.items())

    def leave() -> Any:
        user, client = next(turns)
        return client.delete(members(workspace, user))

    answers = at_once(2, leave)

    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert Membership.objects.filter(workspace=workspace, role=Role.OWNER).count() == 1
