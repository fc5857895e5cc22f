"""Accounts and sign-ins over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.models import User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_api_key, make_member, make_user, make_workspace, signed_in, with_key
from integrations import registry
from integrations.models import Credential, OAuthState, SocialAccount
from integrations.services import oauth_connect
from integrations.states import AccountState
from integrations.tests.factories import make_account, make_credential, make_host, make_oauth_state
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"
AUTHORIZE = "/api/v2/oauth/mastodon/authorize"
CALLBACK = "/api/v2/oauth/mastodon/callback"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


FORM = "application/x-www-form-urlencoded"


def callback(query: dict[str, str]) -> str:
    return f"{CALLBACK}?{urlencode(query)}"


@pytest.fixture
def client_of(owner: User) -> APIClient:
    return signed_in(owner)


@pytest.fixture
def query(sandbox: Sandbox, workspace: Workspace, owner: User) -> dict[str, str]:
    """What the platform sends back after Anna's consent to what the owner began."""
    started = oauth_connect.start_connect(
        workspace=workspace, user=owner, platform="mastodon", instance=None, at=timezone.now()
    )
    return consent(started.url, "anna")


# --- accounts ---


def test_account_is_shown_without_its_tokens(workspace: Workspace, client_of: APIClient) -> None:
    credential = make_credential(
        workspace=workspace,
        access_enc="canary-access",
        refresh_enc="canary-refresh",
        expires_at="2026-12-01T00:00:00Z",
    )
    account = make_account(workspace=workspace, credential=credential, handle="@anna@mastodon.test")

    answer = client_of.get(f"{ACCOUNTS}/{account.id}")

    assert answer.json() == {
        "id": str(account.id),
        "platform": "mastodon",
        "handle": "@anna@mastodon.test",
        "name": account.display_name,
        "avatar_url": "",
        "kind": "person",
        "status": "active",
        "is_default": True,
        "scopes": ["read:statuses", "write:statuses"],
        "token_expires_at": "2026-12-01T00:00:00Z",
        "checked_at": None,
        "error": None,
        "missing_scopes": [],
        "forecast": None,
    }
    assert b"canary" not in answer.content


def test_account_without_grant_is_shown(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace, credential=None, state="needs_reauth", state_reason="Sign in again.")

    shown = client_of.get(f"{ACCOUNTS}/{account.id}").json()

    assert (shown["scopes"], shown["token_expires_at"], shown["error"]) == ([], None, "Sign in again.")


def test_tokens_are_not_even_read_for_a_list(workspace: Workspace, client_of: APIClient) -> None:
    make_account(workspace=workspace)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        client_of.get(ACCOUNTS)

    assert not any("access_enc" in one["sql"] for one in queries.captured_queries)


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_for_one_and_three(workspace: Workspace, client_of: APIClient, count: int) -> None:
    for _ in range(count):
        make_account(workspace=workspace)

    with CaptureQueriesContext(connection) as queries:
        answer = client_of.get(ACCOUNTS)

    assert (answer.json()["total"], len(answer.json()["accounts"])) == (count, count)
    assert len(queries) == 2  # who asks, and the page


def test_list_is_filtered(workspace: Workspace, client_of: APIClient) -> None:
    active = make_account(workspace=workspace)
    paused = make_account(workspace=workspace, state=AccountState.PAUSED)
    gone = make_account(workspace=workspace, state=AccountState.DISCONNECTED, is_default=False)
    bluesky = make_account(workspace=workspace, platform="bluesky")

    def ids(question: str) -> list[str]:
        return [account["id"] for account in client_of.get(f"{ACCOUNTS}{question}").json()["accounts"]]

    assert ids("") == [str(one.id) for one in (active, paused, bluesky)]
    assert ids("?platform=bluesky") == [str(bluesky.id)]
    assert ids("?platform=bluesky&platform=mastodon&status=active") == [str(active.id), str(bluesky.id)]
    assert ids("?status=disconnected&status=paused") == [str(paused.id), str(gone.id)]


