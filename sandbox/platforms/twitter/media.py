"""Media: uploaded in one call or in segments, described, asked about; a post takes them by their ids."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any

from sandbox.platforms.twitter import problems, uploads
from sandbox.platforms.twitter.limits import (
    APPEND,
    APPEND_BY_APP,
    DESCRIBE,
    DESCRIBE_BY_APP,
    FINALIZE,
    FINALIZE_BY_APP,
    INITIALIZE,
    INITIALIZE_BY_APP,
    UPLOAD,
    UPLOAD_BY_APP,
    UPLOAD_STATUS,
    UPLOAD_STATUS_BY_APP,
)
from sandbox.platforms.twitter.queries import STATUS_PARAMETERS, read_query
from sandbox.platforms.twitter.schema import APPEND_BODY, INITIALIZE_BODY, METADATA_BODY, UPLOAD_BODY, Check
from sandbox.platforms.twitter.server import ROUTES, Caller, Twitter, endpoint
from sandbox.platforms.twitter.uploads import UploadSession
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, Upload

SCOPE = ("media.write",)
NEEDS_JSON = "Request body must be a JSON object."


# mediaUpload in https://api.x.com/2/openapi.json
@endpoint(
    "POST", "/2/media/upload", Operation.UPLOAD, scopes=SCOPE, quota=UPLOAD, app_quota=UPLOAD_BY_APP, can_process=True
)
def upload(server: Twitter, request: Request, caller: Caller) -> Answer:
    body, data = read_with_bytes(request, UPLOAD_BODY)
    session = uploads.begin(server, caller.person, body["media_category"], len(data), request.at_ms)
    session.segments[0] = data
    uploads.put_together(server, session, request)
    return server.answer({"data": finished(server, session, request.at_ms)})


# initializeMediaUpload in https://api.x.com/2/openapi.json
@endpoint(
    "POST",
    "/2/media/upload/initialize",
    Operation.UPLOAD,
    scopes=SCOPE,
    quota=INITIALIZE,
    app_quota=INITIALIZE_BY_APP,
)
def initialize(server: Twitter, request: Request, caller: Caller) -> Answer:
    body = read_json(request, INITIALIZE_BODY)
    session = uploads.begin(server, caller.person, body["media_category"], body["total_bytes"], request.at_ms)
    return server.answer({"data": named(server, session, request.at_ms)})


# appendMediaUpload in https://api.x.com/2/openapi.json
@endpoint("POST", "/2/media/upload/{id}/append", Operation.UPLOAD, scopes=SCOPE, quota=APPEND, app_quota=APPEND_BY_APP)
def append(server: Twitter, request: Request, caller: Caller) -> Answer:
    """Keep one segment; the same number again takes the place of the first."""
    body, data = read_with_bytes(request, APPEND_BODY)
    session = uploads.own(server, caller.person, request.args["id"], request.at_ms)
    if session.finalized_ms is not None:
        raise problems.refuse(uploads.NOT_FOUND)
    session.segments[body["segment_index"]] = data
    return server.answer({"data": {"expires_at": session.expires_ms(server) // 1000}})


# finalizeMediaUpload in https://api.x.com/2/openapi.json
@endpoint(
    "POST",
    "/2/media/upload/{id}/finalize",
    Operation.UPLOAD,
    scopes=SCOPE,
    quota=FINALIZE,
    app_quota=FINALIZE_BY_APP,
    can_process=True,
)
def finalize(server: Twitter, request: Request, caller: Caller) -> Answer:
    """Put the segments together; asked again it says the same. A body there may be none, else a JSON object."""
    if request.body:
        request.fields()
    session = uploads.own(server, caller.person, request.args["id"], request.at_ms)
    if session.finalized_ms is None:
        uploads.put_together(server, session, request)
    return server.answer({"data": finished(server, session, request.at_ms)})


# getMediaUploadStatus in https://api.x.com/2/openapi.json
@endpoint("GET", "/2/media/upload", Operation.UPLOAD, scopes=SCOPE, quota=UPLOAD_STATUS, app_quota=UPLOAD_STATUS_BY_APP)
def status(server: Twitter, request: Request, caller: Caller) -> Answer:
    """Say how far the work is; of what needs none X knows nothing: https://github.com/xdevplatform/xurl/issues/18."""
    wanted = read_query(request, STATUS_PARAMETERS, server.options)
    if "media_id" not in wanted.values:
        raise problems.refuse_value("The `media_id` query parameter can not be empty", "media_id", "")
    session = uploads.own(server, caller.person, str(wanted.values["media_id"]), request.at_ms)
    if session.processing_info(request.at_ms) is None:
        raise problems.refuse(uploads.NOT_FOUND)
    return server.answer({"data": finished(server, session, request.at_ms)})


