"""Addresses that lead inside, however they are written: nothing is registered or sent, and the listener is silent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from mastablasta.core.errors import Invalid
from mastablasta.core.outbound import addresses, connections
from tests.kit.raw_server import RawServer, answer, raw_server, says
from tests.kit.receiver import Receiver, Reply
from webhooks.outcomes import Attempted
from webhooks.sending import Message, send
from webhooks.services.endpoints import refuse_unusable_url

SECRETS = ["a secret of this test"]
NAMES = {
    "intern.test": "10.0.0.5",
    "localhost": "127.0.0.1",
    "loopback.test": "127.0.0.1",
    "six.test": "::1",
    "mixed.test": "95.216.4.252 127.0.0.1",
    "mixed-six.test": "2606:4700::1111 fd00::1",
    "mapped.test": "::ffff:127.0.0.1",
    "nat64.test": "64:ff9b::7f00:1",
    "metadata.test": "169.254.169.254",
    "cgnat.test": "100.64.0.1",
    "xn--bcher-kva.test": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "localtest.me": "127.0.0.1",
    "127.0.0.1.nip.io": "127.0.0.1",
    "public.test": "95.216.4.252",
    "allowed.test": "127.0.0.1",
}
HOSTS = [
    # loopback, as it is and in disguise
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.9.9.9", "0", "0.0.0.0", "2130706433", "017700000001",
    "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "0177.1", "127.0.0.001", "localhost", "LOCALHOST",
    "localhost.", "LocalHost.localdomain", "%6cocalhost", "127%2e0%2e0%2e1", "①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛocalhost",
    # IPv6
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[fe80::1]",
    "[fe80::1%25lo]", "[::1%25lo]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]",
    # others' insides
    "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "169.254.169.254", "169.254.170.2", "2852039166",
    "0xa9fea9fe", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.88.99.1", "224.0.0.1",
    "255.255.255.255", "240.0.0.1",
    # names that lead there
    "intern.test", "loopback.test", "six.test", "mixed.test", "mixed-six.test", "mapped.test", "nat64.test",
    "metadata.test", "cgnat.test", "bücher.test", "localtest.me", "127.0.0.1.nip.io", "allowed.test", "nowhere.test",
]  # fmt: skip
URLS = [
    *(f"https://{host}:{{port}}/" for host in HOSTS),
    "http://127.0.0.1:{port}/", "http://public.test:{port}/", "https://public.test:22/", "https://public.test:25/",
    "https://public.test:0/", "https://public.test:99999/", "https://public.test:{port}x/", "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_", "//127.0.0.1:{port}/", "127.0.0.1:{port}", "https:///x", "",
    "https://user@127.0.0.1:{port}/", "https://user:pw@public.test:{port}/", "https://public.test@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}\\@public.test/", "https://public.test\\@127.0.0.1:{port}/", "https://127.0.0.1:{port}#@public.test/",
    "https://public.test:{port}@127.0.0.1/", "https://public.test /", "https://public.test\r\n:{port}/", "https://\t127.0.0.1:{port}/",
    "https://[::1:{port}/", "https://[public.test]:{port}/", "https://public.test/ü", "javascript:alert(1)",
]  # fmt: skip


def message(url: str) -> Message:
    return Message(UUID(int=1), b"{}", url, SECRETS)


@pytest.fixture(autouse=True)
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Names resolve to what NAMES says; what is no name is read as the system's resolver reads it."""
    names, real = dict(NAMES), socket.getaddrinfo

    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        found = names.get(host, host).split()
        return [row for one in found for row in real(one, port, flags=socket.AI_NUMERICHOST, **options)]

    monkeypatch.setattr(addresses, "getaddrinfo", lookup)
    addresses.forget_names()
    connections.drop_kept()
    yield names
    addresses.forget_names()
    connections.drop_kept()


@pytest.fixture(scope="module")
def listener() -> Iterator[RawServer]:
    with raw_server(says(answer())) as server:
        yield server


@pytest.mark.parametrize("mode", ["development", "production"])
@pytest.mark.parametrize("url", URLS)
def test_nobody_inside_is_reached(url: str, mode: str, listener: RawServer, settings: Settings) -> None:
    settings.IS_DEVELOPMENT = mode == "development"
    settings.OUTBOUND_ALLOW_HOSTS = ["allowed.test"]  # for platforms; webhooks are anybody's
    url = url.replace("{port}", str(listener.port))

    with pytest.raises(Invalid) as refused:
        refuse_unusable_url(url)
    sent = send(message(url))

    assert refused.value.problems[0].code in {"refused_address", "dns_failure"}
    assert (sent.http_status, sent.code in {"refused_address", "dns_failure"}) == (None, True)
    assert listener.connections == 0


def test_there_are_many() -> None:
    assert len(set(URLS)) >= 100


def test_name_that_changes_after_it_was_registered_is_looked_at_again(dns: dict[str, str], listener: RawServer) -> None:
    url = f"https://public.test:{listener.port}/"
    refuse_unusable_url(url)
    dns["public.test"] = "127.0.0.1"
    addresses.forget_names()  # what is known of a name is believed for seconds only

    sent = send(message(url))

    assert (sent.code, listener.connections) == ("refused_address", 0)


def test_name_that_changes_between_check_and_use_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, listener: RawServer
) -> None:
    """The connection goes to the very address that was looked at, whatever the DNS says next."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinds(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        return real("95.216.4.252" if len(asked) == 1 else "127.0.0.1", port, **options)

    monkeypatch.setattr(addresses, "getaddrinfo", rebinds)
    tried: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(connections.socket, "create_connection", connect)

    sent = send(message(f"https://rebind.test:{listener.port}/"))

    assert (sent.code, asked) == ("connection_refused", ["rebind.test"])
    assert tried == [("95.216.4.252", listener.port)]
    assert listener.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_inside_is_not_followed(status: int, receiver: Receiver, listener: RawServer) -> None:
    receiver.reply = lambda _: Reply(status, b"", {"Location": listener.url})

    sent: Attempted = send(message(receiver.url))

    assert (sent.http_status, sent.code, listener.connections) == (status, "redirect_refused", 0)