@pytest.mark.parametrize("question", ["?platform=myspace", "?status=happy", "?colour=red"])
def test_filter_that_is_not_known_is_refused(client_of: APIClient, question: str) -> None:
    assert client_of.get(f"{ACCOUNTS}{question}").status_code == 400


def test_accounts_of_another_workspace_are_not_there(workspace: Workspace, client_of: APIClient) -> None:
    own, foreign = make_account(workspace=workspace), make_account()

    assert client_of.get(f"{ACCOUNTS}/{own.id}").status_code == 200
    assert client_of.get(f"{ACCOUNTS}/{foreign.id}").status_code == 404
    assert [account["id"] for account in client_of.get(ACCOUNTS).json()["accounts"]] == [str(own.id)]


def test_anonymous_callers_see_nothing(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)

    for path in (ACCOUNTS, f"{ACCOUNTS}/{account.id}", AUTHORIZE):
        assert APIClient().get(path).status_code == 401


# --- beginning ---


def test_sign_in_is_begun(sandbox: Sandbox, client_of: APIClient, owner: User, workspace: Workspace) -> None:
    answer = client_of.get(AUTHORIZE)

    assert answer.status_code == 200
    assert answer.json().keys() == {"url", "state", "expires_at"}
    assert answer.json()["url"].startswith(f"{sandbox.url}/mastodon/oauth/authorize?")
    assert answer["Cache-Control"] == "no-store"
    sign_in = OAuthState.objects.get()
    assert (sign_in.user, sign_in.workspace) == (owner, workspace)


def test_simulator_may_be_named_by_its_address(sandbox: Sandbox, client_of: APIClient) -> None:
    assert client_of.get(AUTHORIZE, {"instance": f"{sandbox.url}/mastodon/"}).status_code == 200


def test_viewer_may_not_begin_and_editor_may(sandbox: Sandbox, workspace: Workspace) -> None:
    viewer = signed_in(make_member(workspace, role=Role.VIEWER))
    editor = signed_in(make_member(workspace, role=Role.EDITOR))

    assert (viewer.get(AUTHORIZE).status_code, editor.get(AUTHORIZE).status_code) == (403, 200)
    assert viewer.get(ACCOUNTS).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v2/oauth/myspace/authorize", 404, "unknown_platform"),
        ("/api/v2/oauth/youtube/authorize", 400, "platform_not_available"),
        (f"{AUTHORIZE}?instance=10.0.0.1", 400, "refused_address"),
        (f"{AUTHORIZE}?instance=localhost", 400, "invalid_instance"),
        (f"{AUTHORIZE}?server=mastodon.social", 400, "invalid"),
    ],
)
def test_beginning_that_makes_no_sense_is_refused(
    client_of: APIClient, path: str, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "youtube", registry.Entry("YouTube"))  # as one that is not built

    answer = client_of.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert code in {answer.json()["code"], *(problem["code"] for problem in answer.json()["errors"])}


# --- coming back: programs ---


def test_account_is_connected_without_sign_in(query: dict[str, str], workspace: Workspace) -> None:
    answer = APIClient().get(callback(query))

    account = SocialAccount.objects.get()
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
    body = answer.json()
    assert (body["success"], body["account_id"]) == (True, str(account.id))
    assert [one["id"] for one in body["accounts"]] == [str(account.id)]
    assert (body["accounts"][0]["status"], body["accounts"][0]["scopes"]) == ("active", Credential.objects.get().scopes)
    assert account.workspace == workspace
    assert Credential.objects.get().access_enc not in answer.content.decode()


def test_looking_does_not_use_the_state_up(query: dict[str, str]) -> None:
    assert APIClient().head(callback(query)).status_code == 405
    assert APIClient().get(callback(query)).status_code == 200


def test_parameters_that_platforms_add_are_ignored(query: dict[str, str]) -> None:
    assert APIClient().get(callback({**query, "iss": "https://m.test", "session_state": "x"})).status_code == 200


@pytest.mark.parametrize("proof", ["token", "key", "session"])
def test_who_began_may_be_signed_in(query: dict[str, str], workspace: Workspace, owner: User, proof: str) -> None:
    client = _client(proof, owner, workspace)

    assert client.get(callback(query)).status_code == 200


