"""manage.py publish_due: the drain for operators."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from mastablasta.core.tests.test_commands import Terminal
from posts.models import Delivery
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def publish_due(*arguments: str) -> tuple[int, dict[str, Any]]:
    out = StringIO()
    try:
        call_command("publish_due", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_what_is_due_goes_out_once_and_the_rest_stays(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    make_delivery(account, due_at=timezone.now() - timedelta(seconds=1), content="Due")
    make_delivery(account, due_at=timezone.now() + timedelta(hours=1), content="Later")

    first, second = publish_due(), publish_due()

    report = {"claimed": 1, "settled": 1, "handed_back": 0, "left": 0, "states": {"published": 1}}
    nothing = {**report, "claimed": 0, "settled": 0, "states": {}}
    assert (first, second) == ((0, {**report, "more_is_due": False}), (0, {**nothing, "more_is_due": False}))
    assert [post["text"] for post in sandbox.posts()] == ["Due"]
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["published", "queued"]


def test_time_that_is_up_leaves_the_rest_and_says_so(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    for number in range(3):
        make_delivery(account, due_at=timezone.now() - timedelta(seconds=1), content=f"number {number}")
    sandbox.latency(300)

    status, report = publish_due("--at-most", "0.2")

    assert (status, report["more_is_due"], len(sandbox.posts())) == (1, True, 1)


def test_people_see_a_bar_and_read_what_became_of_it(sandbox: Sandbox, connected: Connect) -> None:
    make_delivery(connected(), due_at=timezone.now() - timedelta(seconds=1), content="Due")
    make_delivery(connected("bert"), due_at=timezone.now() - timedelta(seconds=1), content="Refused")
    sandbox.fault("mastodon", "publish", "reject_content")
    out, seen, piped = StringIO(), Terminal(), StringIO()

    call_command("publish_due", stdout=out, stderr=seen)
    call_command("publish_due", stdout=out, stderr=piped)

    assert out.getvalue().splitlines() == [
        "2 settled (1 published, 1 rejected), 0 handed back, 0 still under way",
        "0 settled, 0 handed back, 0 still under way",
    ]
    assert "2 of 2" in seen.getvalue()
    assert piped.getvalue() == ""
