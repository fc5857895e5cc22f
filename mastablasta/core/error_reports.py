"""Errors to Sentry, or to what speaks its protocol, where SENTRY_DSN names a project.

What is logged as an error is reported, with its fields and its traceback, scrubbed as the log is and without the values
of variables. Reports leave by the door to the network in a thread of their own; what cannot be delivered is dropped:
the log has it.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sentry_sdk
import structlog
from django.conf import settings
from sentry_sdk.transport import BaseHttpTransport
from sentry_sdk.utils import event_from_exception

from mastablasta.core.logs import scrub
from mastablasta.core.outbound import Http

TIMEOUT_S = 10.0
LAST_WORDS_S = 2.0  # for what is still to be sent when a process ends
THREAD = "sentry-sdk"  # begins the name of the thread that sends
OURS = "sentry_sdk"  # the library's own loggers


@dataclass(frozen=True, slots=True)
class _Answer:
    """As the library reads one."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def close(self) -> None:
        """Nothing is open."""


class _ByTheDoor(BaseHttpTransport):
    """The library's transport, with our way out to the network in the place of its own."""

    def _make_pool(self) -> Any:
        return None

    def _get_pool_options(self) -> dict[str, Any]:
        return {}

    def _get_header_value(self, response: Any, header: str) -> str | None:
        value: str | None = response.headers.get(header.lower())
        return value

    def _request(self, method: str, endpoint_type: Any, body: Any, headers: Mapping[str, str]) -> Any:
        url = self._auth.get_api_url(endpoint_type)
        answer = Http(url).request(method, url, data=body, headers=headers, timeout_s=TIMEOUT_S)
        return _Answer(answer.status, answer.headers, answer.body)


class Reports(logging.Handler):
    """Reports each record to the project of `dsn`. Its client is made at the first, so that a fork shares none."""

    def __init__(self, dsn: str) -> None:
        super().__init__(logging.ERROR)
        self.dsn = dsn
        self._client: sentry_sdk.Client | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(OURS) or threading.current_thread().name.startswith(THREAD):
            return  # that a report could not be sent is no reason for another one
        try:
            client = self._made()
            client.capture_event(_event(record, client.options))
        except Exception:  # noqa: BLE001  logging's own rule: a log that fails stops nobody
            self.handleError(record)

    def _made(self) -> sentry_sdk.Client:
        if self._client is None:
            self._client = sentry_sdk.Client(
                dsn=self.dsn,
                transport=_ByTheDoor,
                release=settings.VERSION,
                environment="development" if settings.IS_DEVELOPMENT else "production",
                default_integrations=False,  # they would look into requests, frames and other people's loggers
                auto_enabling_integrations=False,
                auto_session_tracking=False,
                send_client_reports=False,
                include_local_variables=False,
                shutdown_timeout=LAST_WORDS_S,
            )
        return self._client

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close(timeout=LAST_WORDS_S)
        super().close()


def _event(record: logging.LogRecord, options: Mapping[str, Any]) -> Any:
    """The record as an event of the protocol, without secrets."""
    said = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
    fields: dict[str, Any] = {**structlog.contextvars.get_contextvars(), **said}
    exc_info = _exc_info(fields.pop("exc_info", None) or record.exc_info)
    for name in ("timestamp", "level", "logger"):
        fields.pop(name, None)
    event: dict[str, Any] = {}
    if exc_info is not None:
        event |= event_from_exception(exc_info, client_options=dict(options))[0]
    told = str(fields.pop("event", ""))
    event |= {"logger": record.name, "logentry": {"formatted": told}, "extra": dict(fields)}
    if "request_id" in fields:
        event["tags"] = {"request_id": str(fields["request_id"])}
    return {**scrub(None, "", event), "level": "fatal" if record.levelno > logging.ERROR else "error"}


def _exc_info(given: Any) -> Any:
    """What was raised, as sys.exc_info() gives it; None = nothing."""
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    found = sys.exc_info() if given is True else given
    return found if isinstance(found, tuple) and found[1] is not None else None
