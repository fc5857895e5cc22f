"""Which platforms there are, where their code is and how people connect them: one entry each.

A platform's code is imported when it is first asked for. Settings read this table, so nothing here needs Django.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from integrations.capabilities import Capabilities
    from integrations.contract import Connector
    from integrations.sign_in import OAuthFlow, PasswordSignIn, SignIn


@dataclass(frozen=True, slots=True)
class SignInEntry:
    """One way to connect accounts: the dotted path of its class; "" = not built yet.

    `way`: with a redirect to the platform, or by a password made for this. `app_settings`: the settings that hold id
    and secret of the app which the operator registers for it; None = we register it ourselves, or there is none.
    `name`: what people give as `sign_in` to choose it among several; the first of a platform is taken otherwise.
    `scopes_setting`: the setting that holds which permissions that app may ask for, where platforms approve them one by
    one; "" = its class knows.
    """

    path: str = ""
    way: Literal["redirect", "password"] = "redirect"
    app_settings: tuple[str, str] | None = None
    name: str = ""
    scopes_setting: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A platform's name for people, the dotted path of its connector ("" = not built yet) and its sign-ins."""

    label: str
    connector: str = ""
    sign_ins: tuple[SignInEntry, ...] = (SignInEntry(),)


def _place(slug: str, path: str) -> str:
    return f"integrations.platforms.{slug}.{path}"


META_APP = ("META_APP_ID", "META_APP_SECRET")
INSTAGRAM_APP = ("INSTAGRAM_APP_ID", "INSTAGRAM_APP_SECRET")
PLATFORMS: dict[str, Entry] = {
    "twitter": Entry(
        "X",
        _place("twitter", "connector.TwitterConnector"),
        (
            SignInEntry(
                _place("twitter", "oauth.TwitterOAuth"), app_settings=("TWITTER_CLIENT_ID", "TWITTER_CLIENT_SECRET")
            ),
        ),
    ),
    "facebook": Entry(
        "Facebook",
        _place("facebook", "connector.FacebookConnector"),
        (SignInEntry(_place("facebook", "sign_in.FacebookOAuth"), app_settings=META_APP),),
    ),
    "instagram": Entry(
        "Instagram",
        _place("instagram", "connector.InstagramConnector"),
        (
            SignInEntry(_place("instagram", "sign_in.InstagramByFacebook"), app_settings=META_APP, name="facebook"),
            SignInEntry(_place("instagram", "sign_in.InstagramLogin"), app_settings=INSTAGRAM_APP, name="instagram"),
        ),
    ),
    "linkedin": Entry(
        "LinkedIn",
        _place("linkedin", "connector.LinkedInConnector"),
        (
            SignInEntry(
                _place("linkedin", "sign_in.LinkedInOAuth"),
                app_settings=("LINKEDIN_CLIENT_ID", "LINKEDIN_CLIENT_SECRET"),
                scopes_setting="LINKEDIN_SCOPES",
            ),
        ),
    ),
    "youtube": Entry(
        "YouTube",
        _place("youtube", "connector.YouTubeConnector"),
        (
            SignInEntry(
                _place("youtube", "sign_in.YouTubeOAuth"), app_settings=("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
            ),
        ),
    ),
    "mastodon": Entry(
        "Mastodon",
        _place("mastodon", "connector.MastodonConnector"),
        (SignInEntry(_place("mastodon", "oauth.MastodonOAuth")),),
    ),
    "bluesky": Entry(
        "Bluesky",
        _place("bluesky", "connector.BlueskyConnector"),
        (SignInEntry(_place("bluesky", "sign_in.BlueskySignIn"), way="password"),),
    ),
}
PLATFORM_SLUGS: tuple[str, ...] = tuple(PLATFORMS)


class NotBuilt(LookupError):
    """The platform is known, but this version cannot speak to it."""


class OtherSignIn(LookupError):
    """The platform is connected in another way."""


def is_platform(slug: str) -> bool:
    return slug in PLATFORMS


def choices() -> list[tuple[str, str]]:
    """Each slug with the platform's name for people, as Django's choices."""
    return [(slug, entry.label) for slug, entry in PLATFORMS.items()]


def label_of(slug: str) -> str:
    """The platform's name for people; the slug where this version does not know it."""
    return PLATFORMS[slug].label if slug in PLATFORMS else slug


def is_built(slug: str) -> bool:
    return slug in PLATFORMS and bool(PLATFORMS[slug].connector)


def built() -> tuple[str, ...]:
    """The platforms that this version can speak to."""
    return tuple(slug for slug in PLATFORMS if is_built(slug))


@cache
def connector_class(slug: str) -> type[Connector]:
    """Raises NotBuilt."""
    found: type[Connector] = _load(PLATFORMS[slug].connector, slug)
    return found


def sign_in_entry(slug: str, name: str = "") -> SignInEntry:
    """The sign-in of this name, the first one for "" and for what is not known (any more)."""
    entries = PLATFORMS[slug].sign_ins
    return next((entry for entry in entries if name and entry.name == name), entries[0])


def sign_in(slug: str, name: str = "") -> type[SignIn]:
    """Raises NotBuilt."""
    found: type[SignIn] = _load(sign_in_entry(slug, name).path, slug)
    return found


def oauth_flow(slug: str, name: str = "") -> type[OAuthFlow]:
    """Raises NotBuilt, and OtherSignIn for platforms that people connect without a redirect."""
    from integrations.sign_in import OAuthFlow

    found = sign_in(slug, name)
    if not issubclass(found, OAuthFlow):
        raise OtherSignIn(slug)
    return found


def password_sign_in(slug: str) -> type[PasswordSignIn]:
    """Raises NotBuilt, and OtherSignIn for platforms that people connect by OAuth."""
    from integrations.sign_in import PasswordSignIn

    found = sign_in(slug)
    if not issubclass(found, PasswordSignIn):
        raise OtherSignIn(slug)
    return found


def app_settings() -> dict[str, str]:
    """The settings that hold our apps' ids and secrets, with the slug of the first built platform that has each."""
    return {
        name: slug
        for slug in reversed(PLATFORM_SLUGS)
        if is_built(slug)
        for entry in PLATFORMS[slug].sign_ins
        for name in entry.app_settings or ()
    }


def capabilities(slug: str) -> Capabilities:
    """Raises NotBuilt."""
    return connector_class(slug).capabilities


def fetches_media(slug: str) -> bool:
    """Whether the platform fetches files from this server, instead of being sent them; False while it is not built."""
    return is_built(slug) and any(rule.by_url for rule in capabilities(slug).media.values())


def _load(path: str, slug: str) -> Any:
    if not path:
        raise NotBuilt(slug)
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)
