"""What authentication reads: a proof (sign-in or key), whose it is, the workspace that is meant and the role there.

One query each, and prepared, since every request makes one.
"""

from __future__ import annotations

from dataclasses import replace
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
    session, user, found = _split(Session, row)
    return _placed(Caller(user, session=session), found, is_named=workspace is not None)


def caller_of_key(sha256: str) -> Caller | None:
    """Whose key that is, whether it still opens anything or not, asking about the key's workspace."""
    row = _KEY.first(sha256=sha256)
    if row is None:
        return None
    key, user, found = _split(ApiKey, row)
    return _placed(Caller(user, api_key=key), found, is_named=True)


def caller_of_user(id: UUID, *, workspace: UUID | None) -> Caller:
    """`id` signed in by other means, asking about `workspace` or their default one. Raises User.DoesNotExist."""
    meant = OuterRef("default_workspace") if workspace is None else workspace
    row = User.objects.filter(pk=id).values_list(*_columns(User), *_place("pk", meant)).get()
    user = User.from_db(DEFAULT_DB_ALIAS, _columns(User), row[:-2])
    return _placed(Caller(user), row[-2:], is_named=workspace is not None)


def caller_in(caller: Caller, id: UUID) -> Caller:
    """The same caller, asking about the workspace `id`, whose columns are read with it. Raises Workspace.DoesNotExist.

    One that is deleted, or not theirs or their key's, is not there.
    """
    visible = Workspace.objects.visible_to(caller.user)
    workspace: Any = caller.workspaces(visible).get(pk=id)
    return replace(caller, workspace=workspace, role=caller.role_given(workspace.member_role))


def _placed(caller: Caller, found: tuple[Any, ...], *, is_named: bool) -> Caller:
    """The same caller, in the workspace that was found, if they have a role there."""
    workspace, membership = found
    role = caller.role_given(membership)
    if workspace is None or role is None:
        return replace(caller, is_refused=is_named)
    return replace(caller, workspace=Workspace.from_db(DEFAULT_DB_ALIAS, ["id"], [workspace]), role=role)


def _split(proof: type[models.Model], row: tuple[Any, ...]) -> tuple[Any, User, tuple[Any, ...]]:
    """The proof, its user, and what was found of the workspace."""
    of_proof, of_user = _columns(proof), _columns(User)
    end = len(of_proof)
    found: Any = proof.from_db(DEFAULT_DB_ALIAS, of_proof, row[:end])
    found.user = User.from_db(DEFAULT_DB_ALIAS, of_user, row[end:-2])
    return found, found.user, row[-2:]


def _columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def _place(user: str, workspace: UUID | OuterRef) -> tuple[Subquery, Subquery]:
    """The workspace that is meant, unless it is deleted, and the user's role there."""
    there = Workspace.objects.filter(pk=workspace, deleted_at=None)
    memberships = Membership.objects.filter(user=OuterRef(user), workspace=workspace)
    return Subquery(there.values("pk")[:1]), Subquery(memberships.values("role")[:1])


def _with_user(rows: QuerySet[Any], workspace: UUID | OuterRef) -> QuerySet[Any, Any]:
    of_user = [f"user__{name}" for name in _columns(User)]
    return rows.values_list(*_columns(rows.model), *of_user, *_place("user", workspace))


_SESSION_IN_DEFAULT = CompiledQuery(
    lambda session: _with_user(Session.objects.filter(pk=session), OuterRef("user__default_workspace")), session=UUID
)
_SESSION_IN_WORKSPACE = CompiledQuery(
    lambda session, workspace: _with_user(Session.objects.filter(pk=session), workspace), session=UUID, workspace=UUID
)
_KEY = CompiledQuery(lambda sha256: _with_user(ApiKey.objects.filter(sha256=sha256), OuterRef("workspace")), sha256=str)
