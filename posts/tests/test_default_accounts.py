"""What `platforms` in a post means where the default account is missing, or cannot be used."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Delivery, Post

pytestmark = pytest.mark.django_db
LATER = "2030-01-31T09:00:00Z"


def account(workspace: Workspace, handle: str, **fields: Any) -> SocialAccount:
    return make_account(workspace=workspace, handle=handle, **{"is_default": False, **fields})


def create(client: APIClient, **body: Any) -> Any:
    return client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **body})


def test_two_accounts_and_no_default_are_named(client: APIClient, workspace: Workspace) -> None:
    account(workspace, "@anna"), account(workspace, "@bert")

    answer = create(client, scheduled_time=LATER)

    assert (answer.status_code, Post.objects.count()) == (400, 0)
    [fault] = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == ("platforms", "no_default")
    assert fault["message"] == (
        "None of the Mastodon accounts @anna and @bert is the default; name one in `accounts`, or make one the default."
    )
    assert fault["params"]["platform"] == "mastodon"


def test_draft_keeps_it_as_a_warning_and_goes_out_once_there_is_one(client: APIClient, workspace: Workspace) -> None:
    _, bert = account(workspace, "@anna"), account(workspace, "@bert")
    post = create(client).json()
    assert ([one["code"] for one in post["warnings"]], post["platforms"]) == (["no_default"], ["mastodon"])
    again = client.post(f"/api/v2/posts/{post['id']}/publish")
    assert (again.status_code, again.json()["code"]) == (400, "no_default")

    SocialAccount.objects.filter(id=bert.id).update(is_default=True)

    assert client.post(f"/api/v2/posts/{post['id']}/publish").status_code == 202
    assert Delivery.objects.get().account_id == bert.id


def test_trial_says_so_too_and_measures(client: APIClient, workspace: Workspace) -> None:
    account(workspace, "@anna"), account(workspace, "@bert")

    verdict = client.post("/api/v2/posts/validate", {"content": "x" * 501, "platforms": ["mastodon"]}).json()

    assert [one["code"] for one in verdict["problems"]] == ["no_default", "too_long"]
    assert [one["code"] for one in verdict["platforms"]["mastodon"][0]["problems"]] == ["no_default", "too_long"]


@pytest.mark.parametrize(
    ("state", "remedy"),
    [("paused", "is paused; activate it"), ("pending", "is pending; activate it"),
     ("needs_reauth", "has to be connected again; do that")],
)  # fmt: skip
def test_accounts_that_are_not_active_are_none_to_choose_from(
    client: APIClient, workspace: Workspace, state: str, remedy: str
) -> None:
    account(workspace, "@anna", state=state)

    [fault] = create(client, scheduled_time=LATER).json()["errors"]

    assert (fault["code"], fault["message"]) == (
        "no_default",
        "The Mastodon account @anna is not the default; name it in `accounts`, or make it the default. "
        f"@anna {remedy} first.",
    )


def test_active_ones_alone_are_named_where_there_are_any(client: APIClient, workspace: Workspace) -> None:
    account(workspace, "@anna", state="paused"), account(workspace, "@bert"), account(workspace, "@carl")

    [fault] = create(client, scheduled_time=LATER).json()["errors"]

    assert fault["params"]["handles"] == ["@bert", "@carl"]
    assert fault["message"] == (
        "None of the Mastodon accounts @bert and @carl is the default; name one in `accounts`, or make one the default."
    )


@pytest.mark.parametrize("how", ["schedule", "publish", "publish a draft", "validate", "edit"])
def test_two_of_x_and_no_default_are_said_wherever_it_is_to_go_out(
    client: APIClient, workspace: Workspace, how: str
) -> None:
    for handle in ("anna", "bert"):
        make_account(workspace=workspace, platform="twitter", handle=handle, is_default=False)
    body = {"content": "Hello", "platforms": ["twitter"]}
    if how == "schedule":
        faults = client.post("/api/v2/posts", {**body, "scheduled_time": LATER}).json()["errors"]
    elif how == "publish":
        faults = client.post("/api/v2/posts", {**body, "publish": True}).json()["errors"]
    elif how == "validate":
        faults = client.post("/api/v2/posts/validate", body).json()["problems"]
    else:
        path = f"/api/v2/posts/{client.post('/api/v2/posts', body).json()['id']}"
        answer = client.patch(path, {"scheduled_time": LATER}) if how == "edit" else client.post(f"{path}/publish")
        faults = answer.json()["errors"]

    [fault] = faults
    assert (fault["field"], fault["code"], fault["params"]["handles"]) == ("platforms", "no_default", ["anna", "bert"])


def test_default_to_be_connected_again_is_said_of_what_waited_for_a_default_too(
    client: APIClient, workspace: Workspace
) -> None:
    anna, _ = account(workspace, "@anna"), account(workspace, "@bert")
    post = create(client).json()
    SocialAccount.objects.filter(id=anna.id).update(is_default=True, state="needs_reauth")

    assert client.post(f"/api/v2/posts/{post['id']}/publish").status_code == 202

    warnings = client.get(f"/api/v2/posts/{post['id']}").json()["warnings"]
    assert [(one["code"], one["params"]["account_id"]) for one in warnings] == [("default_needs_reauth", str(anna.id))]


def test_warning_of_a_draft_stays_with_what_is_published(client: APIClient, workspace: Workspace) -> None:
    account(workspace, "@anna", is_default=True, state="needs_reauth"), account(workspace, "@bert")
    post = create(client).json()

    client.post(f"/api/v2/posts/{post['id']}/publish")

    assert client.get(f"/api/v2/posts/{post['id']}").json()["warnings"] == post["warnings"] != []


def test_default_that_is_paused_names_the_active_ones(client: APIClient, workspace: Workspace) -> None:
    account(workspace, "@anna", is_default=True, state="paused"), account(workspace, "@bert")

    [fault] = create(client, scheduled_time=LATER).json()["errors"]

    assert (fault["code"], fault["message"]) == (
        "account_not_active",
        "The Mastodon account @anna is paused; activate it first. @bert is active: name it in `accounts` instead.",
    )


def test_none_at_all_is_still_none(client: APIClient) -> None:
    assert [one["code"] for one in create(client, scheduled_time=LATER).json()["errors"]] == ["no_account"]


def test_default_that_needs_reconnecting_is_said_beside_an_active_one(client: APIClient, workspace: Workspace) -> None:
    old = account(workspace, "@anna", is_default=True, state="needs_reauth")
    account(workspace, "@bert")

    post = create(client, scheduled_time=LATER).json()

    [warning] = post["warnings"]
    assert (warning["field"], warning["code"]) == ("platforms", "default_needs_reauth")
    assert warning["message"] == (
        "The default Mastodon account @anna has to be connected again before this goes out; "
        "@bert is active. Connect @anna again, or name another in `accounts`."
    )
    assert post["accounts"] == [str(old.id)]
    verdict = client.post("/api/v2/posts/validate", {"content": "Hello", "platforms": ["mastodon"]}).json()
    assert verdict["warnings"] == [warning]


@pytest.mark.parametrize("is_named", [True, False])
def test_without_a_choice_nothing_is_said(client: APIClient, workspace: Workspace, is_named: bool) -> None:
    old = account(workspace, "@anna", is_default=True, state="needs_reauth")
    if is_named:
        account(workspace, "@bert")
    chosen = {"platforms": [], "accounts": [str(old.id)]} if is_named else {}

    assert create(client, scheduled_time=LATER, **chosen).json()["warnings"] == []
