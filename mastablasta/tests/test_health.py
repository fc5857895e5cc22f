"""What the program says of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics.collection import queue as collection
from analytics.models import CollectionLane
from analytics.tests.factories import make_published
from integrations.models import Credential
from integrations.tests.factories import make_account, make_credential
from mastablasta.core import jobs
from mastablasta.core.models import PROGRESS, Heartbeat
from mastablasta.environment import fernet_key
from mastablasta.ops import health
from mastablasta.ops.health import Finding, Probe
from media_library.tests.factories import make_asset
from media_library.tests.test_s3 import TROUBLES, use_troubled_storage
from posts.models import Lane
from posts.tests.factories import make_delivery
from tests.kit.raw_server import raw_server
from webhooks.models import EndpointLane
from webhooks.tests.factories import make_delivery as make_webhook_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Each test finds probes that have not looked yet."""
    for probe in {**health.READY, **health.STATUS}.values():
        probe._last = None
    health.STATUS["database"]._last = None


def beat_all() -> None:
    jobs.beat()
    Heartbeat.objects.beat("clock", at=timezone.now())


def broken() -> Finding:
    raise OperationalError("connection to server at 10.1.2.3, user secret, failed")


def test_healthz_answers(client: Client) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "checks": {"process": {"ok": True, "detail": "It answers."}}}


def test_readyz_names_each_check(client: Client) -> None:
    beat_all()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert list(answer.json()["checks"]) == ["database", "migrations", "storage", "worker", "clock", "due_work"]
    assert all(check["ok"] for check in answer.json()["checks"].values())


def test_readyz_is_red_without_heartbeats(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert [name for name in checks if not checks[name]["ok"]] == ["worker", "clock"]


@pytest.mark.parametrize("name", ["q2", "clock"])
def test_readyz_is_red_when_a_heartbeat_is_old(client: Client, name: str) -> None:
    beat_all()
    Heartbeat.objects.beat(name, at=timezone.now() - timedelta(seconds=26))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert [each["ok"] for each in answer.json()["checks"].values()].count(False) == 1


def test_readyz_for_web_leaves_workers_out(client: Client) -> None:
    answer = client.get("/readyz?for=web")

    assert answer.status_code == 200
    assert list(answer.json()["checks"]) == ["database", "migrations", "storage"]


def test_readyz_is_red_when_due_work_does_not_move(client: Client) -> None:
    beat_all()
    make_delivery(due_at=timezone.now() - timedelta(seconds=20))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["due_work"]["detail"] == "Due, and nobody is at it."


@pytest.mark.parametrize(("progress_s", "late_s", "status"), [(10, 3600, 200), (3600, 10, 200), (20, 20, 503)])
def test_readyz_is_green_while_something_comes_of_a_drain(
    client: Client, progress_s: int, late_s: int, status: int
) -> None:
    beat_all()
    now = timezone.now()
    make_delivery(due_at=now - timedelta(seconds=late_s))
    Heartbeat.objects.beat("drain:host:1", at=now)
    Heartbeat.objects.beat(PROGRESS, at=now - timedelta(seconds=progress_s))

    answer = client.get("/readyz")

    detail = "1 at work." if status == 200 else "1 at work, and nothing comes of it."
    assert (answer.status_code, answer.json()["checks"]["due_work"]["detail"]) == (status, detail)


def test_readyz_is_red_when_nothing_ever_came_of_a_drain(client: Client) -> None:
    beat_all()
    make_delivery(due_at=timezone.now() - timedelta(seconds=20))
    Heartbeat.objects.beat("drain:host:1", at=timezone.now())

    assert client.get("/readyz").json()["checks"]["due_work"]["ok"] is False


@pytest.mark.parametrize("state", ["held", "blocked", "unconfirmed"])
def test_work_that_waits_for_somebody_else_is_not_stuck(client: Client, state: str) -> None:
    beat_all()
    make_delivery(due_at=None, state=state)

    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "lane", [{"is_parked": True, "ready_at": None}, {"ready_at": datetime(2099, 1, 1, tzinfo=UTC)}], ids=str
)
def test_account_that_may_not_be_called_now_is_not_stuck(client: Client, lane: dict[str, object]) -> None:
    beat_all()
    delivery = make_delivery(due_at=timezone.now() - timedelta(hours=1))
    Lane.objects.filter(account=delivery.account_id).update(**lane)

    assert client.get("/readyz").status_code == 200


def test_migration_that_is_not_applied_is_red(client: Client) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    MigrationRecorder.Migration.objects.filter(app="core").exclude(name="0001_initial").delete()

    check = client.get("/readyz?for=web").json()["checks"]["migrations"]

    assert not check["ok"]
    assert check["detail"].endswith(" migrations are not applied.")


def test_broken_database_says_nothing_of_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health.READY, "database", Probe(broken, 1, 1))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "10.1.2.3" not in answer.text
    assert "secret" not in answer.text
    assert answer.json()["checks"]["storage"]["detail"] == "Not asked, for what is wrong above."


@pytest.mark.parametrize("path", ["/api/v2/status", "/api/v2/status/"])
def test_status_has_the_promised_fields(client: Client, path: str) -> None:
    beat_all()

    answer = client.get(path)

    assert answer.status_code == 200
    body = answer.json()
    assert datetime.now(UTC) - datetime.fromisoformat(body.pop("timestamp")) < timedelta(seconds=10)
    assert body == {
        "database": True,
        "publishing": True,
        "oauth": True,
        "media": True,
        "analytics": True,
        "webhooks": True,
        "mode": "development",
    }
    assert answer.text.count('Z"') == 1


