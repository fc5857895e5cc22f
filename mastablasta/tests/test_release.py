"""A copied database sends nothing, until somebody releases it: `manage.py release`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from mastablasta.core import holds, jobs
from mastablasta.core.models import Heartbeat, InstanceRecord
from mastablasta.ops import health, periodic
from mastablasta.ops.clock import Clock
from posts.engine import publisher
from posts.models import Delivery, Post
from posts.tests.conftest import Connect
from posts.tests.conftest import connected as connected
from posts.tests.factories import make_delivery
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(publisher, "LINGER_S", 0.05)
    for probe in {**health.READY, **health.STATUS}.values():
        probe._last = None
    monkeypatch.setattr(holds, "_last", holds.Answer())
    yield
    holds.forget()


def command(name: str, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    with suppress(SystemExit):  # publish_due: there is more, which this instance may not send
        call_command(name, "--json", *arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def copy_elsewhere(settings: Settings, folder: Path) -> None:
    """Let this process be an instance that found the database of another one."""
    assert not holds.is_held()
    settings.HOME = folder
    holds.forget()


def test_copied_database_sends_nothing_until_it_is_released_and_nothing_twice(
    sandbox: Sandbox, connected: Connect, settings: Settings, tmp_path: Path, client: Client
) -> None:
    now = timezone.now()
    anna = connected()
    make_delivery(anna, due_at=now - timedelta(seconds=1), content="Out before the copy")
    command("publish_due")
    make_delivery(anna, due_at=now - timedelta(minutes=1), content="Due, and sent by the original")
    make_delivery(anna, due_at=now - timedelta(minutes=1), content="Had begun", visible_calls=1)
    make_delivery(anna, due_at=now + timedelta(hours=1), content="Later")
    copy_elsewhere(settings, tmp_path)

    claimed = command("publish_due")["claimed"]
    clock = Clock(lambda: False)
    clock.tick(timezone.now())
    said = client.get("/api/v2/status").json()
    rehearsed, released = command("release", "--dry-run"), command("release")
    again = command("release")

    assert claimed == jobs.waiting()[periodic.DRAIN] == 0
    assert (said["publishing"], said["held"][:44]) == (False, "The database belongs to another instance: it")
    assert rehearsed == released == {"was_held": True, "held": 1, "unconfirmed": 1}
    assert again == {"was_held": False, "held": 0, "unconfirmed": 0}
    command("publish_due")
    assert [post["text"] for post in sandbox.posts()] == ["Out before the copy"]
    states = dict(Delivery.objects.order_by("id").values_list("post__content", "state"))
    assert list(states.values()) == ["published", "held", "unconfirmed", "queued"]
    assert set(Post.objects.values_list("status", flat=True)) == {"published", "scheduled", "unconfirmed"}
    assert "held" not in client.get("/api/v2/status").json()


def test_scheduled_posts_wait_too_where_somebody_wants_it(settings: Settings, tmp_path: Path) -> None:
    delivery = make_delivery(due_at=timezone.now() + timedelta(hours=1))
    copy_elsewhere(settings, tmp_path)

    command("release", "--hold-scheduled")

    delivery.refresh_from_db()
    assert (delivery.state, delivery.error_code) == ("held", "restored")


def test_further_host_of_an_instance_leaves_everything_as_it_is(settings: Settings, tmp_path: Path) -> None:
    delivery = make_delivery(due_at=timezone.now())
    copy_elsewhere(settings, tmp_path)

    command("release", "--further-host")

    delivery.refresh_from_db()
    record = InstanceRecord.objects.get()
    assert (delivery.state, holds.is_held(), len(record.identities)) == ("queued", False, 2)


def test_further_host_joins_by_itself_while_the_instance_is_seen_at_work(settings: Settings, tmp_path: Path) -> None:
    now = timezone.now()
    holds.beat(at=now)
    (at_work,) = Heartbeat.objects.filter(name__startswith=holds.BEATS)
    copy_elsewhere(settings, tmp_path)

    alone = [holds.current_hold() is not None for _ in range(2)]  # a copy has the last beat as well, and no newer one
    Clock(lambda: False).tick(now)
    led = Heartbeat.objects.filter(name="clock").exists()
    Heartbeat.objects.beat(at_work.name, at=now + timedelta(seconds=1))

    assert (alone, led) == ([True, True], False)
    assert holds.current_hold() is None
    assert len(InstanceRecord.objects.get().identities) == 2


def test_hosts_of_one_name_are_one_instance(settings: Settings, tmp_path: Path) -> None:
    settings.INSTANCE_ID = "a name of sixteen"
    copy_elsewhere(settings, tmp_path)

    assert not holds.is_held()
    assert not (tmp_path / "instance_id").exists()


def test_instance_that_cannot_keep_its_identity_is_held_and_says_so(settings: Settings) -> None:
    settings.HOME = Path("/dev/null/home")

    hold = holds.current_hold()

    assert hold is not None
    assert hold.reason.startswith("MASTABLASTA_HOME: /dev/null/home cannot keep the identity of this instance (")


def test_database_is_asked_its_name_once_a_connection() -> None:
    def statements() -> int:
        holds.forget()
        with CaptureQueriesContext(connection) as captured:
            assert not holds.is_held()
        return len(captured)

    holds.is_held()
    assert statements() == 1  # the record of who may send
    connection.close()
    assert statements() == (1 if connection.vendor == "sqlite" else 1 + 4)  # and the name, in a transaction
