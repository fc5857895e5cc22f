"""Who may be called: the guard between an address from outside and a socket.

Names are resolved here once; the connection goes to the very address that was checked, so that a second answer
of the DNS changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from mastablasta.core.outbound.errors import LineError, Unavailable

Purpose = Literal["platform", "webhook", "media"]

DEFAULT_PORTS = {"http": 80, "https": 443}
REMEMBER_S = 10.0  # so that 128 threads that open sessions at once ask the DNS once
getaddrinfo = socket.getaddrinfo  # the one seam to the DNS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `is_global` of Python 3.11 leaves open or an interpreter may not know yet.
# https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry (read 2026-11-23)
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
_GLOBAL_UNICAST = ipaddress.ip_network(
    "2000::/3"
)  # all other IPv6 is mapped, translated, local, multicast or unassigned


class Refused(ValueError):
    """An address that we do not call, whoever asks. The sentence names no secret."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, ASCII) and port."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def split_url(url: str) -> tuple[Origin, str]:
    """Return origin and request target (path with query). Raises Refused for what is not a plain http(s) URL."""
    if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" for char in url):
        raise Refused("the address contains spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("the address cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise Refused("the address is not an http(s) URL")
    if parts.username is not None or parts.password is not None:
        raise Refused("the address contains a user name or password")
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if not target.isascii():
        raise Refused("path and query have to be percent-encoded")
    return Origin(
        parts.scheme, ascii_host(parts.hostname), DEFAULT_PORTS[parts.scheme] if port is None else port
    ), target


def ascii_host(host: str) -> str:
    """Return the host in lower case and ASCII (IDNA), without a final dot. Raises Refused."""
    host = host.rstrip(".").lower()
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise Refused("the host is not a valid name") from None


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet's: not ours, not the neighbour's, nobody's alias for one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address not in _GLOBAL_UNICAST or address.scope_id is not None:
            return False
    elif not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in _NOT_PUBLIC)


def checked_addresses(origin: Origin, purpose: Purpose, *, timeout_s: float) -> list[str]:
    """Resolve the host and return the addresses that may be called for this purpose, at least one.

    https only, public addresses only. OUTBOUND_ALLOW_HOSTS lifts the second rule for the hosts that it names, but not
    for webhooks, whose addresses are anybody's: of theirs, every address that the name has must be public. In
    development a platform may be on loopback, also over plain http (the simulator), and WEBHOOK_ALLOW_PRIVATE lets
    webhooks go anywhere. Raises LineError: dns_failure, refused_address.
    """
    if origin.port < 1024 and origin.port not in DEFAULT_PORTS.values():
        raise LineError("refused_address", f"port {origin.port} is not called")
    found = _resolve(origin, timeout_s)
    allowed = [text for text, address in found if _may_call(origin, purpose, address)]
    if not allowed or (purpose == "webhook" and len(allowed) < len(found)):
        raise LineError("refused_address", f"{origin.host} is not a public https address")
    return allowed


def check_url(url: str, purpose: Purpose, *, timeout_s: float = 5.0) -> None:
    """Raise Unavailable (refused_address, dns_failure) unless this URL could be called now; asks the DNS.

    Nothing is promised by it for later: each call looks again, and goes to the address that it looked at.
    """
    try:
        origin, _ = split_url(url)
        checked_addresses(origin, purpose, timeout_s=timeout_s)
    except Refused as refused:
        raise Unavailable(str(refused), code="refused_address") from None
    except LineError as error:
        raise Unavailable(error.sentence, code=error.code) from None


def _may_call(origin: Origin, purpose: Purpose, address: Address) -> bool:
    if purpose == "platform" and settings.IS_DEVELOPMENT and address.is_loopback:
        return True
    if purpose == "webhook" and settings.IS_DEVELOPMENT and settings.WEBHOOK_ALLOW_PRIVATE:
        return True
    if origin.scheme != "https":
        return False
    if purpose == "webhook":
        return is_public(address)
    return is_public(address) or origin.host in {host.lower() for host in settings.OUTBOUND_ALLOW_HOSTS}


class _Resolver:
    """Asks the DNS on a thread of its own, since getaddrinfo knows no time-out, and remembers good answers shortly."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[tuple[str, Address]]]] = {}

    def forget(self) -> None:
        self._known.clear()

    def __call__(self, origin: Origin, timeout_s: float) -> list[tuple[str, Address]]:
        key = (origin.host, origin.port)
        known = self._known.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = _literal(origin.host) or self._ask(origin, timeout_s)
        if len(self._known) > 1_000:
            self._known.clear()
        self._known[key] = (time.monotonic() + REMEMBER_S, found)
        return found

    def _ask(self, origin: Origin, timeout_s: float) -> list[tuple[str, Address]]:
        answers: list[list[tuple[str, Address]]] = []

        def ask() -> None:
            try:
                rows = getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
                answers.append([(str(row[4][0]), ipaddress.ip_address(row[4][0])) for row in rows])
            except (OSError, UnicodeError, ValueError):
                answers.append([])

        thread = threading.Thread(target=ask, name="dns", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if not answers or not answers[0]:
            raise LineError("dns_failure", f"the name {origin.host} cannot be resolved")
        return answers[0]


_resolve = _Resolver()


def forget_names() -> None:
    """Ask the DNS again from now on."""
    _resolve.forget()


def _literal(host: str) -> list[tuple[str, Address]]:
    try:
        return [(host, ipaddress.ip_address(host))]
    except ValueError:
        return []
