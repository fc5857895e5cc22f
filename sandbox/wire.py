"""One HTTP exchange as a platform sees it: a Request that has been read to its end, and its Answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = b"application/json; charset=utf-8"
HTML = b"text/html; charset=utf-8"


class UnreadableBody(Exception):
    """The body is not what its Content-Type says."""


class BodyTooLarge(Exception):
    """The body is longer than this platform's front takes; it has been read and thrown away."""


class ClientGone(Exception):
    """The client hung up before its request was complete."""


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: list[Header] = field(default_factory=list)


class Refused(Exception):
    """Ends a route early with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True, frozen=True)
class Upload:
    """One file of a multipart form."""

    filename: str
    content_type: str
    data: bytes


@dataclass(slots=True, frozen=True)
class Fetched:
    """What came of fetching a file: `status` 0 = nobody answered; `is_late`: it took too long."""

    status: int
    mime_type: str = ""
    data: bytes = b""
    is_late: bool = False


@dataclass(slots=True)
class Request:
    """A complete request to one platform; `path` is what stands behind the platform's own segment."""

    method: str
    path: str
    query_string: bytes
    headers: list[Header]
    body: bytes
    at_ms: int
    args: dict[str, str] = field(default_factory=dict)
    multipart: dict[str, Any] | None = None
    processing_ms: int = 0
    fetched: dict[str, Fetched] = field(default_factory=dict)
    """What the platform fetched for it, by address (`Platform.addresses_to_fetch`)."""

    def header(self, name: bytes) -> str | None:
        """Return the first header of that lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    def query(self) -> dict[str, Any]:
        """Return the query: `a[]=1&a[]=2` as a list under `a`, otherwise the last value of a name."""
        return _fields(parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True))

    def fields(self) -> dict[str, Any]:
        """Return the body's fields, whether it came as JSON, as a form or as multipart.

        Files are `Upload`s. A body that is not a JSON object, or is not a form, raises UnreadableBody.
        """
        if self.multipart is not None:
            return self.multipart
        if not self.body:
            return {}
        kind = (self.header(b"content-type") or "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return _json_object(self.body)
        try:
            return _fields(parse_qsl(self.body.decode(), keep_blank_values=True))
        except ValueError as exc:
            raise UnreadableBody("the form is not UTF-8") from exc

    def bearer(self) -> str | None:
        scheme, _, value = (self.header(b"authorization") or "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else None

    def basic(self) -> tuple[str, str] | None:
        """Return user and password of HTTP Basic authentication, or None."""
        scheme, _, value = (self.header(b"authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise UnreadableBody(f"the JSON cannot be read: {exc}") from exc
    if not isinstance(value, dict):
        raise UnreadableBody("the JSON is not an object")
    return value


def _fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name.endswith("[]"):
            fields.setdefault(name[:-2], []).append(value)
        else:
            fields[name] = value
    return fields


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Return the whole body. Raises ClientGone, and BodyTooLarge once the body has been read to its end."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message["body"]
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message["more_body"]:
            break
    if size > max_bytes:
        raise BodyTooLarge
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def read_multipart(headers: list[Header], body: bytes) -> dict[str, Any] | None:
    """Return the fields of a multipart body, None for any other kind. Raises UnreadableBody."""
    named = Headers(raw=headers)
    if not named.get("content-type", "").lower().startswith("multipart/form-data"):
        return None

    async def stream() -> Any:
        yield body

    parser = MultiPartParser(named, stream(), max_files=10, max_part_size=1 << 20)
    parser.spool_max_size = len(body) + 1  # it is in memory already: no temporary file
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        raise UnreadableBody(exc.message) from exc
    try:
        return _fields([(name, await _form_value(value)) for name, value in form.multi_items()])
    finally:
        await form.close()


async def _form_value(value: str | UploadFile) -> str | Upload:
    if isinstance(value, str):
        return value
    return Upload(value.filename or "", value.content_type or "", await value.read())


def json_answer(status: int, value: Any, headers: list[Header] | None = None) -> Answer:
    return Answer(status, orjson.dumps(value), JSON, headers or [])


def html_answer(status: int, page: str, headers: list[Header] | None = None) -> Answer:
    return Answer(status, page.encode(), HTML, headers or [])


def retry_after(until_ms: int, at_ms: int) -> Header:
    """Return the header for a window that opens again at `until_ms`, in whole seconds, one at least."""
    return b"retry-after", b"%d" % max(-(-(until_ms - at_ms) // 1000), 1)


async def send_answer(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
