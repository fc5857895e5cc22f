"""python -m sandbox --port 33767"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.app import Sandbox
from sandbox.server import (
    BACKLOG,
    KEEP_ALIVE_S,
    Connection,
    PromptServer,
    allow_many_connections,
    listen,
    spare_the_old,
)

DEFAULT_PORT = 33767


def port_number(given: str) -> int:
    try:
        port = int(given)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{given!r} is not a port: 0 to 65535, 0 picks a free one")
    return port


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The social platforms, simulated.")
    parser.add_argument(
        "--port",
        type=port_number,
        default=os.environ.get("SANDBOX_PORT") or str(DEFAULT_PORT),
        help=f"on 127.0.0.1 (default: SANDBOX_PORT, else {DEFAULT_PORT}; 0 picks a free one)",
    )
    parser.add_argument("--forget", action="store_true", help="begin with an empty world, whatever was kept")
    given = parser.parse_args()
    port: int = given.port
    try:
        listener = listen(port)
    except OSError as exc:
        print(
            f"sandbox: cannot listen on 127.0.0.1:{port}: {exc.strerror}; choose another --port or SANDBOX_PORT",
            file=sys.stderr,
        )
        return 1

    allow_many_connections()
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    home = os.environ.get("MASTABLASTA_HOME")
    sandbox = Sandbox(origin, Path(home) / "sandbox" if home else None)
    if given.forget:
        sandbox.store.forget()
    sandbox.store.load()
    spare_the_old()
    print(f"sandbox: {origin}", flush=True)
    config = uvicorn.Config(
        sandbox,
        interface="asgi3",
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    PromptServer(config, sandbox.store.look).run(sockets=[listener])
    sandbox.store.save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
