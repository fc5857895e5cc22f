"""GET /platforms: all of them, honestly."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import signed_in
from integrations import registry
from integrations.api.examples import MEDIA_LIMITS
from integrations.platforms.mastodon.capabilities import CAPABILITIES

pytestmark = pytest.mark.django_db

PLATFORMS = "/api/v2/platforms"


@pytest.fixture
def client_of(owner: User) -> APIClient:
    return signed_in(owner)


def shown(client: APIClient, slug: str) -> object:
    return {one["slug"]: one for one in client.get(PLATFORMS).json()["platforms"]}[slug]


def test_every_platform_of_the_registry_is_there(client_of: APIClient) -> None:
    body = client_of.get(PLATFORMS).json()

    assert list(body) == ["platforms"]
    assert [one["slug"] for one in body["platforms"]] == list(registry.PLATFORM_SLUGS)


def test_platform_says_what_it_takes_and_where_that_stands(client_of: APIClient) -> None:
    assert shown(client_of, "mastodon") == {
        "slug": "mastodon",
        "name": "Mastodon",
        "configured": True,
        "built": True,
        "proof": "simulator-proven",
        "post_types": ["standard", "thread"],
        "limits": {
            "text": {
                "limit": 500,
                "unit": "graphemes",
                "is_stock": True,
                "source": {
                    "url": "https://docs.joinmastodon.org/entities/Instance/#configuration",
                    "read": "2026-11-23",
                },
            },
            "media": {"standard": MEDIA_LIMITS},
            "cost": None,
        },
        "options": CAPABILITIES.options,
        "reconcile": "exact",
        "can_delete": True,
        "needs_media": False,
        "rates": [
            {
                "operation": rule.operation,
                "limit": rule.limit,
                "window_s": rule.window_s,
                "scope": "account",
                "source": {"url": "https://docs.joinmastodon.org/api/rate-limits/", "read": "2026-11-23"},
            }
            for rule in CAPABILITIES.rates
        ],
    }


def test_platform_says_what_it_charges(client_of: APIClient) -> None:
    assert shown(client_of, "twitter")["limits"]["cost"] == {  # type: ignore[index]
        "post": "0.015",
        "post_with_link": "0.200",
        "alt_text": "0.005",
        "source": {"url": "https://docs.x.com/x-api/getting-started/pricing", "read": "2026-11-23"},
    }


@pytest.mark.parametrize("slug", registry.built())
def test_platform_says_what_media_it_takes_and_where_that_stands(client_of: APIClient, slug: str) -> None:
    """Kinds that it does not take are null, and what it does not bound is."""
    media = shown(client_of, slug)["limits"]["media"]  # type: ignore[index]

    for post_type, rule in registry.capabilities(slug).media.items():
        said = media[post_type]
        assert rule.url.startswith("https://")
        assert said["source"] == {"url": rule.url, "read": rule.read}
        assert (said["images"] is None, said["videos"] is None) == (rule.images is None, rule.videos is None)
        assert said["alt_text_limit"] == rule.alt_text_limit
    assert media.keys() == registry.capabilities(slug).media.keys()


def test_platform_that_is_not_built_promises_nothing(client_of: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "youtube", registry.Entry("YouTube"))

    assert shown(client_of, "youtube") == {
        "slug": "youtube",
        "name": "YouTube",
        "configured": False,
        "built": False,
        "proof": None,
        "post_types": [],
        "limits": {"text": None, "media": {}, "cost": None},
        "options": {},
        "reconcile": None,
        "can_delete": None,
        "needs_media": None,
        "rates": [],
    }


def test_answer_is_kept_until_it_changes(client_of: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client_of.get(PLATFORMS)
    etag = first["ETag"]

    again = client_of.get(PLATFORMS, headers={"If-None-Match": etag})
    monkeypatch.setitem(registry.PLATFORMS, "myspace", registry.Entry("MySpace"))
    changed = client_of.get(PLATFORMS, headers={"If-None-Match": etag})

    assert first["Cache-Control"] == "private, no-cache"
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert again["Cache-Control"] == "private, no-cache"
    assert (changed.status_code, changed["ETag"] == etag) == (200, False)


def test_platform_without_our_app_is_not_configured(client_of: APIClient, settings: Settings) -> None:
    """In production; servers of Mastodon take our app by themselves."""
    settings.TWITTER_CLIENT_ID = ""

    without = shown(client_of, "twitter")
    settings.TWITTER_CLIENT_ID = "our-app"
    having = shown(client_of, "twitter")

    assert isinstance(without, dict)
    assert isinstance(having, dict)
    assert (without["configured"], without["built"], having["configured"]) == (False, True, True)
    assert shown(client_of, "mastodon")["configured"]  # type: ignore[index]


def test_anonymous_callers_are_refused() -> None:
    assert APIClient().get(PLATFORMS).status_code == 401
