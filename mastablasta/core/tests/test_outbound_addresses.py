"""Who may be called, and that the connection goes where the check looked."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_socket import SocketConnectBlockedError

from mastablasta.core.outbound import Http, Refused, Unavailable, addresses, connections, split_url
from mastablasta.core.outbound.addresses import is_public
from tests.kit.certificates import Authority
from tests.kit.raw_server import RawConnection, answer, is_silent, raw_server, says, says_once

Names = dict[str, list[str]]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    addresses.forget_names()
    connections.drop_kept()
    yield
    addresses.forget_names()
    connections.drop_kept()


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The names that resolve, in place of the DNS. A name's answers are used up one by one, but for the last."""
    names: Names = {}
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answers = names[host]
        addresses_now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [row for address in addresses_now.split() for row in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(addresses, "getaddrinfo", lookup)
    return names


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """Our side trusts the tests' authority."""
    monkeypatch.setattr(connections, "DEFAULT_CA_BUNDLE_PATH", str(authority.path))
    connections.tls_context.cache_clear()
    yield authority
    connections.tls_context.cache_clear()


@pytest.fixture
def production(settings: Settings) -> Settings:
    settings.IS_DEVELOPMENT = False
    settings.OUTBOUND_ALLOW_HOSTS = []
    return settings


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Unavailable) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1",
        "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_address_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "95.216.4.252", "172.32.0.1", "2606:4700::1111", "2a01:4f9::1"])
def test_address_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "", "mastodon.social", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///path",
        "https://user:secret@example.com/", "https://user@example.com/", "https://example.com:99999/",
        "https://example.com:x/", "https://exam ple.com/", "https://example.com/a b", "https://example.com\\@evil.com/",
        "https://example.com/\r\nX: y", "https://exa\tmple.com/", "https://example.com/ü", "https://\x7f.com/",
    ],
)  # fmt: skip
def test_url_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        split_url(url)


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://Example.COM./a?b=c#d", "https://example.com", "/a?b=c"),
        ("https://bücher.example:8443", "https://xn--bcher-kva.example:8443", "/"),
        ("http://[::1]:3000/x", "http://[::1]:3000", "/x"),
        ("https://example.com:443/", "https://example.com", "/"),
    ],
)
def test_url_is_read(url: str, origin: str, target: str) -> None:
    found = split_url(url)

    assert (str(found[0]), found[1]) == (origin, target)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"]
)
def test_private_host_is_not_called_in_production(host: str, production: Settings) -> None:
    for url in (f"http://{host}:8000", f"https://{host}:8000"):
        assert code_of(partial(Http(url).get, "/")) in {"refused_address", "dns_failure"}


def test_name_of_a_private_address_is_not_called(dns: Names, production: Settings) -> None:
    dns["intern.test"] = ["10.0.0.5"]
    dns["mixed.test"] = ["10.0.0.5 fd00::1 ::ffff:10.0.0.1"]

    assert code_of(lambda: Http("https://intern.test").get("/")) == "refused_address"
    assert code_of(lambda: Http("https://mixed.test").get("/")) == "refused_address"


def test_simulator_is_called_in_development_only_and_by_platforms_only(settings: Settings) -> None:
    with raw_server(says(answer())) as server:
        assert Http(server.url).get("/").status == 200
        assert code_of(lambda: Http(server.url, purpose="webhook").get("/")) == "refused_address"
        assert code_of(lambda: Http(server.url, purpose="media").get("/")) == "refused_address"
        settings.IS_DEVELOPMENT = False
        connections.drop_kept()
        assert code_of(lambda: Http(server.url).get("/")) == "refused_address"

    assert len(server.requests) == 1


def test_plain_http_is_not_spoken_with_the_world(dns: Names) -> None:
    dns["mastodon.test"] = ["95.216.4.252"]

    assert code_of(lambda: Http("http://mastodon.test").get("/")) == "refused_address"


def test_allowed_host_may_be_private_but_not_plain(dns: Names, production: Settings, trusting: Authority) -> None:
    dns["intern.test"] = ["127.0.0.1"]
    production.OUTBOUND_ALLOW_HOSTS = ["Intern.test"]
    with raw_server(says(answer()), tls=trusting.server("intern.test")) as server:
        assert Http(f"https://intern.test:{server.port}").get("/").status == 200
        assert code_of(lambda: Http(f"http://intern.test:{server.port}").get("/")) == "refused_address"


@pytest.mark.parametrize("port", [0, 22, 25, 1, 1023])
def test_ports_of_other_services_are_not_called(port: int) -> None:
    assert code_of(lambda: Http(f"https://127.0.0.1:{port}").get("/")) == "refused_address"


