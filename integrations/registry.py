"""Which platforms there are and where their code is: one line each, imported when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from integrations.capabilities import Capabilities
    from integrations.contract import Connector, OAuthFlow, PasswordSignIn, SignIn


@dataclass(frozen=True, slots=True)
class Entry:
    """A platform's name for people, and the dotted paths of its connector and sign-in; "" = not built yet."""

    label: str
    connector: str = ""
    sign_in: str = ""


PLATFORMS: dict[str, Entry] = {
    "twitter": Entry(
        "X",
        "integrations.platforms.twitter.connector.TwitterConnector",
        "integrations.platforms.twitter.oauth.TwitterOAuth",
    ),
    "facebook": Entry("Facebook"),
    "instagram": Entry("Instagram"),
    "linkedin": Entry("LinkedIn"),
    "youtube": Entry("YouTube"),
    "mastodon": Entry(
        "Mastodon",
        "integrations.platforms.mastodon.connector.MastodonConnector",
        "integrations.platforms.mastodon.oauth.MastodonOAuth",
    ),
    "bluesky": Entry(
        "Bluesky",
        "integrations.platforms.bluesky.connector.BlueskyConnector",
        "integrations.platforms.bluesky.sign_in.BlueskySignIn",
    ),
}
PLATFORM_SLUGS: tuple[str, ...] = tuple(PLATFORMS)


class NotBuilt(LookupError):
    """The platform is known, but this version cannot speak to it."""


class OtherSignIn(LookupError):
    """The platform is connected in another way."""


def is_platform(slug: str) -> bool:
    return slug in PLATFORMS


def is_built(slug: str) -> bool:
    return slug in PLATFORMS and bool(PLATFORMS[slug].connector)


@cache
def connector_class(slug: str) -> type[Connector]:
    """Raises NotBuilt."""
    found: type[Connector] = _load(PLATFORMS[slug].connector, slug)
    return found


@cache
def sign_in(slug: str) -> type[SignIn]:
    """Raises NotBuilt."""
    found: type[SignIn] = _load(PLATFORMS[slug].sign_in, slug)
    return found


def oauth_flow(slug: str) -> type[OAuthFlow]:
    """Raises NotBuilt, and OtherSignIn for platforms that people connect without a redirect."""
    from integrations.contract import OAuthFlow

    found = sign_in(slug)
    if not issubclass(found, OAuthFlow):
        raise OtherSignIn(slug)
    return found


def password_sign_in(slug: str) -> type[PasswordSignIn]:
    """Raises NotBuilt, and OtherSignIn for platforms that people connect by OAuth."""
    from integrations.contract import PasswordSignIn

    found = sign_in(slug)
    if not issubclass(found, PasswordSignIn):
        raise OtherSignIn(slug)
    return found


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
