"""What a platform takes and how it behaves, as data: limits with the vendor's URL and the day they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from mastablasta.core.media_rules import MediaRule

# The longest that fronts are known to keep a request before they hand it on or give it up, in seconds: the default of
# nginx (proxy_connect_timeout, proxy_read_timeout) and of AWS's load balancers (idle timeout).
# https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout
LONGEST_HOLD_S = 60


@dataclass(frozen=True, slots=True)
class Source:
    """Where a limit stands, and when it was read there (YYYY-MM-DD)."""

    url: str
    read: str


@dataclass(frozen=True, slots=True)
class TextLimit:
    """The longest text. `unit` says how it is counted; `stock`: a host may allow more or less."""

    limit: int
    unit: Literal["graphemes", "weighted", "characters", "bytes"]
    source: Source
    is_stock: bool = False


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most `limit` calls of `operation` in `window_s` seconds, per `scope`; all rules of an operation count at once.

    A window begins with its first call, unless `resets_in` names a time zone (IANA): then it is that zone's calendar
    day, and `window_s` is 86,400.
    """

    operation: str
    limit: int
    window_s: int
    scope: Literal["account", "app", "host"]
    source: Source
    resets_in: str = ""

    def __post_init__(self) -> None:
        if self.resets_in and (self.window_s != 86_400 or not ZoneInfo(self.resets_in)):
            raise ValueError("a window that ends with the day lasts 86,400 s")

    def window_end(self, at: datetime) -> datetime:
        """When a window that `at` lies in, or begins, ends."""
        if not self.resets_in:
            return at + timedelta(seconds=self.window_s)
        zone = ZoneInfo(self.resets_in)
        tomorrow = at.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time.min, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class MetricsRule:
    """What a platform counts of posts. `batch`: so many it tells in one call. `budget`: how many such calls an account
    may make of ours, so that most of the platform's own windows is left to publishing. `is_paid`: the platform charges
    for each post that it tells of, once in a day of UTC."""

    batch: int
    budget: RateRule
    source: Source
    is_paid: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """What the platform charges our app for publishing, in US dollars. `post`: for each visible post without a link;
    `post_with_link`: for one with; `alt_text`: for each on top."""

    post: Decimal
    post_with_link: Decimal
    alt_text: Decimal
    source: Source


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """The version of the platform's API that our calls are written for, and the last day (YYYY-MM-DD) on which the
    platform takes it."""

    name: str
    last_day: str
    source: Source


Reconcile = Literal["exact", "best_effort", "none"]
"""How surely we can find out whether a post is out; people see it in `GET /platforms`.

exact        by a key or an id that no other post has: sent twice, it is still one post
best_effort  by text, place and time: a likeness made elsewhere may be taken for ours
none         not at all: `Connector.reconcile` returns CannotTell, and a person decides
"""
Way = Literal["native_key", "client_id", "progress", "look_up", "none"]
"""By what; the cases of `tests/kit/connector_contract.py` go by it, the engine does not.

native_key   the visible call carries `Step.key`, and the platform makes one post of a key
client_id    we choose the post's id, and ask for it by that
progress     an id that the platform gave before the visible call, kept in `Progress`, leads to the post
look_up      the account's newest posts are read
none         there is no way
"""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One platform. `options` is the JSON schema of its `post_options`; `media`: what a post of a type may carry;
    `can_delete`: whether its API takes a post back, without which a connector has no `delete` of its own;
    `needs_media`: whether every post carries a file.

    `reconcile`: how surely we can find out whether a post is out. `way`: by what. `settle_s`: how long after a call
    the platform's "I do not have it" may still be wrong. `hold_s`: how much longer after a time-out, since a front may
    hand the request on late; 0 where two requests under a key of ours make one post. `metrics`: None = it counts
    nothing. `api_version`: where the platform switches versions off on a day that it names. `prices`: None = calls are
    free.
    """

    slug: str
    label: str
    post_types: tuple[str, ...]
    text: TextLimit
    reconcile: Reconcile
    way: Way
    settle_s: int
    hold_s: int
    options: Mapping[str, Any]
    rates: tuple[RateRule, ...] = ()
    media: Mapping[str, MediaRule] = field(default_factory=dict)
    can_delete: bool = True
    needs_media: bool = False
    metrics: MetricsRule | None = None
    api_version: ApiVersion | None = None
    prices: Prices | None = None
    proof: str = "simulator-proven"
    sources: tuple[Source, ...] = field(default_factory=tuple)
