"""Clients that send a byte a second hold connections, and nothing else, of the real web server."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

import pytest

from tests.client import Client
from tests.instance import PATIENCE_S, Instance

HELD = 80  # more than there are threads in all web processes together
AT = "Host: 127.0.0.1\r\nContent-Length: 100000\r\n"
KINDS = {
    "head": "GET / HTTP/1.1\r\nHo",
    "body": f"POST /api/v2/auth/login HTTP/1.1\r\n{AT}Content-Type: application/json\r\n\r\n{{",
    "form": f"POST /admin/login/ HTTP/1.1\r\n{AT}Content-Type: application/x-www-form-urlencoded\r\n\r\na",
    "upload": f"POST /api/v2/media/upload HTTP/1.1\r\n{AT}Content-Type: multipart/form-data; boundary=b\r\n"
    "Authorization: Bearer TOKEN\r\n\r\n--b",
}


@pytest.mark.parametrize("kind", KINDS)
def test_others_are_served_meanwhile_and_the_slow_ones_are_let_go(instance: Instance, kind: str) -> None:
    client = instance.client()
    with ExitStack() as held:
        slow = []
        for _ in range(HELD):
            slow.append(held.enter_context(socket.create_connection(("127.0.0.1", instance.port))))
            slow[-1].sendall(KINDS[kind].replace("TOKEN", client.token).encode())
        for _ in range(3):
            for line in slow:
                with suppress(OSError):
                    line.sendall(b"a")
            began = time.monotonic()
            assert instance.readyz()[0] == 200
            assert client.get("posts")["posts"] == []
            assert Client(instance.url).get("status")["database"] is True
            assert time.monotonic() - began < 5
            time.sleep(0.3)
        if kind != "upload":  # those wait for a thread, one after the other
            for line in slow:
                line.settimeout(PATIENCE_S)
                with suppress(ConnectionResetError):
                    assert line.recv(100) == b"" or line.recv(100_000)
