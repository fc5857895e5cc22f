"""Our apps at the platforms where an operator registers them, and so whether a platform can be connected here.

They are read from the settings at each use and stored nowhere: a changed secret counts at once, for refreshes too. The
price: a grant that was given to another app ends at its next refresh.
"""

from __future__ import annotations

from django.conf import settings

from integrations import registry
from integrations.sign_in import NO_APP, ClientApp

# Connected by an app password, without a redirect.
BY_PASSWORD = tuple(slug for slug, entry in registry.PLATFORMS.items() if entry.sign_ins[0].way == "password")


def operators_app(slug: str, sign_in: str = "") -> ClientApp | None:
    """Our app as the operator has set it up, empty while they have not; None where we register it ourselves."""
    names = registry.sign_in_entry(slug, sign_in).app_settings
    if names is None:
        return None
    client_id, client_secret = (str(getattr(settings, name, "")) for name in names)
    return ClientApp(client_id, client_secret) if client_id and client_secret else NO_APP


def operators_scopes(slug: str, sign_in: str = "") -> list[str]:
    """Which permissions our app may ask for, as the operator has said; [] = those that the sign-in's class names."""
    name = registry.sign_in_entry(slug, sign_in).scopes_setting
    return str(getattr(settings, name, "")).split() if name else []


def is_configured(slug: str) -> bool:
    """Whether people can connect accounts of this platform now, in one way at least."""
    apps = [operators_app(slug, entry.name) for entry in registry.PLATFORMS[slug].sign_ins]
    return registry.is_built(slug) and any(app is None or bool(app.client_id) for app in apps)
