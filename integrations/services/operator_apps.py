"""Our apps at the platforms where an operator registers them, and so whether a platform can be connected here."""

from __future__ import annotations

from django.conf import settings

from integrations import registry
from integrations.contract import NO_APP, ClientApp

# The platforms where an operator registers our app, and the settings that hold its id and secret. At the others we
# register it ourselves, at each host.
APP_SETTINGS: dict[str, tuple[str, str]] = {
    "twitter": ("TWITTER_CLIENT_ID", "TWITTER_CLIENT_SECRET"),
    "facebook": ("META_APP_ID", "META_APP_SECRET"),
    "instagram": ("META_APP_ID", "META_APP_SECRET"),
    "linkedin": ("LINKEDIN_CLIENT_ID", "LINKEDIN_CLIENT_SECRET"),
    "youtube": ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
}
BY_PASSWORD = ("bluesky",)  # connected by an app password, without a redirect


def operators_app(slug: str) -> ClientApp | None:
    """Our app as the operator has set it up, empty while they have not; None where we register it ourselves."""
    if slug not in APP_SETTINGS:
        return None
    client_id, client_secret = (str(getattr(settings, name, "")) for name in APP_SETTINGS[slug])
    return ClientApp(client_id, client_secret) if client_id and client_secret else NO_APP


def is_configured(slug: str) -> bool:
    """Whether people can connect accounts of this platform now."""
    app = operators_app(slug)
    return registry.is_built(slug) and (app is None or bool(app.client_id))
