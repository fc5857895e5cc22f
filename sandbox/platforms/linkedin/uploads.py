"""Files on their way to LinkedIn: an address each, a video in parts, and how far LinkedIn is with them.

Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/images-api, …/videos-api and
…/documents-api (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from sandbox.media_kinds import kind_of
from sandbox.platforms.linkedin.server import ROUTES, Caller, LinkedIn, UploadSession, endpoint, invalid, refused
from sandbox.records import Media
from sandbox.routing import Operation
from sandbox.wire import Answer, Request

MAX_PIXELS = 36_152_320
MAX_VIDEO = 500_000_000
MAX_DOCUMENT, MAX_PAGES = 100_000_000, 300
TAKEN = {
    "image": {"image/jpeg", "image/png", "image/gif"},
    "video": {"video/mp4"},
    "document": {"application/pdf"},
}
PAGE = re.compile(rb"/Type\s*/Page\b")
TOLD_TO = frozenset({"r_member_social", "r_organization_social", "w_organization_social"})


@endpoint("POST", "/rest/images", Operation.OTHER)
@endpoint("POST", "/rest/documents", Operation.OTHER)
def begin_whole(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    kind = "document" if request.path == "/rest/documents" else "image"
    session = begin(server, request, caller, kind, {"owner"})
    url = f"{server.site.url}/dms-uploads/{session.key}/0"
    expires_ms = request.at_ms + server.options.upload_ttl_s * 1000
    return {"value": {"uploadUrl": url, kind: session.urn, "uploadUrlExpiresAt": expires_ms}}


@endpoint("POST", "/rest/videos", Operation.UPLOAD, can_process=True)
def begin_or_finalize_video(server: LinkedIn, request: Request, caller: Caller) -> Any:
    if request.query().get("action") == "finalizeUpload":
        return finalize(server, request, caller)
    known = {"owner", "fileSizeBytes", "uploadCaptions", "uploadThumbnail"}
    session = begin(server, request, caller, "video", known)
    size = request.fields()["initializeUploadRequest"].get("fileSizeBytes")
    if type(size) is not int or not 0 < size <= MAX_VIDEO:
        raise invalid("INVALID_VALUE", "fileSizeBytes is not a size that is taken", status=400)
    step = server.options.part_bytes
    session.spans = [(first, min(first + step, size) - 1) for first in range(0, size, step)]
    url = f"{server.site.url}/dms-uploads/{session.key}"
    return {
        "value": {
            "video": session.urn,
            "uploadToken": "",
            "uploadInstructions": [
                {"uploadUrl": f"{url}/{number}", "firstByte": first, "lastByte": last}
                for number, (first, last) in enumerate(session.spans)
            ],
            "uploadUrlsExpireAt": request.at_ms + server.options.upload_ttl_s * 1000,
        }
    }


def begin(server: LinkedIn, request: Request, caller: Caller, kind: str, known: set[str]) -> UploadSession:
    """Take note of a file that is to come. Raises Refused."""
    fields = request.fields()
    told = fields.get("initializeUploadRequest")
    if request.query().get("action") != "initializeUpload" or not isinstance(told, dict) or not told.keys() <= known:
        raise refused(400, "BAD_REQUEST", "Invalid action or parameters")
    owner = server.check_author(caller, told.get("owner"), writes=True)
    urn = f"urn:li:{kind}:C{secrets.token_urlsafe(12)}"
    session = server.uploads[urn] = UploadSession(urn, owner, caller.person, secrets.token_urlsafe(24), request.at_ms)
    return session


@ROUTES.add("PUT", "/dms-uploads/{key}/{number}", Operation.UPLOAD)
def put(server: LinkedIn, request: Request) -> Answer:
    """Keep a file, or a part of one: whoever knows the address may send it."""
    key = request.args["key"]
    session = next((one for one in server.uploads.values() if secrets.compare_digest(one.key, key)), None)
    if session is None or request.at_ms >= session.begun_ms + server.options.upload_ttl_s * 1000:
        raise refused(401, "UNAUTHORIZED", "The upload address is not good, or no longer")
    if not session.spans:
        is_worked_on = session.urn.startswith("urn:li:document:")
        put_together(
            server, session, request.body, request.at_ms + (server.options.processing_ms if is_worked_on else 0)
        )
        return Answer(201, b"")
    number = int(request.args["number"])
    first, last = session.spans[number]
    if len(request.body) != last - first + 1:
        raise refused(400, "BAD_REQUEST", f"The part has to be the bytes {first} to {last}")
    session.parts[number] = request.body
    return Answer(200, b"", headers=[(b"etag", f'"{etag_of(request.body)}"'.encode())])


def finalize(server: LinkedIn, request: Request, caller: Caller) -> Answer:
    """Put the parts of a video together, which have to be all, in order. Raises Refused."""
    told = request.fields().get("finalizeUploadRequest")
    if not isinstance(told, dict) or told.keys() != {"video", "uploadToken", "uploadedPartIds"}:
        raise refused(400, "BAD_REQUEST", "Invalid action or parameters")
    session = server.uploads.get(str(told["video"]))
    if session is None:
        raise refused(404, "NOT_FOUND", f"Video not found: {told['video']}")
    server.check_author(caller, session.owner, writes=True)
    if session.media is not None:
        raise refused(400, "BAD_REQUEST", "The upload is finalized already")
    etags = [etag_of(session.parts[number]) for number in sorted(session.parts)]
    if len(etags) != len(session.spans) or told["uploadedPartIds"] != etags:
        raise refused(400, "BAD_REQUEST", "uploadedPartIds are not those of all parts in their order")
    data = b"".join(session.parts[number] for number in sorted(session.parts))
    ready_ms = request.at_ms + max(server.options.processing_ms, request.processing_ms)
    put_together(server, session, data, ready_ms)
    session.parts.clear()
    return Answer(200, b"")


def put_together(server: LinkedIn, session: UploadSession, data: bytes, ready_ms: int) -> None:
    kind, wanted = kind_of(data), session.urn.split(":")[2]
    is_taken = kind is not None and kind.mime_type in TAKEN[wanted]
    is_small = kind is None or (kind.width or 0) * (kind.height or 0) < MAX_PIXELS
    if wanted == "document":
        is_small = len(data) <= MAX_DOCUMENT and len(PAGE.findall(data)) <= MAX_PAGES
    session.media = Media(
        id=session.urn,
        owner=session.person,
        kind=wanted,
        mime_type=kind.mime_type if kind else "application/octet-stream",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=None,
        ready_ms=ready_ms,
        width=kind.width if kind else None,
        height=kind.height if kind else None,
        is_failed=server.options.processing_fails or not is_taken or not is_small,
    )
    server.site.media[session.urn] = session.media
    server.world.files.keep(server.site.name, session.urn, data)


@endpoint("GET", "/rest/images/{urn}", Operation.OTHER)
@endpoint("GET", "/rest/videos/{urn}", Operation.OTHER)
@endpoint("GET", "/rest/documents/{urn}", Operation.OTHER)
def show(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    """Say how far a file is; of all but videos, to those only who may do more than post as themselves."""
    if not request.path.startswith("/rest/videos/") and not TOLD_TO & set(caller.scopes):
        raise refused(403, "ACCESS_DENIED", "Not enough permissions to access: GET", 100)
    session = server.uploads.get(request.args["urn"])
    if session is None:
        raise refused(404, "NOT_FOUND", f"Not found: {request.args['urn']}")
    return {"id": session.urn, "owner": session.owner, "status": status_of(session, request.at_ms)}


def status_of(session: UploadSession, at_ms: int) -> str:
    if session.media is None:
        return "WAITING_UPLOAD"
    if at_ms < session.media.ready_ms:
        return "PROCESSING"
    return "PROCESSING_FAILED" if session.media.is_failed else "AVAILABLE"


def own_media(server: LinkedIn, author: str, urn: object, at_ms: int) -> Media:
    """Return a file that is ready and the author's own. Raises Refused."""
    session = server.uploads.get(str(urn))
    if session is None or session.owner != author or status_of(session, at_ms) != "AVAILABLE" or not session.media:
        raise invalid("INVALID_VALUE", f"{urn} is not an asset of the author that is available")
    return session.media


def etag_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
