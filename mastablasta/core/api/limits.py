"""How often somebody may ask: windows of a minute or an hour, counted by person, API key or address.

A limit is a name in settings.THROTTLE_RATES; one that is not there holds nobody back. Windows are the clock's own, so
that all processes agree on them without asking. Sign-ins and registrations are counted in the database; the rest in
Redis, or where there is none in each process's memory, with that process's share of the limit. The price: who keeps to
one connection meets the share.

Answers carry RateLimit-Limit, -Remaining and -Reset (seconds), and RateLimit-Policy, as in
https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06 (read 2026-11-29): the fields that clients
know; later drafts put them into one that few read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from mastablasta.core.client_address import client_network
from mastablasta.core.models import RequestCount

SIGN_IN, REGISTRATION = "sign_in", "registration"
SILENT_S = 10.0
IN_DATABASE = frozenset({SIGN_IN, REGISTRATION})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request stands in its window: `count` with itself, of `limit` in `window_s`, which ends in `reset_s`."""

    limit: int
    count: int
    window_s: int
    reset_s: int

    @property
    def is_over(self) -> bool:
        return self.count > self.limit

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - self.count)),
            "RateLimit-Reset": str(self.reset_s),
            "RateLimit-Policy": f"{self.limit};w={self.window_s}",
        }


def count(name: str, who: str) -> Standing | None:
    """Count a request of `who` under the limit `name`; None = there is no such limit, or nothing counts just now."""
    rate = settings.THROTTLE_RATES.get(name)
    if rate is None:
        return None
    limit, window_s = cast("tuple[int, int]", RequestLimit().parse_rate(rate))
    number, passed = divmod(timezone.now() - EPOCH, timedelta(seconds=window_s))
    key = f"limit:{name}:{who}:{number}"
    ends_at = EPOCH + (number + 1) * timedelta(seconds=window_s)
    if name in IN_DATABASE:
        counted: int | None = RequestCount.objects.add(key, ends_at=ends_at)
    else:
        counted = _count_in_cache(key, window_s)
        limit = limit if settings.REDIS_URL else math.ceil(limit / settings.WEB_WORKERS)
    if counted is None:
        return None
    return Standing(limit, counted, window_s, reset_s=window_s - int(passed.total_seconds()))


class _Redis:
    """Of one that did not answer nobody asks again at once: each would wait for it."""

    silent_until = 0.0


def _errors_of_redis() -> type[Exception]:
    """Imported when there is one: the library takes a twentieth of the time in which a process starts."""
    from redis.exceptions import RedisError

    return RedisError


def _count_in_cache(key: str, window_s: int) -> int | None:
    cache = caches["limits"]
    if time.monotonic() < _Redis.silent_until:
        return None
    try:
        cache.add(key, 0, timeout=window_s)
        return cache.incr(key)
    except ValueError:  # it made room for others between the two
        return 1
    except _errors_of_redis() as error:  # without limits the rest goes on
        _Redis.silent_until = time.monotonic() + SILENT_S
        log.warning("limits_not_counted", error=str(error))
        return None


class RequestLimit(SimpleRateThrottle):
    """DRF's throttle for every view of the API; the view says what it counts as (`counted_as`)."""

    def __init__(self) -> None:
        self.standing: Standing | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        self.standing = count(*view.counted_as(request))
        return self.standing is None or not self.standing.is_over

    def wait(self) -> float | None:
        return self.standing.reset_s if self.standing else None


def count_sign_in(request: HttpRequest) -> None:
    """Count a failure to prove who one is, where the view itself is counted otherwise. Raises Throttled."""
    standing = count(SIGN_IN, client_network(request))
    if standing is not None and standing.is_over:
        raise Throttled(wait=standing.reset_s)


def limited(view: Callable[..., Any]) -> Callable[..., Any]:
    """A page whose forms count as sign-ins of the address that they come from; one too many gets a sentence."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        standing = count(SIGN_IN, client_network(request))
        if standing is None or not standing.is_over:
            return view(request, *args, **kwargs)
        sentence = f"Too many tries; wait {standing.reset_s} seconds and try again."
        headers = {**standing.headers, "Retry-After": str(standing.reset_s)}
        return HttpResponse(sentence, status=429, content_type="text/plain", headers=headers)

    return guarded
