"""Everything that exists outside: per site its people, apps, tokens, posts and media.

A site is one server of one platform. Most platforms have one (`/twitter`); of those that federate there can
be more under names of their own (`/mastodon` and `/mastodon-fork` are two sites of the platform `mastodon`).
"""

from __future__ import annotations

import gc
import secrets
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sandbox.clock import now_ms
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.records import App, Code, Media, Person, Post, RefreshToken, Token

if TYPE_CHECKING:
    from sandbox.platform import Platform

KEPT_FILE_BYTES = 256 << 20
SITE_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(slots=True)
class Limits:
    """What the platforms guard by themselves, and how late their look-ups see a post."""

    quotas: bool = True
    duplicates: bool = True
    idempotency: bool = True
    lookup_lag_ms: int = 0


class Snowflakes:
    """Ids that grow with time: milliseconds since an epoch, shifted; never the same one twice.

    The low bits of a millisecond's first id come of the site's name, so that two sites do not use the same ids.
    """

    def __init__(self, site: str, shift: int = 16, epoch_ms: int = 0) -> None:
        self._shift = shift
        self._epoch_ms = epoch_ms
        self._low_bits = crc32(site.encode()) % (1 << (shift - 1))
        self._last = 0

    def next_at(self, at_ms: int) -> str:
        self._last = max(self._last + 1, ((at_ms - self._epoch_ms) << self._shift) + self._low_bits)
        return str(self._last)


class Files:
    """The bytes of what was uploaded, for as long as they fit; the oldest leave first."""

    def __init__(self, max_bytes: int = KEPT_FILE_BYTES) -> None:
        self._max_bytes = max_bytes
        self.size = 0
        self._files: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def keep(self, site: str, media_id: str, data: bytes) -> None:
        self.size += len(data) - len(self._files.pop((site, media_id), b""))
        self._files[site, media_id] = data
        while self.size > self._max_bytes:
            self.size -= len(self._files.popitem(last=False)[1])

    def find(self, site: str, media_id: str) -> bytes | None:
        return self._files.get((site, media_id))

    def names(self) -> list[tuple[str, str]]:
        """Return the site and the id of each file, the oldest first."""
        return list(self._files)


class Site:
    """The memory of one server of one platform."""

    KEPT = ("ids", "people", "people_by_id", "apps", "codes", "tokens", "refresh_tokens", "media", "posts")

    def __init__(self, world: World, slug: str, name: str) -> None:
        self.world = world
        self.slug = slug
        self.name = name
        self.url = f"{world.origin}/{name}"
        self.ids = Snowflakes(name)
        self.people: dict[str, Person] = {}
        self.people_by_id: dict[str, Person] = {}
        self.apps: dict[str, App] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.refresh_tokens: dict[str, RefreshToken] = {}
        self.media: dict[str, Media] = {}
        self.posts: dict[str, Post] = {}

    def person(self, handle: str) -> Person | None:
        return self.people.get(handle.lower())

    def sign_up(
        self,
        handle: str,
        *,
        name: str | None = None,
        pages: list[str] | None = None,
        channels: list[str] | None = None,
        organisations: list[str] | None = None,
    ) -> Person:
        """Return a new person; without more said they have one page, one channel and no organisation."""
        at_ms = now_ms()
        name = name or handle
        person = Person(
            id=self.ids.next_at(at_ms),
            handle=handle,
            name=name,
            created_ms=at_ms,
            pages=[name] if pages is None else pages,
            channels=[name] if channels is None else channels,
            organisations=organisations or [],
        )
        self.people[handle.lower()] = self.people_by_id[person.id] = person
        return person

    def register_app(
        self, *, name: str, website: str | None, redirect_uris: tuple[str, ...], scopes: tuple[str, ...]
    ) -> App:
        at_ms = now_ms()
        app = App(
            id=self.ids.next_at(at_ms),
            name=name,
            website=website,
            redirect_uris=redirect_uris,
            scopes=scopes,
            client_id=secrets.token_urlsafe(32),
            client_secret=secrets.token_urlsafe(32),
            created_ms=at_ms,
        )
        self.apps[app.client_id] = app
        return app

    def add_post(self, post: Post) -> None:
        """Make it visible."""
        self.posts[post.id] = self.world.posts[post.number] = post
        post.person.posts.append(post)
        for item in post.media:
            item.post = post
        parent = self.posts.get(post.reply_to) if post.reply_to else None
        if parent is not None:
            parent.replies += 1

    def remove_post(self, post: Post) -> None:
        """Take it out of every list."""
        del self.posts[post.id], self.world.posts[post.number]
        own = post.person.posts
        del own[bisect_left(own, post.number, key=lambda other: other.number)]
        for item in post.media:
            item.post = None
        parent = self.posts.get(post.reply_to) if post.reply_to else None
        if parent is not None:
            parent.replies -= 1

    def shows(self, post: Post, at_ms: int) -> bool:
        """Return whether look-ups see the post already (PUT /_control/limits, `lookup_lag_ms`)."""
        return post.created_ms + self.world.limits.lookup_lag_ms <= at_ms

    def end_tokens(self, *, is_revoked: bool) -> int:
        """Let all access tokens issued so far answer as revoked, or as expired; return how many."""
        for token in self.tokens.values():
            if is_revoked:
                token.grant.is_revoked = True
            else:
                token.is_expired = True
        return len(self.tokens)

    def forget_apps(self) -> int:
        """Know none of the apps that registered here any more, as after a clean-up of unused ones; return how many."""
        forgotten = len(self.apps)
        self.apps.clear()
        return forgotten


