"""Resumable uploads of videos, and thumbnails.

Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from sandbox.media_kinds import kind_of
from sandbox.platforms.youtube.server import (
    ROUTES,
    UPLOADING,
    VIDEOS,
    Caller,
    Session,
    Video,
    YouTube,
    endpoint,
    part_names,
    refused,
)
from sandbox.platforms.youtube.settings import AHEAD, BEHIND, SILENT
from sandbox.platforms.youtube.videos import RESOURCE_PARTS, check_resource, shape
from sandbox.records import Media
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer

STRETCH = 262_144
SPAN = re.compile(r"bytes (?:([0-9]+)-([0-9]+)|\*)/([0-9]+)")
THUMBNAIL_BYTES = 52_428_800
PATH = "/upload/youtube/v3/videos"


@endpoint("POST", PATH, Operation.UPLOAD, scopes=UPLOADING, bucket=VIDEOS)
def begin(server: YouTube, request: Request, caller: Caller) -> Answer:
    """Open a session, which makes nothing yet."""
    server.channel_id(caller.person)
    if request.query().get("uploadType") != "resumable":
        raise refused(400, "invalidUploadType", "an upload in one call is not simulated")
    resource = check_resource(server, request.fields(), part_names(request, RESOURCE_PARTS), is_new=True)
    size = str(request.header(b"x-upload-content-length") or "")
    mime_type = str(request.header(b"x-upload-content-type") or "")
    if not size.isdecimal() or not mime_type.startswith(("video/", "application/octet-stream")):
        raise refused(400, "mediaBodyRequired", "The request does not include the video content.")
    session = Session(secrets.token_urlsafe(32), caller.person, resource, mime_type, int(size), request.at_ms)
    server.sessions[session.id] = session
    address = f"{server.site.url}{PATH}?uploadType=resumable&upload_id={session.id}"
    return Answer(200, b"", headers=[(b"location", address.encode())])


@ROUTES.add("PUT", PATH, Operation.UPLOAD, can_process=True)
def take(server: YouTube, request: Request) -> Answer:
    """Take a stretch, or say how much there is: whoever has the session's address may."""
    server.token(request)
    session = server.sessions.get(str(request.query().get("upload_id") or ""))
    if session is None or request.at_ms >= session.begun_ms + server.options.session_ttl_s * 1000:
        server.sessions.pop(session.id if session else "", None)
        return server.error(404, "notFound", "Not Found")
    if session.video_id:
        return finished(server, session, request)
    span = SPAN.fullmatch(request.header(b"content-range") or "")
    if span is None or int(span[3]) != session.size:
        raise refused(400, "badContent", "Failed to parse Content-Range header.")
    if span[1] is not None:
        add(session, request.body, int(span[1]), int(span[2]))
    if len(session.data) < session.size:
        return Answer(308, b"", headers=arrived(server, session))
    make(server, session, request)
    return finished(server, session, request)


def add(session: Session, data: bytes, first: int, last: int) -> None:
    """Add what is new of a stretch. Raises Refused for one that leaves a gap or is not of the size it has to be."""
    is_last = last + 1 == session.size
    if first > len(session.data) or len(data) != last - first + 1 or (len(data) % STRETCH and not is_last):
        raise refused(400, "badContent", "Invalid request. The stretch does not fit.")
    session.data += data[len(session.data) - first :]


def arrived(server: YouTube, session: Session) -> list[tuple[bytes, bytes]]:
    """Return the header that says how much there is, or what the setting makes it say."""
    there = len(session.data)
    there = {AHEAD: there + STRETCH, BEHIND: 0, SILENT: 0}.get(server.options.range_lie, there)
    return [(b"range", f"bytes=0-{there - 1}".encode())] if there else []


def make(server: YouTube, session: Session, request: Request) -> None:
    """The whole file is there: it is a video, on which YouTube works."""
    data, kind = bytes(session.data), kind_of(bytes(session.data[:64]))
    is_video = kind is not None and kind.mime_type.startswith("video/")
    video_id = server.new_id()
    ready_ms = request.at_ms + max(server.options.video_processing_ms, request.processing_ms)
    media = Media(
        id=video_id,
        owner=session.owner,
        kind="video",
        mime_type=kind.mime_type if kind else session.mime_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=None,
        ready_ms=ready_ms,
    )
    video = Video(video_id, session.owner, session.resource, media, request.at_ms, ready_ms)
    video.failure = server.options.failure or ("" if is_video else "invalidFile")
    video.rejection = server.options.rejection
    server.videos[video_id], server.site.media[video_id] = video, media
    server.world.files.keep(server.site.name, video_id, data)
    session.video_id, session.data = video_id, bytearray()


def finished(server: YouTube, session: Session, request: Request) -> Answer:
    video = server.videos.get(session.video_id)
    if video is None:
        return server.error(404, "notFound", "Not Found")
    return json_answer(200, shape(server, video, {"snippet", "status"}, request.at_ms))


# https://developers.google.com/youtube/v3/docs/thumbnails/set
@endpoint("POST", "/upload/youtube/v3/thumbnails/set", Operation.UPLOAD, scopes=UPLOADING, units=50)
def set_thumbnail(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    video = server.own_video(caller, str(request.query().get("videoId") or ""))
    if caller.person.handle in server.options.unverified:
        raise refused(403, "forbidden", "The authenticated user doesn't have permissions to set custom thumbnails.")
    kind = kind_of(request.body)
    if kind is None or kind.mime_type not in {"image/jpeg", "image/png"} or len(request.body) > THUMBNAIL_BYTES:
        raise refused(400, "invalidImage", "The provided image content is invalid.")
    video.thumbnail = hashlib.sha256(request.body).hexdigest()
    return {"items": [{"default": {"url": f"{server.site.url}/vi/{video.id}/default.jpg"}}]}
