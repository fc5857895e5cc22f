"""`manage.py doctor`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat
from mastablasta.ops import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    for probe in {**health.READY, **health.STATUS}.values():
        probe._last = None


def test_healthy_instance_is_told_so() -> None:
    jobs.beat()
    Heartbeat.objects.beat("clock", at=timezone.now())
    out = io.StringIO()

    call_command("doctor", "--json", stdout=out)

    answer = json.loads(out.getvalue())
    assert answer["ok"]
    assert {row["level"] for row in answer["findings"]} == {"ok"}


def test_each_fault_has_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out, no_color=True)

    assert ended.value.code == 1
    faults = [line for line in out.getvalue().splitlines() if line.startswith("fault")]
    assert faults == [
        "fault  worker: No heartbeat has come through the queue yet. "
        "To mend it: start `manage.py run_worker`, or `manage.py up`.",
        "fault  clock: No clock has run yet. To mend it: start `manage.py run_clock`, or `manage.py up`.",
    ]
