"""What a sign-in asks a person for just now; tests ask for less than the platform's module does."""

from __future__ import annotations

import sys
from hashlib import sha256

from integrations import registry
from integrations.services.operator_apps import operators_scopes


def scopes_asked(slug: str, sign_in: str = "") -> str:
    """As a word that differs where these differ."""
    flow = registry.sign_in(slug, sign_in)
    of_module = getattr(sys.modules[flow.__module__], "SCOPES", ())
    asked = repr((getattr(flow, "scopes", ()), of_module, operators_scopes(slug, sign_in)))
    return sha256(asked.encode()).hexdigest()[:12]
