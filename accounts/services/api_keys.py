"""API keys: made, shown once, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import ApiKey, User, Workspace
from accounts.roles import Role, narrower
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Invalid

PREFIX_LENGTH = 10


def digest(text: str) -> str:
    """What is stored of a key. It has 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


def create_api_key(
    user: User,
    workspace: Workspace,
    *,
    name: str,
    role: Role | None,
    own_role: Role,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key of `user` for `workspace`; return it and its text, which is nowhere to be had again.

    `role` narrows what the key may do; None = whatever its user may at the time. `own_role` is the user's.
    Raises Invalid when `role` is above it or `expires_at` is past.
    """
    if role is not None and narrower(role, own_role) != role:
        sentence = f"A key cannot be more than its user, who is {own_role} here; choose {own_role} or less."
        raise Invalid.field("role", "role_too_high", sentence)
    if expires_at is not None and expires_at <= at:
        raise Invalid.field("expires_at", "past", "The time is past; choose a later one or leave it out.")
    text = f"mb_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            workspace=workspace,
            name=name,
            role=role,
            expires_at=expires_at,
            prefix=text[:PREFIX_LENGTH],
            sha256=digest(text),
        )
        given = {"role": (None, role), "expires_at": (None, expires_at), "user": (None, user.email)}
        record("created", [subject_of(key, changes=given)], at=at)
    return key, text


def revoke_api_key(key: ApiKey, *, at: datetime) -> None:
    """End a key at once; nothing happens when it has ended already."""
    end_api_keys(ApiKey.objects.filter(pk=key.pk), at=at)


def end_api_keys(keys: QuerySet[ApiKey], *, at: datetime) -> int:
    """End these keys at once; returns how many had not ended."""
    with transaction.atomic():
        ending = list(keys.filter(revoked_at=None).select_for_update(of=("self",)).order_by("pk"))
        ApiKey.objects.filter(pk__in=[key.pk for key in ending]).update(revoked_at=at, updated_at=at)
        record("revoked", map(subject_of, ending), at=at)
    return len(ending)
