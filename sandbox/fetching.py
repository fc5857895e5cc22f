"""Fetching a file from the address that a platform was told, as those do that take no bytes."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from sandbox.wire import Fetched

LONGEST_S = 10.0
MOST_BYTES = 300_000_000
HERE = frozenset({"127.0.0.1", "localhost", "::1"})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def fetch(url: str, longest_s: float = LONGEST_S) -> Fetched:
    """Return the file at an address of this machine; the simulator calls nobody else. Redirects are not followed.

    `longest_s`: how long may pass without a byte.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname not in HERE:
            return Fetched(0)
        request = urllib.request.Request(url, headers={"User-Agent": "facebookexternalhit/1.1"})  # noqa: S310
        with _OPENER.open(request, timeout=longest_s) as answer:
            data = answer.read(MOST_BYTES + 1)
            return Fetched(answer.status, answer.headers.get_content_type(), data)
    except urllib.error.HTTPError as refusal:
        return Fetched(refusal.code)
    except TimeoutError:
        return Fetched(0, is_late=True)
    except (OSError, ValueError) as failure:
        return Fetched(0, is_late=isinstance(getattr(failure, "reason", None), TimeoutError))
