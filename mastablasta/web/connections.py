"""One client's connection: what has arrived of its request, and the pace at which the rest has to come and go."""

from __future__ import annotations

import errno
import io
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn

from mastablasta.core.time_scale import scaled

GRACE_S = scaled(30)  # for a body or an answer of any size, and for a peer that pauses
PACE = 16 * 1024  # bytes for which a peer has a second more; an upload over 128 kbit/s is quicker
IN_MEMORY = 128 * 1024  # of a body that arrives; what is more waits on disk
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STREAMED = re.compile(r"/api/v2/media/upload/?")
STREAMED_BY_LENGTH = re.compile(r"/api/v2/bulk/posts/import/?")
BULK = re.compile(r"/api/v2/bulk/posts/[a-z]+/?")
AROUND = 64 * 1024  # of a request with a file, around the file
HEALTH = {"/", "/healthz", "/readyz", "/metrics", "/api/v2/status", "/api/v2/status/"}
FILES = ("/api/v2/media/", "/admin/media_library/", "/api/v2/posts/export")
PLATFORMS = re.compile(r"/api/v2/(oauth|accounts)(/.*)?")
DEMO = re.compile(r"/api/(?!v2(/|$)).*", re.DOTALL)


class Pool(Enum):
    """Whose threads answer: what waits for a storage, a platform or a large body, and strangers at the demo, keep
    nothing else waiting."""

    REQUESTS = auto()
    UPLOADS = auto()
    FILES = auto()
    PLATFORMS = auto()
    DEMO = auto()
    HEALTH = auto()


class Stage(Enum):
    """Where a connection is. Only while it is ANSWERED does it have a thread, or wait for one."""

    HEAD = auto()
    BODY = auto()
    ANSWERED = auto()
    LINGERING = auto()  # answered and half closed: what the client still sends is read and dropped


