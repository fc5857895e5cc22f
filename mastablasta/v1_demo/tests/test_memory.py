"""What the demo remembers: the same for all who ask, bounded, and no longer than the instance runs.

Each object stands for a process: their locks hold against each other as those of processes do.
"""

from __future__ import annotations

import fcntl
import socket
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mastablasta.v1_demo import memory as memories
from mastablasta.v1_demo.memory import KEY, Busy, FileMemory, Memory, RedisMemory
from mastablasta.v1_demo.state import MOST_ACCOUNTS, MOST_BYTES, MOST_OAUTH_STATES, MOST_POSTS, State
from mastablasta.v1_demo.tests.conftest import DemoClient


class FewRedisCommands(socketserver.StreamRequestHandler):
    """As much of Redis as the memory uses (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

    server: Any

    def handle(self) -> None:
        """Version 3 of the protocol."""
        watched: bytes | None = None
        queued: list[list[bytes]] | None = None
        while command := self._command():
            name = command[0].upper()
            if name == b"WATCH":
                watched, answer = self.server.values.get(KEY.encode()), b"+OK\r\n"
            elif name == b"MULTI":
                queued, answer = [], b"+OK\r\n"
            elif name == b"EXEC":
                with self.server.lock:
                    is_same = watched is self.server.values.get(KEY.encode())
                    for one in queued or () if is_same else ():
                        self.server.values[one[1]] = one[2]
                answer, queued = (b"*1\r\n+OK\r\n" if is_same else b"_\r\n"), None
            elif queued is not None:
                queued.append(command)
                answer = b"+QUEUED\r\n"
            elif name == b"GET":
                value = self.server.values.get(command[1])
                answer = b"_\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
            elif name == b"HELLO":
                answer = b"%1\r\n$5\r\nproto\r\n:3\r\n"
            else:
                answer = b"+OK\r\n"
            self.wfile.write(answer)

    def _command(self) -> list[bytes]:
        head = self.rfile.readline()
        words = []
        for _ in range(int(head[1:] or 0)):
            length = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(length + 2)[:-2])
        return words


@pytest.fixture
def redis_url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), FewRedisCommands) as server:
        server.daemon_threads = True
        server.values, server.lock = {}, threading.Lock()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["file", "redis"])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> list[Memory]:
    if request.param == "file":
        return [FileMemory(tmp_path / "v1") for _ in range(3)]
    url = request.getfixturevalue("redis_url")
    return [RedisMemory(url) for _ in range(3)]


def add(state: State, name: str) -> None:
    state.posts[name] = {"content": name}


def test_what_several_write_at_once_is_all_kept_and_seen_by_all(
    processes: list[Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memories, "PATIENCE_S", 60)  # however slow this machine is just now
    for process in processes:
        process.begin()

    def write(number: int) -> None:
        processes[number % 3].change(lambda state: add(state, f"{number}"))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(30)))

    assert [set(process.read().posts) for process in processes] == [{f"{number}" for number in range(30)}] * 3
    processes[0].change(lambda state: state.posts.clear())
    assert [process.read().posts for process in processes] == [{}] * 3


def test_what_fails_half_way_changes_nothing(processes: list[Memory]) -> None:
    def fail(state: State) -> None:
        add(state, "half")
        raise LookupError

    with pytest.raises(LookupError):
        processes[0].change(fail)

    assert processes[1].read() == processes[0].read() == State()
    processes[0].change(lambda state: add(state, "whole"))
    assert list(processes[1].read().posts) == ["whole"]


def test_it_ends_with_the_last_process_and_not_before(tmp_path: Path) -> None:
    first, second = FileMemory(tmp_path), FileMemory(tmp_path)
    first.change(lambda state: add(state, "mine"))
    second.begin()
    assert list(second.read().posts) == ["mine"]
    del first  # and what it holds, as when a process ends

    assert list(FileMemory(tmp_path).read().posts) == ["mine"]
    del second

    assert FileMemory(tmp_path).read() == State()


def test_nobody_else_on_this_machine_may_read_it(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "v1")
    memory.change(lambda state: add(state, "mine"))

    assert {path.stat().st_mode & 0o077 for path in ((tmp_path / "v1"), *(tmp_path / "v1").iterdir())} == {0}


@pytest.mark.parametrize("torn", [b"", b'{"accounts": {', b"[]", b"{}"])
def test_a_torn_file_is_an_empty_memory(tmp_path: Path, torn: bytes) -> None:
    memory = FileMemory(tmp_path)
    memory.begin()
    memory.path.write_bytes(torn)

    assert memory.read() == State()
    memory.change(lambda state: add(state, "again"))
    assert list(memory.read().posts) == ["again"]


def test_the_oldest_rows_leave_first() -> None:
    rows = {f"{number}": {"content": "x"} for number in range(1_002)}
    state = State.from_json(State(dict(rows), dict(rows), dict(rows)).to_json())

    kept = [(len(one), next(iter(one))) for one in (state.accounts, state.posts, state.oauth_states)]
    assert kept == [(most, f"{1_002 - most}") for most in (MOST_ACCOUNTS, MOST_POSTS, MOST_OAUTH_STATES)]


def test_it_holds_so_many_bytes_whatever_is_sent() -> None:
    state = State()
    for number in range(80):
        state.posts[f"{number}"] = {"content": "ä" * 32_000}

    data = state.to_json()

    assert MOST_BYTES - 65_000 < len(data) <= MOST_BYTES
    assert next(reversed(State.from_json(data).posts)) == "79"


# --- what cannot be used just now ---
def test_a_lock_that_is_not_given_back_is_waited_for_only_so_long(
    demo: DemoClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memories, "PATIENCE_S", 0.02)

    with (settings.HOME / "run" / "v1" / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busy = demo("POST", "accounts", {"platform": "twitter", "name": "Ada"})
        assert demo("GET", "accounts") == (200, {"accounts": [], "count": 0})

    assert busy == (503, {"error": "The demo is busy just now; try again in a few seconds"})
    assert demo("POST", "accounts", {"platform": "twitter", "name": "Ada"})[0] == 201


def test_a_folder_that_cannot_be_made_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / "v1").write_text("in the way")
    memory = FileMemory(tmp_path / "v1")

    memory.begin()

    with pytest.raises(Busy):
        memory.read()
    with pytest.raises(Busy):
        memory.change(lambda state: add(state, "mine"))


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_redis_that_does_not_answer_is_busy(monkeypatch: pytest.MonkeyPatch, is_silent: bool) -> None:
    monkeypatch.setattr(memories, "PATIENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not is_silent:
            server.close()
        memory = RedisMemory(f"redis://127.0.0.1:{port}/0")
        memory.begin()
        with pytest.raises(Busy):
            memory.read()
        with pytest.raises(Busy):
            memory.change(lambda state: add(state, "mine"))


def test_a_redis_in_which_others_are_always_quicker_is_busy(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setattr(memories, "PATIENCE_S", 0.1)
    other = RedisMemory(redis_url)

    with pytest.raises(Busy):
        RedisMemory(redis_url).change(lambda _: other.change(lambda state: add(state, "theirs")))
