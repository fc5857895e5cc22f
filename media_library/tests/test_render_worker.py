"""Thumbnails, previews and renditions: made once, whatever happens to who makes them."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from PIL import Image

from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from mastablasta.core.models import Heartbeat
from media_library.codecs.recipes import JPEG, MP4, PNG, WEB, Original, plan
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import render_job, render_worker, renditions
from media_library.tests import working
from media_library.tests.factories import MAKER, clip, make_asset, photo
from webhooks.event_types import CATALOGUE
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

RULE = MediaRule(
    "https://example.org",
    "2026-11-28",
    images=ImageRule((JPEG, PNG), 100_000, max_width=32),
    videos=VideoRule((MP4,), 100_000, max_width=32),
)


def waiting_asset(data: bytes | None = None, **overrides: Any) -> Asset:
    fresh = {"status": AssetStatus.PROCESSING, "thumbnail_name": "", "next_try_at": timezone.now()}
    return make_asset(data=data, **{**fresh, **overrides})


def wanted(asset: Asset, **overrides: Any) -> Rendition:
    recipe = plan(Original.of(asset), RULE)
    renditions.require_all([(asset, recipe)], at=timezone.now())
    rendition = Rendition.objects.get(asset=asset, recipe_key=recipe.key)
    if overrides:
        Rendition.objects.filter(id=rendition.id).update(**overrides)
    return rendition


def work(should_stop: Callable[[], bool] = lambda: False) -> list[UUID]:
    """Works until nothing is due; returns the assets that were said to be settled."""
    settled: list[UUID] = []
    render_worker.work(should_stop=should_stop, on_settled=settled.extend)
    return settled


def make_due() -> None:
    for rows in (Asset.objects, Rendition.objects):
        rows.filter(status=AssetStatus.PROCESSING).update(next_try_at=timezone.now())


def stored(row: Asset | Rendition) -> bytes:
    row.refresh_from_db()
    name = row.thumbnail_name if isinstance(row, Asset) else row.stored_name
    with default_storage.open(name) as file:
        return bytes(file.read())


def test_a_file_that_is_ready_is_told_of() -> None:
    asset = waiting_asset(photo((90, 60)))
    make_endpoint(workspace=asset.workspace, events=["media.ready"])

    work()

    told = json.loads(Event.objects.get().body)["data"]
    assert told == {"media_id": str(asset.id), "filename": asset.filename, "mime_type": "image/jpeg"}
    assert told.keys() == CATALOGUE["media.ready"].example.keys()


# --- what is made ---
@pytest.mark.parametrize("data", [photo((900, 600), orientation=6), clip(size=(320, 240))], ids=["photo", "video"])
def test_asset_gets_its_thumbnail_and_its_preview(data: bytes) -> None:
    asset = waiting_asset(data)

    assert work() == [asset.id]

    asset.refresh_from_db()
    assert (asset.status, asset.status_reason, asset.next_try_at, asset.tries) == ("ready", "", None, 1)
    assert asset.thumbnail_name == f"thumbnails/test/thumb_{asset.id.hex}.jpg"
    web = Rendition.objects.get(asset=asset)
    assert (web.recipe_key, web.status) == (WEB, "ready")
    assert web.stored_name == f"renditions/test/{asset.id.hex}_web.jpg"
    with default_storage.open(asset.thumbnail_name) as file, Image.open(file) as image:
        assert max(image.size) == min(400, max(asset.width, asset.height))
    assert MAKER.encode() not in stored(asset) + stored(web)


def test_rendition_is_made_once_with_its_facts() -> None:
    asset = make_asset()
    rendition = wanted(asset)

    assert work() == [asset.id]
    assert wanted(asset) == rendition
    assert work() == []

    rendition.refresh_from_db()
    assert (rendition.status, rendition.mime_type, rendition.width, rendition.height) == ("ready", JPEG, 32, 24)
    assert rendition.stored_name == f"renditions/test/{asset.id.hex}_{rendition.recipe_key[:12]}.jpg"
    assert rendition.size == len(stored(rendition))
    assert renditions.find([(asset.id, rendition.recipe_key), (asset.id, "other")]) == {
        (asset.id, rendition.recipe_key): rendition
    }


def test_reprocess_makes_again_what_failed_and_what_shows_it() -> None:
    asset = make_asset()
    failed = wanted(asset, status=AssetStatus.FAILED, status_reason="Too bad.", tries=3, next_try_at=None)

    renditions.reprocess(asset, at=timezone.now())

    assert asset.status == AssetStatus.PROCESSING
    assert work() == [asset.id, asset.id]
    failed.refresh_from_db()
    assert (failed.status, failed.status_reason, failed.tries) == ("ready", "", 1)


@pytest.mark.parametrize("count", [1, 3])
def test_find_asks_once(count: int, django_assert_num_queries: Any) -> None:
    pairs = [(row.asset_id, row.recipe_key) for row in (wanted(make_asset()) for _ in range(count))]

    with django_assert_num_queries(1):
        assert len(renditions.find(pairs)) == count


def test_deleted_asset_is_left_alone() -> None:
    asset = waiting_asset(deleted_at=timezone.now())
    wanted(asset)

    assert work() == []
    assert render_worker.next_due_at() is None


def test_next_due_at_is_the_earliest() -> None:
    assert render_worker.next_due_at() is None
    rendition = wanted(make_asset())

    assert render_worker.next_due_at() == Rendition.objects.get(id=rendition.id).next_try_at


# --- what goes wrong ---
def test_file_that_cannot_be_read_fails_at_once() -> None:
    asset = waiting_asset()
    with default_storage.open(asset.stored_name, "rb+") as file:
        file.truncate(700)  # its header is whole, its pixels are not

    assert work() == [asset.id]

    asset.refresh_from_db()
    assert (asset.status, asset.tries) == ("failed", 1)
    assert asset.status_reason == "This picture is damaged and cannot be read. Upload it again."


@pytest.mark.parametrize(
    ("renderer", "reason"),
    [
        ("crashing", "The program that reads this kind of file broke down on it."),
        ("devouring", "There was not enough memory to read or convert this file."),
    ],
)
def test_decoder_that_breaks_down_fails_after_three_tries(
    renderer: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_job, "RENDERER", f"media_library.tests.renderers.{renderer}")
    rendition = wanted(make_asset())

    settled = []
    for expected in ("processing", "processing", "failed"):
        settled += work()
        rendition.refresh_from_db()
        assert (rendition.status, rendition.status_reason) == (expected, reason)
        if expected == "processing":
            assert rendition.next_try_at > timezone.now()  # type: ignore[operator]
        make_due()

    assert settled == [rendition.asset_id]
    assert rendition.tries == 3
    assert wanted(rendition.asset).status == "failed"  # and stays so


def test_row_whose_workers_were_all_killed_fails() -> None:
    asset = waiting_asset(tries=3)

    assert work() == [asset.id]

    asset.refresh_from_db()
    assert (asset.status, asset.status_reason) == ("failed", render_worker.VANISHED)


def test_file_that_is_gone_fails_at_once() -> None:
    asset = waiting_asset()
    default_storage.delete(asset.stored_name)

    work()

    asset.refresh_from_db()
    assert (asset.status, asset.status_reason) == ("failed", render_job.GONE)


def test_recipe_that_nobody_understands_uses_up_its_tries() -> None:
    rendition = wanted(make_asset(), recipe={"of": "another version"})

    for _ in range(3):
        work()
        make_due()

    rendition.refresh_from_db()
    assert (rendition.status, rendition.status_reason) == ("failed", render_job.BROKE_DOWN)


def test_storage_that_is_away_uses_up_no_try(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_INCOMING = tmp_path / "file"
    settings.MEDIA_INCOMING.write_text("no folder")
    asset = waiting_asset()

    assert work() == []

    asset.refresh_from_db()
    assert (asset.status, asset.tries) == ("processing", 0)
    assert asset.next_try_at > timezone.now() + timedelta(seconds=10)  # type: ignore[operator]


def test_outcome_that_cannot_be_told_is_not_written() -> None:
    asset = waiting_asset()

    def broken(_: set[UUID]) -> None:
        raise ValueError("a bug in who is told")

    render_worker.work(should_stop=lambda: False, on_settled=broken)

    asset.refresh_from_db()
    assert (asset.status, asset.tries) == ("processing", 1)
    make_due()
    assert work() == [asset.id]


# --- together, and stopped ---
class Beside:
    """work() in a thread of its own, until its block ends."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.settled: list[UUID] = []
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            render_worker.work(should_stop=self.stop.is_set, on_settled=self.settled.extend)
        finally:
            connection.close()

    def __enter__(self) -> Beside:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def until(condition: Callable[[], Any], within_s: float = 10) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


