"""Alt texts: the library keeps the longest that any platform takes; each platform's own limit is its own problem."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.tests.factories import make_account, make_host
from media_library.tests.factories import make_asset
from posts.models import PostMedia

pytestmark = pytest.mark.django_db


def verdict(client: APIClient, workspace: Workspace, platform: str, alt_text: str) -> list[tuple[str, dict[str, Any]]]:
    media = [{"id": str(make_asset(workspace=workspace).id), "alt_text": alt_text}]
    answer = client.post("/api/v2/posts/validate", {"content": "Hello", "platforms": [platform], "media": media})
    assert answer.status_code == 200, answer.content
    [shown] = answer.json()["platforms"][platform]
    return [(one["code"], one["params"]) for one in shown["problems"] if one["code"] != "no_account"]


@pytest.mark.parametrize(("platform", "limit"), [("twitter", 1_000), ("mastodon", 1_500), ("bluesky", 2_000)])
def test_each_platform_has_its_own_limit(client: APIClient, workspace: Workspace, platform: str, limit: int) -> None:
    assert verdict(client, workspace, platform, "x" * limit) == []
    too_long = ("alt_text_too_long", {"limit": limit, "actual": limit + 1})
    assert verdict(client, workspace, platform, "x" * (limit + 1)) == [too_long]


def test_server_that_takes_more_gets_more(client: APIClient, workspace: Workspace) -> None:
    host = make_host(host="roomy.test", info={"limits": {"description_limit": 10_000}})
    make_account(workspace=workspace, platform_host=host)

    assert verdict(client, workspace, "mastodon", "x" * 10_000) == []


def test_library_and_posts_keep_the_widest(client: APIClient, workspace: Workspace) -> None:
    asset = make_asset(workspace=workspace)
    url, widest = f"/api/v2/media/{asset.id}", "x" * 10_000

    kept = client.patch(url, {"alt_text": widest})
    post = client.post("/api/v2/posts", {"content": "a", "media": [{"id": str(asset.id), "alt_text": widest}]})

    assert (kept.status_code, kept.json()["alt_text"], post.status_code) == (200, widest, 201)
    assert PostMedia.objects.get().alt_text == widest
    refused = client.patch(url, {"alt_text": widest + "x"}).json()["errors"]
    assert [(one["field"], one["params"]) for one in refused] == [("alt_text", {"limit": 10_000, "actual": 10_001})]
