"""Videos: told of, shown, listed, counted and deleted.

Source: https://developers.google.com/youtube/v3/docs/videos (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.youtube.server import (
    READING,
    STATISTICS,
    WRITING,
    Caller,
    Video,
    YouTube,
    endpoint,
    moment,
    part_names,
    refused,
)
from sandbox.routing import Operation
from sandbox.wire import Answer, Request

RESOURCE_PARTS = frozenset({"snippet", "status", "paidProductPlacementDetails", "recordingDetails", "localizations"})
READ_PARTS = RESOURCE_PARTS | {"contentDetails", "processingDetails", "statistics", "id", "fileDetails", "player"}
SNIPPET = frozenset({"title", "description", "tags", "categoryId", "defaultLanguage", "defaultAudioLanguage"})
STATUS = frozenset(
    {
        "privacyStatus",
        "publishAt",
        "selfDeclaredMadeForKids",
        "containsSyntheticMedia",
        "embeddable",
        "license",
        "publicStatsViewable",
    }
)
CATEGORIES = frozenset({"1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29"})
PRIVATE = "private"


def check_resource(server: YouTube, given: dict[str, Any], parts: set[str], *, is_new: bool) -> dict[str, Any]:
    """Return what a body says of a video, checked. Raises Refused."""
    if set(given) - {"id"} - parts:
        raise refused(400, "unexpectedPart", "The body has parts that `part` does not name.")
    snippet, status = dict(given.get("snippet") or {}), dict(given.get("status") or {})
    unknown = (set(snippet) - SNIPPET) | (set(status) - STATUS)
    if unknown:
        raise refused(400, "invalidVideoMetadata", f"not simulated: {', '.join(sorted(unknown))}")
    if "snippet" in parts:
        check_snippet(snippet, is_new=is_new)
    check_status(status)
    if server.options.keeps_private:
        status["privacyStatus"] = PRIVATE
        status.pop("publishAt", None)
    return {**given, "snippet": snippet, "status": {"privacyStatus": "public", **status}}


def check_snippet(snippet: dict[str, Any], *, is_new: bool) -> None:
    title, description = str(snippet.get("title") or ""), str(snippet.get("description") or "")
    if not len(title.strip()) >= 1 or len(title) > 100 or set("<>") & set(title):
        raise refused(400, "invalidTitle", "The request metadata specifies an invalid or empty video title.")
    if len(description.encode()) > 5000 or set("<>") & set(description):
        raise refused(400, "invalidDescription", "The request metadata specifies an invalid video description.")
    tags = snippet.get("tags") or []
    length = sum(len(tag) + 2 * (" " in tag) for tag in tags) + max(0, len(tags) - 1)
    if length > 500 or any(set("<>") & set(tag) for tag in tags):
        raise refused(400, "invalidTags", "The request metadata specifies invalid video keywords.")
    if snippet.get("categoryId", "22" if is_new else None) not in CATEGORIES:
        raise refused(400, "invalidCategoryId", "The request metadata specifies an invalid category ID.")


def check_status(status: dict[str, Any]) -> None:
    if status.get("privacyStatus") not in {None, "public", "unlisted", PRIVATE}:
        raise refused(400, "invalidVideoMetadata", "The privacy status is not valid.")
    if status.get("publishAt") and status.get("privacyStatus") != PRIVATE:
        raise refused(400, "invalidPublishAt", "The request metadata specifies an invalid scheduled publishing time.")
    if status.get("license") not in {None, "youtube", "creativeCommon"}:
        raise refused(403, "forbiddenLicenseSetting", "The license is not valid.")


# --- told of ---
@endpoint("PUT", "/youtube/v3/videos", Operation.PUBLISH, scopes=WRITING, units=50)
def update(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    """Replace whole parts of a video; what others can see of it follows."""
    given, parts = request.fields(), part_names(request, RESOURCE_PARTS)
    video = server.own_video(caller, str(given.get("id") or ""))
    checked = check_resource(server, given, parts, is_new=False)
    video.draft_text = video.draft_text or str(video.snippet.get("description") or "")
    video.resource = {**video.resource, **{name: checked.get(name) for name in parts}}
    show(server, video, request.at_ms)
    return shape(server, video, parts, request.at_ms) | {name: video.resource[name] for name in parts}


def show(server: YouTube, video: Video, at_ms: int) -> None:
    """Let others see the video, or see it no more, as its privacy says."""
    post = server.site.posts.get(video.id)
    text, privacy = str(video.snippet.get("description") or ""), str(video.status["privacyStatus"])
    if privacy == PRIVATE:
        if post is not None:
            server.site.remove_post(post)
        return
    if post is None:
        video.published_ms = video.published_ms or at_ms
        post = server.new_post(video.owner, text, at_ms, own_id=video.id, media=(video.media,))
        server.site.add_post(post)
    post.text, post.visibility = text, privacy
    post.extra = {"title": video.snippet["title"], "thumbnail": video.thumbnail}


# https://developers.google.com/youtube/v3/docs/videos/delete
@endpoint("DELETE", "/youtube/v3/videos", Operation.DELETE, scopes=WRITING, units=50)
def delete(server: YouTube, request: Request, caller: Caller) -> Answer:
    video = server.own_video(caller, str(request.query().get("id") or ""))
    post = server.site.posts.get(video.id)
    if post is not None:
        below = [other for other in server.site.posts.values() if other.reply_to == video.id]
        for other in below:
            server.site.remove_post(other)
        server.site.remove_post(post)
    del server.videos[video.id]
    server.in_playlists = [pair for pair in server.in_playlists if pair[1] != video.id]
    return Answer(204, b"")


# --- told ---
# https://developers.google.com/youtube/v3/docs/videos/list
@endpoint("GET", "/youtube/v3/videos", Operation.LOOKUP, scopes=READING)
def videos(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    parts, ids = part_names(request, READ_PARTS), ids_of(request)
    found = [server.videos[video_id] for video_id in ids if video_id in server.videos]
    readable = [video for video in found if video.owner is caller.person or video.id in server.site.posts]
    return {"items": [shape(server, video, parts, request.at_ms) for video in readable], "pageInfo": {}}


def ids_of(request: Request) -> list[str]:
    """Return the ids that are asked for, 50 at most. Raises Refused."""
    ids = [one for one in str(request.query().get("id") or "").split(",") if one]
    if not 1 <= len(ids) <= 50:
        raise refused(400, "invalidFilters", "The request specifies an invalid filter parameter.")
    return ids


def privacy_shown(server: YouTube, video: Video, at_ms: int) -> str:
    """Return who can see a video, as look-ups know it, which may be late."""
    post = server.site.posts.get(video.id)
    is_late = post is not None and not server.site.shows(post, at_ms)
    return PRIVATE if is_late else str(video.status["privacyStatus"])


def snippet_shown(server: YouTube, video: Video, at_ms: int) -> dict[str, Any]:
    is_late = privacy_shown(server, video, at_ms) != video.status["privacyStatus"]
    return {
        **video.snippet,
        **({"description": video.draft_text} if is_late else {}),
        "publishedAt": moment(video.published_ms or video.uploaded_ms),
        "channelId": server.channel_id(video.owner),
        "channelTitle": video.owner.name,
    }


def shape(server: YouTube, video: Video, parts: set[str], at_ms: int) -> dict[str, Any]:
    """Return the asked parts of a video."""
    is_ready = at_ms >= video.ready_ms
    outcome = "rejected" if video.rejection else "failed" if video.failure else "processed"
    status = {**video.status, "privacyStatus": privacy_shown(server, video, at_ms)}
    status["uploadStatus"] = outcome if is_ready else "uploaded"
    if is_ready and video.rejection:
        status["rejectionReason"] = video.rejection
    elif is_ready and video.failure:
        status["failureReason"] = video.failure
    processing = "processing" if not is_ready else "failed" if video.failure else "succeeded"
    whole = {
        "snippet": snippet_shown(server, video, at_ms),
        "status": status,
        "processingDetails": {"processingStatus": processing},
        "statistics": statistics(server, video),
        "paidProductPlacementDetails": video.resource.get("paidProductPlacementDetails") or {},
    }
    return {"kind": "youtube#video", "id": video.id, **{name: whole[name] for name in parts if name in whole}}


def statistics(server: YouTube, video: Video) -> dict[str, str]:
    """Return the figures, which are texts; hidden ones are left out."""
    post = server.site.posts.get(video.id)
    counted = (post.metrics or {}) if post else {}
    told = {"viewCount": str(counted.get("views", 0))}
    if not server.options.hidden_counts:
        told |= {
            "likeCount": str(counted.get("likes", 0)),
            "commentCount": str(counted.get("comments", post.replies if post else 0)),
        }
    return told


# https://developers.google.com/youtube/v3/docs/videos/batchGetStats
@endpoint("GET", "/youtube/v3/videos:batchGetStats", Operation.METRICS, scopes=READING, bucket=STATISTICS)
def batch(server: YouTube, request: Request, _: Caller) -> dict[str, Any]:
    part_names(request, {"id", "snippet", "contentDetails", "statistics"})
    found = [server.videos[one] for one in ids_of(request) if one in server.site.posts and one in server.videos]
    return {
        "kind": "youtube#batchGetStatsResponse",
        "items": [
            {"kind": "youtube#videoStat", "id": video.id, "statistics": statistics(server, video)} for video in found
        ],
    }
