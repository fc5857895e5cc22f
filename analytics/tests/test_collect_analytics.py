"""manage.py collect_analytics: the collector for operators and timers."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from analytics.models import MetricSample
from analytics.tests.test_collection import publish
from integrations.tests.factories import connect
from mastablasta.core.tests.test_commands import Terminal
from tests.world import Sandbox

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    out = StringIO()
    try:
        call_command("collect_analytics", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_what_is_due_is_read_once_all_of_it_with_now_and_what_fails_is_said(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna", platform="bluesky")
    delivery = publish(account, "One", published_at=timezone.now() - timedelta(hours=1, minutes=1))
    out, err = StringIO(), Terminal()

    call_command("collect_analytics", stdout=out, stderr=err)
    nothing = run()
    sandbox.metrics("bluesky", delivery.remote_id, likes=7)
    everything = run("--now")
    sandbox.fault("bluesky", "metrics", "status_503")
    failed = run("--now")

    assert out.getvalue() == "1 posts of 1 accounts (1 collected)\n"
    assert "collecting [" in err.getvalue()
    assert nothing == (0, {"posts": {}, "accounts": 0, "calls": 0, "lost": 0, "more_is_due": False})
    assert everything == (0, {"posts": {"collected": 1}, "accounts": 1, "calls": 2, "lost": 0, "more_is_due": False})
    assert failed == (1, {"posts": {"failed": 1}, "accounts": 1, "calls": 1, "lost": 0, "more_is_due": True})
    assert list(MetricSample.objects.order_by("collected_at").values_list("likes", flat=True)) == [0, 7]
