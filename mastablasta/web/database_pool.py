"""Web processes share a few connections among their many threads."""

from __future__ import annotations

import select
from typing import Any

from django.conf import settings
from django.db import connections
from psycopg import Connection


class PooledConnection(Connection[Any]):
    """A connection whose server is not asked before each request whether it is still there, as long as it says nothing.

    A server that ends a connection says so, and then its socket can be read; only then the question is put (by
    psycopg_pool's check, an empty statement), and a connection that is gone is replaced. What vanishes without a word
    neither way would notice: the question would wait as long as the request's own statement.
    """

    def execute(self, query: Any, *rest: Any, **options: Any) -> Any:
        if query == "" and not self._has_news():
            return self.cursor()
        return super().execute(query, *rest, **options)

    def _has_news(self) -> bool:
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poller.poll(0))


def pool_connections() -> None:
    """Have this process, and those that it forks, take connections to PostgreSQL from a pool, each from its own.

    For web processes, before they first use the database. No others pool: one that crosses django-q2's fork would hand
    a connection to two processes.
    """
    database: dict[str, Any] = connections.settings["default"]
    if database["ENGINE"] != "django.db.backends.postgresql":
        return
    share = max(1, settings.DB_POOL_MAX // settings.WEB_WORKERS)
    least = min(share, max(1, settings.DB_POOL_MIN // settings.WEB_WORKERS))
    database["CONN_MAX_AGE"] = 0  # back into the pool after each request
    pool = {"min_size": least, "max_size": share, "timeout": 10, "connection_class": PooledConnection}
    database["OPTIONS"]["pool"] = pool


def forget_pool() -> None:
    """In a forked process, should anything have used the database before the fork: a pool must not cross it."""
    if (pools := getattr(connections["default"], "_connection_pools", None)) is not None:
        pools.clear()
