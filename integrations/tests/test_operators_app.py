"""Apps that an operator registers at the platform: where they come from, and what happens without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User, Workspace
from integrations.models import OAuthState, PlatformHost
from integrations.services import oauth_connect, operator_apps
from integrations.services.hosts import app_of
from integrations.services.operator_apps import operators_app
from integrations.sign_in import ClientApp
from integrations.tests.factories import make_host
from mastablasta.core.errors import Invalid

SHOWN = (
    "import json, mastablasta.settings as s;"
    "print(json.dumps([s.TWITTER_CLIENT_ID, s.TWITTER_CLIENT_SECRET, s.PLATFORM_BASE_URLS.get('twitter', '')]))"
)


def settings_with(**environment: str) -> list[str]:
    """Client id, secret and base URL as a process with this environment reads them."""
    kept = {name: os.environ[name] for name in ("PATH", "MASTABLASTA_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", SHOWN], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    read: list[str] = json.loads(done.stdout)
    return read


def test_development_has_the_simulators_app() -> None:
    client_id, secret, base_url = settings_with(SANDBOX_PORT="1234")

    assert (client_id, secret) == ("sandbox-twitter", "sandbox-twitter-secret")
    assert base_url == "http://127.0.0.1:1234/twitter"


def test_production_has_the_operators_app_or_none() -> None:
    production = {"DATABASE_URL": "postgres://a:b@127.0.0.1:1/c"}

    without = settings_with(**production)
    having = settings_with(**production, TWITTER_CLIENT_ID="ours", TWITTER_CLIENT_SECRET="s3cret")

    assert (without, having) == (["", "", ""], ["ours", "s3cret", ""])


@pytest.mark.parametrize(
    ("client_id", "secret", "app"),
    [("ours", "s3cret", ClientApp("ours", "s3cret")), ("ours", "", ClientApp("", "")), ("", "", ClientApp("", ""))],
)
def test_app_is_whole_or_missing(settings: Settings, client_id: str, secret: str, app: ClientApp) -> None:
    settings.TWITTER_CLIENT_ID, settings.TWITTER_CLIENT_SECRET = client_id, secret

    assert operators_app("twitter") == app
    assert operators_app("mastodon") is None


@pytest.mark.django_db
def test_new_keys_count_at_once_and_are_not_stored(settings: Settings) -> None:
    host = make_host(platform="twitter", host="api.x.com", client_id="", client_secret_enc=None)
    settings.TWITTER_CLIENT_ID, settings.TWITTER_CLIENT_SECRET = "new", "n3w"

    assert app_of(host) == ClientApp("new", "n3w")
    assert app_of(make_host()) == ClientApp("client-id", "client-secret")


@pytest.mark.django_db
def test_platform_without_our_app_cannot_be_connected(settings: Settings, workspace: Workspace, owner: User) -> None:
    settings.TWITTER_CLIENT_ID = ""

    with pytest.raises(Invalid) as caught:
        oauth_connect.start_connect(
            workspace=workspace, user=owner, platform="twitter", instance=None, at=timezone.now()
        )

    assert caught.value.code == "platform_not_configured"
    assert "TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET" in caught.value.detail
    assert not operator_apps.is_configured("twitter")
    assert not OAuthState.objects.exists()


@pytest.mark.django_db
def test_consent_is_asked_for_in_the_name_of_the_operators_app(
    settings: Settings, workspace: Workspace, owner: User
) -> None:
    settings.TWITTER_CLIENT_ID, settings.TWITTER_CLIENT_SECRET = "ours", "s3cret"

    started = oauth_connect.start_connect(
        workspace=workspace, user=owner, platform="twitter", instance=None, at=timezone.now()
    )

    assert "client_id=ours&" in started.url
    assert "s3cret" not in started.url
    assert OAuthState.objects.get().client_id == "ours"
    assert PlatformHost.objects.get().client_id == ""
