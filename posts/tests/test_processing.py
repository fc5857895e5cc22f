"""drain() with files: uploads, what the platform works on, and polls that fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from integrations.contract import Content, MediaUse
from integrations.models import PlatformHost, SocialAccount
from integrations.services import circuits
from posts.engine import job_loader, publisher
from posts.engine.publisher import drain
from posts.models import Attempt, Delivery
from posts.queue import claims
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.kit.media_contract import MediaFolder, row
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Attach = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Attach:
    """Let every delivery carry these files in its first part."""
    composed = job_loader.content_for

    def attach(*media: MediaUse) -> None:
        def content_for(*args: Any, **how: Any) -> Content:
            content = composed(*args, **how)
            return replace(content, parts=(replace(content.parts[0], media=media), *content.parts[1:]))

        monkeypatch.setattr(job_loader, "content_for", content_for)

    return attach


def publish(account: SocialAccount) -> Delivery:
    return make_delivery(account, due_at=timezone.now(), content="Look", is_one_step=False)


def run(delivery: Delivery, seconds: float = 30.0) -> None:
    """Drain until it is settled, letting go what waits, as the clock does."""
    ends_at = time.monotonic() + seconds
    states = ["queued", "sending", "processing", "unknown", "blocked"]

    def is_over() -> bool:
        return time.monotonic() > ends_at or not Delivery.objects.filter(id=delivery.id, state__in=states).exists()

    while not is_over():
        claims.unpark_lanes()
        drain(worker="test", should_stop=is_over, threads=4)
    delivery.refresh_from_db()


def looks(delivery: Delivery) -> list[tuple[str, str | None]]:
    return list(Attempt.objects.filter(delivery=delivery).order_by("number").values_list("kind", "outcome"))


def test_video_is_out_when_the_server_has_finished(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach
) -> None:
    use = folder.video(alt_text="A cat")
    attach(use)
    delivery = publish(connected())

    run(delivery)

    [post] = sandbox.posts()
    assert (delivery.state, delivery.remote_id, post["media"]) == ("published", post["id"], [row(use)])
    assert looks(delivery) == [("send", "pending"), ("poll", "published")]
    assert (delivery.visible_calls, delivery.tries) == (1, 0)


def test_polls_that_find_nobody_use_up_the_retries(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach, settings: Settings
) -> None:
    settings.TIME_SCALE = 0.05
    attach(folder.video())
    delivery = publish(connected())
    sandbox.instance("mastodon", video_processing_ms=60_000)
    drain(worker="test", should_stop=lambda: Attempt.objects.filter(outcome="pending").exists(), threads=1)
    sandbox.fault("mastodon", "upload", "status_500", times=100)

    run(delivery)

    assert (delivery.state, delivery.error_code, delivery.error_retryable) == ("failed", "server_error", True)
    assert looks(delivery) == [("send", "pending"), *[("poll", "unavailable")] * 4]
    waits = [
        attempt.retry_at - attempt.ended_at
        for attempt in Attempt.objects.filter(retry_at__isnull=False).order_by("number")
    ]
    assert waits == [timedelta(seconds=seconds * 0.05) for seconds in (1, 2, 4)]
    assert sandbox.posts() == []


def test_poll_of_a_host_that_is_silent_waits_for_it_and_uses_no_retry(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "OPENS_AFTER", 1)
    use = folder.video()
    attach(use)
    delivery = publish(connected())
    drain(worker="test", should_stop=lambda: Attempt.objects.filter(outcome="pending").exists(), threads=1)
    sandbox.fault("mastodon", "upload", "status_503", times=100)

    drain(worker="test", should_stop=lambda: PlatformHost.objects.filter(failures__gt=0).exists(), threads=1)
    delivery.refresh_from_db()
    waiting = delivery.state, delivery.tries, delivery.error_code
    sandbox.clear_faults()
    run(delivery)

    assert waiting == ("processing", 0, "host_silent")
    assert (delivery.state, delivery.tries, delivery.error_code) == ("published", 0, "")
    assert sandbox.posts()[0]["media"] == [row(use)]


def test_lost_answer_of_a_poll_that_made_it_visible_is_looked_for(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach
) -> None:
    sandbox.limits(idempotency=False)
    attach(folder.video())
    delivery = publish(connected())
    sandbox.fault("mastodon", "publish", "accept_then_reset")

    run(delivery)

    [post] = sandbox.posts()
    assert (delivery.state, delivery.remote_id) == ("published", post["id"])
    assert looks(delivery) == [("send", "pending"), ("poll", "unknown"), ("reconcile", "published")]


def test_video_goes_on_where_a_dead_worker_stood(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach
) -> None:
    use = folder.video()
    attach(use)
    delivery = publish(connected())
    sandbox.instance("mastodon", video_processing_ms=500)
    drain(worker="test", should_stop=lambda: Attempt.objects.filter(outcome="pending").exists(), threads=1)
    delivery.refresh_from_db()
    held = delivery.progress or {}

    run(delivery)

    uploads = [call for call in sandbox.requests("mastodon") if call["path"].endswith("/api/v2/media")]
    assert (list(held["media"]), len(uploads)) == (["0"], 1)
    assert sandbox.posts()[0]["media"] == [row(use)]


# --- calls that take long ---


def test_drain_whose_time_is_up_waits_for_an_upload(
    sandbox: Sandbox, connected: Connect, folder: MediaFolder, attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "STOP_S", 0.1)
    attach(folder.picture())
    delivery = publish(connected())
    sandbox.fault("mastodon", "upload", "slow", ms=800)

    report = drain(worker="test", at_most_s=0.3, threads=1)

    delivery.refresh_from_db()
    assert (report.left, delivery.state, len(sandbox.posts())) == (0, "published", 1)


@pytest.mark.parametrize(("at_most_s", "threads"), [(0.2, 2), (50.0, 3)])  # threads of the first are still busy
def test_drain_that_is_told_to_stop_leaves_a_long_upload_to_a_successor(
    sandbox: Sandbox,
    connected: Connect,
    folder: MediaFolder,
    attach: Attach,
    monkeypatch: pytest.MonkeyPatch,
    at_most_s: float,
    threads: int,
) -> None:
    monkeypatch.setattr(publisher, "STOP_S", 0.1)
    attach(folder.picture())
    delivery = publish(connected())
    sandbox.fault("mastodon", "upload", "slow", ms=2_000)
    stops_at = time.monotonic() + 0.6

    report = drain(worker="test", should_stop=lambda: time.monotonic() > stops_at, at_most_s=at_most_s, threads=threads)

    delivery.refresh_from_db()
    assert (report.left, delivery.state, delivery.sent_at) == (1, "sending", None)
    assert time.monotonic() < stops_at + 1
    assert sandbox.posts() == []
