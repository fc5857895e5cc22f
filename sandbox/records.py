"""What a site remembers: people, apps, consents, tokens, media and posts. Times are ms since the epoch."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

PASSWORD_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
LOOPBACK_URI = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[^\s#]*")


def new_app_password() -> str:
    """Return four times four characters, `xxxx-xxxx-xxxx-xxxx`."""
    return "-".join("".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(4)) for _ in range(4))


@dataclass(slots=True, eq=False)
class Person:
    """Somebody with an account; `posts` is their own timeline, oldest first."""

    id: str
    handle: str
    name: str
    created_ms: int
    pages: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    organisations: list[str] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    answered_keys: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Idempotency key -> (until when, in ms, it is remembered; id of the post it made)."""
    app_password: str = field(default_factory=new_app_password, repr=False)
    """What programs sign in with at the platforms that have such passwords."""
    followers: int = 0
    following: int = 0


@dataclass(slots=True, eq=False)
class App:
    """A registered client; `takes_loopback`: any address on this machine will do as redirect URI."""

    id: str
    name: str
    website: str | None
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    client_id: str
    client_secret: str
    created_ms: int
    takes_loopback: bool = False

    def takes(self, redirect_uri: str) -> bool:
        """Return whether a person's answer may be sent there."""
        if redirect_uri in self.redirect_uris:
            return True
        return self.takes_loopback and LOOPBACK_URI.fullmatch(redirect_uri) is not None


@dataclass(slots=True, eq=False)
class Grant:
    """One consent of one person to one app: every token that ever comes of it falls with it.

    A sign-in without an app (by password) has none; an app's token for itself has no person.
    """

    app: App | None
    person: Person | None
    scopes: tuple[str, ...]
    is_revoked: bool = False


@dataclass(slots=True, eq=False)
class Code:
    code: str
    grant: Grant
    redirect_uri: str
    challenge: str | None
    expires_ms: int
    is_used: bool = False


@dataclass(slots=True, eq=False)
class Token:
    access: str
    grant: Grant
    created_ms: int
    expires_ms: int | None = None
    is_expired: bool = False
    is_revoked: bool = False

    def fault(self, at_ms: int) -> str | None:
        """Return `revoked`, `expired` or, for a good token, None."""
        if self.is_revoked or self.grant.is_revoked:
            return "revoked"
        if self.is_expired or (self.expires_ms is not None and at_ms >= self.expires_ms):
            return "expired"
        return None


@dataclass(slots=True, eq=False)
class RefreshToken:
    value: str
    grant: Grant
    is_used: bool = False


@dataclass(slots=True, eq=False)
class Media:
    id: str
    owner: Person
    kind: str
    mime_type: str
    size: int
    sha256: str
    filename: str
    alt_text: str | None
    ready_ms: int
    width: int | None = None
    height: int | None = None
    focus: tuple[float, float] | None = None
    post: Post | None = None
    is_failed: bool = False


@dataclass(slots=True, eq=False)
class Post:
    """What the world can see; `replies` counts the answers to it on this site."""

    number: int
    site: str
    slug: str
    id: str
    person: Person
    text: str
    created_ms: int
    media: tuple[Media, ...] = ()
    reply_to: str | None = None
    visibility: str = "public"
    spoiler_text: str = ""
    is_sensitive: bool = False
    language: str | None = None
    app: App | None = None
    replies: int = 0
    metrics: dict[str, int] | None = None
    extra: dict[str, Any] | None = None
