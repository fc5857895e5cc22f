"""The bytes of files over HTTP: whole or a range, from this process, by the server in front, or from S3 itself."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from mastablasta.core.api.errors import PreconditionFailed
from mastablasta.core.api.problems import problem_response
from mastablasta.core.errors import NotThere
from media_library.formats import FORMATS, HAVE_PICTURES
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import files
from media_library.services.intake import let_go

# A file that is opened by itself runs nothing and loads nothing but itself, whatever a browser takes it for.
POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
FILM_POLICY = f"{POLICY} allow-same-origin"  # Chromium's player asks for the film from an origin, and has none in there
FOR_THE_WORKSPACE = "private, no-cache"
REDIRECT_S = 300  # how long an address at S3 opens a file to somebody who was let in here
EXTENSIONS = {"jpg": {"jpg", "jpeg", "jpe", "jfif"}, "mp4": {"mp4", "m4v"}, "mov": {"mov", "qt"}}
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file to be served. `sha256` "" = it is small, and only its bytes say what they are and how many.

    `is_original`: only for the workspace; it never gets an address that others could use.
    """

    stored_name: str
    mime_type: str
    filename: str
    size: int = 0
    sha256: str = ""
    is_original: bool = False

    @property
    def disposition(self) -> str:
        """Pictures and videos are shown where browsers show them, all else is saved, under a name that ends as its
        bytes say (RFC 6266).
        """
        form = FORMATS.get(self.mime_type)
        return str(content_disposition_header(form is None or form.kind not in HAVE_PICTURES, self.filename))


def original(asset: Asset) -> Stored:
    """The file as it came."""
    filename = _ending_rightly(asset.filename, asset.mime_type)
    return Stored(asset.stored_name, asset.mime_type, filename, asset.size, asset.sha256, is_original=True)


def rendition(asset: Asset, rendition: Rendition) -> Stored:
    """Raises NotThere until it is made."""
    _refuse_unmade(rendition.status, rendition.status_reason, bool(rendition.stored_name))
    filename = _named_as(asset.filename, rendition.mime_type)
    return Stored(rendition.stored_name, rendition.mime_type, filename, rendition.size, rendition.sha256)


def thumbnail(asset: Asset) -> Stored:
    """Raises NotThere until it is made, and for what has none."""
    if not asset.has_picture:
        raise NotThere("no_thumbnail", "Documents and captions have no thumbnail.")
    _refuse_unmade(asset.status, asset.status_reason, bool(asset.thumbnail_name))
    return Stored(asset.thumbnail_name, "image/jpeg", _named_as(asset.filename, "image/jpeg"))


def _refuse_unmade(status: str, reason: str, is_there: bool) -> None:
    if is_there:
        return
    if status == AssetStatus.FAILED:
        raise NotThere("not_made", f"It could not be made of this file: {reason or 'no reason is known.'}")
    raise NotThere("not_ready", "It is being made; ask again in a few seconds.")


def _named_as(filename: str, mime_type: str) -> str:
    return f"{PurePosixPath(filename).stem or 'file'}.{FORMATS[mime_type].extension}"


def _ending_rightly(filename: str, mime_type: str) -> str:
    extension = FORMATS[mime_type].extension
    has = filename.rpartition(".")[2].lower()
    return filename if has in EXTENSIONS.get(extension, {extension}) else f"{filename}.{extension}"


# --- the answer ---
def serve(request: HttpRequest, stored: Stored, *, cache: str, is_for_all: bool = False) -> HttpResponseBase:
    """Answer GET or HEAD with the file: 200, 206, 304, 416, or with where the server or browser finds it.

    `cache` is the Cache-Control; `is_for_all`: pages of other sites may show it.
    Raises NotThere, Unreachable, PreconditionFailed.
    """
    headers = {
        "Cache-Control": cache,
        "Content-Type": stored.mime_type,
        "Content-Disposition": stored.disposition,
        "Content-Security-Policy": FILM_POLICY if stored.mime_type.startswith("video/") else POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin" if is_for_all else "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    if request.method == "GET" and (elsewhere := _handed_over(stored, headers)):
        return elsewhere
    return _answer(request, stored, headers)


def _handed_over(stored: Stored, headers: dict[str, str]) -> HttpResponse | None:
    if settings.MEDIA_SERVING == "accel" and files.is_local():
        path = f"{settings.MEDIA_ACCEL_PREFIX.rstrip('/')}/{stored.stored_name}"
        return HttpResponse(headers={**headers, "X-Accel-Redirect": quote(path)})
    if settings.MEDIA_SERVING == "redirect" and not files.is_local():
        address = files.link(
            stored.stored_name,
            lasts_s=REDIRECT_S,
            mime_type=stored.mime_type,
            disposition=stored.disposition,
            is_for_all=not stored.is_original,
        )
        return HttpResponse(status=302, headers={"Location": address, "Cache-Control": "private, no-store"})
    return None


def _answer(request: HttpRequest, stored: Stored, headers: dict[str, str]) -> HttpResponseBase:
    small = b"" if stored.sha256 else files.content(stored.stored_name)
    if small:
        stored = replace(stored, size=len(small), sha256=hashlib.sha256(small).hexdigest())
    etag = f'"{stored.sha256}"'
    headers["ETag"] = etag
    whole = HttpResponse(headers={**headers, "Content-Length": str(stored.size)})
    known = get_conditional_response(request, etag=etag, response=whole)
    if known is not None and known.status_code == 412:
        raise PreconditionFailed
    if known is not None and known is not whole:
        return known
    if request.method == "HEAD":
        return whole
    first, last = 0, stored.size - 1
    if wanted := _wanted(request, etag):
        found = _found(wanted, stored.size)
        if found is None:
            refused = problem_response(416)
            refused["Content-Range"] = f"bytes */{stored.size}"
            return refused
        first, last = found
        headers["Content-Range"] = f"bytes {first}-{last}/{stored.size}"
    headers["Content-Length"] = str(last - first + 1)
    bytes_: Any = (
        [small[first : last + 1]] if small else files.part(stored.stored_name, start=first, length=last - first + 1)
    )
    let_go()  # a slow reader takes its time
    return StreamingHttpResponse(bytes_, status=206 if "Content-Range" in headers else 200, headers=headers)


def _wanted(request: HttpRequest, etag: str) -> tuple[str, str] | None:
    """The ends of the one range that is asked for; None = the whole file, also where several are asked for."""
    if request.headers.get("If-Range", etag) != etag:
        return None
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or not any(asked.groups()):
        return None
    begin, end = asked.groups()
    return None if begin and end and int(begin) > int(end) else (begin, end)


def _found(wanted: tuple[str, str], size: int) -> tuple[int, int] | None:
    """The first and the last byte of it that there are; None = not one of them."""
    begin, end = wanted
    if not begin:
        return (max(size - int(end), 0), size - 1) if int(end) else None
    return (int(begin), min(int(end or size), size - 1)) if int(begin) < size else None
