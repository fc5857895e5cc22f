"""Writing down what happened, in the transaction of what it tells: the door for every app above.

Nothing is written, and one cheap statement is asked, where no endpoint of the workspace wants to know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func

from mastablasta.core.database_changes import DUE, notify
from webhooks.event_types import CATALOGUE, body_of
from webhooks.models import Endpoint, Event

# For statements that run anyway: whether a workspace has an endpoint at all; `{workspace}` is a column.
HAS_ENDPOINT_SQL = "EXISTS (SELECT 1 FROM webhooks_endpoint w WHERE w.workspace_id = {workspace})"


def has_endpoint(workspace: str) -> Func:
    """HAS_ENDPOINT_SQL for querysets; `workspace` names the column of theirs."""
    template = HAS_ENDPOINT_SQL.format(workspace="%(expressions)s")
    return Func(F(workspace), template=template, output_field=BooleanField())


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened. `type` and the names in `data` are those of the catalogue (event_types.py)."""

    workspace_id: UUID
    type: str
    data: Mapping[str, Any]


def wanted_types(workspaces: Collection[UUID]) -> dict[UUID, set[str]]:
    """The types of events that endpoints want, by workspace; a workspace without endpoints is left out.

    One statement, none without workspaces.
    """
    wanted: dict[UUID, set[str]] = {}
    if workspaces:
        rows = Endpoint.objects.filter(workspace__in=workspaces).order_by()
        for workspace, types in rows.values_list("workspace", "events"):
            wanted.setdefault(workspace, set()).update(types)
    return wanted


def record(events: Iterable[NewEvent], *, at: datetime) -> None:
    """Write these events, one at least, in order, in one statement of the caller's transaction; its commit wakes the
    clock.
    """
    Event.objects.bulk_create(
        Event(
            workspace_id=event.workspace_id,
            type=CATALOGUE[event.type].name,
            body=body_of(event.type, event.data, at=at),
            created_at=at,
        )
        for event in events
    )
    notify(DUE)


def emit(event_type: str, workspace_id: UUID, data: Callable[[], Iterable[Mapping[str, Any]]], *, at: datetime) -> None:
    """Write events of one type if an endpoint of the workspace wants them; only then `data` is called.

    In the transaction of what they tell.
    """
    if event_type in wanted_types([workspace_id]).get(workspace_id, ()):
        record([NewEvent(workspace_id, event_type, one) for one in data()], at=at)
