"""Sign-ins: begun with a password, kept alive with refresh tokens, ended by their owner or by a replay."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate, user_logged_in
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.emails import to_look_for
from accounts.lockout import is_locked_out, seconds_left
from accounts.models import Session, User
from accounts.passwords import check_password_rules
from accounts.services.workspaces import settle
from accounts.tokens import BadToken, ExpiredToken, RefreshToken
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Invalid, NotSignedIn, TooOften
from mastablasta.core.ids import new_id


def sign_in(*, email: str, password: str, request: HttpRequest, at: datetime) -> tuple[User, Session]:
    """Begin a session. `request` is only asked where it comes from: failures are counted by address.

    Raises NotSignedIn (invalid_credentials, in the same time whether or not there is such a person),
    TooOften.
    """
    user = _prove(email=email, password=password, request=request)
    user_logged_in.send(sender=User, request=request, user=user)
    settle(user)
    return user, start_session(user, at=at, user_agent=request.headers.get("User-Agent", ""))


def _prove(*, email: str, password: str, request: HttpRequest) -> User:
    user = authenticate(request, username=to_look_for(email), password=password)
    if is_locked_out(request):
        left_s = seconds_left(request, email=email)
        sentence = f"Too many failed sign-ins; wait {-(-left_s // 60)} minutes and try again."
        raise TooOften("locked_out", sentence, retry_after_s=left_s)
    if user is None:
        raise NotSignedIn("invalid_credentials", "E-mail or password is wrong; check both.")
    return user


def start_session(user: User, *, at: datetime, user_agent: str = "") -> Session:
    return Session.objects.create(
        user=user,
        current_jti=new_id(),
        expires_at=at + settings.REFRESH_TOKEN_LIFETIME,
        last_used_at=at,
        user_agent=user_agent[:200],
    )


def refresh_session(text: str, *, at: datetime) -> Session:
    """Exchange a refresh token: the session goes on with a new one, and `text` is used up.

    Of two requests with the same token exactly one gets the new one. The other is a replay and ends the
    session, as RFC 9700 §4.14.2 wants it: nobody can tell the thief from the owner. So a client refreshes one
    at a time.
    Raises NotSignedIn (token_expired, token_invalid, session_ended, token_reused).
    """
    claims = _read(text)
    session = Session.objects.select_related("user").filter(pk=claims["sid"]).first()
    if session is None or not session.stands(at) or not session.user.is_active:
        raise NotSignedIn("session_ended", "This sign-in has ended; sign in again.")
    fresh = {"current_jti": new_id(), "last_used_at": at, "expires_at": at + settings.REFRESH_TOKEN_LIFETIME}
    # conditions on the row alone: with a join, PostgreSQL would let a second one that waited for the lock through
    if Session.objects.standing(at).filter(pk=session.pk, current_jti=claims["jti"]).update(**fresh, updated_at=at):
        for name, value in fresh.items():
            setattr(session, name, value)
        return session
    end_session(session, at=at)
    raise NotSignedIn("token_reused", "This refresh token was used before, so the sign-in has ended; sign in again.")


def _read(text: str) -> dict[str, UUID]:
    try:
        return RefreshToken.read(text)
    except ExpiredToken as error:
        raise NotSignedIn("token_expired", "The refresh token has expired; sign in again.") from error
    except BadToken as error:
        raise NotSignedIn("token_invalid", "This is not one of our refresh tokens; sign in again.") from error


def end_session(session: Session, *, at: datetime) -> None:
    """Sign out: the session's tokens are worth nothing from now on."""
    end_sessions(Session.objects.filter(pk=session.pk), at=at)


def end_sessions(sessions: QuerySet[Session], *, at: datetime) -> int:
    """Likewise many; returns how many had not ended."""
    with transaction.atomic():
        ending = list(sessions.filter(revoked_at=None).select_related("user").order_by("pk"))
        Session.objects.filter(pk__in=[session.pk for session in ending]).update(revoked_at=at, updated_at=at)
        record("ended", [subject_of(session, name=session.user.email) for session in ending], at=at)
    return len(ending)


def end_all_sessions(user: User, *, at: datetime) -> None:
    """Sign `user` out everywhere. API keys stay: they are revoked one by one."""
    end_sessions(Session.objects.filter(user=user), at=at)


def prove_password(user: User, password: str, *, request: HttpRequest, field: str) -> None:
    """Let who is signed in prove once more who they are. Raises Invalid (wrong_password, of `field`), TooOften.

    Guesses count as failed sign-ins.
    """
    try:
        _prove(email=user.email, password=password, request=request)
    except NotSignedIn as error:
        raise Invalid.field(field, "wrong_password", "This is not your password; check it.") from error


def change_password(user: User, *, current: str, new: str, request: HttpRequest, at: datetime) -> Session:
    """Set a new password and sign out everywhere; return the session that goes on with the new one.

    Raises Invalid (wrong_password, or the new one's faults), TooOften: guesses count as failed sign-ins.
    """
    prove_password(user, current, request=request, field="current_password")
    check_password_rules(new, user=user, field="new_password")
    user.set_password(new)
    with transaction.atomic():
        user.save(update_fields=["password", "updated_at"])  # ends all, and is told
        return start_session(user, at=at, user_agent=request.headers.get("User-Agent", ""))
