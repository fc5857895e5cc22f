"""One sign-in with several targets, at Facebook: what it gives, what a later one changes, and who ends what."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations import tasks
from integrations.errors import NeedsReconnect
from integrations.models import Credential, SocialAccount
from integrations.platforms.facebook import sign_in
from integrations.services.account_check import check_account
from integrations.tests.factories import connect, make_credential
from mastablasta.core.errors import Conflict, Invalid
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"
PAGES = ["Bakery", "Choir", "Club"]


@pytest.fixture
def berta(sandbox: Sandbox) -> str:
    """Somebody with three pages."""
    sandbox.accounts("facebook", "berta", pages=PAGES)
    return "berta"


def states(workspace: Workspace) -> dict[str, tuple[str, bool]]:
    rows = SocialAccount.objects.in_workspace(workspace).order_by("display_name")
    return {row.display_name: (row.state, row.is_default) for row in rows}


def revocations(sandbox: Sandbox) -> int:
    return sum(call["method"] == "DELETE" for call in sandbox.requests("facebook"))


def test_pages_wait_to_be_chosen_and_the_first_is_the_default(
    sandbox: Sandbox, workspace: Workspace, owner: User, berta: str
) -> None:
    connect(sandbox, berta, platform="facebook", workspace=workspace)
    assert states(workspace) == dict.fromkeys(PAGES, ("pending", False))

    for name in ("Choir", "Club"):
        page = SocialAccount.objects.get(display_name=name)
        signed_in(owner).post(f"{ACCOUNTS}/{page.id}/activate")

    assert states(workspace) == {"Bakery": ("pending", False), "Choir": ("active", True), "Club": ("active", False)}


def test_page_that_a_new_sign_in_does_not_name_is_marked_until_one_does(
    sandbox: Sandbox, workspace: Workspace, owner: User, berta: str
) -> None:
    connect(sandbox, berta, platform="facebook", workspace=workspace)
    choir = SocialAccount.objects.get(display_name="Choir")
    signed_in(owner).post(f"{ACCOUNTS}/{choir.id}/activate")
    ids = dict(SocialAccount.objects.values_list("display_name", "id"))

    sandbox.instance("facebook", unticked_pages=["Choir", "Club"])
    connect(sandbox, berta, platform="facebook", workspace=workspace)

    assert states(workspace) == {
        "Bakery": ("active", False),  # the only one that it names
        "Choir": ("needs_reauth", True),
        "Club": ("disconnected", False),
    }
    shown = signed_in(owner).get(f"{ACCOUNTS}/{choir.id}").json()
    assert "did not name this account" in shown["error"]

    sandbox.instance("facebook", unticked_pages=[])
    connect(sandbox, berta, platform="facebook", workspace=workspace)

    assert states(workspace) == {"Bakery": ("active", False), "Choir": ("active", True), "Club": ("pending", False)}
    assert dict(SocialAccount.objects.values_list("display_name", "id")) == ids


def test_what_was_not_granted_is_named_with_what_it_costs(
    sandbox: Sandbox, workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "SCOPES", (*sign_in.NEEDED, "read_insights", "business_management"))
    browser = Client(HTTP_ACCEPT="text/html")
    browser.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    began = signed_in(owner).get(f"/api/v2/oauth/facebook/authorize?instance={sandbox.url}/facebook").json()

    said = browser.get("/api/v2/oauth/facebook/callback", consent(began["url"], "carl")).content.decode()

    page = SocialAccount.objects.in_workspace(workspace).get()
    shown = signed_in(owner).get(f"{ACCOUNTS}/{page.id}").json()
    assert "First comments are not published. (<code>pages_manage_engagement</code>)" in said

    assert shown["missing_scopes"] == [
        {"scope": "pages_manage_engagement", "cost": "First comments are not published."},
        {"scope": "pages_read_user_content", "cost": "Reactions and comments are not counted."},
    ]
    assert shown["forecast"] is None


def test_grant_ends_with_the_last_account_of_the_person_anywhere(
    sandbox: Sandbox, workspace: Workspace, berta: str
) -> None:
    """Meta takes back all that a person granted to an app: other pages, and other workspaces, would lose theirs."""
    other = make_workspace()
    connect(sandbox, berta, platform="facebook", workspace=workspace)
    theirs = connect(sandbox, berta, platform="facebook", workspace=other)
    clients = signed_in(workspace.memberships.get().user), signed_in(other.memberships.get().user)

    for page in SocialAccount.objects.in_workspace(workspace):
        assert clients[0].delete(f"{ACCOUNTS}/{page.id}").status_code == 204
    check_account(theirs, at=timezone.now())
    assert (revocations(sandbox), Credential.objects.get().workspace) == (0, other)

    for page in SocialAccount.objects.in_workspace(other):
        clients[1].delete(f"{ACCOUNTS}/{page.id}")
    assert (revocations(sandbox), Credential.objects.count()) == (1, 0)


def test_sign_in_that_is_given_up_ends_nobodys_grant(
    sandbox: Sandbox, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, berta: str
) -> None:
    page = connect(sandbox, berta, platform="facebook", workspace=workspace)
    monkeypatch.setattr(sign_in, "SCOPES", ("pages_show_list",))

    with pytest.raises(Invalid, match="pages_manage_posts"):
        connect(sandbox, berta, platform="facebook")

    assert revocations(sandbox) == 0
    check_account(page, at=timezone.now())


def test_grant_whose_page_another_person_connects_is_ended(sandbox: Sandbox, workspace: Workspace) -> None:
    page = connect(sandbox, "emil", platform="facebook", workspace=workspace)
    earlier = page.credential
    page.credential = make_credential(workspace=workspace, platform_host=page.platform_host, subject="frieda")
    page.save()
    assert earlier is not None

    tasks.end_unused_grants()
    tasks.end_unused_grants()

    assert (revocations(sandbox), [one.subject for one in Credential.objects.all()]) == (1, ["frieda"])


def test_page_goes_on_when_the_sixty_days_of_the_persons_own_token_are_over(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    page = connect(sandbox, "dora", platform="facebook", workspace=workspace)
    sandbox.fault("facebook", "other", "expire_token")
    url = f"{ACCOUNTS}/{page.id}/test"

    answer = signed_in(owner).post(url)

    assert (answer.status_code, answer.json()["code"]) == (409, "sign_in_ended")
    page.refresh_from_db()
    assert page.credential is not None
    assert (page.state, page.credential.state) == ("active", "live")


def test_page_of_a_person_who_removed_the_app_has_to_be_connected_again(
    sandbox: Sandbox, workspace: Workspace, berta: str
) -> None:
    page: Any = connect(sandbox, berta, platform="facebook", workspace=workspace)
    sandbox.fault("facebook", "any", "revoke_token")

    with pytest.raises((Conflict, NeedsReconnect)):
        check_account(page, at=timezone.now())

    assert {state for state, _ in states(workspace).values()} == {"pending"}
    page.credential.refresh_from_db()
    assert page.credential.state == "dead"
