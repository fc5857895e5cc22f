"""manage.py deliver_webhooks: the sender for operators and timers."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from mastablasta.core.tests.test_commands import Terminal
from tests.kit.receiver import Receiver, Reply
from webhooks.tests.factories import make_endpoint, make_events

pytestmark = pytest.mark.django_db(transaction=True)


def deliver(*arguments: str) -> tuple[int, dict[str, Any]]:
    out = StringIO()
    try:
        call_command("deliver_webhooks", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_what_is_due_is_sent_once_and_what_failed_waits_for_its_time(receiver: Receiver) -> None:
    good = make_endpoint(f"{receiver.url}/good")
    make_endpoint(f"{receiver.url}/bad", workspace=good.workspace)
    make_events(good.workspace, 2)
    receiver.reply = lambda request: Reply(500 if request.path == "/bad" else 200)

    first, second = deliver(), deliver()

    assert first == (0, {"sent": 3, "states": {"delivered": 2, "pending": 1}, "left": 0, "more_is_due": False})
    assert second == (0, {"sent": 0, "states": {}, "left": 0, "more_is_due": False})
    assert len(receiver.received) == 3


def test_people_see_a_bar_and_read_what_became_of_it(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    make_events(endpoint.workspace, 2)
    out, err = StringIO(), Terminal()

    call_command("deliver_webhooks", stdout=out, stderr=err)

    assert out.getvalue() == "2 sent (2 delivered)\n"
    assert "sending [" in err.getvalue()


def test_time_that_is_up_leaves_the_rest_and_says_so() -> None:
    endpoint = make_endpoint()
    make_events(endpoint.workspace, 1)

    assert deliver("--at-most", "0") == (1, {"sent": 0, "states": {}, "left": 0, "more_is_due": True})
