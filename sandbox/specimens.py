"""One example of every form of call that the platforms received, written to a file as it comes.

Two calls have the same form when they go to the same place with the same names and kinds of values. Nothing is
written unless SANDBOX_SPECIMENS names a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sandbox.routing import Route
from sandbox.wire import Request, Upload

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class Specimens:
    """Each is one line of JSON: platform, method, target, headers (without what authorizes), and body.

    `body` is JSON as it was sent, a form as `[name, value]` pairs, null without one; bytes stand in it as
    `{"file": type, "size": bytes}`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: set[Any] = set()

    def note(self, slug: str, route: Route[Any] | None, request: Request) -> None:
        query = request.query_string.decode("latin-1")
        media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
        body = _body_of(request, media_type)
        names = sorted(name for name, _ in parse_qsl(query, keep_blank_values=True))
        key = slug, request.method, id(route), tuple(names), media_type, _form_of(body)
        if key in self._seen:
            return
        self._seen.add(key)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        specimen = {
            "platform": slug,
            "method": request.method,
            "target": f"{request.path}?{query}" if query else request.path,
            "headers": {name: value for name, value in headers.items() if name not in {"authorization", "cookie"}},
            "body": body,
        }
        with self._path.open("ab") as file:
            file.write(orjson.dumps(specimen) + b"\n")


def _body_of(request: Request, media_type: str) -> Any:
    if request.multipart is not None:
        return [
            [name, _file(value.content_type, value.data) if isinstance(value, Upload) else value]
            for name, value in request.multipart.items()
        ]
    if not request.body:
        return None
    try:
        if media_type == JSON:
            return orjson.loads(request.body)
        if media_type == FORM:
            return [list(pair) for pair in parse_qsl(request.body.decode(), keep_blank_values=True)]
    except ValueError:
        pass  # it is not what it says: bytes like any others
    return _file(media_type, request.body)


def _file(media_type: str, data: bytes) -> dict[str, Any]:
    return {"file": media_type, "size": len(data)}


def _form_of(value: Any) -> Any:
    """What is the same of two values that differ in their texts and numbers only."""
    if isinstance(value, dict):
        kinds = {str(value["$type"])} if "$type" in value else set()
        return frozenset((name, _form_of(item)) for name, item in value.items()) | kinds
    if isinstance(value, list):
        is_pair = len(value) == 2 and isinstance(value[0], str)
        return (value[0], _form_of(value[1])) if is_pair else frozenset(map(_form_of, value))
    return type(value).__name__
