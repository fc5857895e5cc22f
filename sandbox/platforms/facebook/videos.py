"""Videos of pages: begun, sent in stretches or to the upload host, worked on, finished; posts, reels and stories.

Sources: https://developers.facebook.com/docs/video-api/guides/reels-publishing, …/docs/page-stories-api and
…/docs/graph-api/reference/page/videos (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.graph import NO_OBJECT, VERSIONED, Caller, Page, asked_fields, endpoint, refused
from sandbox.media_kinds import kind_of
from sandbox.platforms.facebook.figures import COMMENT_FIGURES, POST_FIGURES, VIDEO_FIGURES, figures
from sandbox.platforms.facebook.posts import COMMENT_FIELDS, POST_FIELDS, WRITING, publish, refuse_unknown, shape
from sandbox.platforms.facebook.server import CHUNKED, ROUTES, Facebook, VideoUpload, phase_of
from sandbox.quotas import Quota
from sandbox.records import Media
from sandbox.routing import Operation
from sandbox.wire import Request, Upload

REELS_A_DAY = Quota("reels", 30, 86_400)
STRETCH = 1 << 20
TAKEN = frozenset({"video/mp4", "video/quicktime"})
FILE_PROBLEM = "(#6000) There was a problem uploading your video file. Please try again with another file."
PAGE_FIELDS = frozenset({"id", "name", "followers_count", "fan_count", "link", "username"})
VIDEO_FIELDS = frozenset({"id", "permalink_url", "post_id", "published", "status", "description", "created_time"})
KNOWN = frozenset({"access_token", "appsecret_proof", "description", "title", "upload_phase"})
OF_PHASE = {
    "start": frozenset({"file_size"}),
    "transfer": frozenset({"start_offset", "upload_session_id", "video_file_chunk"}),
    "finish": frozenset({"upload_session_id", "video_id", "video_state"}),
}


@endpoint(ROUTES, "POST", "/{page}/videos", Operation.UPLOAD, scopes=WRITING, can_process=True)
def chunked(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    page, phase, fields = read(server, request, caller)
    if phase == "start":
        video = begin(server, page, CHUNKED, request.at_ms, size=whole(fields, "file_size"))
        return {"video_id": video.id, "upload_session_id": video.session, **span(video)}
    video = video_of_session(server, page, str(fields.get("upload_session_id") or ""))
    if phase == "transfer":
        return take_stretch(server, video, fields, request)
    finish(server, page, video, fields, request)
    return {"success": True}


@endpoint(ROUTES, "POST", "/{page}/video_reels", Operation.UPLOAD, scopes=WRITING)
def reel(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    return hosted(server, request, caller, "video_reels")


@endpoint(ROUTES, "POST", "/{page}/video_stories", Operation.UPLOAD, scopes=WRITING)
def story(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    return hosted(server, request, caller, "video_stories")


def hosted(server: Facebook, request: Request, caller: Caller, edge: str) -> dict[str, Any]:
    """Begin or finish what goes to the upload host in between."""
    page, phase, fields = read(server, request, caller)
    if phase == "start":
        video = begin(server, page, edge, request.at_ms)
        versioned = VERSIONED.fullmatch(request.path)
        version = versioned[1] if versioned else ""
        return {"video_id": video.id, "upload_url": f"{server.site.url}/video-upload/{version}/{video.id}"}
    if phase == "transfer" or fields.get("video_state") != "PUBLISHED":
        raise refused("(#100) Invalid parameter: only start and finish with video_state=PUBLISHED", 100)
    video = own_video(server, page, str(fields.get("video_id") or ""), "post")
    finish(server, page, video, fields, request)
    return {"success": True, **({"post_id": video.id} if edge == "video_stories" else {})}


def read(server: Facebook, request: Request, caller: Caller) -> tuple[Page, str, dict[str, Any]]:
    """Return whose page, which phase, and its fields: in the query or a form, never JSON. Raises Refused."""
    page = server.page_called(request, caller)
    if "json" in (request.header(b"content-type") or ""):
        raise refused("(#100) The parameter upload_phase is required.", 100)
    fields = {**request.query(), **request.fields()}
    phase = phase_of(fields)
    if phase not in OF_PHASE:
        raise refused("(#100) The parameter upload_phase is required.", 100)
    refuse_unknown(fields, KNOWN | OF_PHASE[phase])
    return page, phase, fields


def begin(server: Facebook, page: Page, edge: str, at_ms: int, *, size: int = 0) -> VideoUpload:
    video = VideoUpload(server.site.ids.next_at(at_ms), server.site.ids.next_at(at_ms), page.id, edge, size)
    server.videos[video.id] = video
    return video


def take_stretch(server: Facebook, video: VideoUpload, fields: dict[str, Any], request: Request) -> dict[str, Any]:
    """Keep one stretch, which has to begin where the last one ended."""
    chunk, start = fields.get("video_file_chunk"), whole(fields, "start_offset")
    if not isinstance(chunk, Upload):
        raise refused("(#100) The parameter video_file_chunk is required.", 100)
    if start != video.arrived_bytes:
        message = "There was a problem uploading your video: the start offset differs."
        raise refused(message, 6001, 1363037, error_data=span(video))
    video.data += chunk.data
    if len(video.data) >= video.size:
        arrive(server, video, request)
    return span(video)


def span(video: VideoUpload) -> dict[str, str]:
    """Return the stretch that is wanted next."""
    start = video.arrived_bytes
    return {"start_offset": str(start), "end_offset": str(min(start + STRETCH, video.size))}


# https://developers.facebook.com/docs/video-api/guides/reels-publishing#step-2--upload-the-video
@endpoint(ROUTES, "POST", "/video-upload/{version}/{id}", Operation.UPLOAD, can_process=True)
def transfer(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    """Keep what stands in the body from `offset` on."""
    page = caller.page
    video = own_video(server, page, request.args["id"], "post")
    offset, size = request.header(b"offset") or "", request.header(b"file_size") or ""
    if not offset.isdecimal() or not size.isdecimal() or int(offset) > video.arrived_bytes:
        raise refused("(#100) The headers offset and file_size are required.", 100)
    if video.media is None:
        video.data, video.size = video.data[: int(offset)] + request.body, int(size)
        if len(video.data) >= video.size:
            arrive(server, video, request)
    return {"success": True}


def arrive(server: Facebook, video: VideoUpload, request: Request) -> None:
    """The whole file is there: begin to work on it."""
    data, page = video.data, server.pages[video.page]
    kind = kind_of(data)
    video.ready_ms = request.at_ms + max(server.options.video_processing_ms, request.processing_ms)
    is_taken = kind is not None and kind.mime_type in TAKEN and len(data) == video.size
    video.failure = server.options.video_failure or ("" if is_taken else "The file is not a video.")
    video.media = Media(
        id=video.id,
        owner=page.owner,
        kind="video",
        mime_type=kind.mime_type if kind else "application/octet-stream",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=None,
        ready_ms=video.ready_ms,
    )
    server.site.media[video.id] = video.media
    server.world.files.keep(server.site.name, video.id, data)
    video.data = b""


def finish(server: Facebook, page: Page, video: VideoUpload, fields: dict[str, Any], request: Request) -> None:
    """Show it; told so twice, it is still one. Raises Refused for an upload that is empty or not whole yet."""
    if video.is_finished:
        return
    if video.media is None or request.at_ms < video.ready_ms:
        raise refused(FILE_PROBLEM, 6000)
    if video.edge == "video_reels" and server.world.limits.quotas:
        reading = server.meter.read(page.id, REELS_A_DAY, request.at_ms, spend=1)
        if reading.remaining < 0:
            raise refused("(#613) Calls to this api have exceeded the rate limit.", 613)
    video.is_finished = True
    if not video.failure:
        kind = "story" if video.edge == "video_stories" else "video"
        text = "" if kind == "story" else str(fields.get("description") or "")
        publish(server, page, text, request, media=(video.media,), own_id=video.id, kind=kind)


# https://developers.facebook.com/docs/graph-api/reference/video
@endpoint(ROUTES, "GET", "/{id}", Operation.LOOKUP)
def show(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    """Say how far a video is, or show a post, a comment or the page itself."""
    object_id, page = request.args["id"], caller.page
    if page is not None and object_id == page.id:
        asked_fields(request, PAGE_FIELDS)
        return {"id": page.id, "name": page.name, "followers_count": page.owner.followers}
    post = server.site.posts.get(object_id)
    if object_id not in server.videos and post is not None and page and (post.extra or {}).get("page") == page.id:
        known, own_figures = (COMMENT_FIELDS, COMMENT_FIGURES) if post.reply_to else (POST_FIELDS, POST_FIGURES)
        return shape(server, post) | figures(server, caller, post, asked_fields(request, known | own_figures))
    video = own_video(server, page, object_id, "get")
    asked = asked_fields(request, VIDEO_FIELDS | VIDEO_FIGURES)
    is_shown = post is not None and server.site.shows(post, request.at_ms)
    return {
        "id": video.id,
        "permalink_url": f"/{video.page}/videos/{video.id}/",
        "published": is_shown,
        **({"post_id": f"{video.page}_{video.id}"} if is_shown else {}),
        "status": status(video, request.at_ms, is_shown=is_shown),
        **(figures(server, caller, post, asked) if post is not None else {}),
    }


def status(video: VideoUpload, at_ms: int, *, is_shown: bool) -> dict[str, Any]:
    is_whole = video.media is not None and at_ms >= video.ready_ms
    has_failed = is_whole and bool(video.failure)
    errors = {"errors": [{"code": 1363047, "message": video.failure}]} if has_failed else {}
    published = "complete" if is_shown else "in_progress" if video.is_finished else "not_started"
    return {
        "video_status": "error" if has_failed else "ready" if is_shown else "processing",
        "uploading_phase": {
            "status": "complete" if is_whole else "in_progress",
            "bytes_transferred": video.arrived_bytes,
            "source_file_size": video.size,
        },
        "processing_phase": {"status": "error" if has_failed else "not_started", **errors},
        "publishing_phase": {"status": "error" if has_failed and video.is_finished else published},
    }


def own_video(server: Facebook, page: Page | None, video_id: str, method: str) -> VideoUpload:
    """Return a video that the calling page has begun. Raises Refused."""
    video = server.videos.get(video_id)
    if video is None or page is None or video.page != page.id or (video.is_finished and is_gone(server, video)):
        raise refused(NO_OBJECT.format(method=method, id=video_id), 100, 33, type="GraphMethodException")
    return video


def is_gone(server: Facebook, video: VideoUpload) -> bool:
    """Return whether its post was deleted."""
    return not video.failure and video.id not in server.site.posts


def video_of_session(server: Facebook, page: Page, session: str) -> VideoUpload:
    found = next((video for video in server.videos.values() if video.session == session), None)
    return own_video(server, page, found.id if found else session, "post")


def whole(fields: dict[str, Any], name: str) -> int:
    value = str(fields.get(name) or "0")
    if not (value.isascii() and value.isdecimal()):
        raise refused(f"(#100) Param {name} must be an integer.", 100)
    return int(value)
