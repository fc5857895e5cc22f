"""Connections that web threads share."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg_pool import ConnectionPool

from mastablasta.web.database_pool import PooledConnection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool() -> Any:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's connections are not pooled")
    options = {**connection.get_connection_params(), "autocommit": True}
    check: Any = ConnectionPool.check_connection
    with ConnectionPool("", kwargs=options, connection_class=PooledConnection, check=check, min_size=1) as opened:
        yield opened


def pid_of(pooled: psycopg.Connection[Any]) -> int:
    return pooled.info.backend_pid


def test_who_is_well_is_given_without_a_question(pool: Any) -> None:
    with connection.cursor() as cursor, pool.connection() as pooled:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid_of(pooled)])
        before = cursor.fetchone()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PooledConnection, "cursor", lambda _: None)  # nothing could be sent without one
            ConnectionPool.check_connection(pooled)
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid_of(pooled)])
        assert cursor.fetchone() == before


def test_connection_that_the_server_ended_is_replaced_and_nobody_gets_it(pool: Any) -> None:
    with pool.connection() as pooled:
        ended = pid_of(pooled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [ended])

    with pool.connection() as pooled:
        assert pid_of(pooled) != ended
        assert pooled.execute("SELECT 1").fetchone() == (1,)


def test_who_asks_an_empty_question_for_other_reasons_gets_a_cursor(pool: Any) -> None:
    with pool.connection() as pooled:
        assert isinstance(pooled.execute(""), psycopg.Cursor)
