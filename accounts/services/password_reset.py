"""Forgotten passwords: a link by e-mail, that sets a new one once.

What is answered, and the work that is done for it, are the same whether or not somebody has the address.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse

from accounts.acting import actor_for
from accounts.emails import to_look_for
from accounts.lockout import forget_failures
from accounts.models import User
from accounts.passwords import check_password_rules
from accounts.services.sign_in import end_all_sessions
from mastablasta.core import mail
from mastablasta.core.audit.actors import Via
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Invalid
from mastablasta.core.models import RequestCount

MOST_AN_HOUR = 5  # to one address, however many ask from wherever
ON_ITS_WAY = "If somebody has this address, a link is on its way to it; it is good for an hour."
NO_MAIL = "This server sends no e-mail; ask its operator, who can set another password."


def request_reset(email: str, *, at: datetime) -> str:
    """Send whoever has the address a link to choose a new password; return a sentence that says what to expect.

    The link is good for PASSWORD_RESET_TIMEOUT seconds, once, and until the next sign-in.
    """
    if not mail.is_on():
        return NO_MAIL
    address = to_look_for(email)
    user = User.objects.filter(email=address, is_active=True).first()
    is_told = _count(address, at=at) <= MOST_AN_HOUR and user is not None
    token = token_of(user or User(email=address, password="!"))  # noqa: S106  nobody's
    query = urlencode({"token": token})
    link = f"{settings.PUBLIC_URL}{reverse('password-reset-confirm')}?{query}"
    mail.write(
        address if is_told else "",
        "password_reset",
        {"email": address, "link": link, "address": settings.PUBLIC_URL},
        at=at,
        expires_at=at + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT),
    )
    return ON_ITS_WAY


def _count(address: str, *, at: datetime) -> int:
    """How many were asked for within this hour."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    key = f"reset:{hashlib.sha256(address.encode()).hexdigest()}:{hour:%Y%m%d%H}"
    return RequestCount.objects.add(key, ends_at=hour + timedelta(hours=1))


def token_of(user: User) -> str:
    """What proves once that somebody reads this person's e-mail; nothing of it is stored."""
    return f"{user.pk.hex}.{default_token_generator.make_token(user)}"


def user_of(token: str) -> User:
    """Whose token that is, if it is good. Raises Invalid (reset_token_invalid)."""
    person, _, proof = token.partition(".")
    try:
        user = User.objects.filter(pk=UUID(person), is_active=True).first()
    except ValueError:
        user = None
    if user is None or not default_token_generator.check_token(user, proof):
        raise _refused()
    return user


def _refused() -> Invalid:
    sentence = "This link is not good any more, or was never; ask for another one."
    return Invalid.field("token", "reset_token_invalid", sentence)


def reset_password(token: str, *, new: str, at: datetime) -> User:
    """Set a new password, sign the person out everywhere and end a lock-out; the token is used up. API keys stay.

    Raises Invalid (reset_token_invalid, the new password's faults).
    """
    user = user_of(token)
    check_password_rules(new, user=user, field="new_password")
    before = user.password
    user.set_password(new)  # outside the transaction: it takes 0.2 s
    with transaction.atomic():
        # of two at once the second finds another password
        changed = User.objects.filter(pk=user.pk, password=before).update(password=user.password, updated_at=at)
        if not changed:
            raise _refused()
        changed_password = subject_of(user, changes={"password": (None, None)})
        record("changed", [changed_password], at=at, by=actor_for(user, Via.NOBODY))
        end_all_sessions(user, at=at)
        forget_failures(user.email)
    return user
