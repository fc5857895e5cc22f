"""What a password must be."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User
from mastablasta.core.errors import FieldProblem, Invalid, summary

LEAST, MOST = 8, 128  # characters


def check_password_rules(password: str, *, user: User, field: str) -> None:
    """Raise Invalid with every rule that `password` breaks, each for `field`."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems = [
            FieldProblem(field, str(one.code or "invalid"), " ".join(one.messages), dict(one.params or {}))
            for one in error.error_list
        ]
        raise Invalid("invalid", summary(problems), problems) from error