@pytest.mark.parametrize("proof", ["token", "key", "session"])
def test_somebody_else_may_not(query: dict[str, str], workspace: Workspace, proof: str) -> None:
    client = _client(proof, make_member(workspace, role=Role.ADMIN), workspace)

    answer = client.get(callback(query))

    assert (answer.status_code, answer.json()["code"]) == (400, "state_foreign")
    assert not SocialAccount.objects.exists()


def _client(proof: str, user: User, workspace: Workspace) -> Any:
    if proof == "token":
        return signed_in(user)
    if proof == "key":
        return with_key(make_api_key(user, workspace)[1])
    client = APIClient()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_state_is_missing() -> None:
    answer = APIClient().get(CALLBACK)

    assert (answer.status_code, answer.json()["code"]) == (400, "state_missing")


@pytest.mark.parametrize("code", ["state_invalid", "state_used", "state_expired", "access_denied", "exchange_failed"])
def test_refusals_have_their_codes(sandbox: Sandbox, workspace: Workspace, code: str) -> None:
    now = timezone.now()
    host = make_host(base_url=f"{sandbox.url}/mastodon")
    changes: dict[str, Any] = {"state_used": {"used_at": now}, "state_expired": {"expires_at": now}}.get(code, {})
    make_oauth_state(workspace=workspace, state="s", platform_host=host, **changes)
    query = {"code": "c", "state": "other" if code == "state_invalid" else "s"}
    if code == "access_denied":
        query = {"error": "access_denied", "error_description": "<script>", "state": "s"}

    answer = APIClient().get(callback(query))

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (answer["Content-Type"], answer.json()["error"]) == ("application/problem+json", answer.json()["detail"])


# --- coming back: browsers ---


def test_browser_without_session_is_asked_first(query: dict[str, str], workspace: Workspace, owner: User) -> None:
    Workspace.objects.filter(id=workspace.id).update(name="<b>Birds</b>")
    browser = Client(HTTP_ACCEPT=BROWSER)

    page = browser.get(callback(query))

    text = page.content.decode()
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (page["Cache-Control"], page["Referrer-Policy"], page["X-Frame-Options"]) == (
        "no-store",
        "no-referrer",
        "DENY",
    )
    assert "default-src 'none'" in page["Content-Security-Policy"]
    for named in ("@anna@", "Mastodon", "&lt;b&gt;Birds&lt;/b&gt;", owner.name):
        assert named in text
    assert "<b>Birds" not in text
    assert not SocialAccount.objects.exists()


def test_button_connects_once(query: dict[str, str], workspace: Workspace) -> None:
    browser = Client(HTTP_ACCEPT=BROWSER, enforce_csrf_checks=True)
    page = browser.get(callback(query)).content.decode()
    token = page.partition('name="token" value="')[2].partition('"')[0]
    action = page.partition('action="')[2].partition('"')[0]

    done = browser.post(action, urlencode({"token": token}), content_type=FORM)
    again = browser.post(action, urlencode({"token": token}), content_type=FORM)

    account = SocialAccount.objects.get()
    assert (done.status_code, account.workspace, account.state) == (200, workspace, "active")
    assert account.handle in done.content.decode()
    assert (again.status_code, "used already" in again.content.decode()) == (400, True)


def test_state_is_used_up_by_the_page(query: dict[str, str]) -> None:
    browser = Client(HTTP_ACCEPT=BROWSER)
    browser.get(callback(query))

    assert browser.get(callback(query)).status_code == 400
    assert APIClient().get(callback(query)).json()["code"] == "state_used"


def test_browser_of_who_began_is_connected_at_once(query: dict[str, str], owner: User) -> None:
    browser = Client(HTTP_ACCEPT=BROWSER)
    browser.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")

    page = browser.get(callback(query))

    assert page.status_code == 200
    assert SocialAccount.objects.get().handle in page.content.decode()