# createMediaMetadata in https://api.x.com/2/openapi.json
@endpoint("POST", "/2/media/metadata", Operation.UPLOAD, scopes=SCOPE, quota=DESCRIBE, app_quota=DESCRIBE_BY_APP)
def describe(server: Twitter, request: Request, caller: Caller) -> Answer:
    body = read_json(request, METADATA_BODY)
    session = uploads.own(server, caller.person, body["id"], request.at_ms)
    if session.media is None or session.media.post is not None:
        raise problems.refuse(uploads.NOT_FOUND)
    metadata = body.get("metadata", {})
    if "alt_text" in metadata:
        session.media.alt_text = metadata["alt_text"]["text"] or None
    return server.answer({"data": {"id": session.id, "associated_metadata": metadata}})


# Where `url` and `variants` of media lead: pbs.twimg.com and video.twimg.com.
@ROUTES.add("GET", "/media/{id}", Operation.OTHER)
def show_file(server: Twitter, request: Request) -> Answer:
    media = server.site.media.get(request.args["id"])
    data = server.world.files.find(server.site.name, request.args["id"])
    if media is None or data is None:
        raise Refused(problems.plain(404, "Not Found"))
    return Answer(200, data, media.mime_type.encode(), [(b"x-content-type-options", b"nosniff")])


def read_json(request: Request, check: Check) -> dict[str, Any]:
    """Return a JSON body as its schema allows it. Raises Refused, UnreadableBody."""
    kind = request.header(b"content-type") or ""
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise problems.refuse(NEEDS_JSON)
    return checked(request.fields(), check)


def read_with_bytes(request: Request, check: Check) -> tuple[dict[str, Any], bytes]:
    """Return a body as its schema allows it, and what its `media` holds: base64 in JSON, a file in multipart."""
    if request.multipart is None:
        body = read_json(request, check)
        try:
            return body, b64decode(body["media"], validate=True)
        except binascii.Error:
            raise problems.refuse_value("$.media: is not base64", "$.media", "") from None
    fields = request.multipart
    data = fields.get("media")
    if not isinstance(data, Upload):
        raise problems.refuse_value("$.media: is missing but it is required", "$", "")
    return checked({name: a_value(name, value) for name, value in fields.items()}, check), data.data


def a_value(name: str, value: Any) -> Any:
    """Return a field of a form as JSON would have it: the bytes are judged apart, numbers come as text."""
    if isinstance(value, Upload):
        return ""
    is_index = name == "segment_index" and value.isascii() and value.isdecimal() and len(value) <= len("999")
    return int(value) if is_index else value


def checked(body: dict[str, Any], check: Check) -> dict[str, Any]:
    errors = list(check("$", body))
    if errors:
        raise Refused(problems.invalid(errors))
    return body


def named(server: Twitter, session: UploadSession, at_ms: int) -> dict[str, Any]:
    left_s = max(0, session.expires_ms(server) - at_ms) // 1000
    return {"id": session.id, "media_key": session.media_key, "expires_after_secs": left_s}


def finished(server: Twitter, session: UploadSession, at_ms: int) -> dict[str, Any]:
    """Return an upload that is complete: what it is, and how far X is with it."""
    media, info = session.media, session.processing_info(at_ms)
    assert media is not None  # noqa: S101 - put_together() has made it
    about: dict[str, Any] = {**named(server, session, at_ms), "size": media.size}
    if media.kind == "photo":
        about["image"] = {"image_type": media.mime_type, "w": media.width or 0, "h": media.height or 0}
    elif media.kind == "video":
        about["video"] = {"video_type": media.mime_type}
    return {**about, "processing_info": info} if info else about
