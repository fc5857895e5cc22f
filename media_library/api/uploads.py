"""A multipart body with one file, read as it comes: block by block to scratch, never whole in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles

from mastablasta.core.errors import Invalid
from media_library import filenames
from media_library.formats import LARGEST
from media_library.services.incoming import AROUND, Incoming, too_large

BLOCK = 1024 * 1024  # measured from 64 kB to 2 MB: as many as gunicorn reads at once is quickest
LONGEST = LARGEST + AROUND
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
    text = "" if is_chunked(request) else request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def is_chunked(request: HttpRequest) -> bool:
    """Whether the body comes in chunks, whose sender does not know how many there will be."""
    return "HTTP_TRANSFER_ENCODING" in request.META


def expect_chunks(request: HttpRequest) -> None:
    """Let the body of a chunked request be read, up to a byte more than can be taken; WSGI gives it none."""
    request.META["CONTENT_LENGTH"] = str(LONGEST + 1)
    request._stream = LimitedStream(request.META["wsgi.input"], LONGEST + 1)  # type: ignore[assignment]  # as WSGIRequest


class _Multipart(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        """The name as it was sent (see names.clean); Django drops what it cannot print, and files without a name."""
        return file_name

    IE_sanitize = sanitize_file_name


class _Body:
    """The request's bytes; who leaves before the last one, or is given up as too slow, is found out.

    `length` 0 = it is not known before the last chunk.
    """

    def __init__(self, request: HttpRequest, length: int) -> None:
        self._request, self._length, self._read = request, length, 0

    def read(self, size: int) -> bytes:
        try:
            data = self._request.read(size)
        except UnreadablePostError as error:
            raise broken_off() from error
        self._read += len(data)
        if not data and self._read < self._length:
            raise broken_off()
        if self._read > LONGEST:
            raise too_large(LARGEST, self._read, "videos")
        return data


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