def test_second_answer_of_the_dns_changes_nothing(dns: Names, production: Settings) -> None:
    """Rebinding: a public address for the check, a private one for whoever asks again."""
    dns["rebind.test"] = ["95.216.4.252", "127.0.0.1"]
    with raw_server(says(answer())) as server:
        http = Http(f"https://rebind.test:{server.port}")
        tells = r"95\.216\.4\.252"  # pytest-socket: which address was connected to
        with pytest.warns(UserWarning, match=tells), pytest.raises(SocketConnectBlockedError, match=tells):
            http.get("/")

    assert (server.connections, dns["rebind.test"]) == (0, ["127.0.0.1"])


def test_certificate_is_checked_for_the_name_at_the_pinned_address(dns: Names, trusting: Authority) -> None:
    dns["mastodon.test"] = dns["other.test"] = ["127.0.0.1"]
    seen: list[str | None] = []
    tls = trusting.server("mastodon.test")
    tls.sni_callback = lambda _, name, __: seen.append(name)
    with raw_server(says(answer()), tls=tls) as server:
        got = Http(f"https://mastodon.test:{server.port}").get("/")
        code = code_of(lambda: Http(f"https://other.test:{server.port}").get("/"))

    assert (got.status, code, seen) == (200, "tls_error", ["mastodon.test", "other.test"])
    assert f"\r\nHost: mastodon.test:{server.port}\r\n".encode() in server.requests[0]
    assert len(server.requests) == 1


def test_session_tickets_do_not_make_a_connection_look_spent(dns: Names, trusting: Authority) -> None:
    dns["mastodon.test"] = ["127.0.0.1"]
    with raw_server(says(answer()), tls=trusting.server("mastodon.test")) as server:
        http = Http(f"https://mastodon.test:{server.port}", on_visible=lambda: time.sleep(0.05))
        for _ in range(3):
            http.post("/", visible=True)

    assert (server.connections, len(server.requests)) == (1, 3)


def test_closed_tls_connection_is_not_used_for_a_visible_call(dns: Names, trusting: Authority) -> None:
    dns["mastodon.test"] = ["127.0.0.1"]
    with raw_server(says_once(answer()), tls=trusting.server("mastodon.test")) as server:
        http = Http(f"https://mastodon.test:{server.port}", on_visible=lambda: None)
        for _ in range(2):
            http.post("/", visible=True)
            time.sleep(0.05)

    assert (server.connections, len(server.requests)) == (2, 2)


def test_certificate_of_an_unknown_authority_is_refused(dns: Names, authority: Authority) -> None:
    dns["mastodon.test"] = ["127.0.0.1"]
    marked: list[int] = []
    with raw_server(says(answer()), tls=authority.server("mastodon.test")) as server:
        http = Http(f"https://mastodon.test:{server.port}", on_visible=lambda: marked.append(1))

        assert code_of(lambda: http.post("/", visible=True)) == "tls_error"

    assert (server.requests, marked) == ([], [])


def test_server_without_tls_is_refused(dns: Names) -> None:
    dns["mastodon.test"] = ["127.0.0.1"]

    def speaks_plain(connection: RawConnection) -> None:
        connection.send(b"220 mail.test ESMTP\r\n")

    with raw_server(speaks_plain) as server:
        assert code_of(lambda: Http(f"https://mastodon.test:{server.port}").get("/")) == "tls_error"


def test_handshake_that_hangs_ends_with_the_deadline(dns: Names) -> None:
    dns["mastodon.test"] = ["127.0.0.1"]
    with raw_server(is_silent) as server:
        began = time.monotonic()

        assert (
            code_of(lambda: Http(f"https://mastodon.test:{server.port}").get("/", timeout_s=0.3)) == "connect_timeout"
        )
        assert time.monotonic() - began < 3


def test_next_address_is_tried_when_one_does_not_answer(dns: Names) -> None:
    dns["two.test"] = ["::1 127.0.0.1"]
    with raw_server(says(answer())) as server:
        assert Http(f"http://two.test:{server.port}").get("/").status == 200


def test_unknown_name_is_a_dns_failure(dns: Names) -> None:
    assert code_of(lambda: Http("https://nowhere.test").get("/")) == "dns_failure"


def test_dns_that_hangs_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    began = time.monotonic()

    assert code_of(lambda: Http("https://slow.test").get("/", timeout_s=0.2)) == "dns_failure"
    assert time.monotonic() - began < 1


def test_name_is_asked_for_once_in_a_while(dns: Names, trusting: Authority) -> None:
    dns["mastodon.test"] = ["127.0.0.1", "127.0.0.3"]
    with raw_server(says(answer(connection="close")), tls=trusting.server("mastodon.test")) as server:
        for _ in range(3):
            Http(f"https://mastodon.test:{server.port}").get("/")

    assert (server.connections, dns["mastodon.test"]) == (3, ["127.0.0.3"])


def test_context_checks_names_and_refuses_old_tls() -> None:
    context = connections.tls_context()

    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert Path(connections.DEFAULT_CA_BUNDLE_PATH).is_file()
