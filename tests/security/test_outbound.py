"""Every place of the API that takes an address: none of those that lead inside is called from there.

How an address can be disguised is walked in webhooks/tests/test_hostile_urls.py; here it is each door that has to ask.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.models import PlatformHost
from mastablasta.core.outbound import addresses, connections
from media_library.models import Asset
from webhooks.models import Endpoint
from webhooks.tests.factories import make_endpoint

NAMES = {
    "localhost": "127.0.0.1",
    "intern.test": "10.0.0.5",
    "rebound.test": "127.0.0.1",
    "metadata.test": "169.254.169.254",
    "six.test": "::1",
}
URLS = (
    "https://127.0.0.1", "https://localhost", "https://[::1]", "https://[::ffff:10.0.0.1]", "https://10.0.0.1",
    "https://192.168.1.1:8443", "https://169.254.169.254/latest/meta-data", "https://2130706433", "https://0x7f.1",
    "http://127.0.0.1:6379", "https://intern.test", "https://rebound.test", "https://metadata.test", "https://six.test",
    "https://user:password@intern.test", "https://intern.test:22", "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO",
)  # fmt: skip
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[list[Any]]:
    """Production, whose names lead inside; the addresses to which a connection was opened."""
    settings.IS_DEVELOPMENT, settings.PLATFORM_BASE_URLS = False, {}
    real, opened = socket.getaddrinfo, []

    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        return real(NAMES.get(host, host), port, flags=socket.AI_NUMERICHOST, **options)

    def connect(address: Any, *_: Any, **__: Any) -> socket.socket:
        opened.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses, "getaddrinfo", lookup)
    monkeypatch.setattr(connections.socket, "create_connection", connect)
    for forget in (addresses.forget_names, connections.drop_kept):
        forget()
    yield opened
    for forget in (addresses.forget_names, connections.drop_kept):
        forget()


def from_url(client: APIClient, _: Workspace, url: str) -> Any:
    return client.post("/api/v2/media/from-url", {"url": url})


def new_webhook(client: APIClient, _: Workspace, url: str) -> Any:
    return client.post("/api/v2/webhooks", {"url": url, "events": ["post.published"]})


def changed_webhook(client: APIClient, workspace: Workspace, url: str) -> Any:
    endpoint = make_endpoint("https://1.1.1.1/hook", workspace=workspace)
    answer = client.patch(f"/api/v2/webhooks/{endpoint.id}", {"url": url})
    Endpoint.objects.filter(url="https://1.1.1.1/hook").delete()
    return answer


def mastodon_server(client: APIClient, _: Workspace, url: str) -> Any:
    return client.get(f"/api/v2/oauth/mastodon/authorize?{urlencode({'instance': url})}")


def bluesky_service(client: APIClient, _: Workspace, url: str) -> Any:
    body = {"platform": "bluesky", "handle": "anna.example", "app_password": "abcd-efgh-ijkl-mnop", "service": url}
    return client.post("/api/v2/accounts", body)


PLACES: dict[str, Callable[[APIClient, Workspace, str], Any]] = {
    "url, media": from_url,
    "url, webhook": new_webhook,
    "url, change": changed_webhook,
    "instance": mastodon_server,
    "service": bluesky_service,
}


@pytest.mark.parametrize("place", PLACES)
def test_no_address_inside_is_called(place: str, called: list[Any]) -> None:
    workspace = make_workspace()
    client = signed_in(workspace.members.get())
    field = place.partition(",")[0]

    said = {}
    for url in URLS:
        answer = PLACES[place](client, workspace, url)
        faults = answer.json().get("errors", [])
        said[url] = (answer.status_code, [fault["field"] for fault in faults])

    assert {url: answer for url, answer in said.items() if answer != (400, [field])} == {}
    assert called == []
    assert not Asset.objects.exists()
    assert not Endpoint.objects.exists()
    assert not PlatformHost.objects.exists()
