from __future__ import annotations

import os
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.tests.clients import Control, origin_of, start


def port_of(origin: str) -> int:
    port = urlsplit(origin).port
    assert port is not None
    return port


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_cleanly_within_a_second_while_calls_are_open(stop: signal.Signals) -> None:
    process = start("--port", "0")
    origin = origin_of(process)
    Control(origin).put("latency", ms=60_000)
    waiting = [socket.create_connection(("127.0.0.1", port_of(origin))) for _ in range(50)]
    for connection in waiting:
        connection.sendall(b"GET /mastodon/api/v2/instance HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    time.sleep(0.2)

    began = time.monotonic()
    process.send_signal(stop)
    output, errors = process.communicate(timeout=5)

    assert (process.returncode, output, errors) == (0, "", "")
    assert time.monotonic() - began < 4
    for connection in waiting:
        connection.close()


def test_taken_port_is_one_line_and_exit_1() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        process = start("--port", str(port))
        output, errors = process.communicate(timeout=10)

    line = (
        f"sandbox: cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port or SANDBOX_PORT\n"
    )
    assert (process.returncode, output, errors) == (1, "", line)


def test_sandbox_port_is_honoured() -> None:
    port = free_port()
    process = start(env={**os.environ, "SANDBOX_PORT": str(port)})
    try:
        assert origin_of(process) == f"http://127.0.0.1:{port}"
        assert requests.get(f"http://127.0.0.1:{port}/_control/posts", timeout=5).json() == []
    finally:
        process.terminate()
        process.communicate(timeout=5)


def test_port_that_is_no_number_is_refused() -> None:
    process = start("--port", "99999")
    _, errors = process.communicate(timeout=10)

    assert process.returncode == 2
    assert errors.endswith("argument --port: '99999' is not a port: 0 to 65535, 0 picks a free one\n")


def test_listens_on_loopback_only(origin: str) -> None:
    with open("/proc/net/tcp") as table:
        listening = [row.split()[1] for row in table if row.split()[3] == "0A"]

    of_sandbox = [address for address in listening if address.endswith(f":{port_of(origin):04X}")]
    assert of_sandbox == [f"0100007F:{port_of(origin):04X}"]
