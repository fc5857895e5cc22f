"""Members of a workspace: their roles are changed, they are removed or leave.

Who changes a membership holds the workspace's row, so that of two owners who leave at once one stays.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import ApiKey, Invitation, Membership, User, Workspace
from accounts.roles import ALLOWED, Action, Role, is_above
from accounts.services.api_keys import end_api_keys
from accounts.services.workspaces import choose_other_default
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Conflict, FieldProblem, Forbidden, NotThere


def change_role(membership: Membership, *, role: Role, own_role: Role, at: datetime) -> Membership:
    """Give a member another role, which counts at once; `own_role` is that of who does.

    Raises Forbidden (role_too_low: the member is above them; role_too_high: the new role is), Conflict (last_owner),
    NotThere when the member has left meanwhile.
    """
    with transaction.atomic():
        membership = _locked(membership)
        _refuse_above(Role(membership.role), own_role=own_role)
        refuse_role_above(role, own_role=own_role)
        if role != Role.OWNER:
            _keep_an_owner(membership)
        changes, is_other = {"role": (membership.role, role)}, membership.role != role
        membership.role = role
        membership.save(update_fields=["role", "updated_at"])
        told = subject_of(membership, name=membership.user.email, changes=changes)
        record("changed", [told] if is_other else [], at=at)
        _withdraw_invitations(membership, role=role, at=at)
    return membership


def remove_member(membership: Membership, *, own_role: Role | None, at: datetime) -> None:
    """End a membership, with the person's API keys for the workspace and the invitations that they sent.

    Their sign-ins go on, and open nothing of this workspace any more. What they wrote stays. `own_role` is that of who
    does, None = they leave. Raises Forbidden (role_too_low: the member is above them), Conflict (last_owner), NotThere
    when the member has left meanwhile.
    """
    with transaction.atomic():
        membership = _locked(membership)
        if own_role is not None:
            _refuse_above(Role(membership.role), own_role=own_role)
        _keep_an_owner(membership)
        end_membership(membership, at=at)


def end_membership(membership: Membership, *, at: datetime) -> None:
    """Remove it with all that came by it; whether it may go is the caller's question."""
    user, workspace = membership.user, membership.workspace
    with transaction.atomic():
        record("removed", [subject_of(membership, name=user.email, changes={"role": (membership.role, None)})], at=at)
        membership.delete()
        end_api_keys(ApiKey.objects.in_workspace(workspace).filter(user=user), at=at)
        _withdraw_invitations(membership, role=None, at=at)
        choose_other_default(User.objects.filter(pk=user.pk), workspace, at=at)


def refuse_role_above(role: Role, *, own_role: Role) -> None:
    """Nobody gives a role above their own. Raises Forbidden."""
    if is_above(role, own_role):
        sentence = f"You are {own_role} here and cannot make anybody {role}; choose {own_role} or less."
        raise Forbidden("role_too_high", sentence, [FieldProblem("role", "role_too_high", sentence)])


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with the workspace held until the transaction ends."""
    Workspace.objects.select_for_update(no_key=True).only("id").get(pk=membership.workspace_id)
    found = Membership.objects.select_related("user", "workspace").filter(pk=membership.pk).first()
    if found is None:
        raise NotThere("not_found", "This person has left the workspace meanwhile.")
    return found


def _refuse_above(role: Role, *, own_role: Role) -> None:
    if is_above(role, own_role):
        sentence = f"This member is {role} and you are {own_role} here; ask an owner of the workspace."
        raise Forbidden("role_too_low", sentence)


def _keep_an_owner(leaving: Membership) -> None:
    """Raise Conflict when nobody who can sign in would own the workspace."""
    owners = Membership.objects.in_workspace(leaving.workspace).filter(role=Role.OWNER, user__is_active=True)
    if leaving.role == Role.OWNER and not owners.exclude(pk=leaving.pk).exists():
        sentence = "The last owner stays; make somebody else owner first, or delete the workspace."
        raise Conflict("last_owner", sentence)


def _withdraw_invitations(membership: Membership, *, role: Role | None, at: datetime) -> None:
    """Withdraw what they offered and could no longer offer as `role`; None = they are gone."""
    sent = Invitation.objects.in_workspace(membership.workspace).pending(at).filter(invited_by=membership.user)
    if role is not None and Action.MANAGE in ALLOWED[role]:
        sent = sent.filter(role__in=[other for other in Role if is_above(other, role)])
    record("withdrawn", map(subject_of, sent), at=at)
    sent.update(withdrawn_at=at, updated_at=at)
