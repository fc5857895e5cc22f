"""Connecting accounts at the simulator: state, exchange, what is stored, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member
from integrations import registry
from integrations.models import Credential, OAuthState, PlatformHost, SocialAccount
from integrations.platforms.mastodon.oauth import MastodonOAuth
from integrations.services import hosts, oauth_connect, signing_out
from integrations.services.account_check import check_account
from integrations.services.revocation import give_back
from integrations.sign_in import ClientApp, Tokens
from integrations.states import AccountState, CredentialState
from integrations.tests.conftest import at_once
from integrations.tests.factories import connect, make_account, make_host, make_oauth_state
from mastablasta.core.crypto import Unreadable
from mastablasta.core.errors import Invalid, NotThere, Unreachable
from mastablasta.core.outbound import connections
from tests.kit.connector_contract import consent
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

pytestmark = pytest.mark.django_db


def start(workspace: Workspace, user: User, **how: Any) -> oauth_connect.Started:
    asked = {"platform": "mastodon", "instance": None, "at": timezone.now(), **how}
    return oauth_connect.start_connect(workspace=workspace, user=user, **asked)


def finish(query: dict[str, str], **how: Any) -> list[SocialAccount]:
    given = {"code": query.get("code", ""), "state": query.get("state", ""), "error": query.get("error", "")}
    return oauth_connect.finish_connect(**{"platform": "mastodon", "at": timezone.now(), **given, **how})


def refusal_of(query: dict[str, str], **how: Any) -> str:
    with pytest.raises(Invalid) as caught:
        finish(query, **how)
    return caught.value.code


def nothing_is_connected() -> bool:
    return not SocialAccount.objects.exists() and not Credential.objects.exists()


# --- out ---


def test_start_leads_to_the_consent_page(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    at = timezone.now()

    started = start(workspace, owner, at=at)

    query = {name: values[0] for name, values in parse_qs(urlsplit(started.url).query).items()}
    assert started.url.startswith(f"{sandbox.url}/mastodon/oauth/authorize?")
    assert (query["state"], started.expires_at) == (started.state, at + timedelta(minutes=10))
    assert query["redirect_uri"] == f"{django_settings.PUBLIC_URL}/api/v2/oauth/mastodon/callback"
    assert (query["code_challenge_method"], len(query["code_challenge"])) == ("S256", 43)
    sign_in = OAuthState.objects.get()
    assert (sign_in.workspace, sign_in.user, sign_in.used_at) == (workspace, owner, None)
    assert started.state not in str(OAuthState.objects.values().get())


def test_app_is_registered_once_for_a_host(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    for _ in range(3):
        start(workspace, owner)

    paths = [call["path"] for call in sandbox.requests("mastodon")]
    assert paths.count("/mastodon/api/v1/apps") == 1
    assert paths.count("/mastodon/api/v2/instance") == 1
    host = PlatformHost.objects.get()
    assert (host.base_url, host.info["limits"]["max_characters"]) == (f"{sandbox.url}/mastodon", 500)


def test_app_is_registered_anew_when_our_address_changes(
    sandbox: Sandbox, workspace: Workspace, owner: User, settings: Settings
) -> None:
    start(workspace, owner)
    before = PlatformHost.objects.get()
    settings.PUBLIC_URL = "https://social.example.com"

    start(workspace, owner)

    after = PlatformHost.objects.get()
    assert after.client_id != before.client_id
    assert after.client_redirect_uri == "https://social.example.com/api/v2/oauth/mastodon/callback"


@pytest.mark.django_db(transaction=True)
def test_of_several_first_registrations_one_counts(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    started = at_once(4, lambda _: start(workspace, owner))

    apps = {parse_qs(urlsplit(one.url).query)["client_id"][0] for one in started}
    assert apps == {PlatformHost.objects.get().client_id}


def test_host_is_asked_again_after_a_day(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    start(workspace, owner)
    sandbox.instance("mastodon", max_characters=4000)

    start(workspace, owner, at=timezone.now() + timedelta(hours=25))

    assert PlatformHost.objects.get().info["limits"]["max_characters"] == 4000


def test_host_that_does_not_answer_is_taken_as_it_was(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    start(workspace, owner)
    sandbox.fault("mastodon", "other", "status_503", times=9)

    assert start(workspace, owner, at=timezone.now() + timedelta(hours=25)).url


@pytest.mark.parametrize(
    ("instance", "code"),
    [
        ("localhost", "invalid_instance"),
        ("https://user:pw@mastodon.social", "invalid_instance"),
        ("https://10.0.0.1", "refused_address"),
        ("https://[::ffff:127.0.0.1]", "refused_address"),
        ("169.254.169.254", "refused_address"),
    ],
)
def test_host_that_may_not_be_called_is_refused(workspace: Workspace, owner: User, instance: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        start(workspace, owner, instance=instance)

    assert [(problem.field, problem.code) for problem in caught.value.problems] == [("instance", code)]
    assert not PlatformHost.objects.exists()


def test_host_that_does_not_answer_is_unreachable(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    sandbox.fault("mastodon", "other", "status_503", times=9)

    with pytest.raises(Unreachable) as caught:
        start(workspace, owner)

    assert caught.value.code == "instance_unreachable"
    assert not PlatformHost.objects.exists()


def test_host_has_to_be_named_in_production(workspace: Workspace, owner: User, settings: Settings) -> None:
    settings.PLATFORM_BASE_URLS = {}

    with pytest.raises(Invalid) as caught:
        start(workspace, owner)

    assert caught.value.code == "invalid_instance"


def test_unknown_platform_is_not_there(workspace: Workspace, owner: User) -> None:
    with pytest.raises(NotThere) as caught:
        start(workspace, owner, platform="myspace")

    assert caught.value.code == "unknown_platform"


def test_platform_that_is_not_built_is_refused(
    workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "youtube", registry.Entry("YouTube"))

    with pytest.raises(Invalid) as caught:
        start(workspace, owner, platform="youtube")

    assert caught.value.code == "platform_not_available"


# --- and back ---


def test_account_is_connected(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    at = timezone.now()

    account = connect(sandbox, "anna", workspace=workspace, user=owner)

    assert (account.platform, account.handle, account.display_name) == ("mastodon", account.handle, "anna")
    assert account.handle.startswith("@anna@127.0.0.1")
    assert (account.state, account.is_default, account.kind) == (AccountState.ACTIVE, True, "person")
    assert (account.workspace, account.connected_by) == (workspace, owner)
    assert account.connected_at >= at
    assert account.facts["visibility"] == "public"
    credential = Credential.objects.get()
    assert (credential.subject, credential.version, credential.state) == (account.remote_id, 1, CredentialState.LIVE)
    assert credential.scopes == ["profile", "read:statuses", "write:statuses", "write:media"]
    assert credential.access_enc
    assert (credential.refresh_enc, credential.expires_at) == (None, None)


def test_second_account_is_not_the_default(sandbox: Sandbox, workspace: Workspace) -> None:
    connect(sandbox, "anna", workspace=workspace)
    connect(sandbox, "bert", workspace=workspace)

    assert [a.is_default for a in SocialAccount.objects.order_by("created_at")] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_of_accounts_that_arrive_at_once_one_is_the_default(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    queries = [consent(start(workspace, owner).url, handle) for handle in ("anna", "bert", "cleo", "dora")]

    results = at_once(4, lambda index: finish(queries[index]))

    assert [isinstance(one, list) for one in results] == [True] * 4
    assert sorted(a.is_default for a in SocialAccount.objects.all()) == [False, False, False, True]


def test_reconnecting_keeps_the_row_and_renews_the_grant(sandbox: Sandbox, workspace: Workspace) -> None:
    first = connect(sandbox, "anna", workspace=workspace)
    signing_out.needs_reauth(first.credential_id, reason="revoked", at=timezone.now())
    old = Credential.objects.get()

    again = connect(sandbox, "anna", workspace=workspace)

    new = Credential.objects.get()
    assert (again.id, again.state, again.state_reason, again.is_default) == (first.id, "active", "", True)
    assert (new.version, new.state, new.error) == (old.version + 1, "live", "")
    assert new.access_enc != old.access_enc


def test_reconnecting_a_disconnected_default_makes_no_second_default(sandbox: Sandbox, workspace: Workspace) -> None:
    first = connect(sandbox, "anna", workspace=workspace)
    SocialAccount.objects.filter(id=first.id).update(state=AccountState.DISCONNECTED)
    connect(sandbox, "bert", workspace=workspace)

    again = connect(sandbox, "anna", workspace=workspace)

    assert (again.state, again.is_default) == ("active", False)


def test_same_account_in_two_workspaces_is_two_rows(sandbox: Sandbox) -> None:
    one, two = connect(sandbox, "anna"), connect(sandbox, "anna")

    assert one.remote_id == two.remote_id
    assert (one.workspace_id == two.workspace_id, one.credential_id == two.credential_id) == (False, False)
    assert one.is_default
    assert two.is_default


def test_refresh_token_is_not_overwritten_with_nothing(sandbox: Sandbox, workspace: Workspace) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    connect(sandbox, "anna", workspace=workspace)
    given = Credential.objects.get().refresh_enc
    sandbox.instance("mastodon", rotating_tokens=False)

    connect(sandbox, "anna", workspace=workspace)

    credential = Credential.objects.get()
    assert given
    assert (credential.refresh_enc, credential.version, credential.expires_at) == (given, 2, None)


@pytest.mark.django_db(transaction=True)
def test_http_is_made_outside_of_transactions(
    sandbox: Sandbox, workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    real = connections.take

    def take(*args: Any, **kwargs: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return real(*args, **kwargs)

    monkeypatch.setattr(connections, "take", take)

    connect(sandbox, "anna", workspace=workspace, user=owner, afresh=True)

    assert len(seen) >= 4
    assert not any(seen)


def test_nothing_is_stored_when_storing_fails(
    sandbox: Sandbox, workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = consent(start(workspace, owner).url, "anna")
    monkeypatch.setattr(SocialAccount, "save", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        finish(query)

    assert nothing_is_connected()


# --- the state ---


def test_state_works_once(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")
    finish(query)

    assert refusal_of(query) == "state_used"
    assert SocialAccount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_state_works_once_for_many_at_the_same_moment(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")

    results = at_once(6, lambda _: finish(query))

    assert sorted(getattr(one, "code", "connected") for one in results) == ["connected"] + ["state_used"] * 5
    assert sum(call["operation"] == "token" for call in sandbox.requests("mastodon")) == 1


def test_state_has_to_be_there(workspace: Workspace) -> None:
    assert refusal_of({"code": "c"}) == "state_missing"
    assert refusal_of({"code": "c", "state": "unheard-of"}) == "state_invalid"


def test_state_of_another_platform_is_invalid(workspace: Workspace) -> None:
    make_oauth_state(workspace=workspace, state="s", platform_host=make_host(platform="bluesky"))

    assert refusal_of({"code": "c", "state": "s"}) == "state_invalid"


def test_state_ends_after_ten_minutes(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    started = start(workspace, owner)
    query = consent(started.url, "anna")

    assert refusal_of(query, at=started.expires_at) == "state_expired"
    assert finish(query, at=started.expires_at - timedelta(seconds=1))


def test_state_of_somebody_else_is_foreign_and_not_used_up(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")

    assert refusal_of(query, caller=make_member(workspace)) == "state_foreign"
    assert nothing_is_connected()
    assert finish(query, caller=owner)


def test_refused_consent_uses_the_state_up(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "deny")

    assert query["error"] == "access_denied"
    assert refusal_of(query) == "access_denied"
    assert refusal_of(query) == "state_used"
    assert nothing_is_connected()


@pytest.mark.parametrize("query", [{"error": "server_error"}, {}])
def test_other_ends_are_failed_exchanges(workspace: Workspace, query: dict[str, str]) -> None:
    make_oauth_state(workspace=workspace, state="s")

    assert refusal_of({**query, "state": "s"}) == "exchange_failed"


@pytest.mark.parametrize("effect", ["status_503", "garbage_200", "html_502", "reset_before", "accept_then_reset"])
def test_exchange_that_fails_connects_nothing(sandbox: Sandbox, workspace: Workspace, owner: User, effect: str) -> None:
    query = consent(start(workspace, owner).url, "anna")
    sandbox.fault("mastodon", "token", effect)

    assert refusal_of(query) == "exchange_failed"
    assert nothing_is_connected()


def test_code_that_is_wrong_connects_nothing(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")

    assert refusal_of({**query, "code": "wrong"}) == "exchange_failed"
    assert nothing_is_connected()


def test_verifier_belongs_to_its_own_sign_in(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    """A code of another sign-in, smuggled in with a state of ours, is refused by PKCE."""
    one = consent(start(workspace, owner).url, "anna")
    other = consent(start(workspace, owner).url, "mallory")

    assert refusal_of({"code": other["code"], "state": one["state"]}) == "exchange_failed"
    assert nothing_is_connected()


def test_who_am_i_that_fails_connects_nothing(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")
    sandbox.fault("mastodon", "other", "status_500", times=3)

    assert refusal_of(query) == "exchange_failed"
    assert nothing_is_connected()


def test_app_that_the_host_forgot_is_registered_anew(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    start(workspace, owner)
    sandbox.reset()
    make_oauth_state(
        workspace=workspace,
        state="s",
        platform_host=PlatformHost.objects.get(),
        client_id=PlatformHost.objects.get().client_id,
    )

    assert refusal_of({"code": "c", "state": "s"}) == "exchange_failed"
    assert PlatformHost.objects.get().client_id == ""
    assert connect(sandbox, "anna", workspace=workspace).state == "active"


# --- an app that the host forgot ---


def client_id_of(started: oauth_connect.Started) -> str:
    return parse_qs(urlsplit(started.url).query)["client_id"][0]


def test_app_that_the_host_forgot_is_registered_again_before_a_person_is_sent_there(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    forgotten = client_id_of(start(workspace, owner))
    sandbox.reset()

    account = connect(sandbox, "anna", workspace=workspace, user=owner)

    assert account.state == "active"
    assert PlatformHost.objects.get().client_id != forgotten
    paths = [call["path"] for call in sandbox.requests("mastodon")]
    assert paths.count("/mastodon/api/v1/apps") == 1


def test_app_whose_secret_the_host_no_longer_takes_is_registered_again(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    start(workspace, owner)
    PlatformHost.objects.update(client_secret_enc="another")

    assert connect(sandbox, "anna", workspace=workspace, user=owner).state == "active"


def test_app_whose_secret_is_lost_is_registered_again_also_where_the_host_does_not_tell_whether_it_knows_one(
    sandbox: Sandbox, workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MastodonOAuth, "knows_app", lambda *_: True)
    start(workspace, owner)
    PlatformHost.objects.update(client_secret_enc=Unreadable(b"gAAAAABlost"))

    assert connect(sandbox, "anna", workspace=workspace, user=owner).state == "active"


def test_app_is_forgotten_while_a_person_is_away(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    query = consent(start(workspace, owner).url, "anna")
    sandbox.fault("mastodon", "any", "forget_apps")

    assert refusal_of(query) == "exchange_failed"
    assert connect(sandbox, "anna", workspace=workspace, user=owner).state == "active"


def test_accounts_survive_that_the_host_forgot_the_app(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    anna = connect(sandbox, "anna", workspace=workspace, user=owner)
    sandbox.fault("mastodon", "any", "forget_apps")

    connect(sandbox, "bert", workspace=workspace, user=owner)

    anna.refresh_from_db()
    check_account(anna, at=timezone.now())
    assert (anna.state, anna.is_default) == ("active", True)
    assert set(Credential.objects.values_list("state", flat=True)) == {"live"}


@pytest.mark.django_db(transaction=True)
def test_of_several_who_find_the_app_forgotten_one_registration_counts(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    start(workspace, owner)
    sandbox.fault("mastodon", "any", "forget_apps")

    started = at_once(4, lambda _: start(workspace, owner))

    assert {client_id_of(one) for one in started} == {PlatformHost.objects.get().client_id}


@pytest.mark.parametrize("effect", ["status_500", "status_503", "html_502", "garbage_200", "reset_before"])
def test_host_that_does_not_say_is_taken_to_know_the_app(
    sandbox: Sandbox, workspace: Workspace, owner: User, effect: str
) -> None:
    known = client_id_of(start(workspace, owner))
    sandbox.fault("mastodon", "token", effect, times=9)

    assert client_id_of(start(workspace, owner)) == known


def test_host_that_gives_apps_no_tokens_is_taken_to_know_the_app(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    sandbox.instance("mastodon", dialect="takahe")
    known = client_id_of(start(workspace, owner))

    assert client_id_of(start(workspace, owner)) == known


# --- the scopes that a host knows ---


@pytest.mark.parametrize("version", ["takahe/0.11.0", "4.2.10"])
def test_server_that_knows_wide_scopes_only_is_asked_for_them(
    sandbox: Sandbox, workspace: Workspace, owner: User, version: str
) -> None:
    """It shows that it does by its version, or by refusing to say who somebody is."""
    sandbox.instance("mastodon", dialect="takahe", version=version)
    if version == "4.2.10":
        query = consent(start(workspace, owner).url, "anna")
        assert refusal_of(query) == "exchange_failed"
        assert nothing_is_connected()

    account = connect(sandbox, "anna", workspace=workspace, user=owner)

    assert (account.state, Credential.objects.get().scopes) == ("active", ["read", "write"])


def test_what_was_learned_of_scopes_outlives_the_documents(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    sandbox.instance("mastodon", dialect="takahe", version="4.2.10")
    refusal_of(consent(start(workspace, owner).url, "anna"))

    account = connect(sandbox, "anna", workspace=workspace, user=owner)
    hosts.refresh_host_info(at=timezone.now() + timedelta(hours=25))
    started = start(workspace, owner, at=timezone.now() + timedelta(hours=60))

    assert account.state == "active"
    assert parse_qs(urlsplit(started.url).query)["scope"] == ["read write"]


def test_what_a_browser_brings_back_widens_no_scopes(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    started = start(workspace, owner)

    assert refusal_of({"state": started.state, "error": "scope_missing"}) == "exchange_failed"

    assert parse_qs(urlsplit(start(workspace, owner).url).query)["scope"][0].startswith("profile ")


def test_registration_that_is_refused_for_its_scopes_is_made_with_wide_ones(db: None) -> None:
    refusal = answer('{"error":"Validation failed: Scopes doesn\'t match configured on the server."}', 422)
    with raw_server(says(refusal, answer('{"client_id":"c","client_secret":"s"}'))) as server:
        host = make_host(host="m.test", base_url=server.url, client_id="", client_secret_enc=None)

        app = hosts.our_app(host, hosts.flow_at(host), redirect_uri="http://127.0.0.1/c", at=timezone.now())

    assert app == ClientApp("c", "s")
    assert b"scopes=read+write" in server.requests[1]
    assert len(server.requests) == 2


# --- tokens that nobody keeps ---


def revocations(sandbox: Sandbox) -> list[int]:
    return [call["status"] for call in sandbox.requests("mastodon") if call["path"].endswith("/oauth/revoke")]


def test_token_of_whom_the_platform_does_not_name_is_revoked(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    sandbox.instance("mastodon", dialect="takahe", version="4.2.10")

    refusal_of(consent(start(workspace, owner).url, "anna"))

    assert revocations(sandbox) == [200]


def test_token_that_lacks_a_scope_is_revoked(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    started = start(workspace, owner)
    query = consent(started.url.replace("write%3Amedia", "").replace("+&", "&"), "anna")

    with pytest.raises(Invalid, match=r"did not grant write:media"):
        finish(query)

    assert revocations(sandbox) == [200]


def test_token_that_cannot_be_stored_is_revoked(
    sandbox: Sandbox, workspace: Workspace, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = consent(start(workspace, owner).url, "anna")
    monkeypatch.setattr(SocialAccount, "save", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        finish(query)

    assert revocations(sandbox) == [200]


def test_token_that_nobody_confirms_is_revoked(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    hold(consent(start(workspace, owner).url, "anna"))

    oauth_connect.prune_states(at=timezone.now() + timedelta(minutes=11))

    assert revocations(sandbox) == [200]
    assert OAuthState.objects.get().held_enc is None


def test_token_that_cannot_be_revoked_changes_nothing_else(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    hold(consent(start(workspace, owner).url, "anna"))
    sandbox.fault("mastodon", "token", "status_500")

    oauth_connect.prune_states(at=timezone.now() + timedelta(minutes=11))

    assert OAuthState.objects.get().held_enc is None


def test_token_that_a_stored_grant_lives_by_is_not_revoked(sandbox: Sandbox, workspace: Workspace) -> None:
    """Mastodon gives the same person the same token again."""
    account = connect(sandbox, "anna", workspace=workspace)
    kept = Credential.objects.get()
    app = hosts.app_of(account.platform_host)

    give_back(account.platform_host, app, Tokens(str(kept.access_enc)))
    give_back(account.platform_host, app, Tokens("another"))

    assert revocations(sandbox) == [200]
    check_account(account, at=timezone.now())


# --- the default of an account that is dead ---


def test_account_of_a_host_that_began_anew_takes_over_the_default(sandbox: Sandbox, workspace: Workspace) -> None:
    dead = connect(sandbox, "anna", workspace=workspace)
    connect(sandbox, "bert", workspace=workspace)
    sandbox.reset()
    sandbox.accounts("mastodon", "somebody-else")

    anew = connect(sandbox, "anna", workspace=workspace)

    dead.refresh_from_db()
    assert dead.remote_id != anew.remote_id
    assert (dead.is_default, anew.is_default) == (False, True)


@pytest.mark.parametrize("other", [{"handle": "bert"}, {"instance": "mastodon-fork"}])
def test_account_of_another_name_or_host_takes_over_nothing(
    sandbox: Sandbox, workspace: Workspace, settings: Settings, other: dict[str, str]
) -> None:
    first = connect(sandbox, "anna", workspace=workspace)
    where = f"{sandbox.url}/{other.get('instance', 'mastodon')}"
    settings.PLATFORM_BASE_URLS = {"mastodon": where}

    second = connect(sandbox, other.get("handle", "anna"), workspace=workspace, instance=where)

    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (True, False)


@pytest.mark.parametrize("loss", ["role", "membership", "active", "workspace"])
def test_who_may_no_longer_connect_does_not(sandbox: Sandbox, workspace: Workspace, loss: str) -> None:
    editor = make_member(workspace)
    query = consent(start(workspace, editor).url, "anna")
    membership = Membership.objects.filter(user=editor)
    match loss:
        case "role":
            membership.update(role=Role.VIEWER)
        case "membership":
            membership.delete()
        case "active":
            User.objects.filter(id=editor.id).update(is_active=False)
        case "workspace":
            Workspace.objects.filter(id=workspace.id).update(deleted_at=timezone.now())

    assert refusal_of(query) == "state_invalid"
    assert nothing_is_connected()


# --- held until a click ---


def hold(query: dict[str, str]) -> oauth_connect.Held:
    return oauth_connect.hold_connect(platform="mastodon", code=query["code"], state=query["state"], at=timezone.now())


def confirm(token: str, **how: Any) -> list[SocialAccount]:
    return oauth_connect.confirm_connect(**{"platform": "mastodon", "token": token, "at": timezone.now(), **how})


def test_held_sign_in_names_what_would_happen_and_connects_nothing(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    held = hold(consent(start(workspace, owner).url, "anna"))

    [handle] = held.handles
    assert handle.startswith("@anna@")
    assert (held.platform, held.workspace, held.started_by) == ("Mastodon", "Birds", owner.name)
    assert nothing_is_connected()
    row = str(OAuthState.objects.values("sha256", "confirm_sha256").get())
    assert held.token not in row


def test_held_sign_in_is_encrypted(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    hold(consent(start(workspace, owner).url, "anna"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT held_enc FROM integrations_oauthstate")
        raw = bytes(cursor.fetchone()[0])
    assert b"access_token" not in raw
    assert "access_token" in str(OAuthState.objects.get().held_enc)


def test_held_sign_in_is_connected_by_its_token_once(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    held = hold(consent(start(workspace, owner).url, "anna"))

    [account] = confirm(held.token)

    assert (account.state, account.workspace, account.connected_by) == ("active", workspace, owner)
    credential = Credential.objects.get()
    assert credential.refresh_enc
    assert credential.expires_at is not None
    assert OAuthState.objects.get().held_enc is None
    with pytest.raises(Invalid) as caught:
        confirm(held.token)
    assert caught.value.code == "state_used"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"token": ""}, "state_missing"),
        ({"token": "wrong"}, "state_invalid"),
        ({"platform": "bluesky"}, "state_invalid"),
        ({"after": timedelta(minutes=11)}, "state_expired"),
    ],
)
def test_held_sign_in_is_not_connected_otherwise(
    sandbox: Sandbox, workspace: Workspace, owner: User, how: dict[str, Any], code: str
) -> None:
    held = hold(consent(start(workspace, owner).url, "anna"))
    told = {name: value for name, value in how.items() if name != "after"}
    at = timezone.now() + how.get("after", timedelta(0))

    with pytest.raises(Invalid) as caught:
        confirm(**{"token": held.token, "at": at, **told})

    assert caught.value.code == code
    assert nothing_is_connected()


def test_old_sign_ins_are_pruned_and_what_they_held_at_once(workspace: Workspace) -> None:
    now = timezone.now()
    make_oauth_state(workspace=workspace, expires_at=now - timedelta(days=2))
    over = make_oauth_state(workspace=workspace, expires_at=now - timedelta(minutes=1), held_enc="{}")
    live = make_oauth_state(workspace=workspace, expires_at=now + timedelta(minutes=1), held_enc="{}")

    assert oauth_connect.prune_states(at=now) == 1

    assert dict(OAuthState.objects.values_list("id", "held_enc")) == {over.id: None, live.id: "{}"}


# --- hosts ---


def test_limits_of_hosts_with_accounts_are_read_once_a_day(sandbox: Sandbox) -> None:
    at = timezone.now() + timedelta(hours=25)
    connect(sandbox, "anna")
    make_host(host="unused.test", info_at=None)
    sandbox.instance("mastodon", max_characters=4000)

    assert (hosts.refresh_host_info(at=at), hosts.refresh_host_info(at=at)) == (1, 0)

    host = PlatformHost.objects.exclude(host="unused.test").get()
    assert (host.info["limits"]["max_characters"], host.info_at) == (4000, at)


def test_limits_stay_when_the_host_does_not_answer(sandbox: Sandbox) -> None:
    connect(sandbox, "anna")
    sandbox.fault("mastodon", "other", "status_503", times=9)

    assert hosts.refresh_host_info(at=timezone.now() + timedelta(hours=25)) == 0

    assert PlatformHost.objects.get().info["limits"]["max_characters"] == 500


def test_host_that_is_not_understood_keeps_no_other_from_being_asked(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timezone.now() + timedelta(hours=25)
    connect(sandbox, "anna")
    odd = make_host(host="odd.test", info_at=None)
    make_account(platform_host=odd)
    host_info = MastodonOAuth.host_info

    def meets_a_bug(self: MastodonOAuth) -> Mapping[str, Any]:
        if "odd.test" in self.http.base_url:
            raise KeyError("a bug")
        return host_info(self)

    monkeypatch.setattr(MastodonOAuth, "host_info", meets_a_bug)
    PlatformHost.objects.filter(id=odd.id).update(base_url="https://odd.test")

    assert hosts.refresh_host_info(at=at) == 1

    assert set(PlatformHost.objects.values_list("info_at", flat=True)) == {at}


def test_host_is_paused_and_resumed(workspace: Workspace) -> None:
    make_account(workspace=workspace)
    at = timezone.now()

    assert hosts.pause_host("mastodon", "mastodon.test", reason="keys", at=at)
    assert not hosts.pause_host("mastodon", "mastodon.test", reason="again", at=at)
    assert PlatformHost.objects.get().paused_reason == "keys"
    assert hosts.resume_host("mastodon", "mastodon.test", at=at)
    assert not hosts.resume_host("mastodon", "mastodon.test", at=at)
    assert PlatformHost.objects.get().paused_at is None
