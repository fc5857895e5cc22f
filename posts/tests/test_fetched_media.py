"""Files that a platform fetches from this server instead of being sent them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.checks import files_can_be_fetched
from integrations.contract import MediaUse, Published
from integrations.platforms.mastodon.connector import MastodonConnector
from integrations.tests.factories import connect
from mastablasta.ops import tasks
from media_library.models import Rendition
from media_library.tests.factories import clip, make_asset
from posts.models import Delivery
from posts.tests.test_publishing import run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[MediaUse]:
    """What a connector gets of files at a Mastodon that fetches pictures, and takes videos as bytes."""
    found: list[MediaUse] = []
    real = MastodonConnector.media_rule.__func__  # type: ignore[attr-defined]

    def by_url(cls: type, *args: Any) -> Any:
        rule = real(cls, *args)
        return rule and replace(rule, by_url=("image",))

    def publish(self: MastodonConnector, step: Any, *, progress: Any) -> Published:
        found.extend(step.part.media)
        return Published("1")

    monkeypatch.setattr(MastodonConnector, "media_rule", classmethod(by_url))
    monkeypatch.setattr(MastodonConnector, "publish", publish)
    return found


def publish(sandbox: Sandbox, workspace: Workspace, data: bytes | None = None) -> Delivery:
    connect(sandbox, workspace=workspace)
    asset = make_asset(workspace=workspace) if data is None else make_asset(workspace=workspace, data=data)
    client = signed_in(Membership.objects.get(workspace=workspace).user)
    body = {"content": "Look", "platforms": ["mastodon"], "media": [str(asset.id)], "publish": True}
    assert client.post("/api/v2/posts", body, format="json").status_code == 201
    tasks.work_on_media()
    delivery = Delivery.objects.get()
    run_until_settled(delivery)
    return delivery


def test_picture_is_named_by_a_link_that_anybody_can_follow_for_a_day(
    sandbox: Sandbox, used: list[MediaUse], settings: Settings
) -> None:
    delivery = publish(sandbox, make_workspace())

    [use] = used
    assert (delivery.state, use.path) == ("published", "")
    assert use.url.startswith(f"{settings.PUBLIC_URL}/api/v2/media/links/renditions/")
    assert use.url not in repr(use)
    got = APIClient().get(use.url.removeprefix(settings.PUBLIC_URL))
    rendition = Rendition.objects.get()
    assert (got.status_code, len(b"".join(got.streaming_content)), use.size) == (200, rendition.size, rendition.size)
    expires = int(use.url.partition("expires=")[2].partition("&")[0])
    lasts = timedelta(seconds=expires - timezone.now().timestamp())
    assert timedelta(hours=24, minutes=59) < lasts < timedelta(hours=25, minutes=11)


def test_kinds_that_are_not_fetched_come_as_files(sandbox: Sandbox, used: list[MediaUse]) -> None:
    publish(sandbox, make_workspace(), clip())

    [use] = used
    assert (use.kind, use.url, bool(use.path)) == ("video", "", True)


# --- what an operator is told ---
def test_operator_is_told_that_such_a_platform_calls_https_only(settings: Settings) -> None:
    settings.IS_DEVELOPMENT = False

    [warning] = files_can_be_fetched()

    assert (warning.id, "PUBLIC_URL: media for Instagram is fetched" in warning.msg) == ("mastablasta.W006", True)
    settings.IS_HTTPS = True
    assert files_can_be_fetched() == []
    settings.IS_HTTPS, settings.META_APP_ID, settings.INSTAGRAM_APP_ID = False, "", ""
    assert files_can_be_fetched() == []  # nobody can connect an account of it
    call_command("check", deploy=True, fail_level="CRITICAL")
