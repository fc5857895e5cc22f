"""The program, and beside it the limit, for uploads with `?bare`: a handler that writes the body and hashes it.

`gunicorn -c python:mastablasta.gunicorn bench.bare_upload:application`
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from mastablasta.wsgi import application as program

BLOCK = 1024 * 1024  # of 64 kB to 2 MB the quickest


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["QUERY_STRING"] != "bare":
        return program(environ, start_response)
    digest, left, body = hashlib.sha256(), int(environ["CONTENT_LENGTH"]), environ["wsgi.input"]
    handle, _ = tempfile.mkstemp(dir=os.environ["MASTABLASTA_HOME"], prefix="bare-")
    while left and (block := body.read(min(BLOCK, left))):
        os.write(handle, block)
        digest.update(block)
        left -= len(block)
    os.close(handle)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "64")])
    return [digest.hexdigest().encode()]
