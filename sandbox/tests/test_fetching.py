"""What comes of fetching a file: whole, refused, late, or from somewhere that is not called."""

from __future__ import annotations

import socket

import pytest

from sandbox.fetching import fetch
from sandbox.wire import Fetched


@pytest.mark.parametrize(
    "url", ["https://example.org/a.jpg", "ftp://127.0.0.1/a.jpg", "file:///etc/passwd", "http://[odd", ""]
)
def test_nobody_but_this_machine_is_called(url: str) -> None:
    assert fetch(url) == Fetched(0)


def test_nobody_there_is_not_late_and_silence_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        late = fetch(f"http://127.0.0.1:{port}/a.jpg", longest_s=0.1)

    assert (late, fetch(f"http://127.0.0.1:{port}/a.jpg")) == (Fetched(0, is_late=True), Fetched(0))
