"""The pages of Django admin where posts are written and accounts are connected: what they offer, and to whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import Role, SiteRole
from accounts.tests.factories import browser_of, make_user, make_workspace
from integrations import registry
from integrations.models import SocialAccount
from integrations.services import oauth_connect
from integrations.tests.factories import make_account
from posts.admin.writing_pages import _options_of
from posts.models import Delivery
from posts.tests.factories import NOON, make_delivery, make_post
from posts.tests.test_calendar_admin import staff
from tests.kit.connector_contract import consent
from tests.world import Sandbox

WRITE = "/admin/posts/post/write/"
CONNECT = "/admin/connect/"


@pytest.mark.django_db
def test_the_page_offers_the_accounts_of_one_workspace_and_their_options() -> None:
    account = make_account(handle="@ada@example.test")
    make_account(workspace=account.workspace, platform="youtube", handle="@tv", state="paused")
    make_account(workspace=account.workspace, handle="@gone", state="disconnected", credential=None)
    foreign = make_account(handle="@foreign")
    client = staff(account)

    page = client.get(f"{WRITE}?day=2030-04-01")
    text = page.content.decode()

    assert [chip["handle"] for chip in page.context["chips"]] == ["@ada@example.test", "@tv"]
    assert "@foreign" not in text
    assert 'value="2030-04-01"' in text
    assert 'value="09:00"' in text
    assert (page.context["config"]["workspace"], page.context["zone"]) == (str(account.workspace_id), "Europe/Berlin")
    youtube = next(one for one in page.context["options"] if one.slug == "youtube")
    kinds = {option.name: option.kind for option in youtube.shown}
    assert (kinds["privacy_status"], kinds["made_for_kids"], kinds["tags"]) == ("choice", "boolean", "lines")
    assert client.get(f"{WRITE}?workspace={foreign.workspace_id}").status_code == 404
    assert staff(account, Role.VIEWER).get(WRITE).status_code == 403


@pytest.mark.django_db
def test_a_post_is_rewritten_until_something_of_it_is_out() -> None:
    account = make_account()
    post, out = (
        make_post(accounts=[account]),
        make_delivery(account, state="published", remote_id="7", published_at=NOON, next_attempt_at=None).post,
    )
    foreign = make_post()
    client = staff(account)

    def page(one: Any) -> Any:
        return client.get(f"/admin/posts/post/{one.id}/write/")

    assert page(post).context["config"]["post"] == str(post.id)
    assert "data-compose" in page(post).content.decode()
    assert "is out already" in page(out).content.decode()
    assert "data-compose" not in page(out).content.decode()
    assert page(foreign).status_code == 404
    assert f"/admin/posts/post/{post.id}/write/" in client.get(f"/admin/posts/post/{post.id}/change/").content.decode()
    assert "/write/" not in client.get(f"/admin/posts/post/{out.id}/change/").content.decode()
    assert Delivery.objects.count() == 3


@pytest.mark.django_db
def test_who_has_no_account_is_led_to_connect_one() -> None:
    workspace = make_workspace()
    admin = browser_of(make_user(site_role=SiteRole.ADMIN))

    page = admin.get(f"{WRITE}?workspace={workspace.id}").content.decode()

    assert "No account is connected in this workspace yet" in page
    assert f'href="{CONNECT}?workspace={workspace.id}"' in page


@pytest.mark.parametrize("slug", registry.built())
def test_each_option_of_a_platform_has_a_field_or_is_named(slug: str) -> None:
    capabilities = registry.capabilities(slug)

    found = _options_of(capabilities)

    assert {option.name for option in found.shown} | set(found.more) == set(capabilities.options.get("properties", {}))


@pytest.mark.django_db(transaction=True)
def test_accounts_are_connected_by_a_link_or_by_a_password(sandbox: Sandbox) -> None:
    workspace, other = make_workspace(), make_workspace()
    person = make_user(site_role=SiteRole.ADMIN)
    client: Client = browser_of(person)
    bluesky = sandbox.person("bluesky", "anna")

    listed = client.get(f"{CONNECT}?workspace={workspace.id}").content.decode()
    started = client.post(f"{CONNECT}mastodon/?workspace={workspace.id}", {"instance": ""})
    back = consent(started.context["started"].url, "anna")
    oauth_connect.finish_connect(platform="mastodon", code=back["code"], state=back["state"], at=timezone.now())
    address = f"{CONNECT}bluesky/?workspace={workspace.id}"
    wrong = client.post(address, {"handle": bluesky["handle"], "app_password": "aaaa-bbbb-cccc-dddd"})
    client.post(address, {"handle": bluesky["handle"], "app_password": bluesky["app_password"]})

    assert f'href="{CONNECT}mastodon/?workspace={workspace.id}"' in listed
    assert (wrong.status_code, "aaaa-bbbb" in wrong.content.decode()) == (200, False)
    rows = SocialAccount.objects.values_list("platform", "workspace", "state")
    assert set(rows) == {("mastodon", workspace.id, "active"), ("bluesky", workspace.id, "active")}
    assert not SocialAccount.objects.filter(workspace=other).exists()
    assert client.get(f"{CONNECT}nowhere/").status_code == 404
