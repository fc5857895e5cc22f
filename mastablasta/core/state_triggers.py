"""Triggers that refuse every move which a table of states does not allow: the database has the last word.

They are made after each `migrate`, from the tables as they are in the code, and made again when those change: a trigger
inside a migration would be lost whenever SQLite copies the table for another one. The price: about 1 µs an update.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from mastablasta.core.transitions import StateTable

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: % -> % is no move', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER {name} BEFORE UPDATE OF state ON {table} FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state <> ALL ('{{{pairs}}}'::text[]))
  EXECUTE FUNCTION refuse_move()
"""
_SQLITE = """
CREATE TRIGGER {name} BEFORE UPDATE OF state ON {table} FOR EACH ROW
  WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({pairs})
  BEGIN SELECT RAISE(ABORT, '{table}: this is no move'); END
"""
_INSTALLED = {
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND starts_with(tgname, 'move_guard_')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s AND name GLOB 'move_guard_*'",
}


def install(connection: BaseDatabaseWrapper, *, table: str, moves: StateTable) -> bool:
    """Let `table` refuse other moves of its column `state` than these; False = it does so already."""
    pairs = [f"{source}>{target}" for source in sorted(moves.states) for target in sorted(moves.moves[source])]
    digest = hashlib.sha256(f"{table} {pairs}".encode()).hexdigest()[:10]
    name = f"move_guard_{digest}"
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor], [table])
        installed = [row[0] for row in cursor.fetchall()]
        if installed == [name]:
            return False
        for old in installed:
            cursor.execute(f"DROP TRIGGER {old}" + (f" ON {table}" if on_postgresql else ""))
        if on_postgresql:
            cursor.execute(_POSTGRESQL.format(name=name, table=table, pairs=",".join(pairs)))
        else:
            listed = ", ".join(f"'{pair}'" for pair in pairs)
            cursor.execute(_SQLITE.format(name=name, table=table, pairs=listed))
    return True


def install_after_migrate(app: Any, guards: dict[str, StateTable]) -> None:
    """Install these guards whenever the app's tables have been migrated; called in its `ready`."""
    from django.db import connections
    from django.db.models.signals import post_migrate

    def guard(*, using: str, **_: Any) -> None:
        connection = connections[using]
        tables = connection.introspection.table_names()
        for table, moves in guards.items():
            if table in tables:
                install(connection, table=table, moves=moves)

    post_migrate.connect(guard, sender=app, weak=False, dispatch_uid=f"move_guards:{app.label}")
