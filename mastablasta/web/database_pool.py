"""Web processes share a few connections among their many threads."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections


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
    database["OPTIONS"]["pool"] = {"min_size": least, "max_size": share, "timeout": 10}


def forget_pool() -> None:
    """In a forked process, should anything have used the database before the fork: a pool must not cross it."""
    if (pools := getattr(connections["default"], "_connection_pools", None)) is not None:
        pools.clear()
