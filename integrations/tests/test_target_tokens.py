"""A target's own token, beside its grant's: stored encrypted, shown to nobody, gone when the account is."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations.models import OAuthState, SocialAccount
from integrations.services import disconnection, oauth_connect, signing_out
from integrations.services.authorisations import AuthContext, Authorisation, from_state, save_accounts, to_json
from integrations.sign_in import GrantOwner, TargetIdentity, Tokens
from integrations.tests.factories import make_account, make_host, make_oauth_state

pytestmark = pytest.mark.django_db


def pages(*page_tokens: str) -> GrantOwner:
    return GrantOwner(
        "anna", tuple(TargetIdentity(token, f"Page {token}", kind="page", token=token) for token in page_tokens)
    )


def authorise(workspace: Workspace, user: User, *page_tokens: str) -> Authorisation:
    context = AuthContext(workspace.id, user.id, make_host(), ("pages",))
    return Authorisation(context, Tokens("person-token", scopes=("pages",)), pages(*page_tokens))


def test_each_target_keeps_its_own_token(workspace: Workspace, owner: User) -> None:
    accounts = save_accounts(authorise(workspace, owner, "canary-1", "canary-2"), at=timezone.now())

    kept = SocialAccount.objects.order_by("remote_id").values_list("target_token_enc", flat=True)
    assert list(kept) == ["canary-1", "canary-2"]
    assert len({account.credential_id for account in accounts}) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT target_token_enc FROM integrations_socialaccount")
        assert not any(b"canary" in bytes(row[0]) for row in cursor.fetchall())


def test_signing_in_again_replaces_it_and_may_take_it_away(workspace: Workspace, owner: User) -> None:
    first = GrantOwner("anna", (TargetIdentity("1", "Page", token="old"),))
    context = authorise(workspace, owner).context
    kept = []
    for token in ("old", "new", ""):
        given = GrantOwner(first.subject, (TargetIdentity("1", "Page", token=token),))
        save_accounts(Authorisation(context, Tokens("person-token"), given), at=timezone.now())
        kept.append(SocialAccount.objects.get().target_token_enc)

    assert kept == ["old", "new", None]


def test_held_sign_in_carries_it(workspace: Workspace, owner: User) -> None:
    authorisation = authorise(workspace, owner, "canary-1")
    held = make_oauth_state(
        workspace=workspace, user=owner, platform_host=authorisation.context.platform_host,
        scopes=["pages"], held_enc=to_json(authorisation),
    )  # fmt: skip

    assert from_state(OAuthState.objects.select_related("platform_host").get(id=held.id)) == authorisation


def test_sign_in_that_an_earlier_version_held_is_still_connected(workspace: Workspace, owner: User) -> None:
    """As MastaBlasta wrote it before targets had tokens and were called so."""
    as_it_was = {
        "tokens": {"access_token": "a", "refresh_token": "r", "expires_at": None, "scopes": ["x"]},
        "grantor": {
            "subject": "7",
            "places": [
                {"remote_id": "7", "handle": "@anna", "name": "Anna", "avatar_url": "", "kind": "person", "facts": {}}
            ],
        },
    }  # fmt: skip
    make_oauth_state(
        workspace=workspace,
        user=owner,
        held_enc=json.dumps(as_it_was),
        confirm_sha256=oauth_connect.sha256_of("button"),
    )

    [account] = oauth_connect.confirm_connect(platform="mastodon", token="button", at=timezone.now())

    assert (account.handle, account.state, account.target_token_enc) == ("@anna", "active", None)
    assert account.credential is not None
    assert (account.credential.subject, account.credential.refresh_enc) == ("7", "r")


def test_it_is_erased_with_the_account(workspace: Workspace) -> None:
    account = make_account(workspace=workspace, target_token_enc="canary")
    sibling = make_account(workspace=workspace, credential=account.credential)  # so that nothing is called

    disconnection.disconnect(account, at=timezone.now())

    account.refresh_from_db()
    assert (account.target_token_enc, sibling.state) == (None, "active")


def test_api_never_shows_it(workspace: Workspace, owner: User) -> None:
    account = make_account(workspace=workspace, target_token_enc="canary")
    client = signed_in(owner)

    shown = client.get("/api/v2/accounts").content + client.get(f"/api/v2/accounts/{account.id}").content

    assert b"canary" not in shown
    assert b"target_token" not in shown


# --- one account signed out alone ---


def test_only_the_refused_account_is_signed_out(workspace: Workspace) -> None:
    page = make_account(workspace=workspace, target_token_enc="dead")
    sibling = make_account(workspace=workspace, credential=page.credential, is_default=False)

    assert signing_out.account_needs_reauth(page.id, reason="The page's token has ended.", at=timezone.now(), version=1)

    page.refresh_from_db()
    sibling.refresh_from_db()
    assert (page.state, page.state_reason) == ("needs_reauth", "The page's token has ended.")
    assert page.credential is not None
    assert (sibling.state, page.credential.state) == ("active", "live")


def test_newer_sign_in_is_not_blamed_for_an_older_one(workspace: Workspace) -> None:
    page = make_account(workspace=workspace)

    assert not signing_out.account_needs_reauth(page.id, reason="Late.", at=timezone.now(), version=0)
    page.refresh_from_db()
    assert page.state == "active"


def test_connecting_again_brings_it_back(workspace: Workspace, owner: User) -> None:
    [page] = save_accounts(authorise(workspace, owner, "1"), at=timezone.now())
    signing_out.account_needs_reauth(page.id, reason="Ended.", at=timezone.now())

    [again] = save_accounts(authorise(workspace, owner, "1"), at=timezone.now())

    assert (again.id, again.state, again.state_reason) == (page.id, "active", "")
