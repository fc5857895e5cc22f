"""Kept connections: one per thread and origin, each with a deadline that counts every wait on the socket.

Plain `http.client` on a pinned address. CPU of our side per POST, same run, 2 cores, 128 threads, 200 ms latency:
requests' Session 0.84-0.88 ms, urllib3's pool 0.51-0.59 ms, this 0.33-0.41 ms (one thread: 0.37, 0.20, 0.14 ms).
And only at this level can a mark be set between "connected" and "the first byte leaves", and a deadline be total.
A fresh TLS context costs 13-20 ms: hence one for all, and sessions that are kept.
"""

from __future__ import annotations

import http.client
import io
import os
import select
import socket
import ssl
import threading
import time
from collections import OrderedDict
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from mastablasta.core.outbound.addresses import Origin, Purpose, checked_addresses
from mastablasta.core.outbound.errors import LineError
from mastablasta.core.time_scale import scaled

CONNECT_S = 5.0
KEPT_PER_THREAD = 4  # with 128 threads at most 512 descriptors
FRESH_S = 4.0  # servers close idle sessions from 5 s on (uvicorn, Puma behind some proxies)
OLD_S = 30.0
SWEEP_S = 10.0
# What is on its way when this host is cut off would be delivered whenever its cable is back, also after the process
# that sent it gave up: the kernel goes on trying. So it tries for less time than a lease lasts (20 s), and never after
# somebody else may have looked whether the post is out. https://datatracker.ietf.org/doc/html/rfc5482 (read 2026-11-29)
UNACKNOWLEDGED_S = scaled(15.0)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """The system's authorities and Mozilla's, names checked, TLS 1.2 at least."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class TimedSocket:
    """A socket whose every wait ends at `deadline` (time.monotonic), however slowly bytes drip in.

    A time-out per read, as requests and http.client have it, can be kept alive for ever by one byte at a time.
    """

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.deadline = 0.0
        self.bytes_left = False  # whether a byte of the present call may have left
        self.is_at_end = False  # whether the server has closed its side
        self._readers = 0
        self._is_closing = False

    def start(self, deadline: float) -> None:
        """Begin a call on this line."""
        self.deadline = deadline
        self.bytes_left = self.is_at_end = False

    def arm(self) -> None:
        """Let the next wait end at the deadline. Raises TimeoutError when that is past."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self.raw.settimeout(remaining)

    def sendall(self, data: Any) -> None:
        self.arm()
        self.bytes_left = True
        self.raw.sendall(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Close once the last reader is closed: http.client closes early and still reads the body."""
        self._is_closing = True
        if self._readers == 0:
            self.raw.close()

    def __del__(self) -> None:
        self.raw.close()  # of a thread that has ended

    def reader_closed(self) -> None:
        self._readers -= 1
        if self._is_closing:
            self.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._timed.arm()
        count = self._timed.raw.recv_into(buffer)
        self._timed.is_at_end = count == 0
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._timed.reader_closed()


class Connection(http.client.HTTPConnection):
    """One connection to one origin, opened by `open`, used by one thread."""

    auto_open = 0
    sock: Any

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin.host, origin.port)
        self.origin = origin
        self.used_at = 0.0
        self.keep_for_s = OLD_S

    def open(self, purpose: Purpose, *, deadline: float) -> None:
        """Resolve, check, connect, shake hands. Raises LineError; no byte of a request has left then."""
        end = min(deadline, time.monotonic() + CONNECT_S)
        addresses = checked_addresses(self.origin, purpose, timeout_s=max(0.0, end - time.monotonic()))
        try:
            raw = _connect(addresses, self.origin.port, end)
        except TimeoutError:
            raise LineError("connect_timeout", f"{self.origin.host} did not take the connection in time") from None
        except OSError:
            raise LineError("connection_refused", f"{self.origin.host} does not take connections") from None
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.origin.scheme == "https":
                raw.settimeout(max(0.001, end - time.monotonic()))
                raw = tls_context().wrap_socket(raw, server_hostname=self.origin.host)
        except TimeoutError:
            raw.close()
            raise LineError("connect_timeout", f"{self.origin.host} did not finish the TLS handshake in time") from None
        except (OSError, ValueError):
            raw.close()
            raise LineError("tls_error", f"no trusted TLS connection to {self.origin.host}") from None
        self.sock = TimedSocket(raw)

    def is_alive(self) -> bool:
        """Whether the idle connection can be spoken on: an end or a stray byte means that it is spent."""
        if self.sock is None:
            return False
        raw = self.sock.raw
        try:
            poller = select.poll()
            poller.register(raw, select.POLLIN | select.POLLHUP | select.POLLERR)
            return not poller.poll(0) or (isinstance(raw, ssl.SSLSocket) and _holds_only_tickets(raw))
        except (OSError, ValueError):
            return False


def _holds_only_tickets(raw: ssl.SSLSocket) -> bool:
    """Whether what has arrived is TLS's own: TLS 1.3 servers send session tickets whenever they like."""
    raw.settimeout(0)
    try:
        raw.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False


def _connect(addresses: list[str], port: int, end: float) -> socket.socket:
    failure: OSError = TimeoutError()
    for index, address in enumerate(addresses):
        share = (end - time.monotonic()) / (len(addresses) - index)
        if share <= 0:
            break
        try:
            connected = socket.create_connection((address, port), timeout=share)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNACKNOWLEDGED_S * 1000))
            return connected
        except OSError as error:
            failure = error
    raise failure


