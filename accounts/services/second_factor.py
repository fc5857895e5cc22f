"""The second factor of Django admin: an authenticator app (TOTP, RFC 6238), and codes for those who have lost it."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
from django.conf import settings
from django.db import transaction

from accounts.models import SecondFactor, User
from accounts.services.api_keys import digest
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.crypto import Unreadable
from mastablasta.core.errors import Conflict, Invalid, TooOften
from mastablasta.core.models import RequestCount

STEP_S = 30
STEPS_ASIDE = 1  # how far a phone's clock may be off
RECOVERY_CODES = 10
MOST_TRIES, TRIES_IN = 5, timedelta(minutes=5)  # a guess hits with 3 of 1,000,000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app is told: by `uri` (in a QR code), or the `secret` typed by hand."""

    secret: str
    uri: str


def factor_of(user: User) -> SecondFactor | None:
    """Their second factor, confirmed or not; without the secret."""
    return SecondFactor.objects.filter(user=user).defer("secret_enc").first()


def begin(user: User, *, at: datetime) -> None:
    """Make a secret that waits to be confirmed, in place of an earlier one that waits. Raises Conflict (is_set_up)."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)  # a button may be pressed twice
        factor = _locked(user) or SecondFactor(user=user)
        if factor.confirmed_at is not None:
            raise Conflict("is_set_up", "A second factor is set up already; remove it first.")
        factor.secret_enc = pyotp.random_base32()
        factor.save()
        record("begun", [subject_of(factor, name=user.email)], at=at)


def enrolment(factor: SecondFactor) -> Enrolment | None:
    """What to tell the app; None once it is confirmed, when nobody is shown it any more, or where the key is lost."""
    if factor.confirmed_at is not None or isinstance(factor.secret_enc, Unreadable):
        return None
    secret = str(factor.secret_enc)
    issuer = f"MastaBlasta ({settings.PUBLIC_HOST})"
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=factor.user.email, issuer_name=issuer))


def confirm(user: User, code: str, *, at: datetime) -> list[str]:
    """Use it from now on, as `code` shows that the app knows it; returns the recovery codes, to be shown once.

    Raises Invalid (wrong_code), Conflict (is_set_up, not_begun), TooOften.
    """
    _count_try(user, at=at)
    with transaction.atomic():
        factor = _locked(user)
        if factor is None:
            raise Conflict("not_begun", "Nothing is being set up; begin again.")
        if factor.confirmed_at is not None:
            raise Conflict("is_set_up", "A second factor is set up already.")
        if not _takes_code(factor, _typed(code), at=at):
            raise _wrong_code()
        factor.confirmed_at = factor.last_used_at = at
        codes = _new_codes(factor)
        factor.save()
        record("set up", [subject_of(factor, name=user.email)], at=at)
    _forget_tries(user, at=at)
    return codes


def verify(user: User, code: str, *, at: datetime) -> UUID | None:
    """Whether `code` is of their app, or a recovery code, and was not used before: the factor's id.

    None = they have no second factor. Raises Invalid (wrong_code), TooOften: tries are counted by person.
    """
    _count_try(user, at=at)
    with transaction.atomic():
        factor = _locked(user)
        if factor is None or factor.confirmed_at is None:
            return None
        typed = _typed(code)
        is_recovery = not _takes_code(factor, typed, at=at)
        if is_recovery and not _takes_recovery_code(factor, typed):
            raise _wrong_code()
        factor.last_used_at = at
        factor.save()
        if is_recovery:
            left = {"codes_left": (len(factor.recovery_hashes) + 1, len(factor.recovery_hashes))}
            record("recovery code used", [subject_of(factor, name=user.email, changes=left)], at=at)
    _forget_tries(user, at=at)
    return factor.pk


def renew_codes(user: User, *, at: datetime) -> list[str]:
    """Other recovery codes in place of those that there are; shown once. Raises Conflict (not_set_up)."""
    with transaction.atomic():
        factor = _locked(user)
        if factor is None or factor.confirmed_at is None:
            raise Conflict("not_set_up", "No second factor is set up.")
        codes = _new_codes(factor)
        factor.save()
        record("recovery codes renewed", [subject_of(factor, name=user.email)], at=at)
    return codes


def remove(user: User, *, at: datetime) -> bool:
    """Ask nothing but the password of them from now on; False = there was no second factor."""
    with transaction.atomic():
        factor = _locked(user)
        if factor is None:
            return False
        record("removed", [subject_of(factor, name=user.email)], at=at)
        factor.delete()
    return True


def _locked(user: User) -> SecondFactor | None:
    return SecondFactor.objects.select_for_update(of=("self",)).filter(user=user).first()


def _typed(code: str) -> str:
    """As apps and people write codes: in groups, in either case."""
    return "".join(code.split()).replace("-", "").upper()


def _takes_code(factor: SecondFactor, typed: str, *, at: datetime) -> bool:
    """Whether it is that of a step around now which is later than the last one that counted; it counts then."""
    if not (len(typed) == 6 and typed.isascii() and typed.isdecimal()):
        return False
    app, now = pyotp.TOTP(str(factor.secret_enc)), int(at.timestamp()) // STEP_S
    for step in range(max(now - STEPS_ASIDE, factor.last_step + 1), now + STEPS_ASIDE + 1):
        if hmac.compare_digest(app.generate_otp(step), typed):
            factor.last_step = step
            return True
    return False


def _takes_recovery_code(factor: SecondFactor, typed: str) -> bool:
    hashed = digest(typed)
    left = [one for one in factor.recovery_hashes if not hmac.compare_digest(one, hashed)]
    is_one = len(left) < len(factor.recovery_hashes)
    factor.recovery_hashes = left
    return is_one


def _new_codes(factor: SecondFactor) -> list[str]:
    """As "ABCD-EFGH-IJKL-MNOP": 80 random bits, so that one round of SHA-256 is enough."""
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    factor.recovery_hashes = [digest(code) for code in codes]
    return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in codes]


def _window(user: User, at: datetime) -> tuple[str, datetime]:
    number = (at - EPOCH) // TRIES_IN
    return f"second_factor:{user.pk}:{number}", EPOCH + (number + 1) * TRIES_IN


def _count_try(user: User, *, at: datetime) -> None:
    """Before the code is looked at, and in a transaction of its own: guesses at once count each."""
    key, ends_at = _window(user, at)
    if RequestCount.objects.add(key, ends_at=ends_at) > MOST_TRIES:
        wait_s = int((ends_at - at).total_seconds()) + 1
        sentence = f"Too many wrong codes; wait {wait_s} seconds and try again."
        raise TooOften("too_many_codes", sentence, retry_after_s=wait_s)


def _forget_tries(user: User, *, at: datetime) -> None:
    RequestCount.objects.filter(key=_window(user, at)[0]).delete()


def _wrong_code() -> Invalid:
    sentence = "This code does not count: it is mistyped, was used before, or the phone's clock is wrong."
    return Invalid.field("code", "wrong_code", sentence)
