"""gunicorn's threaded worker, in which requests arrive without a thread.

One loop in each process reads heads (10 s, 64 kB) and bodies (2.5 MB, of bulk requests what BULK_BODY_MAX_BYTES says,
on disk from 128 kB on; 30 s and a second more for every 16 kB), and gives a thread what is whole. There are six pools:
requests; uploads, with bodies in chunks; files, that is downloads and whatever waits for the storage; sign-ins and
tests of accounts, which wait for a platform; the demo, where strangers wait for one memory; health. What a thread reads
of an upload or sends as an answer keeps the same pace, or the client has left. After a refusal the loop reads on and
drops what still comes, so that the sender learns why. Where connections run short, idle ones make room.

gthread gives a thread to whoever sends the first byte. Five connections of a byte a second against four threads, in the
head, the body or a signed upload, on 2026-11-28: gthread answers nobody in all three; granian 2.8, and uvicorn 0.54
with a2wsgi 1.10, answer nobody in two; waitress 3.0 answers, yet takes 500 MB from whoever is not signed in and has one
process. None bounds the connections of one client. Small reads a second, seconds for an upload of 500 MB (medians, one
process, two busy cores): here 98 and 2.4, gthread 100 and 2.4, waitress 89 and 5.4, granian 108 and 3.5, uvicorn 82 and
4.2; memory rises by 4 to 15 MB in all. Price: this package follows gunicorn's insides, so a new gunicorn has to pass
`mastablasta/web/tests`.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import selectors
import socket
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.http.message import _ip_in_allow_list
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from mastablasta.core.api.problems import MEDIA_TYPE, SENTENCES, problem
from mastablasta.core.time_scale import scaled
from mastablasta.web.connections import Connection, Pool, Stage

HEAD_S = scaled(10)
HEAD_BYTES = 64 * 1024
LINGER_S = scaled(15)  # for who still sends what was refused; closed sooner, it would never see why
LINGER_BYTES = 1024**3
BLOCK = 64 * 1024
LOOK_S = 0.25
HEALTH_THREADS = DEMO_THREADS = 2
NO_ROOM = "The server has no room for this request just now; send it again in a few seconds."
TOO_MANY = "Too many connections are open to here at once; close some of them first."


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Reads requests in its main loop and answers them in six pools of threads."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Called once, in the process that runs the loop."""
        requests = ThreadPoolExecutor(self.cfg.threads)
        self.connections: set[Connection] = set()
        self.held_by: Counter[str] = Counter()
        self.looked_at = 0.0
        self.pools: dict[Pool, ThreadPoolExecutor] = {
            Pool.REQUESTS: requests,
            Pool.UPLOADS: ThreadPoolExecutor(settings.WEB_FILE_THREADS),
            Pool.FILES: ThreadPoolExecutor(settings.WEB_FILE_THREADS),
            Pool.PLATFORMS: ThreadPoolExecutor(settings.WEB_FILE_THREADS),
            Pool.DEMO: ThreadPoolExecutor(DEMO_THREADS),
            Pool.HEALTH: ThreadPoolExecutor(HEALTH_THREADS),
        }
        return requests

    def run(self) -> None:
        super().run()
        for pool in self.pools.values():
            pool.shutdown(wait=False)

    # --- connections come ---
    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self._make_room()
            elif error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:
                raise
            return
        client = self._client(address)
        if client and self.held_by[client] >= settings.WEB_CONNECTIONS_PER_CLIENT:
            accepted.setblocking(False)
            with accepted, suppress(OSError):
                accepted.send(_answer(429, code="too_many_connections", detail=TOO_MANY))
            return
        self._open(Connection(self.cfg, accepted, address, listener.getsockname()), client)

    def _client(self, address: Any) -> str:
        """Whose connections are counted together; "" = a proxy's, which are many clients'."""
        if not isinstance(address, tuple):
            return ""
        host = address[0]
        if _ip_in_allow_list(host, self.cfg.forwarded_allow_ips, self.cfg.forwarded_allow_networks()):
            return ""
        at = ipaddress.ip_address(host.partition("%")[0])
        return str(at if at.version == 4 else ipaddress.ip_network((at, 64), strict=False))

    def _open(self, conn: Connection, client: str) -> None:
        if self.nr_conns + 1 >= self.worker_connections:
            self._make_room()
        conn.counts_for = client
        self.connections.add(conn)
        self.held_by[client] += 1
        self.nr_conns += 1
        conn.begin_head(time.monotonic() + HEAD_S)
        self._watch(conn)

    def _make_room(self) -> None:
        """Let the one go that has kept us waiting longest, so that somebody else can ask."""
        waiting = [conn for conn in self.connections if conn.stage in {Stage.HEAD, Stage.LINGERING}]
        if waiting:
            self._drop(min(waiting, key=lambda conn: conn.deadline))

    # --- requests arrive ---
    def _watch(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))

    def _readable(self, conn: Connection, _: Any) -> None:
        if conn not in self.connections:
            return  # it had to make room in this very turn
        try:
            data = conn.sock.arrived(BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
        elif conn.stage is Stage.LINGERING:
            conn.dropped += len(data)
            if conn.dropped > LINGER_BYTES:
                self._drop(conn)
        else:
            conn.received += data
            self._go_on(conn)

    def _go_on(self, conn: Connection) -> None:
        """After more has been received: give it to a thread, refuse it, or wait for the rest."""
        try:
            is_whole = self._is_whole(conn)
        except OSError as error:  # no room on the disk, or no file may be opened
            self.log.warning("A request cannot be kept while it arrives: %s", error)
            self._refuse(conn, 503, code="no_room_for_request", detail=NO_ROOM)
            return
        if is_whole:
            with suppress(KeyError, ValueError):
                self.poller.unregister(conn.sock)
            self.enqueue_req(conn)
        elif conn.stage in {Stage.HEAD, Stage.BODY} and conn.sock not in self.poller.get_map():
            self._watch(conn)

    def _is_whole(self, conn: Connection) -> bool:
        if conn.stage is Stage.BODY:
            return conn.read_body()
        if conn.has_head():
            return conn.read_head()
        if len(conn.received) > HEAD_BYTES:
            self._refuse(conn, 431)
        return False

    def enqueue_req(self, conn: Connection) -> None:
        conn.stage = Stage.ANSWERED
        future = self.pools[conn.pool].submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Connection, done: Future[bool]) -> None:
        """In the main loop, after a thread has answered."""
        is_kept = not done.cancelled() and done.exception() is None and done.result()
        if not is_kept:
            self._linger(conn, LINGER_S if conn.parser.is_streamed else STOP_KEEPALIVE_LINGER)
            return
        conn.begin_head(time.monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER))
        self._go_on(conn)

    # --- and connections go ---
    def _refuse(self, conn: Connection, status: int, *, code: str = "", detail: str = "") -> None:
        with suppress(OSError):
            conn.sock.send(_answer(status, code=code, detail=detail))
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self._linger(conn, STOP_KEEPALIVE_LINGER)

    def _linger(self, conn: Connection, seconds: float) -> None:
        conn.stage, conn.deadline = Stage.LINGERING, time.monotonic() + seconds
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._watch(conn)

    def _drop(self, conn: Connection) -> None:
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        conn.end()
        self.connections.discard(conn)
        self.nr_conns -= 1
        self.held_by[conn.counts_for] -= 1
        if not self.held_by[conn.counts_for]:
            del self.held_by[conn.counts_for]

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Where nobody is connected there is no deadline to keep."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_S) if self.connections else timeout)

    def murder_pending(self) -> None:
        """Called in each turn of the loop: end what has not arrived in time."""
        now = time.monotonic()
        if now < self.looked_at + LOOK_S:
            return
        self.looked_at = now
        for conn in [conn for conn in self.connections if conn.stage is not Stage.ANSWERED and conn.deadline < now]:
            is_partial = conn.stage is Stage.BODY or (conn.stage is Stage.HEAD and conn.received)
            if is_partial and self.alive:
                self._refuse(conn, 408)
            else:
                self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Called when a stop begins: a client that has sent nothing is not waited for beyond `deadline`."""
        for conn in self.connections:
            if conn.stage in {Stage.HEAD, Stage.LINGERING}:
                conn.deadline = min(conn.deadline, deadline)


def _answer(status: int, *, code: str = "", detail: str = "") -> bytes:
    usual_code, sentence = SENTENCES[status]
    shown = problem(status, code or usual_code, detail or sentence)
    body = json.dumps(shown).encode()
    head = f"HTTP/1.1 {status} {shown['title']}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