_ByKey = OrderedDict[tuple[Origin, str], Connection]


class _Kept(threading.local):
    def __init__(self) -> None:
        self.by_key: _ByKey = OrderedDict()
        _of_threads[threading.get_ident()] = self.by_key


_of_threads: WeakValueDictionary[int, _ByKey] = WeakValueDictionary()
_lock = threading.Lock()  # of all that is kept; nothing waits while it is held
_kept = _Kept()
_swept_at = 0.0


def take(origin: Origin, purpose: Purpose, *, at_most_idle_s: float) -> Connection:
    """Return this thread's kept connection when it is young and alive, else an unopened one (`sock` is None)."""
    with _lock:
        connection = _kept.by_key.pop((origin, purpose), None)
    if connection is not None:
        idle = time.monotonic() - connection.used_at
        if idle <= min(at_most_idle_s, connection.keep_for_s) and connection.is_alive():
            return connection
        connection.close()
    return Connection(origin)


def keep(connection: Connection, purpose: Purpose) -> None:
    """Lay a connection aside for this thread's next call; the one unused longest makes room.

    What is too old to be used again is closed, also of threads that have had nothing to do since a burst was over.
    """
    now = time.monotonic()
    connection.used_at = now
    with _lock:
        _kept.by_key[(connection.origin, purpose)] = connection
        spent = [_kept.by_key.popitem(last=False)[1]] if len(_kept.by_key) > KEPT_PER_THREAD else []
        spent += _swept(now)
    for old in spent:
        old.close()


def _swept(now: float) -> list[Connection]:
    """Take what is too old out of every thread's place, once in a while."""
    global _swept_at
    if now - _swept_at < SWEEP_S:
        return []
    _swept_at = now
    old = [
        (by_key, key)
        for by_key in list(_of_threads.values())
        for key, connection in by_key.items()
        if now - connection.used_at > OLD_S
    ]
    return [by_key.pop(key) for by_key, key in old]


def drop_kept() -> None:
    """Close this thread's kept connections."""
    while _kept.by_key:
        _kept.by_key.popitem()[1].close()


def _begin_anew() -> None:
    """In a child: one that spoke on its parent's connections would mix its bytes into the parent's."""
    global _lock
    _lock = threading.Lock()  # which another thread of the parent may have held
    _of_threads.clear()
    drop_kept()
    _of_threads[threading.get_ident()] = _kept.by_key


os.register_at_fork(after_in_child=_begin_anew)
