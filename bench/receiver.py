"""A customer's server that answers each POST after some milliseconds: `python -m bench.receiver PORT`.

`PUT /latency?<ms>` says how many; `PUT /reset` forgets; `GET /arrivals` gives, by path, when each request came (seconds
since the epoch). A POST below /hanging/ is never answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

latency_s = 0.0
arrivals: dict[str, list[float]] = defaultdict(list)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, target, _ = head.split(b" ", 2)
            length = next(
                (line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0"
            )
            await reader.readexactly(int(length))
            writer.write(await answer(method.decode(), target.decode()))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def answer(method: str, target: str) -> bytes:
    global latency_s
    body = b""
    if method == "POST":
        arrivals[target].append(time.time())
        await asyncio.sleep(3600 if target.startswith("/hanging/") else latency_s)
    elif target.startswith("/latency"):
        latency_s = int(target.partition("?")[2]) / 1000
    elif target == "/reset":
        arrivals.clear()
    else:
        body = json.dumps(arrivals).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