class PacedSocket(socket.socket):
    """A client's socket. Whoever is slower than PACE for longer than GRACE_S is taken to have left.

    `recv` and `sendall` wait, and raise ConnectionResetError then; `arrived` does not wait.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.restart()

    def restart(self) -> None:
        """Count from here on: another request begins."""
        self._waited_s, self._moved = 0.0, 0

    def arrived(self, size: int) -> bytes:
        """What is there already; b"" when the client has left. Raises BlockingIOError when there is nothing."""
        return super().recv(size)

    def recv(self, size: int, flags: int = 0) -> bytes:
        with self._waiting(0):
            data = super().recv(size, flags)
        self._moved += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        with self._waiting(len(data)):
            super().sendall(data, flags)
        self._moved += len(data)

    @contextmanager
    def _waiting(self, more: int) -> Iterator[None]:
        left_s = GRACE_S + (self._moved + more) / PACE - self._waited_s
        if left_s <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.")
        self.settimeout(min(left_s, GRACE_S + more / PACE))
        began = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "The client is too slow.") from None
        finally:
            self._waited_s += time.monotonic() - began


class StreamedBody(Body):  # type: ignore[misc]  # gunicorn has no types
    """A body that is read while it arrives. Who waits for `100 Continue` gets it when somebody begins to read.

    `read` raises OSError, as for a client that left, also when the chunks are none.
    """

    def __init__(self, reader: Any, before: Callable[[], None] | None) -> None:
        super().__init__(reader)
        self._before = before

    def _read_reader(self, size: int) -> bytes:
        if self._before is not None:
            self._before()
            self._before = None
        try:
            data: bytes = super()._read_reader(size)
        except ParseException as error:
            raise OSError(errno.EPROTO, "The body is not made of chunks.") from error
        return data


class Requests(RequestParser):  # type: ignore[misc]
    """The requests of one connection, each of which has arrived, with its body, before it is asked for.

    `failure`: why the bytes are no request. `is_streamed`: the body is still to come.
    """

    failure: Exception | None = None
    is_streamed = False
    is_chunked = False

    def read_head(self) -> None:
        """Make a request of a head that is there whole; what follows it stays with the unreader."""
        try:
            super().__next__()
        except Exception as error:  # noqa: BLE001  whoever asks for the request gets it
            self.failure = error

    def __next__(self) -> Any:
        if self.failure is not None:
            raise self.failure
        if self.is_chunked:
            _measure(self.mesg)
        return self.mesg

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:  # noqa: ARG002
        """Whether the next request may follow; behind a body that nobody has read to its end none is found."""
        return not self.is_streamed


def _measure(request: Any) -> None:
    """Give a body of chunks the length that WSGI wants, up to a byte more than is taken."""
    limit = _largest_body(unquote(request.path or ""))
    try:
        data = request.body.read(limit + 1)
    except OSError as error:
        raise (error.__cause__ or NoMoreData()) from None
    request.body = io.BytesIO(data)
    unmeasured = [(name, value) for name, value in request.headers if name != "TRANSFER-ENCODING"]
    request.headers = [*unmeasured, ("CONTENT-LENGTH", str(len(data)))]


class Connection(TConn):  # type: ignore[misc]
    """A connection, read without waiting until a request is there that a thread can answer.

    `deadline`: when its present stage has to be over. `received`: what belongs to no request yet.
    `counts_for`: the client whose connections are counted with this one.
    """

    parser: Requests
    sock: PacedSocket

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, PacedSocket(sock), client, server)
        self.initialized = self.data_ready = True  # a thread that gets it need not wait for anything
        self.parser = Requests(cfg, self.sock, client)
        self.stage = Stage.HEAD
        self.deadline = 0.0
        self.pool = Pool.REQUESTS
        self.received = bytearray()
        self.counts_for = ""
        self.dropped = 0
        self._body: Any = None
        self._missing = 0

    def begin_head(self, deadline: float) -> None:
        """Wait for a request, the first or the next."""
        self._forget_body()
        self.stage, self.deadline = Stage.HEAD, deadline

    def has_head(self) -> bool:
        return b"\r\n\r\n" in self.received

    def read_head(self) -> bool:
        """Understand the head, which is there; returns whether a thread can have the request already."""
        self.sock.restart()
        unreader = self.parser.unreader
        unreader.unread(bytes(self.received))
        self.received.clear()
        self.parser.read_head()
        if self.parser.failure is not None:
            return True
        request = self.parser.mesg
        path = unquote(request.path or "")
        self.pool = _pool(request.method, path)
        self.parser.is_chunked = isinstance(request.body.reader, ChunkedReader)
        is_streamed = STREAMED.fullmatch(path) or (not self.parser.is_chunked and STREAMED_BY_LENGTH.fullmatch(path))
        if is_streamed or self.parser.is_chunked:
            self._stream(request, is_measured=not is_streamed)
            return True
        self.received += unreader.take_buffered()
        return self._begin_body(request, request.body.reader.length)

    def read_body(self) -> bool:
        """Take what has been received of the body; returns whether it is whole."""
        if self._missing:
            data = self.received[: self._missing]
            del self.received[: self._missing]
            self._body.write(data)
            self._missing -= len(data)
        if self._missing:
            return False
        self._body.seek(0)
        self.parser.mesg.body = self._body
        return True

    def end(self) -> None:
        """Close the socket, whatever its peer still has to say."""
        self._forget_body()
        self.sock.close()

    def _begin_body(self, request: Any, length: int) -> bool:
        is_expected, request._expected_100_continue = request._expected_100_continue, False
        if length > _largest_body(unquote(request.path or "")):
            request.body = io.BytesIO()  # it is refused by its length, unread
            request.force_close()
            self.parser.is_streamed = True
            return True
        self._body = tempfile.SpooledTemporaryFile(IN_MEMORY) if length else io.BytesIO()  # noqa: SIM115  see end()
        self._missing = length
        if self.read_body():
            return True
        if is_expected:
            self.sock.send(CONTINUE)
        self.stage, self.deadline = Stage.BODY, time.monotonic() + GRACE_S + length / PACE
        return False

    def _stream(self, request: Any, *, is_measured: bool) -> None:
        before = (lambda: self.sock.sendall(CONTINUE)) if request._expected_100_continue else None
        request._expected_100_continue = False
        request.body = StreamedBody(request.body.reader, before)
        request.force_close()
        self.parser.is_streamed = True
        self.parser.is_chunked = is_measured
        self.pool = Pool.UPLOADS

    def _forget_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


def _largest_body(path: str) -> int:
    """How many bytes a body may have that is sent there."""
    return int(settings.BULK_BODY_MAX_BYTES + AROUND if BULK.fullmatch(path) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _pool(method: str, path: str) -> Pool:
    if path in HEALTH:
        return Pool.HEALTH
    asked = PLATFORMS.fullmatch(path)
    if asked and (asked[1] == "oauth" or method not in {"GET", "HEAD"}):
        return Pool.PLATFORMS
    if DEMO.fullmatch(path):
        return Pool.DEMO
    return Pool.FILES if path.startswith(FILES) else Pool.REQUESTS
