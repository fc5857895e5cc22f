"""manage.py webhook_receiver: what it prints of genuine requests and of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from pytest_django.fixtures import Settings

from webhooks.management.commands.webhook_receiver import Command, receiver
from webhooks.sending import Message, send

SECRET = "a secret of this test"


@contextmanager
def running(*, as_json: bool) -> Iterator[tuple[str, StringIO]]:
    command, out = Command(), StringIO()
    command.stdout = OutputWrapper(out)
    handler = receiver(command, secret=SECRET, status=204, as_json=as_json)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", out
        server.shutdown()
        thread.join()


def test_genuine_requests_and_others_are_told_apart(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with running(as_json=True) as (url, out):
        statuses = [
            send(Message(UUID(int=7), '{"event":"ü"}'.encode(), url, [secret])).http_status
            for secret in (SECRET, "a secret of somebody else")
        ]

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert statuses == [204, 401]
    assert [(line["genuine"], line["path"], line["id"], line["body"]) for line in lines] == [
        (genuine, "/hook", str(UUID(int=7)), '{"event":"ü"}') for genuine in (True, False)
    ]
    assert lines[1]["reason"] == "no signature in webhook-signature is of this secret, id, time and body"


def test_people_read_it(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with running(as_json=False) as (url, out):
        send(Message(UUID(int=7), b"{}", url, [SECRET]))

    assert out.getvalue() == f"/hook {UUID(int=7)} genuine\n  {{}}\n"


@pytest.mark.parametrize("arguments", [[], ["--secret", "short"]])
def test_it_asks_for_a_secret(arguments: list[str]) -> None:
    err = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("webhook_receiver", *arguments, stderr=err)

    assert ended.value.code == 2
    assert "--secret" in err.getvalue()
