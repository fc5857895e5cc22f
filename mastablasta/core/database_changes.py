"""Waiting until the database may hold something new, instead of asking it again and again.

PostgreSQL says so itself (NOTIFY). SQLite has no such message, but tells cheaply whether another connection has
committed anything since; that is asked every POLL_S and costs no look at a table.
"""

from __future__ import annotations

import select
import time
from typing import Any

from django.db import connection

POLL_S = 0.1
DUE = "mastablasta_due"  # the channel of whoever has something that is due now or later: the clock listens


def notify(channel: str) -> None:
    """Wake whoever waits for `channel`, when the current transaction commits, or now if there is none."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {channel}")


class DatabaseChanges:
    """One process's ear at the database, on the connection of the thread that uses it."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._listens_on: Any = None
        self._version = -1

    def listen(self) -> None:
        """From here on nothing is missed: call it before looking for work, then `wait`."""
        connection.ensure_connection()
        if connection.vendor != "postgresql":
            self._version = _version()
        elif self._listens_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {self.channel}")
            self._listens_on = connection.connection

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as something was committed since `listen`, at the latest after `timeout_s` False.

        On SQLite any commit of another connection counts. Outside a transaction. Raises what the database raises
        when it is away.
        """
        if connection.vendor == "postgresql":
            raw = connection.connection
            if raw is None or raw is not self._listens_on:
                return True
            with connection.wrap_database_errors:
                # psycopg itself would wait in slices of 0.1 s.
                return _has_heard(raw) or (_is_readable(raw, timeout_s) and _has_heard(raw))
        ends_at = time.monotonic() + timeout_s
        while (left_s := ends_at - time.monotonic()) > 0:
            if _version() != self._version:
                return True
            time.sleep(min(POLL_S, left_s))
        return False


def _has_heard(raw: Any) -> bool:
    """Whether the server has said something; takes it."""
    return any(True for _ in raw.notifies(timeout=0, stop_after=1))


def _is_readable(raw: Any, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(raw.fileno(), select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))


def _version() -> int:
    """On the driver's own connection, since it is asked ten times a second."""
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return int(connection.connection.execute("PRAGMA data_version").fetchone()[0])
