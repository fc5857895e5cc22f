"""uvicorn, taught to reset a connection and to stop at once."""

from __future__ import annotations

import gc
import logging
import resource
import socket
import struct
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.wire import Receive

CONNECTION = "sandbox.connection"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
BACKLOG = 4096
KEEP_ALIVE_S = 75


class Connection(HttpToolsProtocol):
    """One client connection; the application finds it in `scope["extensions"]`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    @property
    def is_gone(self) -> bool:
        """Whether the client has hung up."""
        return self.transport.is_closing()

    async def reset(self, receive: Receive) -> None:
        """Make the client see ECONNRESET instead of a clean end."""
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()
        # uvicorn would report a missing answer unless it has seen the connection go
        while (await receive())["type"] != "http.disconnect":
            pass


class PromptServer(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM and SIGINT, dropping whatever is open; calls `look` ten times a second."""

    def __init__(self, config: uvicorn.Config, look: Callable[[], None]) -> None:
        super().__init__(config)
        self.look = look

    async def on_tick(self, counter: int) -> bool:
        self.look()
        return await super().on_tick(counter)

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").disabled = True  # every cut-off call would be a traceback
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()


def listen(port: int) -> socket.socket:
    """Return a listening socket on 127.0.0.1; port 0 picks a free one. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def spare_the_old() -> None:
    """Keep the garbage collector from walking through all posts again and again.

    Measured at 100,000 posts: the slowest answer was 121 ms, with this about 30 ms. World.forget_everything()
    collects what it drops.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000_000)


def allow_many_connections() -> None:
    """Raise the limit of open files as far as it goes without privileges."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
