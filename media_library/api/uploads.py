"""A multipart body with one file, read as it comes: block by block to scratch, never whole in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from mastablasta.core.errors import Invalid
from media_library import filenames
from media_library.services.incoming import Incoming

BLOCK = 1024 * 1024  # measured from 64 kB to 2 MB: as many as gunicorn reads at once is quickest
STALLED_S = 60.0  # without a byte: whoever sends is gone and did not say so
DRAIN_S = 15.0
DRAIN_BYTES = 1024**3
FILE, FIELDS = "file", ["file", "alt_text"]


class Arrived(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """The file of a request, whole and on disk until it is closed."""

    def __init__(self, incoming: Incoming, filename: str, content_type: str) -> None:
        super().__init__(None, filenames.clean(filename) or "file", content_type, incoming.size)
        self.filename = filename  # as it was sent
        self.incoming = incoming
        self.sha256 = incoming.sha256

    def close(self) -> None:
        self.incoming.discard()


class UploadParser(BaseParser):
    """multipart/form-data with one file in the field `file`.

    The file is refused while it arrives: at its first block when it is of no format that is taken, at the byte that is
    too many, when the disk is full, and when the sender leaves before the end. Then nothing is left of it.
    """

    media_type = "multipart/form-data"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles[Any, Any]:
        """Raises ParseError, Invalid, TooLarge, NoRoom, NotMedia."""
        request: HttpRequest = (parser_context or {})["request"]._request
        length = announced(request)
        handler = _ToScratch(length)
        try:
            fields, files = _Multipart(request.META, _Body(request, length), [handler], "utf-8").parse()  # type: ignore[arg-type]  # it needs read() only
        except MultiPartParserError as error:
            handler.discard()
            raise ParseError("The body is not valid multipart/form-data.", "malformed_multipart") from error
        except BaseException:
            handler.discard()
            raise
        return DataAndFiles(fields, files)


def announced(request: HttpRequest) -> int:
    """How many bytes the body has, as its sender says; 0 when it does not."""
    text = request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() else 0


class _Multipart(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        """The name as it was sent (see names.clean); Django drops what it cannot print, and files without a name."""
        return file_name

    IE_sanitize = sanitize_file_name


class _Body:
    """The request's bytes; who leaves before the last one, or stays silent, is found out."""

    def __init__(self, request: HttpRequest, length: int) -> None:
        self._request = request
        self._left = length
        _set_timeout(request, STALLED_S)

    def read(self, size: int) -> bytes:
        try:
            data = self._request.read(size)
        except UnreadablePostError:
            self._give_up()
        self._left -= len(data)
        if not data and self._left > 0:
            self._give_up()
        if self._left == 0:
            _set_timeout(self._request, None)
        return data

    def _give_up(self) -> NoReturn:
        raise broken_off()


def broken_off() -> Invalid:
    return Invalid("incomplete", "The request broke off before its end; send it again.")


class _ToScratch(FileUploadHandler):
    chunk_size = BLOCK

    def __init__(self, announced: int) -> None:
        super().__init__()
        self._announced = announced
        self._incoming: Incoming | None = None

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, *args, **kwargs)
        if field_name != FILE:
            sentence = f"This name is not known here; valid names: {', '.join(FIELDS)}."
            raise Invalid.field(field_name[:100], "unknown", sentence, valid=FIELDS)
        if self._incoming is not None:
            raise Invalid.field(FILE, "too_many_files", "One file at a time is taken; send each in its own request.")
        self._incoming = Incoming(self._announced)
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._incoming is not None:
            self._incoming.write(raw_data)

    def file_complete(self, file_size: int) -> Arrived | None:
        if self._incoming is None:
            return None
        self._incoming.finish()
        return Arrived(self._incoming, self.file_name or "", self.content_type or "")

    def upload_interrupted(self) -> None:
        raise broken_off()

    def discard(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()


def drain(request: HttpRequest, *, before: Callable[[], None]) -> None:
    """Read on for a while after an answer that did not wait for the whole body; `before` is called if there is any.

    Closed on a client that still sends, a connection is reset, and the client never sees why it was refused.
    """
    deadline = time.monotonic() + DRAIN_S
    left = DRAIN_BYTES
    try:
        while left > 0 and (wait_s := deadline - time.monotonic()) > 0:
            _set_timeout(request, wait_s)
            data = request.read(BLOCK)
            if not data:
                break
            before()
            left -= len(data)
    except UnreadablePostError:
        pass  # it left
    finally:
        _set_timeout(request, None)


def _set_timeout(request: HttpRequest, seconds: float | None) -> None:
    """How long a read may wait for the client; gunicorn would wait for ever."""
    if (socket := request.META.get("gunicorn.socket")) is not None:
        try:
            socket.settimeout(seconds)
        except OSError:
            return  # closed