class World:
    """All sites, and what holds for all of them."""

    def __init__(self, origin: str, platforms: Mapping[str, type[Platform]]) -> None:
        self.origin = origin
        self.platforms = platforms
        self.touched_at = 0.0
        """When it may have changed for the last time, by the monotonic clock."""
        self._post_numbers = 0
        self.forget_everything()

    def forget_everything(self) -> None:
        self.limits = Limits()
        self.latency_ms = 0
        self.journal = Journal()
        self.faults = Faults()
        self.files = Files()
        self.posts: dict[int, Post] = {}
        self.sites: dict[str, Platform] = {}
        gc.collect()

    def touch(self) -> None:
        """Note that it may change now."""
        self.touched_at = monotonic()

    def kept(self) -> dict[str, Any]:
        """Return what outlives the process: all but the journal and the faults that wait."""
        sites = {
            name: {"site": values_of(platform.site, Site.KEPT), "platform": platform.kept()}
            for name, platform in self.sites.items()
        }
        return {
            "post_numbers": self._post_numbers,
            "limits": self.limits,
            "latency_ms": self.latency_ms,
            "posts": self.posts,
            "sites": sites,
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Be as the world was of which `kept` was taken; what it says of a platform that is no more is left out."""
        self._post_numbers, self.limits, self.latency_ms = kept["post_numbers"], kept["limits"], kept["latency_ms"]
        for name, of_site in kept["sites"].items():
            platform = self.site(name)
            if platform is None:
                continue
            set_values(platform.site, of_site["site"])
            platform.restore(of_site["platform"])
        self.posts = {number: post for number, post in kept["posts"].items() if post.site in self.sites}

    def next_post_number(self) -> int:
        """Return a number that puts posts of all sites in the order in which they came."""
        self._post_numbers += 1
        return self._post_numbers

    def site(self, name: str) -> Platform | None:
        """Return the running site of that name, opening it at its first mention; None: no such platform."""
        running = self.sites.get(name)
        if running is not None:
            return running
        slug = name.partition("-")[0]
        if slug not in self.platforms or name.endswith("-") or not SITE_NAME_CHARS.issuperset(name):
            return None
        opened = self.platforms[slug](Site(self, slug, name))
        self.sites[name] = opened
        return opened

    def sites_of(self, slug: str) -> list[Platform]:
        return [running for running in self.sites.values() if running.site.slug == slug]


def values_of(thing: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def set_values(thing: object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(thing, name, value)
