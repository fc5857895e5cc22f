"""What a slow, silent or greedy client can do to the web server: nothing to the others."""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers import gthread
from pytest_django.fixtures import Settings

from mastablasta.web import connections, worker
from mastablasta.web.worker import Worker

THREADS = 4
FAST = b"GET /fast HTTP/1.1\r\nHost: x\r\n\r\n"
Environ = dict[str, Any]


def echo(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Says how long the body was that came, and by which thread it answers. /big is 8 MB, /unread reads nothing."""
    path = environ["PATH_INFO"]
    body = b"" if path == "/unread" else environ["wsgi.input"].read()
    said = json.dumps({"path": path, "length": environ.get("CONTENT_LENGTH"), "read": len(body)}).encode()
    is_big = path in {"/big", "/api/v2/media/1/file"}
    blocks = [b"x" * 65_536] * 128 if is_big else [said]
    start_response("200 OK", [("Content-Length", str(sum(map(len, blocks))))])
    return blocks


class Server:
    """The worker in this process, with a thread for its loop. `port` on loopback."""

    def __init__(self, app: Any, **options: Any) -> None:
        cfg = Config()
        for name, value in {
            "threads": THREADS,
            "sendfile": False,
            "keepalive": 5,
            "forwarded_allow_ips": "",
            **options,
        }.items():
            cfg.set(name, value)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.worker = Worker(0, os.getppid(), [self.listener], None, 30, cfg, Logger(cfg))
        self.worker.wsgi = app
        self.worker.tpool = self.worker.get_thread_pool()
        self.worker.poller = selectors.DefaultSelector()
        self.worker.method_queue.init()
        self.loop = threading.Thread(target=self.worker.run)
        self.loop.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def ask(self, request: bytes = FAST) -> tuple[int, Any]:
        with self.connect() as line:
            line.sendall(request)
            return answer(line)

    def stop(self) -> None:
        self.worker.handle_exit(None, None)
        self.loop.join()


def answer(line: socket.socket) -> tuple[int, Any]:
    """Status and JSON of the next answer; (0, None) when the connection has ended without one."""
    with line.makefile("rb") as file:
        status = file.readline().split()
        headers = {}
        while row := file.readline().strip():
            name, _, value = row.partition(b":")
            headers[name.lower()] = value.strip()
        if not status:
            return 0, None
        body = file.read(int(headers[b"content-length"]))
        return int(status[1]), json.loads(body) if body.startswith(b"{") else body


def has_ended(line: socket.socket) -> bool:
    try:
        while line.recv(65_536):
            continue
    except ConnectionResetError:
        return True
    return True


@contextmanager
def serving(app: Any = echo, **options: Any) -> Iterator[Server]:
    server = Server(app, **options)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production, a fiftieth as long."""
    monkeypatch.setattr(worker, "HEAD_S", 0.2)
    monkeypatch.setattr(worker, "LOOK_S", 0.02)
    monkeypatch.setattr(connections, "GRACE_S", 0.3)
    monkeypatch.setattr(connections, "PACE", 10_000_000)


@pytest.fixture
def server(short_waits: None) -> Iterator[Server]:
    with serving() as server:
        yield server


HEAD_OF_JSON = b"POST /api/v2/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
HEAD_OF_UPLOAD = b"POST /api/v2/media/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
HEAD_OF_CHUNKS = b"POST /api/v2/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
SLOW = {
    "nothing": b"",
    "a part of the head": b"GET / HTTP/1.1\r\nHo",
    "a head of many lines": b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 50,
    "a part of the body": HEAD_OF_JSON + b"{",
    "a part of an upload": HEAD_OF_UPLOAD + b"--b0undary\r\n",
    "a part of a chunk": HEAD_OF_CHUNKS + b"5\r\nab",
    "a form": HEAD_OF_JSON.replace(b"Host", b"Content-Type: multipart/form-data; boundary=b\r\nHost") + b"--b",
    "a form larger than is taken": HEAD_OF_UPLOAD.replace(b"/api/v2/media/upload", b"/admin/login/") + b"--b",
}


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_others_are_answered_while_slow_clients_hold_on(sent: bytes) -> None:
    with serving() as server, ExitStack() as held:
        for _ in range(3 * THREADS):
            line = held.enter_context(server.connect())
            line.sendall(sent)

        assert server.ask()[0] == 200
        assert server.ask(FAST.replace(b"/fast", b"/healthz"))[0] == 200


@pytest.mark.parametrize("sent", [one for name, one in SLOW.items() if "larger" not in name])
def test_slow_client_is_let_go(server: Server, sent: bytes) -> None:
    with server.connect() as line:
        line.sendall(sent)

        assert has_ended(line)


@pytest.mark.parametrize(("sent", "drip"), [(b"GET / HTTP/1.1\r\nX-A: ", b"a"), (HEAD_OF_JSON, b" ")])
def test_byte_after_byte_does_not_prolong_it(server: Server, sent: bytes, drip: bytes) -> None:
    with server.connect() as line:
        line.sendall(sent)
        began = time.monotonic()
        for _ in range(200):
            line.sendall(drip)
            time.sleep(0.01)
            if select_readable(line):
                break

        status, problem = answer(line)
    assert (status, problem["code"]) == (408, "too_slow")
    assert time.monotonic() - began < 1.5


def select_readable(line: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(line, selectors.EVENT_READ)
        return bool(selector.select(0))


@pytest.mark.parametrize("path", [b"/big", b"/api/v2/media/1/file"])
def test_client_that_does_not_read_its_answer_is_let_go(server: Server, path: bytes) -> None:
    with ExitStack() as held:
        for _ in range(2 * THREADS):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            held.enter_context(closing(line))
            line.connect(("127.0.0.1", server.port))
            line.sendall(FAST.replace(b"/fast", path))

        assert server.ask()[0] == 200


@pytest.mark.parametrize(
    ("waiting", "meanwhile"),
    [
        ("GET /api/v2/media/1/thumbnail", "GET /api/v2/oauth/mastodon/authorize"),
        ("DELETE /api/v2/media/1", "GET /api/v2/media"),
        ("GET /api/v2/medi%61/1/file", "GET /api/v2/posts"),
        ("POST /api/v2/media/from-url", "GET /api/v2/accounts/1"),
        ("GET /api/v2/oauth/mastodon/authorize?instance=slow.example", "GET /api/v2/media/1/thumbnail"),
        ("POST /api/v2/accounts", "GET /api/v2/accounts"),
        ("POST /api/v2/accounts/1/test", "GET /api/v2/posts"),
        ("POST /api/accounts", "GET /api/v2"),
        ("GET /api/posts", "GET /api/v2/posts"),
    ],
)
def test_what_waits_for_somebody_else_holds_up_its_like_alone(
    short_waits: None, settings: Settings, waiting: str, meanwhile: str
) -> None:
    settings.WEB_FILE_THREADS = 1
    may_go = threading.Event()

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "x_waits" in environ["QUERY_STRING"]:
            may_go.wait(5)
        return echo(environ, start_response)

    with serving(app) as server, ExitStack() as held:
        for _ in range(2 * THREADS):
            line = held.enter_context(server.connect())
            mark = "&x_waits" if "?" in waiting else "?x_waits"
            line.sendall(FAST.replace(b"GET /fast", f"{waiting}{mark}".encode()))
        for asked in ("GET /fast", meanwhile):
            assert server.ask(FAST.replace(b"GET /fast", asked.encode()))[0] == 200
        may_go.set()


def test_downloads_do_not_wait_for_uploads(short_waits: None, settings: Settings) -> None:
    settings.WEB_FILE_THREADS = 1
    with serving() as server, ExitStack() as held:
        for _ in range(3):
            held.enter_context(server.connect()).sendall(HEAD_OF_UPLOAD)

        assert server.ask(FAST.replace(b"/fast", b"/api/v2/media/1/thumbnail"))[0] == 200


def test_health_is_answered_while_all_threads_are_taken(short_waits: None) -> None:
    may_go = threading.Event()

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/fast":
            may_go.wait(5)
        return echo(environ, start_response)

    with serving(app) as server, ExitStack() as held:
        for _ in range(2 * THREADS):
            held.enter_context(server.connect()).sendall(FAST)
        for path in (b"/healthz", b"/readyz", b"/readyz?for=web", b"/api/v2/status", b"/metrics"):
            assert server.ask(FAST.replace(b"/fast", path))[0] == 200
        may_go.set()


# --- how many ---
def test_client_may_hold_so_many_connections(short_waits: None, settings: Settings) -> None:
    settings.WEB_CONNECTIONS_PER_CLIENT = 2
    with serving() as server, ExitStack() as held:
        first, second = (held.enter_context(server.connect()) for _ in range(2))
        third = held.enter_context(server.connect())

        assert (answer(third)[0], answer(second)[0]) == (429, 0)
        assert has_ended(first)
        assert server.ask()[0] == 200


def test_proxy_may_hold_any_number(short_waits: None, settings: Settings) -> None:
    settings.WEB_CONNECTIONS_PER_CLIENT = 1
    with serving(forwarded_allow_ips="127.0.0.0/8") as server, server.connect(), server.connect():
        assert server.ask()[0] == 200


def test_who_says_nothing_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(worker_connections=6, threads=2) as server, ExitStack() as held:
        for _ in range(20):
            held.enter_context(server.connect())

        assert server.ask(FAST.replace(b"/fast", b"/healthz"))[0] == 200


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_process_without_file_numbers_lives_on(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    class Exhausted:
        """A listener that has no number left at first."""

        def __init__(self, real: socket.socket) -> None:
            self.real, self.refusals = real, 2

        def accept(self) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise OSError(number, "Too many open files")
            return self.real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    with serving() as server, server.connect():
        server.ask()
        real = server.worker.accept
        exhausted = Exhausted(server.listener)
        key = server.worker.poller.get_key(server.listener)
        server.worker.poller.modify(server.listener, key.events, lambda _: real(exhausted))

        assert server.ask()[0] == 200
        assert exhausted.refusals == 0


def test_body_that_cannot_be_kept_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(connections.tempfile, "SpooledTemporaryFile", full)

    status, problem = server.ask(HEAD_OF_JSON + b" " * 1000)
    assert (status, problem["code"]) == (503, "no_room_for_request")
    assert server.ask()[0] == 200


# --- bodies ---
CHUNKS = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b'{"a":', b" 1}")) + b"0\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_request_may_come_in_pieces(server: Server, step: int) -> None:
    body = b'{"content": "Hello"}'
    request = b"POST /api/v2/posts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with server.connect() as line:
        for at in range(0, len(request), step):
            line.sendall(request[at : at + step])

        assert answer(line) == (200, {"path": "/api/v2/posts", "length": str(len(body)), "read": len(body)})


def test_chunks_get_their_length(server: Server) -> None:
    assert server.ask(HEAD_OF_CHUNKS + CHUNKS) == (200, {"path": "/api/v2/posts", "length": "8", "read": 8})


@pytest.mark.parametrize("chunks", [b"zz\r\nabc\r\n", b"3\r\nabcd\r\n0\r\n\r\n"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_chunk_is_refused(server: Server, chunks: bytes) -> None:
    assert server.ask(HEAD_OF_CHUNKS + chunks)[0] == 400


def test_chunks_without_end_are_taken_up_to_a_byte_too_many(server: Server, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    chunks = b"1000\r\n" + b"x" * 4096 + b"\r\n"

    assert server.ask(HEAD_OF_CHUNKS + chunks) == (200, {"path": "/api/v2/posts", "length": "11", "read": 11})


def test_upload_in_chunks_is_read_as_it_comes(server: Server) -> None:
    request = HEAD_OF_CHUNKS.replace(b"/posts", b"/media/upload") + CHUNKS

    assert server.ask(request) == (200, {"path": "/api/v2/media/upload", "length": None, "read": 8})


@pytest.mark.parametrize("path", ["/api/v2/media/upload", "/api/v2/bulk/posts/import"])
def test_file_larger_than_other_bodies_is_read_as_it_comes(server: Server, settings: Settings, path: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    request = HEAD_OF_JSON.replace(b"/api/v2/posts", path.encode()) + b" " * 1000

    assert server.ask(request) == (200, {"path": path, "length": "1000", "read": 1000})


@pytest.mark.parametrize("is_chunked", [False, True])
def test_bulk_requests_may_be_larger_than_others(server: Server, settings: Settings, is_chunked: bool) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    path = b"/api/v2/bulk/posts/delete"
    request = HEAD_OF_JSON + b" " * 1000
    if is_chunked:
        request = HEAD_OF_CHUNKS + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n"

    answered = server.ask(request.replace(b"/api/v2/posts", path))

    assert answered == (200, {"path": path.decode(), "length": "1000", "read": 1000})


def test_announced_body_that_is_too_large_is_not_waited_for(server: Server, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert server.ask(HEAD_OF_JSON) == (200, {"path": "/api/v2/posts", "length": "1000", "read": 0})


def test_who_expects_100_gets_it_where_the_body_is_wanted(server: Server) -> None:
    expecting = HEAD_OF_JSON.replace(b"Host", b"Expect: 100-continue\r\nHost")
    with server.connect() as line:
        line.sendall(expecting)
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b" " * 1000)

        assert answer(line)[1]["read"] == 1000


def test_who_expects_100_is_refused_before_sending(short_waits: None) -> None:
    def refusing(_: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("401 Unauthorized", [("Content-Length", "2")])
        return [b"{}"]

    with serving(refusing) as server:
        assert server.ask(HEAD_OF_UPLOAD.replace(b"Host", b"Expect: 100-continue\r\nHost"))[0] == 401


def test_answer_reaches_who_still_sends(server: Server) -> None:
    with server.connect() as line:
        line.sendall(HEAD_OF_UPLOAD.replace(b"/api/v2/media/upload", b"/unread"))
        for _ in range(50):
            line.sendall(b"x" * 100_000)

        assert answer(line)[0] == 200


# --- one connection, several requests ---
def test_connection_is_kept_and_requests_may_follow_at_once(server: Server) -> None:
    with server.connect() as line:
        line.sendall(FAST * 2 + FAST.replace(b"Host", b"Connection: close\r\nHost"))
        with line.makefile("rb") as file:
            seen = file.read()

    assert seen.count(b"HTTP/1.1 200 OK\r\n") == 3


def test_head_that_is_too_large_is_refused(server: Server) -> None:
    with server.connect() as line:
        line.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 80_000)

        assert answer(line)[0] == 431


def test_what_is_no_http_is_refused(server: Server) -> None:
    assert server.ask(b"HELLO\r\n\r\n")[0] == 400


def test_stop_waits_for_nobody_who_has_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (gthread, worker):
        monkeypatch.setattr(module, "STOP_KEEPALIVE_LINGER", 0.2)
    began = time.monotonic()
    with serving() as server, server.connect() as idle, server.connect() as asking:
        asking.sendall(FAST)
        assert answer(asking)[0] == 200
        idle.sendall(b"GET /")
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert has_ended(idle)
        stopping.join()

    assert time.monotonic() - began < 1.5
