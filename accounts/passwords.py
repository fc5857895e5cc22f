"""What a password must be."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MinLengthValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from accounts.spelling import prepared
from mastablasta.core.errors import FieldProblem, Invalid, summary

LEAST, MOST = 8, 128  # characters


class MostPrepared(MaxLengthValidator):
    """At most so many characters in the form that is hashed, however many keys it took."""

    def clean(self, x: Any) -> int:
        return len(prepared(x))


class LeastPrepared(MinLengthValidator):
    """At least so many characters in the form that is hashed."""

    def clean(self, x: Any) -> int:
        return len(prepared(x))


class NoControlCharacters:
    """A password validator of Django's kind, for what RFC 8265 keeps out of passwords."""

    sentence = gettext_noop("A password holds no control characters, such as line breaks; leave them out.")

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002  the same for everybody
        if any(unicodedata.category(character) == "Cc" for character in password):
            raise ValidationError(self.sentence, code="control_character")

    def get_help_text(self) -> str:
        return _(self.sentence)


def check_password_rules(password: str, *, user: User, field: str) -> None:
    """Raise Invalid with every rule that `password` breaks, each for `field`."""
    try:
        validate_password(prepared(password), user)
    except ValidationError as error:
        problems = [
            FieldProblem(field, str(one.code or "invalid"), " ".join(one.messages), dict(one.params or {}))
            for one in error.error_list
        ]
        raise Invalid("invalid", summary(problems), problems) from error
