"""The limit of webhooks: a plain thread pool of kept sessions that posts as much, and does nothing else.

`python -m bench.bare_webhooks URL CALLS THREADS` prints the seconds that it took.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

BODY = b"x" * 450  # as an event of one delivery


def wall_s(url: str, calls: int, threads: int) -> float:
    at, local = urlsplit(url), threading.local()

    def post(_: int) -> None:
        if not hasattr(local, "line"):
            local.line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        local.line.request("POST", "/bare", BODY, {"Content-Type": "application/json"})
        local.line.getresponse().read()

    began = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(post, range(calls)))
    return time.monotonic() - began


if __name__ == "__main__":
    print(wall_s(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
