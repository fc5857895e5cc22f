"""E-mail addresses in one form, however they are typed: small letters, the domain as it stands in DNS."""

from __future__ import annotations

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email


def one_form(address: str) -> str:
    """Return the address as it is stored and looked for. Raises ValidationError where it is none."""
    local, at, domain = address.strip().rpartition("@")
    local = local.lower()
    if not local.isascii():
        raise ValidationError("Letters before the @ must be plain ASCII; give another address.", code="invalid")
    try:
        domain = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValidationError("There can be no such domain after the @; check the address.", code="invalid") from None
    found = f"{local}{at}{domain}"
    validate_email(found)
    return found


def to_look_for(address: str) -> str:
    """The same for an address that somebody signs in with; one that nobody can have stays as it is."""
    try:
        return one_form(address)
    except ValidationError:
        return address.strip().lower()
