"""Platforms that people connect in several ways, each with a host and an app of its own."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations import registry
from integrations.models import PlatformHost
from integrations.platforms.mastodon.oauth import MastodonOAuth
from integrations.registry import Entry, SignInEntry
from integrations.services import hosts, oauth_connect, operator_apps
from integrations.services.connectors import sign_in_for
from integrations.sign_in import ClientApp
from mastablasta.core.errors import Invalid

pytestmark = pytest.mark.django_db


class MainOAuth(MastodonOAuth):
    """Signs in by the platform's own app."""

    @classmethod
    def address_of(cls, instance: str) -> str:
        return "https://graph.main.test"

    def host_info(self) -> dict[str, Any]:
        return {"by": "main"}


class SideOAuth(MainOAuth):
    """Signs in by another platform's app, at another host."""

    @classmethod
    def address_of(cls, instance: str) -> str:
        return "https://graph.side.test"

    def host_info(self) -> dict[str, Any]:
        return {"by": "side"}


HERE = "integrations.tests.test_several_sign_ins"
ENTRY = Entry(
    "Twin",
    "integrations.platforms.mastodon.connector.MastodonConnector",
    (
        SignInEntry(f"{HERE}.MainOAuth", app_settings=("MAIN_ID", "MAIN_SECRET")),
        SignInEntry(f"{HERE}.SideOAuth", app_settings=("SIDE_ID", "SIDE_SECRET"), name="side"),
    ),
)


@pytest.fixture(autouse=True)
def _twin(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "twin", ENTRY)
    settings.MAIN_ID, settings.MAIN_SECRET, settings.SIDE_ID, settings.SIDE_SECRET = "main", "m", "side", "s"


@pytest.mark.parametrize(
    ("named", "name", "host", "client_id"),
    [
        ({}, "", "graph.main.test", "main"),
        ({"sign_in": "side"}, "side", "graph.side.test", "side"),
        ({"sign_in": " SIDE "}, "side", "graph.side.test", "side"),
        ({"instance": "side"}, "side", "graph.side.test", "side"),
    ],
)
def test_each_sign_in_has_its_host_and_its_app(
    workspace: Workspace, owner: User, named: dict[str, str], name: str, host: str, client_id: str
) -> None:
    started = oauth_connect.start_connect(workspace=workspace, user=owner, platform="twin", at=timezone.now(), **named)

    assert started.url.startswith(f"https://{host}/oauth/authorize?")
    assert f"client_id={client_id}&" in started.url
    row = PlatformHost.objects.get()
    assert (row.sign_in, row.host, row.info["by"]) == (name, host, name or "main")
    flow = sign_in_for(row.platform, row.base_url, row.info, name=row.sign_in)
    assert type(flow).__name__ == ("SideOAuth" if name else "MainOAuth")
    assert hosts.app_of(row) == ClientApp(client_id, client_id[0])


def test_a_sign_in_is_chosen_by_its_name_and_one_that_is_none_is_refused(owner: User) -> None:
    client, address = signed_in(owner), "/api/v2/oauth/{}/authorize"

    begun = client.get(address.format("twin"), {"sign_in": "side"})
    refused = [
        client.get(address.format(platform), {"sign_in": named}).json()["errors"][0]
        for platform, named in (("twin", "back"), ("mastodon", "side"))
    ]

    assert begun.status_code == 200
    assert begun.json()["url"].startswith("https://graph.side.test/")
    assert [(one["field"], one["code"], one["message"]) for one in refused] == [
        ("sign_in", "invalid_choice", "This is not one of: side."),
        ("sign_in", "invalid_choice", "Mastodon has one sign-in; leave this out."),
    ]


def test_way_whose_app_is_missing_is_named_and_the_other_works(
    workspace: Workspace, owner: User, settings: Settings
) -> None:
    settings.SIDE_SECRET = ""
    how = {"workspace": workspace, "user": owner, "platform": "twin", "at": timezone.now()}

    with pytest.raises(Invalid) as caught:
        oauth_connect.start_connect(sign_in="side", **how)

    assert "SIDE_ID and SIDE_SECRET" in str(caught.value)
    assert oauth_connect.start_connect(**how).url
    assert operator_apps.is_configured("twin")
    settings.MAIN_ID = ""
    assert not operator_apps.is_configured("twin")


def test_in_development_a_further_sign_in_has_its_own_path_at_the_simulator(settings: Settings) -> None:
    settings.PLATFORM_BASE_URLS = {"twin": "http://127.0.0.1:1/twin"}

    assert hosts.named_host("twin", None) == ("", "http://127.0.0.1:1/twin")
    assert hosts.named_host("twin", None, sign_in="side") == ("side", "http://127.0.0.1:1/twin/side")


def test_name_that_is_not_known_any_more_means_the_first() -> None:
    assert registry.sign_in("twin", "dropped") is registry.sign_in("twin", "")