def test_browser_of_somebody_else_is_refused(query: dict[str, str]) -> None:
    browser = Client(HTTP_ACCEPT=BROWSER)
    browser.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")

    page = browser.get(callback(query))

    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "state_foreign" in page.content.decode()
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("path", [CALLBACK, "/api/v2/oauth/myspace/callback?state=s", callback({"state": "<i>x"})])
def test_browser_gets_refusals_as_a_page(path: str) -> None:
    page = Client(HTTP_ACCEPT=BROWSER).get(path)

    assert page.status_code in {400, 404}
    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert "Not connected" in page.content.decode()
    assert "<i>" not in page.content.decode()


@pytest.mark.parametrize("instance", ["a b", "ftp://example.org", "localhost", "https://nowhere.invalid"])
def test_sentence_about_an_instance_names_its_field_once(owner: User, instance: str) -> None:
    problem = signed_in(owner).get("/api/v2/oauth/mastodon/authorize", {"instance": instance}).json()

    assert problem["errors"][0]["field"] == "instance"
    assert problem["detail"].count("instance: ") == 1


@pytest.mark.parametrize("instance", ["a b", "localhost", "https://nowhere.invalid", "mastodn.invalid", "10.0.0.1"])
def test_a_slip_in_an_instance_is_no_error_of_ours(owner: User, instance: str) -> None:
    with capture_logs() as lines:
        answer = signed_in(owner).get("/api/v2/oauth/mastodon/authorize", {"instance": instance})

    assert answer.status_code in {400, 502}
    assert [line for line in lines if line["log_level"] not in {"debug", "info"} or "exc_info" in line] == []


def test_an_instance_that_is_silent_is_no_error_of_ours(owner: User, sandbox: Sandbox) -> None:
    sandbox.fault("mastodon", "other", "status_503", times=9)

    with capture_logs() as lines:
        answer = signed_in(owner).get("/api/v2/oauth/mastodon/authorize", {"instance": f"{sandbox.url}/mastodon/"})

    assert (answer.status_code, answer.json()["code"]) == (502, "instance_unreachable")
    assert [line for line in lines if line["log_level"] not in {"debug", "info"} or "exc_info" in line] == []


@pytest.mark.parametrize("platform", ["mastodon", "bluesky", "twitter"])
def test_sentence_on_connecting_again_names_the_way(owner: User, workspace: Workspace, platform: str) -> None:
    account = make_account(workspace=workspace, state="needs_reauth", platform=platform, credential=None)

    problem = signed_in(owner).patch(f"/api/v2/accounts/{account.id}", {"status": "active"}).json()

    way = "POST /api/v2/accounts" if platform == "bluesky" else f"GET /api/v2/oauth/{platform}/authorize"
    assert problem["code"] == "needs_reauth"
    assert way in problem["detail"]
    assert "{" not in problem["detail"]


@pytest.mark.parametrize("accept", [BROWSER, "application/json"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", CALLBACK),
        ("get", callback({"state": "unknown", "code": "c"})),
        ("get", "/api/v2/oauth/myspace/callback?state=s"),
        ("post", "/api/v2/oauth/mastodon/confirm"),
    ],
)
def test_no_page_of_a_sign_in_is_kept_or_runs_anything(accept: str, method: str, path: str) -> None:
    page = getattr(Client(HTTP_ACCEPT=accept), method)(path)

    assert (page["Cache-Control"], page["Referrer-Policy"]) == ("no-store", "no-referrer")
    if page["Content-Type"].startswith("text/html"):
        assert "default-src 'none'" in page["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "x" * 300}, {"token": "wrong"}, {"tokens": "a"}])
def test_button_with_a_wrong_token_connects_nothing(body: dict[str, str]) -> None:
    page = Client(HTTP_ACCEPT=BROWSER).post("/api/v2/oauth/mastodon/confirm", urlencode(body), content_type=FORM)

    assert page.status_code == 400
    assert "Not connected" in page.content.decode()


def test_other_workspaces_are_untouched(query: dict[str, str]) -> None:
    other = make_workspace()

    APIClient().get(callback(query))

    assert not SocialAccount.objects.in_workspace(other).exists()
