"""What a project of Sentry's is told of errors, and what it is never told."""

from __future__ import annotations

import gzip
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings

from mastablasta.core.logs import logging_config
from tests.kit.receiver import Receiver, Reply, receiving

CANARY = "canary-5f2c9d71e0"


@pytest.fixture
def project() -> Iterator[Receiver]:
    """A project that this process reports to."""
    with receiving() as project:
        dsn = project.url.replace("://", "://5f2c9d71e0@") + "/7"
        logging.config.dictConfig(logging_config("json", "", reports_to=dsn))
        yield project
        logging.config.dictConfig(settings.LOGGING)


def told(project: Receiver) -> list[dict[str, Any]]:
    """The events that have arrived, all that were reported."""
    for handler in logging.getLogger().handlers:
        handler.close()
    events = []
    for request in project.received:
        assert request.path == "/api/7/envelope/"
        assert "sentry_key=5f2c9d71e0" in request.headers["x-sentry-auth"]
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        events.append(json.loads(body.splitlines()[2]))
    return events


def refuse(said: str) -> None:
    raise ValueError(said)


def test_an_error_is_told_with_its_fields_and_its_traceback_and_no_secret(project: Receiver) -> None:
    log = structlog.get_logger("posts.engine")
    said = f"refused: Authorization: Bearer {CANARY}"  # a frame's variables may hold anything
    with structlog.contextvars.bound_contextvars(request_id="of-this-request"):
        try:
            refuse(said)
        except ValueError:
            log.exception("drain_failed", account="ada", access_token=CANARY, answer={"cookie": CANARY})
    logging.getLogger("django").error("At https://host/feed?access_token=%s", CANARY)
    log.warning("retried")
    log.info("published")

    first, second = told(project)
    assert first["logentry"]["formatted"] == "drain_failed"
    assert (first["level"], first["logger"]) == ("error", "posts.engine")
    assert first["tags"] == {"request_id": "of-this-request"}
    assert first["extra"]["account"] == "ada"
    [raised] = first["exception"]["values"]
    assert (raised["type"], raised["stacktrace"]["frames"][-1]["function"]) == (
        "ValueError", "refuse",
    )  # fmt: skip
    assert second["logentry"]["formatted"].startswith("At https://host/feed?access_token=")
    assert (first["release"], first["environment"]) == (settings.VERSION, "development")
    assert CANARY not in json.dumps([first, second])


@pytest.mark.parametrize(("status", "asked"), [(429, 1), (500, 3)])
def test_a_project_that_takes_nothing_stops_nobody(project: Receiver, status: int, asked: int) -> None:
    project.reply = lambda _: Reply(status, headers={"Retry-After": "60"})
    log = structlog.get_logger("posts.engine")
    for number in range(3):
        log.error("drain_failed", number=number)

    assert len(told(project)) == asked  # nothing while it asks for patience, and nothing about what it did not take
