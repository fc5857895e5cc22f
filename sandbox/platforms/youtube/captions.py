"""Captions of videos: a track of a language and name is there once.

Sources: https://developers.google.com/youtube/v3/docs/captions/insert, …/list and …/download (read 2026-11-23).
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from sandbox.platforms.youtube.server import (
    FORCE_SSL,
    ROUTES,
    Caller,
    CaptionSession,
    YouTube,
    endpoint,
    part_names,
    refused,
)
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer

PATH = "/upload/youtube/v3/captions"
SNIPPET = frozenset({"videoId", "language", "name", "isDraft"})
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
MAX_NAME, MAX_BYTES = 150, 104_857_600
BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?(?:WEBVTT\b|\s*\d+\s*[\r\n])")


@endpoint("POST", PATH, Operation.OTHER, scopes=(FORCE_SSL,), units=400)
def begin(server: YouTube, request: Request, caller: Caller) -> Answer:
    """Open a session for the captions of a video, which has none of this language and name."""
    if request.query().get("uploadType") != "resumable":
        raise refused(400, "invalidUploadType", "an upload in one call is not simulated")
    part_names(request, {"snippet"})
    snippet = request.fields().get("snippet")
    if not isinstance(snippet, dict) or not {"videoId", "language", "name"} <= snippet.keys() <= SNIPPET:
        raise refused(400, "invalidMetadata", "The request contains invalid metadata values.")
    if not LANGUAGE.fullmatch(str(snippet["language"])):
        raise refused(400, "invalidMetadata", "The language is not one.")
    if len(str(snippet["name"])) > MAX_NAME:
        raise refused(400, "nameTooLong", "The specified snippet.name is too long.")
    video = server.own_video(caller, str(snippet["videoId"]))
    refuse_twice(server, video.id, snippet)
    session = CaptionSession(secrets.token_urlsafe(32), video.id, snippet)
    server.caption_sessions[session.id] = session
    address = f"{server.site.url}{PATH}?uploadType=resumable&upload_id={session.id}"
    return Answer(200, b"", headers=[(b"location", address.encode())])


@ROUTES.add("PUT", PATH, Operation.UPLOAD)
def take(server: YouTube, request: Request) -> Answer:
    server.token(request)
    session = server.caption_sessions.get(str(request.query().get("upload_id") or ""))
    video = server.videos.get(session.video_id) if session else None
    if session is None or video is None:
        return server.error(404, "notFound", "Not Found")
    refuse_twice(server, video.id, session.snippet)
    if not BEGINS.match(request.body) or len(request.body) > MAX_BYTES:
        raise refused(400, "contentRequired", "The request does not include the caption track contents.")
    made = {
        "id": secrets.token_urlsafe(24),
        "language": str(session.snippet["language"]),
        "name": str(session.snippet["name"]),
    }
    video.captions.append(made)
    server.world.files.keep(server.site.name, made["id"], request.body)
    return json_answer(200, shape(made, video.id))


@endpoint("GET", "/youtube/v3/captions", Operation.LOOKUP, scopes=(FORCE_SSL,), units=50)
def listed(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    part_names(request, {"id", "snippet"})
    video = server.own_video(caller, str(request.query().get("videoId") or ""))
    return {"items": [shape(one, video.id) for one in video.captions]}


@endpoint("GET", "/youtube/v3/captions/{id}", Operation.LOOKUP, scopes=(FORCE_SSL,), units=200)
def download(server: YouTube, request: Request, caller: Caller) -> Answer:
    own = {one["id"] for video in server.videos.values() if video.owner is caller.person for one in video.captions}
    data = server.world.files.find(server.site.name, request.args["id"])
    if request.args["id"] not in own or data is None:
        raise refused(404, "captionNotFound", "The caption track could not be found.")
    return Answer(200, data, b"application/octet-stream")


def refuse_twice(server: YouTube, video_id: str, snippet: dict[str, Any]) -> None:
    """Raises Refused where the video has captions of this language and name."""
    told = snippet["language"], snippet["name"]
    if told in {(one["language"], one["name"]) for one in server.videos[video_id].captions}:
        message = "The specified video already has a caption track with the given snippet.language and snippet.name."
        raise refused(409, "captionExists", message)


def shape(made: dict[str, str], video_id: str) -> dict[str, Any]:
    snippet = {"videoId": video_id, "language": made["language"], "name": made["name"], "status": "serving"}
    return {"kind": "youtube#caption", "id": made["id"], "snippet": {**snippet, "trackKind": "standard"}}
