"""Invitations into a workspace: sent by e-mail or handed over as a link, accepted once by whoever holds the token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse

from accounts.models import Invitation, Membership, User, Workspace
from accounts.roles import Role
from accounts.services.api_keys import digest
from accounts.services.members import refuse_role_above
from mastablasta.core import mail
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Conflict, FieldProblem, Invalid, TooOften

GOOD_FOR = timedelta(days=7)
MOST_A_DAY = 100  # whoever can invite can have e-mail sent to strangers
SENTENCES = {
    "invitation_invalid": "This is not one of our invitations; take the whole link, or ask for another one.",
    "invitation_used": "This invitation was accepted already; ask for another one.",
    "invitation_expired": "This invitation has expired; ask for another one.",
    "invitation_withdrawn": "This invitation was withdrawn; ask whoever sent it.",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A new invitation. `link`: to be handed over, and nowhere to be had again; None = it goes out by e-mail."""

    invitation: Invitation
    link: str | None


def invite(workspace: Workspace, *, email: str, role: Role, by: User, own_role: Role, at: datetime) -> Offered:
    """Offer `role` to whoever gets the link, and withdraw an earlier offer to the same address.

    `own_role` is that of `by`. Raises Forbidden (role_too_high), Conflict (already_member), TooOften
    (too_many_invitations).
    """
    refuse_role_above(role, own_role=own_role)
    if Membership.objects.in_workspace(workspace).filter(user__email=email).exists():
        sentence = f"{email} is a member already; change the role of the member instead."
        raise Conflict("already_member", sentence, [FieldProblem("email", "already_member", sentence)])
    _bound(workspace, by=by, at=at)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        earlier = Invitation.objects.in_workspace(workspace).pending(at).filter(email=email)
        record("withdrawn", map(subject_of, earlier), at=at)
        earlier.update(withdrawn_at=at, updated_at=at)
        invitation = Invitation.objects.create(
            workspace=workspace, email=email, role=role, invited_by=by, sha256=digest(token), expires_at=at + GOOD_FOR
        )
        record("created", [subject_of(invitation)], at=at)
        link = link_of(token)
        if mail.is_on():
            context = {"invitation": invitation, "link": link, "address": settings.PUBLIC_URL}
            mail.write(email, "invitation", context, at=at, expires_at=invitation.expires_at)
    return Offered(invitation, None if mail.is_on() else link)


def link_of(token: str) -> str:
    """The page on which an invitation is accepted."""
    return f"{settings.PUBLIC_URL}{reverse('invitation')}?{urlencode({'token': token})}"


def _bound(workspace: Workspace, *, by: User, at: datetime) -> None:
    day = timedelta(days=1)
    of_today = Invitation.objects.filter(Q(workspace=workspace) | Q(invited_by=by), created_at__gt=at - day)
    if of_today.count() >= MOST_A_DAY:
        first = of_today.order_by("created_at").values_list("created_at", flat=True).first() or at
        sentence = (
            f"At most {MOST_A_DAY} people a day are invited, into one workspace or by one person; go on tomorrow."
        )
        raise TooOften("too_many_invitations", sentence, retry_after_s=int((first + day - at).total_seconds()) + 1)


def withdraw(invitation: Invitation, *, at: datetime) -> None:
    """End an invitation at once. Raises Conflict (invitation_used) when somebody has accepted it."""
    with transaction.atomic():
        open_one = Invitation.objects.filter(pk=invitation.pk, accepted_at=None)
        if not open_one.update(withdrawn_at=at, updated_at=at):
            raise Conflict("invitation_used", "This invitation was accepted already; remove the member instead.")
        record("withdrawn", [subject_of(invitation)], at=at)


def pending_invitation(token: str, *, at: datetime, field: str = "token") -> Invitation:
    """The invitation of this token, with its workspace and who sent it; `field` is what a fault is told of.

    Raises Invalid (invitation_invalid, invitation_used, invitation_expired, invitation_withdrawn).
    """
    found = Invitation.objects.select_related("workspace", "invited_by").filter(sha256=digest(token)).first()
    if found is None:
        raise _refused("invitation_invalid", field)
    if found.accepted_at is not None:
        raise _refused("invitation_used", field)
    if found.withdrawn_at is not None or found.workspace.deleted_at is not None:
        raise _refused("invitation_withdrawn", field)
    if found.expires_at <= at:
        raise _refused("invitation_expired", field)
    return found


def _refused(code: str, field: str) -> Invalid:
    return Invalid.field(field, code, SENTENCES[code])


def accept(user: User, token: str, *, at: datetime) -> Membership:
    """Make `user` a member as the invitation says, and use it up; of two at once exactly one is let in.

    Who accepted it before, and is a member, gets that membership again. Raises Invalid as `pending_invitation`,
    Conflict (already_member).
    """
    memberships = Membership.objects.filter(user=user).select_related("workspace")
    before = Invitation.objects.filter(sha256=digest(token), accepted_by=user, workspace__deleted_at=None).first()
    if before is not None and (membership := memberships.filter(workspace=before.workspace_id).first()):
        return membership
    invitation = pending_invitation(token, at=at)
    if memberships.filter(workspace=invitation.workspace_id).exists():
        raise _member_already(invitation.workspace)
    with transaction.atomic():
        free = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
        if not free.update(accepted_at=at, accepted_by=user, updated_at=at):
            raise _refused("invitation_used", "token")
        try:
            membership = Membership.objects.create(user=user, workspace=invitation.workspace, role=invitation.role)
        except IntegrityError as error:  # by another invitation, at the same moment
            raise _member_already(invitation.workspace) from error
        joined = subject_of(membership, name=user.email, changes={"role": (None, membership.role)})
        record("joined", [joined], at=at)
        return membership


def _member_already(workspace: Workspace) -> Conflict:
    sentence = f"You are a member of {workspace.name} already; an owner or admin of it can change your role."
    return Conflict("already_member", sentence)
