"""Connecting by an app password, over the API."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations.models import Credential, PlatformHost, SocialAccount
from tests.world import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(owner: User) -> APIClient:
    return signed_in(owner)


def body_of(person: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    body = {"platform": "bluesky", "handle": person["handle"], "app_password": person["app_password"]}
    return {**body, **overrides}


def post(client: APIClient, body: dict[str, Any]) -> Any:
    return client.post("/api/v2/accounts", body, format="json")


def test_an_account_is_connected_and_active(client: APIClient, workspace: Workspace, sandbox: Sandbox) -> None:
    person = sandbox.accounts("bluesky", "anna", name="Anna Amsel")

    answer = post(client, body_of(person, handle=f"@{person['handle']}"))

    assert answer.status_code == 201, answer.content
    shown = answer.json()
    account = SocialAccount.objects.get()
    assert (shown["id"], shown["platform"], shown["status"]) == (str(account.id), "bluesky", "active")
    assert (shown["handle"], shown["name"], shown["is_default"]) == ("@anna.bsky.social", "Anna Amsel", True)
    assert (account.workspace_id, account.remote_id) == (workspace.id, person["did"])
    assert person["app_password"] not in answer.content.decode()
    grant = Credential.objects.get()
    assert person["app_password"] not in {grant.access_enc, grant.refresh_enc}
    assert grant.expires_at is not None


@pytest.mark.parametrize(
    "handle",
    [
        "\u202aanna.bsky.social\u202c",
        "\u2068@anna.bsky.social\u2069",
        "\ufeffAnna.bsky.social ",
        "anna",
        "@anna",
        "\u200eanna\u200e",
        "https://bsky.app/profile/anna.bsky.social",
        "\u202absky.app/profile/anna.bsky.social/post/3k2?ref=x#top\u202c",
        "at://anna.bsky.social",
        "https://anna.bsky.social/",
    ],
)
def test_handle_is_understood_as_people_paste_it(client: APIClient, sandbox: Sandbox, handle: str) -> None:
    person = sandbox.accounts("bluesky", "anna")

    answer = post(client, body_of(person, handle=handle, app_password=f"\u200e{person['app_password']}\u200e"))

    assert answer.status_code == 201, answer.content
    assert answer.json()["handle"] == "@anna.bsky.social"


def test_address_of_a_profile_may_name_a_did(client: APIClient, sandbox: Sandbox) -> None:
    person = sandbox.accounts("bluesky", "anna")

    answer = post(client, body_of(person, handle=f"https://bsky.app/profile/{person['did']}"))

    assert (answer.status_code, SocialAccount.objects.get().remote_id) == (201, person["did"])


@pytest.mark.parametrize("handle", ["\u202a\u202c", "@", "https://bsky.app/", " \u200b"])
def test_handle_of_which_nothing_is_left_is_named(client: APIClient, sandbox: Sandbox, handle: str) -> None:
    answer = post(client, body_of(sandbox.accounts("bluesky", "anna"), handle=handle))

    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == ("handle", "invalid_handle")
    assert "write" in fault["message"]


def test_the_same_account_again_keeps_its_row(client: APIClient, sandbox: Sandbox) -> None:
    person = sandbox.accounts("bluesky", "anna")
    first = post(client, body_of(person)).json()

    second = post(client, body_of(person)).json()

    assert first["id"] == second["id"]
    assert (SocialAccount.objects.count(), Credential.objects.get().version) == (1, 2)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"app_password": "wrong"}, "app_password", "wrong_password"),
        ({"handle": "nobody.bsky.social"}, "app_password", "wrong_password"),
        ({"platform": "mastodon"}, "platform", "invalid_choice"),
        ({"platform": None}, "platform", "null"),
        ({"handle": ""}, "handle", "blank"),
        ({"service": "ftp://example.org"}, "service", None),
        ({"password": "main"}, "password", None),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    client: APIClient, sandbox: Sandbox, change: dict[str, Any], field: str, code: str | None
) -> None:
    person = sandbox.accounts("bluesky", "anna")

    answer = post(client, body_of(person, **change))

    problem = answer.json()
    assert answer.status_code == 400, problem
    assert [one["field"] for one in problem["errors"]] == [field]
    assert code in {None, problem["errors"][0]["code"]}
    assert person["app_password"] not in answer.content.decode()
    assert (SocialAccount.objects.count(), Credential.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"app_password": "wrong"},
        {"handle": "@"},
        {"service": "ftp://example.org"},
        {"service": "a b"},
        {"service": "https://localhost.test"},
    ],
)
def test_sentence_names_its_field_once(client: APIClient, sandbox: Sandbox, change: dict[str, Any]) -> None:
    problem = post(client, body_of(sandbox.accounts("bluesky", "anna"), **change)).json()

    [fault] = problem["errors"]
    assert problem["detail"].startswith(f"{fault['field']}: ")
    assert problem["detail"].count(f"{fault['field']}: ") == 1
    assert not fault["message"].startswith(fault["field"])


def test_a_server_of_another_kind_is_refused(client: APIClient, sandbox: Sandbox) -> None:
    person = sandbox.accounts("bluesky", "anna")

    answer = post(client, body_of(person, service=f"{sandbox.url}"))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "service"
    assert PlatformHost.objects.count() == 0


def test_a_service_that_does_not_answer_is_no_fault_of_the_person(client: APIClient, sandbox: Sandbox) -> None:
    person = sandbox.accounts("bluesky", "anna")
    sandbox.fault("bluesky", "any", "status_503")

    answer = post(client, body_of(person))

    assert answer.status_code == 502
    assert SocialAccount.objects.count() == 0


def test_oauth_says_how_it_is_done(client: APIClient) -> None:
    answer = client.get("/api/v2/oauth/bluesky/authorize")

    assert (answer.status_code, answer.json()["code"]) == (400, "no_redirect")
    assert "POST /api/v2/accounts" in answer.json()["detail"]


def test_disconnecting_ends_the_session(client: APIClient, sandbox: Sandbox) -> None:
    account = post(client, body_of(sandbox.accounts("bluesky", "anna"))).json()

    answer = client.delete(f"/api/v2/accounts/{account['id']}")

    assert answer.status_code == 204, answer.content
    assert [
        call["path"].rpartition(".")[2] for call in sandbox.requests("bluesky") if call["operation"] == "token"
    ] == [
        "createSession",
        "deleteSession",
        "deleteSession",
    ]
    assert Credential.objects.count() == 0


def test_testing_and_refreshing_work(client: APIClient, sandbox: Sandbox) -> None:
    account = post(client, body_of(sandbox.accounts("bluesky", "anna"))).json()

    for call in ("test", "refresh"):
        answer = client.post(f"/api/v2/accounts/{account['id']}/{call}", {}, format="json")
        assert (answer.status_code, answer.json()["status"]) == (200, "active"), answer.content


def test_session_that_is_not_kept_is_ended_at_the_service(client: APIClient, sandbox: Sandbox) -> None:
    post(client, body_of(sandbox.accounts("bluesky", "bert")))  # so that the service is known
    sandbox.fault("bluesky", "other", "status_500", times=9)

    assert post(client, body_of(sandbox.accounts("bluesky", "anna"))).status_code == 502

    calls = [call["path"].rpartition(".")[2] for call in sandbox.requests("bluesky") if call["operation"] == "token"]
    assert calls == ["createSession", "createSession", "deleteSession", "deleteSession"]
    assert SocialAccount.objects.count() == 1
