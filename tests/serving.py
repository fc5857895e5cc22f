"""The program over a real socket within the test's process, so that a test can ask it from many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIServer

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


class _Server(WSGIServer):
    """Serves up to `threads` requests at once; the others wait, as they do for gunicorn's threads."""

    request_queue_size = 256

    def __init__(self, *, threads: int) -> None:
        super().__init__(("127.0.0.1", 0), _Quiet)
        self.pool = ThreadPoolExecutor(threads)
        self.connections: set[BaseDatabaseWrapper] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.pool.submit(self._serve, request, client_address)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client left
        finally:
            self.shutdown_request(request)
            self._keep_connection()

    def _keep_connection(self) -> None:
        """A thread's connection serves all its requests, as in production; `server_close` closes it."""
        connection = connections[DEFAULT_DB_ALIAS]
        if connection not in self.connections:
            connection.inc_thread_sharing()
            self.connections.add(connection)

    def server_close(self) -> None:
        super().server_close()
        self.pool.shutdown()
        for connection in self.connections:
            connection.close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(*, threads: int = 16) -> Iterator[str]:
    """Serve the program, static files too, and give its address. The test needs `django_db(transaction=True)`."""
    server = _Server(threads=threads)
    server.set_app(WSGIHandler())
    accepting = threading.Thread(target=server.serve_forever, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