@pytest.mark.parametrize("missing", ["clock", "q2", "drain"])
def test_status_says_that_nothing_goes_out(client: Client, missing: str) -> None:
    beat_all()
    if missing == "drain":
        make_delivery(due_at=timezone.now() - timedelta(seconds=20))
    else:
        Heartbeat.objects.filter(name=missing).update(at=timezone.now() - timedelta(seconds=26))

    answer = client.get("/api/v2/status")

    assert (answer.status_code, answer.json()["publishing"]) == (200, False)


def test_status_says_whether_figures_are_read(client: Client) -> None:
    make_published(published_at=timezone.now() - timedelta(hours=1))
    collection.plan_lately_published(at=timezone.now() - timedelta(minutes=6))

    nobody = health.analytics()
    Heartbeat.objects.beat("collector:w1", at=timezone.now())
    somebody = health.analytics()
    CollectionLane.objects.update(blocked_until=timezone.now() + timedelta(hours=1))
    waits = health.analytics()

    assert (nobody.ok, somebody.ok, waits.ok) == (False, True, True)
    assert (nobody.detail, waits.detail) == ("Figures are due, and nobody reads them.", "No figures are due.")


def test_status_says_whether_webhooks_are_sent(client: Client) -> None:
    make_webhook_delivery()
    EndpointLane.objects.update(ready_at=timezone.now() - timedelta(seconds=20))

    nobody = health.webhooks()
    Heartbeat.objects.beat("webhooks:w1", at=timezone.now())
    somebody = health.webhooks()

    assert (nobody.ok, nobody.detail) == (False, "Events wait to be sent, and nobody is at it.")
    assert (somebody.ok, somebody.detail) == (True, "1 at work.")


def test_status_is_503_without_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health.STATUS, "database", Probe(broken, 1, 1))

    answer = client.get("/api/v2/status")

    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["oauth"]) == (False, False)


@pytest.mark.parametrize(
    ("late_s", "at_work", "flag"), [(-60, False, True), (5, False, True), (20, False, False), (3600, True, True)]
)
def test_media_is_false_when_nobody_makes_what_is_due(client: Client, late_s: int, at_work: bool, flag: bool) -> None:
    now = timezone.now()
    make_asset(status="processing", next_try_at=now - timedelta(seconds=late_s))
    if at_work:
        Heartbeat.objects.beat("media:host", at=now)

    assert client.get("/api/v2/status").json()["media"] is flag


def test_media_is_false_when_files_cannot_be_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health.STATUS, "media", Probe(broken, 1, 1))

    assert client.get("/api/v2/status").json()["media"] is False


def test_oauth_is_false_when_stored_tokens_cannot_be_read(client: Client, settings: pytest.FixtureRequest) -> None:
    make_account()
    settings.ENCRYPTION_KEYS = [fernet_key()]  # type: ignore[attr-defined]

    assert client.get("/api/v2/status").json()["oauth"] is False


def test_oauth_is_false_when_older_tokens_are_of_a_key_that_was_taken_away(settings: Settings) -> None:
    first, second = [make_account(credential=make_credential()).credential for _ in "12"]
    keys = [fernet_key(), *settings.ENCRYPTION_KEYS]
    settings.ENCRYPTION_KEYS = keys[:1]
    make_account()  # of the new key
    Credential.objects.filter(id=first.id).update(access_enc="of the new key, too", refreshed_at=timezone.now())

    taken_away = health.oauth()
    settings.ENCRYPTION_KEYS = keys
    put_back = health.oauth()

    assert not taken_away.ok
    assert "put that key back" in taken_away.detail
    assert Credential.objects.get(id=second.id).refreshed_at is None
    assert put_back.ok


# --- probes ---


def counted(ok: bool = True) -> tuple[Callable[[], Finding], list[int]]:
    looks: list[int] = []

    def look() -> Finding:
        looks.append(1)
        time.sleep(0.05)
        return Finding(ok, "")

    return look, looks


def test_probe_looks_once_however_many_ask() -> None:
    look, looks = counted()
    probe = Probe(look, keep_s=10, keep_bad_s=10)
    threads = [threading.Thread(target=probe.finding) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looks) == 1


@pytest.mark.parametrize(("ok", "expected"), [(True, 1), (False, 2)])
def test_probe_keeps_a_bad_finding_for_its_own_time(ok: bool, expected: int) -> None:
    look, looks = counted(ok)
    probe = Probe(look, keep_s=10, keep_bad_s=0)

    probe.finding()
    probe.finding()

    assert len(looks) == expected


def test_probe_that_does_not_come_back_is_bad() -> None:
    release = threading.Event()

    def hang() -> Finding:
        release.wait(10)
        return Finding(True, "")

    probe = Probe(hang, keep_s=0, keep_bad_s=0)
    probe._last = Finding(True, "")
    looker = threading.Thread(target=probe.finding)
    looker.start()
    try:
        while not probe._began_at:
            time.sleep(0.01)
        meanwhile = probe.finding()
        probe._began_at -= health.STUCK_S
        after = probe.finding()
    finally:
        release.set()
        looker.join()

    assert meanwhile.ok
    assert after == Finding(False, "It does not answer.")


@pytest.mark.parametrize("trouble", ["silent", "breaks off"])
def test_storage_that_hangs_is_red_in_time(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(health, "STORAGE_S", 0.3)
    monkeypatch.setattr(health, "STORAGE_LOOK", health.StorageLook())
    with raw_server(TROUBLES[trouble]) as server:
        use_troubled_storage(settings, server.url)
        began = time.monotonic()

        ready, status = client.get("/readyz?for=web"), client.get("/api/v2/status")

    assert (ready.status_code, ready.json()["checks"]["storage"]["ok"]) == (503, False)
    assert (status.status_code, status.json()["media"]) == (200, False)
    assert time.monotonic() - began < 4
