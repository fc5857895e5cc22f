"""One simulator process for all tests of this folder; each test starts with an empty world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.tests import bluesky as sky
from sandbox.tests.clients import Client, Control, Server, origin_of, start
from sandbox.tests.twitter import Session, X


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    process = start("--port", "0")
    try:
        yield origin_of(process)
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=5)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.fixture
def control(origin: str) -> Iterator[Control]:
    control = Control(origin)
    control.post("reset")
    yield control
    control.http.close()


@pytest.fixture
def server(control: Control) -> Iterator[Server]:
    server = Server(control.origin)
    server.register()
    yield server
    server.http.close()


@pytest.fixture
def alice(server: Server) -> Client:
    return server.sign_in("alice")


@pytest.fixture
def x(control: Control) -> Iterator[X]:
    x = X(control.origin)
    yield x
    x.http.close()


@pytest.fixture
def ann(x: X) -> Session:
    return x.sign_in("ann")


@pytest.fixture
def bluesky(control: Control) -> Iterator[sky.Service]:
    service = sky.Service(control)
    yield service
    service.http.close()


@pytest.fixture
def amy(bluesky: sky.Service) -> sky.Session:
    return bluesky.sign_in("amy")
