"""Names of hosts that lead where a test wants, with certificates that the door believes in."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from mastablasta.core.outbound import addresses, connections
from tests.kit.certificates import Authority


@contextmanager
def named_hosts(hosts: Mapping[str, str], *, authority: Authority) -> Iterator[None]:
    """Each name leads to its address, and there are no others; certificates of this authority are good ones."""
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(hosts[host], port, type=socket.SOCK_STREAM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(addresses, "getaddrinfo", lookup)
        patch.setattr(connections, "DEFAULT_CA_BUNDLE_PATH", str(authority.path))
        _forget()
        yield
        _forget()


@contextmanager
def allowed_host(host: str, settings: Settings, *, authority: Authority) -> Iterator[None]:
    """`host` is this machine, and the operator allows it; `inside.example` is a private address."""
    settings.OUTBOUND_ALLOW_HOSTS = [host]
    here = dict.fromkeys((host, "127.0.0.1"), "127.0.0.1")
    with named_hosts({**here, "inside.example": "10.0.0.1"}, authority=authority):
        yield


def _forget() -> None:
    """What the door keeps of names and certificates from one call to the next."""
    connections.tls_context.cache_clear()
    addresses.forget_names()
    connections.drop_kept()
