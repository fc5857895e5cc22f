"""What must never be in a log, in every way it could get there."""

from __future__ import annotations

import json
import logging
import logging.config
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from django.test import Client

from mastablasta.core.logs import SharedFileHandler, clean_text, logging_config

CANARY = "canary-5f2c9d71e0"


@pytest.fixture(params=["json", "console"])
def read_log(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Log into a file in both formats, and read it."""
    from django.conf import settings

    file = tmp_path / "app.log"
    logging.config.dictConfig(logging_config(request.param, str(file)))
    yield file.read_text
    logging.config.dictConfig(settings.LOGGING)


@pytest.mark.parametrize(
    "fields",
    [
        {"password": CANARY},
        {"headers": {"Authorization": f"Bearer {CANARY}"}},
        {"headers": {"Cookie": f"sessionid={CANARY}; csrftoken={CANARY}"}},
        {"answer": {"grant": [{"access_token": CANARY, "refresh_token": CANARY}]}},
        {"url": f"https://host/callback?code={CANARY}&state={CANARY}"},
        {"url": f"https://host/feed?access_token={CANARY}&page=2"},
        {"database": f"postgres://user:{CANARY}@host/name"},
        {"body": json.dumps({"client_secret": CANARY})},
        {"body": json.dumps({"app_password": CANARY}).encode()},
        {"note": f"key mb_{CANARY} was used"},
        {"note": f"Authorization: Basic {CANARY}"},
        {"X-API-Key": CANARY},
        {"parts": ({"jwt": CANARY},)},
        {"settings": {"ENCRYPTION_KEY": CANARY, "DATABASE_URL": CANARY}},
    ],
)
def test_log_holds_no_secret(read_log: Callable[[], str], fields: dict[str, object]) -> None:
    structlog.get_logger("test").warning("something_happened", **fields)

    assert "something_happened" in read_log()
    assert CANARY not in read_log()


def test_log_holds_no_secret_of_an_exception(read_log: Callable[[], str]) -> None:
    try:
        int(f"{{'access_token': '{CANARY}'}}")
    except ValueError:
        structlog.get_logger("test").exception("it_failed")
        logging.getLogger("library").exception("it failed too")

    assert "ValueError" in read_log()
    assert CANARY not in read_log()


def test_log_holds_no_secret_of_a_library(read_log: Callable[[], str]) -> None:
    logging.getLogger("library").warning("GET %s", f"/oauth/callback?code={CANARY}", extra={"token": CANARY})

    assert "/oauth/callback" in read_log()
    assert CANARY not in read_log()


@pytest.mark.parametrize(
    "text",
    [
        *(f"{name}: {CANARY}" for name in ("API-Key", "apikey", "x_api_key", "PASSWD", "dbPassword", "session-id")),
        *(f"{name}={CANARY}" for name in ("code_verifier", "clientAssertion", "REDIS_URL", "private-key", "my_jwt_1")),
        f"GET /x?OAuth_Token={CANARY}",
        f"token {CANARY}",
        f"BASIC {CANARY}",
        f"Postgres://me:{CANARY}@db",
        f"the key mb_{CANARY}",
        f"eyJ{CANARY}.{CANARY}.",
        f"\u017fecret={CANARY}",  # what a case-blind search takes for an s
    ],
)
def test_secret_inside_a_text_goes(text: str) -> None:
    assert CANARY not in clean_text(text)


def test_text_without_secrets_stays() -> None:
    text = "published 3 posts to mastodon in 200 ms; state=published credential_id=0190 page?limit=50&offset=0"

    assert clean_text(text) == text


def _write(path: str, name: str) -> None:
    handler = SharedFileHandler(path, max_bytes=4_000, kept=50)
    for number in range(200):
        handler.emit(logging.LogRecord("test", logging.INFO, "", 0, f"{name} {number} {'x' * 50}", None, None))


def test_several_processes_share_a_rotating_file(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(file), name)) for name in ("a", "b")]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    lines = [line for each in tmp_path.iterdir() for line in each.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {number} {'x' * 50}" for name in "ab" for number in range(200))
    assert all(each.stat().st_size <= 4_200 for each in tmp_path.iterdir())
    assert file.stat().st_mode & 0o777 == 0o600


# --- how much ---
@pytest.mark.parametrize("path", ["/api/v2", "/nothing"])
def test_request_is_one_line(read_log: Callable[[], str], path: str) -> None:
    Client().get(path)

    assert len(read_log().splitlines()) == 1


def test_pool_of_connections_adds_no_line_to_a_request(read_log: Callable[[], str]) -> None:
    for sentence in ("connection requested from %r", "connection given by %r", "returning connection to %r"):
        logging.getLogger("psycopg.pool").info(sentence, "pool-1")
    Client().get("/api/v2")
    logging.getLogger("psycopg.pool").warning("discarding closed connection: %s", "one")

    assert [("/api/v2" in line, "discarding" in line) for line in read_log().splitlines()] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("path", ["/healthz", "/healthz?x=1"])
def test_health_check_is_no_line(read_log: Callable[[], str], path: str) -> None:
    logging.getLogger("library").warning("the file is there")
    Client().get(path)

    assert len(read_log().splitlines()) == 1


def test_quiet_console_tells_what_matters_and_the_file_everything(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from django.conf import settings

    file = tmp_path / "app.log"
    logging.config.dictConfig(logging_config("console", str(file), is_quiet=True))
    for path in ("/api/v2", "/nothing"):
        Client().get(path)
    structlog.get_logger("test").info("delivery_failed", code="storage_unavailable")
    logging.config.dictConfig(settings.LOGGING)

    shown = capfd.readouterr().err.splitlines()
    assert [("/nothing" in line, "code=404" in line) for line in shown] == [(True, True)]
    assert len(file.read_text().splitlines()) == 3
