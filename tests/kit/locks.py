"""Who waits for whom in the database."""

from __future__ import annotations

from django.db import connection


def somebody_waits() -> bool:
    """Whether anybody waits for a lock that another transaction has; also asked within one, again and again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid IN"
            " (SELECT pid FROM pg_locks JOIN pg_database ON oid = database WHERE datname = current_database()))"
        )
        return bool(cursor.fetchone()[0])