@pytest.fixture
def _slow_films(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_job, "RENDERER", "media_library.tests.renderers.slow_films")


def decoder_pid() -> int:
    return int(until(lambda: next((p.read_text() for p in django_settings.MEDIA_INCOMING.glob("*.pid")), "")))


@pytest.fixture(autouse=True)
def _no_pids() -> None:
    for path in django_settings.MEDIA_INCOMING.glob("*.pid"):
        path.unlink()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_slow_films")
def test_thumbnail_does_not_wait_for_a_video() -> None:
    film = wanted(make_asset(data=clip(size=(64, 48))))
    with Beside() as beside:
        decoder_pid()
        began = time.monotonic()
        asset = waiting_asset()
        until(lambda: asset.id in beside.settled)
        took_s = time.monotonic() - began
        film.refresh_from_db()

    assert film.status == "processing"
    assert took_s < 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_slow_films")
def test_stop_hands_back_at_once() -> None:
    film = wanted(make_asset(data=clip(size=(64, 48))))
    with Beside() as beside:
        pid = decoder_pid()
        began = time.monotonic()
        beside.stop.set()
        beside.thread.join(10)
        took_s = time.monotonic() - began

    film.refresh_from_db()
    assert took_s < 2
    assert not psutil.pid_exists(pid)
    assert (film.status, film.tries) == ("processing", 0)
    assert film.next_try_at <= timezone.now()  # type: ignore[operator]
    assert not Heartbeat.objects.get(name__startswith="media:").detail["owner"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_slow_films")
def test_one_works_at_a_time_on_a_host() -> None:
    wanted(make_asset(data=clip(size=(64, 48))))
    with Beside():
        decoder_pid()
        asset = waiting_asset(next_try_at=timezone.now() + timedelta(hours=1))
        make_due()

        assert render_worker.work(should_stop=lambda: False, on_settled=lambda _: None) == 0

        until(lambda: Asset.objects.get(id=asset.id).status == "ready")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_slow_films")
def test_work_on_what_is_deleted_ends_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_worker, "RENEW_S", 0.2)
    film = wanted(make_asset(data=clip(size=(64, 48))))
    with Beside() as beside:
        pid = decoder_pid()
        film.delete()
        until(lambda: not psutil.pid_exists(pid))
        beside.thread.join(10)

    assert beside.settled == []


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_the_decoder_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_job, "RENDERER", "media_library.tests.renderers.slow_films")
    monkeypatch.setattr(render_worker, "RENEW_S", 0.2)
    film = wanted(make_asset(data=clip(size=(64, 48))))
    with Beside():
        decoder_pid()
        first = Rendition.objects.get(id=film.id).next_try_at
        until(lambda: Rendition.objects.get(id=film.id).next_try_at > first)  # type: ignore[operator]


# --- killed ---
PROCESSES = multiprocessing.get_context("forkserver")  # Django is loaded once, not by each
PROCESSES.set_forkserver_preload([working.__name__])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kill_at", ["claimed", "made", "half_kept", "kept", "settled", "done"])
def test_kill_loses_nothing_and_leaves_nothing(kill_at: str) -> None:
    asset = waiting_asset()

    process = PROCESSES.Process(target=working.main, args=(connection.settings_dict["NAME"], kill_at))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    Heartbeat.objects.update(at=timezone.now() - render_worker.LEAD - timedelta(seconds=1))
    make_due()
    work()

    asset.refresh_from_db()
    assert (asset.status, asset.tries) == ("ready", 1 if kill_at == "done" else 2)
    assert list(Rendition.objects.values_list("recipe_key", "status")) == [(WEB, "ready")]
    kept = {
        str(path.relative_to(django_settings.MEDIA_ROOT))
        for path in django_settings.MEDIA_ROOT.rglob(f"*{asset.id.hex}*")
    }
    assert kept == {asset.thumbnail_name, Rendition.objects.get().stored_name}
