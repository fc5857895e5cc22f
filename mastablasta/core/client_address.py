"""Where a request comes from: the client's own address, behind proxies that the operator trusts."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> str:
    """The address of whoever asks: the peer's, or behind TRUSTED_PROXIES the nearest in X-Forwarded-For that is none.

    What a stranger writes into that header counts for nothing: it stands left of what the first trusted proxy adds.
    "" when the peer has none (a Unix socket).
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    if peer is None:
        return ""
    for text in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        before = _address(text) if _is_trusted(peer) else None
        if before is None:
            break
        peer = before
    return str(peer)


def client_network(request: HttpRequest) -> str:
    """What is counted as one client: an IPv4 address, or the /64 that an IPv6 subscriber has to themself."""
    found = client_address(request)
    address = _address(found)
    return found if address is None or address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=8)
def _networks(texts: tuple[str, ...]) -> list[Network]:
    """settings.py has named those that are none."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(ipaddress.ip_network(text, strict=False))
    return found


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
