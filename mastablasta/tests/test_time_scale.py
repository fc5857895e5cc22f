"""What docs/architecture.md and docs/reliability.md promise of waits, and that TIME_SCALE reaches each of them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from integrations.contract import Target
from mastablasta.core.backoff import retry_wait
from mastablasta.ops import periodic
from posts.engine.sender import hold_s, visibility_lag_s
from tests.__main__ import ROOT, clean_environment
from tests.checks import PRODUCTION

PROMISED_S: Mapping[str, float | list[float]] = {
    "posts.queue.claims.LEASE": 20,
    "posts.engine.publisher.RENEW_S": 5,
    "posts.engine.outcomes.LOOKS_S": [2, 5, 10, 20, 40, 80],
    "posts.engine.outcomes.LONGEST_GAP_S": 60,
    "posts.engine.outcomes.GIVES_UP_AFTER": 3600,
    "settle_s mastodon": 5,
    "settle_s twitter": 30,
    "settle_s bluesky": 0,
    "settle_s facebook": 60,
    "settle_s youtube": 30,
    "settle_s instagram": 60,
    "settle_s linkedin": 30,
    "hold_s mastodon": 60,
    "hold_s twitter": 60,
    "hold_s bluesky": 0,
    "hold_s facebook": 60,
    "hold_s youtube": 60,
    "hold_s instagram": 60,
    "hold_s linkedin": 60,
    "integrations.services.circuits.SHORTEST_PROBE_S": 2,
    "integrations.services.circuits.LONGEST_PROBE_S": 60,
    "retries": [1, 2, 4, 8, 16, 32, 60, 60],
    "chore q2": 5,
    "chore unpark_lanes": 2,
    "mastablasta.core.outbound.http.TIMEOUT_S": 10,
    "mastablasta.core.outbound.connections.UNACKNOWLEDGED_S": 15,
    "mastablasta.ops.health.SILENT": 25,
    "mastablasta.ops.health.LATE": 15,
    "mastablasta.ops.health.STATUS_KEEP_S": 10,
    "mastablasta.ops.runner.FIRST_DELAY_S": 1,
    "mastablasta.ops.runner.LONGEST_DELAY_S": 10,
    "mastablasta.ops.runner.STABLE_S": 30,
    "media_library.services.render_worker.LEASE": 30,
    "media_library.services.render_worker.RENEW_S": 5,
    "analytics.collection.queue.LEASE": 60,
    "analytics.collection.collector.RENEW_S": 15,
}
# A busy machine needs these; they are not shortened.
AS_THEY_ARE_S: Mapping[str, float] = {
    "mastablasta.ops.clock.LEAD": 3,
    "mastablasta.ops.clock.GRACE_S": 2,
    "mastablasta.core.jobs.cluster.PATIENCE_S": 5,
    "mastablasta.core.jobs.cluster.SILENCE": 20,
    "posts.engine.publisher.HOSTS_S": 1,
    "posts.engine.publisher.STOP_S": 12,
}
CHECKED = "from mastablasta.checks import setup_is_right; print(*setup_is_right())"  # of `check`, without all apps
SAID = f"import {__name__} as test, json; print(json.dumps(test.waits()))"


def waits() -> dict[str, float | list[float]]:
    """What this process waits, by the names above."""
    found: dict[str, float | list[float]] = {}
    for name in (*PROMISED_S, *AS_THEY_ARE_S):
        kind, _, of = name.partition(" ")
        if kind == "settle_s":
            found[name] = visibility_lag_s(of)
        elif kind == "hold_s":
            found[name] = hold_s(of, Target("https://m.test", "m.test", "1", "@a@m.test"))
        elif kind == "chore":
            found[name] = next(
                periodic_task.period_s for periodic_task in periodic.PERIODIC_TASKS if periodic_task.name == of
            )
        elif kind == "retries":
            found[name] = [retry_wait(tries).total_seconds() for tries in range(1, 9)]
        else:
            module, _, constant = name.rpartition(".")
            value = getattr(importlib.import_module(module), constant)
            value = value.total_seconds() if isinstance(value, timedelta) else value
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def test_waits_are_as_promised() -> None:
    assert settings.TIME_SCALE == 1
    assert waits() == {**PROMISED_S, **AS_THEY_ARE_S}


def test_time_scale_reaches_every_wait_and_keeps_what_a_busy_machine_needs(tmp_path: Path) -> None:
    environment = clean_environment(tmp_path, TIME_SCALE="0.25", DJANGO_SETTINGS_MODULE="tests.settings")

    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {SAID}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    quarter = {
        name: [one / 4 for one in value] if isinstance(value, list) else value / 4 for name, value in PROMISED_S.items()
    }
    assert json.loads(done.stdout) == {**quarter, **AS_THEY_ARE_S}


@pytest.mark.parametrize(
    ("value", "given", "complaint"),
    [
        ("0.25", PRODUCTION, "mastablasta.E009) TIME_SCALE: is for tests"),
        ("0", {}, "mastablasta.E003) TIME_SCALE: '0' is not a number above 0 and up to 1"),
        ("half", {}, "mastablasta.E003) TIME_SCALE: 'half' is not a number above 0 and up to 1"),
    ],
)
def test_time_scale_is_refused_in_production_and_where_it_is_no_scale(
    tmp_path: Path, value: str, given: Mapping[str, str], complaint: str
) -> None:
    environment = clean_environment(tmp_path, MASTABLASTA_HOME=str(tmp_path), TIME_SCALE=value, **given)
    environment["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"

    done = subprocess.run(
        [sys.executable, "-c", CHECKED],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert complaint in done.stdout
