"""A POST of 450 bytes to a server on loopback that answers at once: CPU per call of our door (mark, checked address,
one deadline), of bare `http.client`, and where pycurl is installed of libcurl with the same (mark, address, deadline).

One thread, in turns, the median of three. pycurl is not used here; what it was found to cost, and why it was not taken:
docs/performance.md.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.figures import say
from bench.webhook_fanout import receiving

BODY = {"status": "x" * 430}
ROUNDS = 3
CALLS = 1_000

Post = Callable[[], None]


def run() -> None:
    with receiving() as url, tempfile.TemporaryDirectory(prefix="mb-bench-") as home:
        os.environ |= {"MASTABLASTA_MODE": "development", "MASTABLASTA_HOME": home}
        os.environ["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"
        import django

        django.setup()
        makers = {"": door, "_http_client": bare, "_libcurl": libcurl}
        if not has_pycurl():
            del makers["_libcurl"]
        rounds = [{name: cpu_ms(make(url)) for name, make in makers.items()} for _ in range(ROUNDS)]
        costs = {name: median(one[name] for one in rounds) for name in makers}
        limit = costs["_http_client"]
        say("door", costs[""], "CPU ms", limit=limit, ratio=limit / costs[""])
        for name in makers.keys() - {""}:
            say(f"door{name}", costs[name], "CPU ms")


def cpu_ms(post: Post) -> float:
    """CPU milliseconds of this process a call, connecting included."""
    began = time.process_time()
    for _ in range(CALLS):
        post()
    return (time.process_time() - began) / CALLS * 1000


def door(url: str) -> Post:
    from mastablasta.core.outbound import Http

    local = threading.local()

    def post() -> None:
        if not hasattr(local, "http"):
            local.http = Http(url, on_visible=lambda: None)
        if local.http.post("/door", json=BODY, visible=True).status != 200:
            raise RuntimeError("the receiver refused")

    return post


def bare(url: str) -> Post:
    at, local = urlsplit(url), threading.local()

    def post() -> None:
        if not hasattr(local, "line"):
            local.line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        local.line.request("POST", "/bare", json.dumps(BODY), {"Content-Type": "application/json"})
        local.line.getresponse().read()

    return post


# --- libcurl ---
def has_pycurl() -> bool:
    try:
        import pycurl
    except ImportError:
        return False
    return hasattr(pycurl, "PREREQFUNCTION")


def libcurl(url: str) -> Post:
    """A handle a thread, with what the door has: one mark, before the first byte; the address; status and headers."""
    import pycurl

    local, allowed = threading.local(), {urlsplit(url).hostname}

    def open_checked(_purpose: int, address: Any) -> Any:
        if address.addr[0] not in allowed:
            return pycurl.SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol)

    def handle() -> Any:
        made = pycurl.Curl()
        made.setopt(pycurl.URL, f"{url}/libcurl")
        made.setopt(pycurl.NOSIGNAL, 1)
        made.setopt(pycurl.CONNECTTIMEOUT_MS, 5_000)
        made.setopt(pycurl.OPENSOCKETFUNCTION, open_checked)
        return made

    def post() -> None:
        if not hasattr(local, "handle"):
            local.handle = handle()
        curl, body = local.handle, io.BytesIO()
        marks: list[int] = []
        headers: list[bytes] = []

        def mark(*_: Any) -> int:
            marks.append(1)
            return int(pycurl.PREREQFUNC_OK if len(marks) == 1 else pycurl.PREREQFUNC_ABORT)

        curl.setopt(pycurl.PREREQFUNCTION, mark)
        curl.setopt(pycurl.POSTFIELDS, json.dumps(BODY))
        curl.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:", "Accept: application/json"])
        curl.setopt(pycurl.TIMEOUT_MS, 10_000)
        curl.setopt(pycurl.HEADERFUNCTION, headers.append)
        curl.setopt(pycurl.WRITEDATA, body)
        curl.perform()
        dict(line.decode("latin-1").split(":", 1) for line in headers[1:] if b":" in line)
        if curl.getinfo(pycurl.RESPONSE_CODE) != 200:
            raise RuntimeError("the receiver refused")

    return post
