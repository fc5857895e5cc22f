"""Writing the audit log: in the transaction of what it tells, and in one statement, however many objects that is.

Services write it, not signals of models: most changes are made to many rows by one statement, of which signals hear
nothing, and the engine's own writes, which are told by attempts, must not pay for it. That is also why it is no
package: django-auditlog 3.4 listens to `save`, reads the row before each, and knows no workspace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import orjson
import structlog
from django.db import connection, models

from mastablasta.core.audit.actors import Actor, current_actor
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.bulk_insert import Statement, insert_statement
from mastablasta.core.ids import new_id
from mastablasta.core.logs import clean_text, names_a_secret

LONGEST_VALUE, LONGEST_NAME = 300, 120
MOST_VALUES = 50  # of a list
NOT_SHOWN = "(not shown)"
Changes = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What something was done with. `type`: as `posts.post`. `changes`: before and after, by field; what is as it
    was is not told.

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

    What a field's name says is a secret is told without its values. Changes that several have in common cost least as
    one and the same mapping.
    """
    told = entries(action, subjects, at=at, by=by)
    if told is not None:
        told.execute()


def entries(action: str, subjects: Iterable[Subject], *, at: Any, by: Actor | None = None) -> Statement | None:
    """What `record` carries out, to be stored together with what it tells of; None without subjects."""
    rows = _rows(list(subjects))
    if not rows:
        return None
    actor = by or current_actor()
    request_id = str(structlog.contextvars.get_contextvars().get("request_id") or "")[:64]
    shared = {
        "at": at, "actor_id": actor.user_id, "actor_name": actor.name[:254], "via": actor.via.value,
        "credential": actor.credential[:16], "request_id": request_id, "action": action,
    }  # fmt: skip
    if connection.vendor == "postgresql":
        shared |= _in_common(rows)
        own = [{name: row[name] for name in row.keys() - shared.keys()} for row in rows]
        return insert_statement(AuditEntry, shared, own)
    for name in ("at", "actor_id"):
        column: Any = AuditEntry._meta.get_field(name.removesuffix("_id"))
        shared[name] = column.get_db_prep_value(shared[name], connection)
    return Statement(_sqlite(), [*shared.values(), orjson.dumps(rows).decode()])


_COLUMNS = ("at", "actor_id", "actor_name", "via", "credential", "request_id", "action")  # of who acts, when and how
_OF_SUBJECT = ("id", "workspace_id", "object_type", "object_id", "object_name", "changes")


@cache
def _sqlite() -> str:
    of_row = ", ".join(f"json_extract(value, '$.{name}')" for name in _OF_SUBJECT)
    return (
        f"INSERT INTO {AuditEntry._meta.db_table} ({', '.join((*_COLUMNS, *_OF_SUBJECT))}) "  # noqa: S608  our own
        f"SELECT %s, %s, %s, %s, %s, %s, %s, {of_row} FROM json_each(%s)"
    )


def _in_common(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of these rows have: of changes one and the same, since Python takes `True` and `1` for equal."""
    first = rows[0]
    found = {
        name: first[name] for name in ("workspace_id", "object_type") if all(row[name] == first[name] for row in rows)
    }
    if all(row["changes"] is first["changes"] for row in rows):
        found["changes"] = first["changes"]
    return found


def _rows(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """The columns of each, as JSON takes them."""
    as_text = not connection.features.has_native_uuid_field
    told: dict[int, dict[str, Any]] = {}  # by identity: `subjects` keeps the mappings alive
    for subject in subjects:
        if id(subject.changes) not in told:
            told[id(subject.changes)] = _changes(subject.changes)
    return [
        {
            "id": new_id().hex if as_text else new_id(),
            "workspace_id": subject.workspace.hex if as_text and subject.workspace else subject.workspace,
            "object_type": subject.type,
            "object_id": str(subject.id),
            "object_name": _text(subject.name, LONGEST_NAME),
            "changes": told[id(subject.changes)],
        }
        for subject in subjects
    ]


def _changes(changes: Changes) -> dict[str, Any]:
    return {name: _told(name, both) for name, both in changes.items() if _says(name, both)}


def _says(name: str, both: tuple[Any, Any]) -> bool:
    before, after = both
    return before != after or (before is None and names_a_secret(name))  # of a secret maybe neither is given


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
