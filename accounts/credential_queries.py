"""What authentication reads: a proof (sign-in or key), whose it is, the workspace that is meant and the role there.

One query each, and prepared, since every request makes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.caller import Caller
from accounts.models import ApiKey, Membership, Session, User, Workspace
from mastablasta.core.compiled_queries import CompiledQuery


def caller_of_session(id: UUID, *, workspace: UUID | None) -> Caller | None:
    """Whose sign-in `id` is, whether it still stands or not, asking about `workspace` or their default one."""
    row = (
        _SESSION_IN_DEFAULT.first(session=id)
        if workspace is None
        else _SESSION_IN_WORKSPACE.first(session=id, workspace=workspace)
    )
    if row is None:
        return None
    *found, place, membership = row
    session, user = _split(Session, found)
    return _placed(Caller(user, session=session), _workspace(place), membership, is_named=workspace is not None)


def caller_of_key(sha256: str) -> Caller | None:
    """Whose key that is, whether it still opens anything or not, asking about the key's workspace."""
    row = _KEY.first(sha256=sha256)
    if row is None:
        return None
    columns = _columns(Workspace)
    *found, membership = row
    workspace = Workspace.from_db(DEFAULT_DB_ALIAS, columns, found[-len(columns) :])
    key, user = _split(ApiKey, found[: -len(columns)])
    key.workspace = workspace
    caller = Caller(user, api_key=key, is_member=membership is not None)
    return _placed(caller, None if workspace.deleted_at else workspace, membership, is_named=True)


def workspaces_of(user: UUID) -> list[tuple[str, UUID, str, bool, datetime]]:
    """The workspaces that they are a member of, the oldest first: membership, id, name, is_personal, created_at."""
    return _WORKSPACES.all(user=user)


def caller_of_user(id: UUID, *, workspace: UUID | None) -> Caller:
    """`id` signed in by other means, asking about `workspace` or their default one. Raises User.DoesNotExist."""
    meant = OuterRef("default_workspace") if workspace is None else workspace
    row = User.objects.filter(pk=id).values_list(*_columns(User), *_place("pk", meant)).get()
    user = User.from_db(DEFAULT_DB_ALIAS, _columns(User), row[:-2])
    return _placed(Caller(user), _workspace(row[-2]), row[-1], is_named=workspace is not None)


def caller_in(caller: Caller, id: UUID) -> Caller:
    """The same caller, asking about the workspace `id`, whose columns are read with it. Raises Workspace.DoesNotExist.

    One that is deleted, or not theirs or their key's, is not there.
    """
    visible = Workspace.objects.visible_to(caller.user)
    workspace: Any = caller.workspaces(visible).get(pk=id)
    return replace(caller, workspace=workspace, role=caller.role_given(workspace.member_role))


def _placed(caller: Caller, workspace: Workspace | None, membership: str | None, *, is_named: bool) -> Caller:
    """The same caller, in the workspace that was found, if they have a role there."""
    role = caller.role_given(membership)
    if workspace is None or role is None:
        return replace(caller, is_refused=is_named)
    return replace(caller, workspace=workspace, role=role)


def _workspace(id: UUID | None) -> Workspace | None:
    """Its other columns load on use."""
    return None if id is None else Workspace.from_db(DEFAULT_DB_ALIAS, ["id"], [id])


def _split(proof: type[models.Model], row: Sequence[Any]) -> tuple[Any, User]:
    """The proof and its user."""
    of_proof = _columns(proof)
    found: Any = proof.from_db(DEFAULT_DB_ALIAS, of_proof, row[: len(of_proof)])
    found.user = User.from_db(DEFAULT_DB_ALIAS, _columns(User), row[len(of_proof) :])
    return found, found.user


def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _place(user: str, workspace: UUID | OuterRef) -> tuple[Subquery, Subquery]:
    """The workspace that is meant, unless it is deleted, and the user's role there."""
    there = Workspace.objects.filter(pk=workspace, deleted_at=None)
    return Subquery(there.values("pk")[:1]), _membership(user, workspace)


def _membership(user: str, workspace: UUID | OuterRef) -> Subquery:
    return Subquery(Membership.objects.filter(user=OuterRef(user), workspace=workspace).values("role")[:1])


def _with_user(rows: QuerySet[Any], *more: Any) -> QuerySet[Any, Any]:
    return rows.values_list(*_columns(rows.model), *(f"user__{name}" for name in _columns(User)), *more)


def _sessions(session: UUID, workspace: UUID | OuterRef) -> QuerySet[Any, Any]:
    return _with_user(Session.objects.filter(pk=session), *_place("user", workspace))


def _keys(sha256: str) -> QuerySet[Any, Any]:
    of_workspace = [f"workspace__{name}" for name in _columns(Workspace)]
    keys = ApiKey.objects.filter(sha256=sha256)
    return _with_user(keys, *of_workspace, _membership("user", OuterRef("workspace")))


def _memberships(user: UUID) -> QuerySet[Any, Any]:
    kept = Membership.objects.filter(user=user, workspace__deleted_at=None)
    shown = ("id", "name", "is_personal", "created_at")
    return kept.order_by("workspace__created_at", "workspace_id").values_list(
        "role", *(f"workspace__{name}" for name in shown)
    )


_SESSION_IN_DEFAULT = CompiledQuery(
    lambda session: _sessions(session, OuterRef("user__default_workspace")), session=UUID
)
_SESSION_IN_WORKSPACE = CompiledQuery(_sessions, session=UUID, workspace=UUID)
_KEY = CompiledQuery(_keys, sha256=str)
_WORKSPACES = CompiledQuery(_memberships, user=UUID)
