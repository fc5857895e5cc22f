"""Structured logs, for people (console) or machines (json), from which secrets are removed before they are written.

`logging_config` is settings.LOGGING; whatever logs, structlog or the standard library, passes `scrub`.
"""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import re
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

SCRUBBED = "[scrubbed]"
MAX_BYTES, KEPT_FILES = 20_000_000, 5
LOOK_S = 1.0

_SECRET_WORDS = (
    "authorization", "cookie", "password", "passwd", "passphrase", "secret", "token", "api key", "private key",
    "encryption key", "code verifier", "client assertion", "signature", "credentials", "session id", "session key",
    "csrf", "jwt", "bearer", "database_url", "redis_url", "email_url",
)  # fmt: skip
_SECRET_NAMES = tuple(dict.fromkeys(words.replace(" ", joint) for words in _SECRET_WORDS for joint in ("", "-", "_")))
_SECRET_NAME = "|".join(_SECRET_NAMES)
_SECRET_KEY = re.compile(_SECRET_NAME, re.IGNORECASE)
_HARMLESS_KEY = re.compile(r"_(?:id|at|type|count)$")
# What a text must hold, in lower case, for a pattern to be worth trying: most texts are plain, and searching is dear.
_PATTERNS = (
    # a scheme of the Authorization header and what follows it
    (
        ("bearer", "basic", "token"),
        re.compile(r"\b(bearer|basic|token)\s+[\w.~+/=-]{8,}", re.IGNORECASE),
        rf"\1 {SCRUBBED}",
    ),
    # a value behind a secret name, in JSON, in a dict's repr, in a header or a query string
    (
        _SECRET_NAMES,
        re.compile(
            rf"""(['"]?[\w-]{{0,40}}(?:{_SECRET_NAME})[\w-]{{0,40}}['"]?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&'"}})\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{SCRUBBED}",
    ),
    # OAuth's own parameters in query strings
    (
        ("=",),
        re.compile(r"([?&](?:code|state|key|sig|oauth_[a-z]+)=)[^&\s'\"]+", re.IGNORECASE),
        rf"\1{SCRUBBED}",
    ),
    # the password in an address
    (("://",), re.compile(r"(\w://[^\s:/@]+:)[^\s@/]+@"), rf"\1{SCRUBBED}@"),
    # what our own keys and any JWT look like
    (("mb_",), re.compile(r"\bmb_[\w-]{8,}"), SCRUBBED),
    (("eyj",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), SCRUBBED),
)


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: values under secret names go, and secrets inside texts, however deep."""
    for key in list(event):
        if not key.startswith("_"):  # structlog's own
            event[key] = _clean(event[key], key)
    return event


def _clean(value: Any, key: str = "") -> Any:
    if key and names_a_secret(key) and value not in (None, "", True, False):
        return SCRUBBED
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bytes):
        return clean_text(value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {each: _clean(inner, str(each)) for each, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean_text(str(value))


@functools.lru_cache(maxsize=2_000)  # the names of fields are few
def names_a_secret(key: str) -> bool:
    """Whether a field of this name holds a secret."""
    return bool(_SECRET_KEY.search(key)) and not _HARMLESS_KEY.search(key)


def clean_text(text: str) -> str:
    """Return `text` without what looks like a secret."""
    folded = text.casefold()
    for signs, pattern, replacement in _PATTERNS:
        for sign in signs:
            if sign in folded:
                text = pattern.sub(replacement, text)
                break
    return text


def one_line_a_request(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Of a request its end is logged, of a health check nothing: a balancer asks every second, and is told."""
    if event.get("event") == "request_started":
        raise structlog.DropEvent
    if str(event.get("request", "")).startswith(("GET /healthz", "GET /readyz")):
        raise structlog.DropEvent
    return event


class Matters(logging.Filter):
    """Lets through what somebody who develops wants to see at once: warnings, errors, refused requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        code = record.msg.get("code") if isinstance(record.msg, dict) else None
        return record.levelno >= logging.WARNING or (isinstance(code, int) and code >= 400)


class SharedFileHandler(logging.Handler):
    """Appends to one file from any number of processes, and rotates it: `app.log`, `app.log.1` … `app.log.5`.

    A line is one write to a file opened for appending, so lines never mix. Who finds the file too big renames it
    under a lock on the file itself; the others notice that the name leads elsewhere, and open that: when theirs is full
    too, and every LOOK_S, since whoever else may have moved it away.
    """

    def __init__(self, path: str, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES) -> None:
        super().__init__()
        self.path, self.max_bytes, self.kept = Path(path), max_bytes, kept
        self.descriptor = -1
        self.looked_at = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = (self.format(record) + "\n").encode(errors="backslashreplace")
            if self.descriptor < 0 or time.monotonic() >= self.looked_at + LOOK_S:
                self._open_current()
            if self._has_no_room(line):
                self._open_current()
                if self._has_no_room(line):
                    self._rotate()
                    self._open_current()
            os.write(self.descriptor, line)
        except Exception:  # noqa: BLE001  logging's own rule: a log that fails stops nobody
            self.handleError(record)

    def _has_no_room(self, line: bytes) -> bool:
        return os.fstat(self.descriptor).st_size + len(line) > self.max_bytes

    def _open_current(self) -> None:
        self.looked_at = time.monotonic()
        with suppress(FileNotFoundError):
            if self.descriptor >= 0 and os.path.samestat(os.fstat(self.descriptor), self.path.stat()):
                return
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _rotate(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        try:
            with suppress(FileNotFoundError):
                if not os.path.samestat(os.fstat(self.descriptor), self.path.stat()):
                    return  # another process was quicker
                for number in range(self.kept - 1, 0, -1):
                    with suppress(FileNotFoundError):
                        self._numbered(number).replace(self._numbered(number + 1))
                self.path.replace(self._numbered(1))
        finally:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        super().close()


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
_FINAL: list[Any] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    structlog.processors.format_exc_info,  # before `scrub`: a traceback is text like any other
    scrub,
]
_PROCESSORS: list[Any] = [  # one list for good: loggers hold on to it, also when this is configured again
    structlog.stdlib.filter_by_level,
    *_SHARED,
    one_line_a_request,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def logging_config(format: str, file: str, *, is_quiet: bool = False, reports_to: str = "") -> dict[str, Any]:
    """Configure structlog and return the settings of the standard library's logging.

    `format`: console or json, of stderr and of `file` ("" = stderr alone). `is_quiet`: stderr gets warnings,
    errors and refused requests only. `reports_to`: the DSN of a project of Sentry's that is told of errors.
    """
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    filters = ["matters"] if is_quiet else []
    handlers = {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": filters}}
    if file:
        handlers["file"] = {"()": SharedFileHandler, "path": file, "formatter": "line"}  # type: ignore[dict-item]
    if reports_to:
        handlers["reports"] = {"()": "mastablasta.core.error_reports.Reports", "dsn": reports_to}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder()],
                "processors": [*_FINAL, _renderer(format)],
            }
        },
        "filters": {"matters": {"()": Matters}},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO"},
            "django.request": {"level": "CRITICAL"},  # django_structlog says it, with the request's id
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # error_pages.py says it, without a traceback
            "django.server": {"handlers": [], "propagate": True},
            "django-q": {"level": "WARNING"},
            "django_structlog": {"level": "INFO"},
            "axes": {"level": "WARNING"},
            "psycopg": {"level": "WARNING"},  # its pool says two sentences a request
        },
    }


def _renderer(format: str) -> Any:
    if format == "json":
        return structlog.processors.JSONRenderer(sort_keys=True)
    return structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback, pad_event_to=30
    )
