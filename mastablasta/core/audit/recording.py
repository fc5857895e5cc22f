"""Writing the audit log: in the transaction of what it tells, and in one statement, however many objects that is.

Services write it, not signals of models: most changes are made to many rows by one statement, of which signals hear
nothing, and the engine's own writes, which are told by attempts, must not pay for it. That is also why it is no
package: django-auditlog 3.4 listens to `save`, reads the row before each, and knows no workspace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import connection, models

from mastablasta.core.audit.actors import Actor, current_actor
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.ids import new_id
from mastablasta.core.logs import clean_text, names_a_secret

LONGEST_VALUE, LONGEST_NAME = 300, 120
MOST_VALUES = 50  # of a list
NOT_SHOWN = "(not shown)"
Changes = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done with. `type`: as `posts.post`. `changes`: before and after, by field.

    `name` is shown as it is: whoever names by what may hold a secret, as an address may, cleans it first.
    """

    type: str
    id: Any
    name: str = ""
    workspace: UUID | None = None
    changes: Changes = field(default_factory=dict)


def subject_of(row: models.Model, *, name: str | None = None, changes: Changes | None = None) -> Subject:
    """A row, by default named as it names itself and in the workspace that it belongs to directly."""
    kind = row._meta.label_lower
    workspace = row.pk if kind == "accounts.workspace" else getattr(row, "workspace_id", None)
    return Subject(kind, row.pk, str(row) if name is None else name, workspace, changes or {})


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What of the fields of `after` was something else `before`."""
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}


def record(action: str, subjects: Iterable[Subject], *, at: Any, by: Actor | None = None) -> None:
    """Write that `action` was done with each of these, by who acts now or `by`. One statement; none without subjects.

    What a field's name says is a secret is told without its values.
    """
    rows = [_row(subject) for subject in subjects]
    if not rows:
        return
    actor = by or current_actor()
    moment = AuditEntry._meta.get_field("at").get_db_prep_value(at, connection)
    person = AuditEntry._meta.get_field("actor").get_db_prep_value(actor.user_id, connection)
    request_id = str(structlog.contextvars.get_contextvars().get("request_id") or "")[:64]
    shared = [moment, person, actor.name[:254], actor.via.value, actor.credential[:16], request_id, action]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor), [*shared, orjson.dumps(rows).decode()])


COLUMNS = (
    "at, actor_id, actor_name, via, credential, request_id, action, "
    "id, workspace_id, object_type, object_id, object_name, changes"
)


@lru_cache(maxsize=2)
def _statement(vendor: str) -> str:
    if vendor == "postgresql":
        return (
            f"INSERT INTO {AuditEntry._meta.db_table} ({COLUMNS}) "  # noqa: S608  names of our own
            "SELECT %s::timestamptz, %s::uuid, %s, %s, %s, %s, %s, "
            "told.id, told.workspace, told.type, told.object, told.name, told.changes "
            "FROM json_to_recordset(%s::json) AS told"
            "(id uuid, workspace uuid, type text, object text, name text, changes jsonb)"
        )
    of_row = ", ".join(f"json_extract(value, '$.{name}')" for name in _KEYS)
    return (
        f"INSERT INTO {AuditEntry._meta.db_table} ({COLUMNS}) "  # noqa: S608  likewise
        f"SELECT %s, %s, %s, %s, %s, %s, %s, {of_row} FROM json_each(%s)"
    )


_KEYS = ("id", "workspace", "type", "object", "name", "changes")


def _row(subject: Subject) -> dict[str, Any]:
    workspace = subject.workspace
    return {
        "id": _id(new_id()),
        "workspace": None if workspace is None else _id(workspace),
        "type": subject.type,
        "object": str(subject.id),
        "name": _text(subject.name, LONGEST_NAME),
        "changes": {name: _told(name, both) for name, both in subject.changes.items() if _says(name, both)},
    }


def _id(id: UUID) -> str:
    return str(id) if connection.features.has_native_uuid_field else id.hex


def _says(name: str, both: tuple[Any, Any]) -> bool:
    return names_a_secret(name) or any(value is not None for value in both)


def _told(name: str, both: tuple[Any, Any]) -> list[Any]:
    if names_a_secret(name):
        return [None, NOT_SHOWN]
    return [_plain(value) for value in both]


def _plain(value: Any) -> Any:
    """As JSON has it, and short."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): NOT_SHOWN if names_a_secret(str(name)) else _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes):
        return [_plain(inner) for inner in list(value)[:MOST_VALUES]]
    return _without_secrets(_text(str(value), LONGEST_VALUE))


def _text(text: str, longest: int) -> str:
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return cut.replace("\x00", "").encode(errors="replace").decode()


_without_secrets = lru_cache(maxsize=500)(clean_text)  # of a thousand posts most values are the same
