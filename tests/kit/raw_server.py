"""A server on a raw socket: answers byte by byte what a test says, resets, drips, or says nothing at all."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

Turn = Callable[["RawConnection"], None]


class RawConnection:
    """One connection, seen from the server."""

    def __init__(self, raw: socket.socket, server: RawServer) -> None:
        self.raw = raw
        self.server = server

    def read_request(self) -> bytes:
        """One whole request, body included; b"" when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            got = self.raw.recv(65_536)
            if not got:
                return b""
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            body += self.raw.recv(65_536)
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return self.server.requests[-1]

    def send(self, data: bytes) -> None:
        self.raw.sendall(data)

    def reset(self) -> None:
        """End with RST instead of FIN."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.raw.shutdown(socket.SHUT_RDWR)
        self.raw.close()


class RawServer:
    """The server: connection number n is served by turn number n, all further ones by the last."""

    def __init__(self, *turns: Turn, tls: ssl.SSLContext | None = None) -> None:
        self.turns = turns
        self.tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            turn = self.turns[min(self.connections, len(self.turns) - 1)]
            self.connections += 1
            threading.Thread(target=self._serve, args=(raw, turn), daemon=True).start()

    def _serve(self, raw: socket.socket, turn: Turn) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                raw = self.tls.wrap_socket(raw, server_side=True)
            connection = RawConnection(raw, self)
            turn(connection)
            connection.close()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()


@contextmanager
def raw_server(*turns: Turn, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(*turns, tls=tls)
    try:
        yield server
    finally:
        server.stop()


def answer(body: bytes | str = b"{}", status: int = 200, **headers: str) -> bytes:
    """A whole answer as bytes; `content_type="text/html"` becomes `content-type: text/html`."""
    body = body.encode() if isinstance(body, str) else body
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def says(*answers: bytes) -> Turn:
    """Answer one request after the other on the same connection, the last for all that follow."""

    def turn(connection: RawConnection) -> None:
        index = 0
        while connection.read_request():
            connection.send(answers[min(index, len(answers) - 1)])
            index += 1

    return turn


def says_once(data: bytes) -> Turn:
    """Answer one request and close."""

    def turn(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(data)

    return turn


def drips(data: bytes, *, every_s: float = 0.05) -> Turn:
    """Answer one byte at a time."""

    def turn(connection: RawConnection) -> None:
        connection.read_request()
        for index in range(len(data)):
            connection.send(data[index : index + 1])
            time.sleep(every_s)

    return turn


def resets(connection: RawConnection) -> None:
    """Take the request and break the connection."""
    connection.read_request()
    connection.reset()


def closes(connection: RawConnection) -> None:
    """Take the request and close without a word."""
    connection.read_request()


def is_silent(connection: RawConnection) -> None:
    """Take the request and say nothing, until the client goes."""
    while connection.read_request():
        pass


class LateFront:
    """A front in between that keeps one request and hands it on late; all others go through at once.

    It keeps the first POST to `path` that has `words` in it, and hands it on when `others` further requests have been
    answered: by then whoever made it has given up. Meanwhile it says nothing, or `says` (a gateway's page).
    """

    def __init__(self, behind: str, path: str, *, words: str = "", others: int = 1, says: bytes = b"") -> None:
        self.behind = urlsplit(behind)
        self.path = path
        self.words = words
        self.others = others
        self.says = says
        self.kept = b""
        self.is_handed_on = False
        self._lock = threading.Lock()

    def __call__(self, connection: RawConnection) -> None:
        while request := connection.read_request():
            if self._keeps(request):
                if not self.says:
                    is_silent(connection)
                connection.send(self.says)
                return
            connection.send(self._ask(request))
            self._hand_on()

    def _keeps(self, request: bytes) -> bool:
        is_meant = request.startswith(f"POST {self.path} ".encode()) and self.words.encode() in request
        with self._lock:
            if self.kept or not is_meant:
                return False
            self.kept = request
            return True

    def _hand_on(self) -> None:
        with self._lock:
            self.others -= bool(self.kept)
            is_time = self.others == 0 and bool(self.kept) and not self.is_handed_on
            self.is_handed_on = self.is_handed_on or is_time
        if is_time:
            self._ask(self.kept)

    def _ask(self, request: bytes) -> bytes:
        """What the server behind answers."""
        with socket.create_connection((self.behind.hostname or "", self.behind.port or 80), timeout=10) as line:
            line.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            return b"".join(iter(lambda: line.recv(65_536), b""))
