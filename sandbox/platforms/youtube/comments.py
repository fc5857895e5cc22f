"""Comments below videos: made, listed, deleted.

Sources: https://developers.google.com/youtube/v3/docs/commentThreads and …/docs/comments (read 2026-11-23).
"""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.platforms.youtube.server import (
    FORCE_SSL,
    Caller,
    YouTube,
    endpoint,
    listing,
    moment,
    part_names,
    refused,
)
from sandbox.records import Person, Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Request

MAX_CHARACTERS = 10_000
ONLY = frozenset({FORCE_SSL})


@endpoint("POST", "/youtube/v3/commentThreads", Operation.PUBLISH, scopes=ONLY, units=50)
def comment(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    part_names(request, {"snippet", "id"})
    snippet = request.fields().get("snippet") or {}
    video = server.site.posts.get(str(snippet.get("videoId") or ""))
    text = str(((snippet.get("topLevelComment") or {}).get("snippet") or {}).get("textOriginal") or "")
    if video is None or video.reply_to:
        raise refused(404, "videoNotFound", "The video identified by the videoId parameter could not be found.")
    is_for_kids = server.videos[video.id].status.get("selfDeclaredMadeForKids") is True
    if is_for_kids or server.options.comments_off:
        raise refused(403, "commentsDisabled", "The video has disabled comments.")
    if not text.strip():
        raise refused(400, "commentTextRequired", "The comment resource must specify a value for textOriginal.")
    if len(text) > MAX_CHARACTERS:
        raise refused(400, "commentTextTooLong", "The comment is too long.")
    own_id = f"Ugz{secrets.token_urlsafe(15)}4AaABAg"
    post = server.new_post(caller.person, text, request.at_ms, own_id=own_id, reply_to=video.id)
    server.site.add_post(post)
    return thread(server, post, caller.person)


@endpoint("GET", "/youtube/v3/commentThreads", Operation.LOOKUP, scopes=ONLY)
def comments(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    part_names(request, {"snippet", "id"})
    video_id = str(request.query().get("videoId") or "")
    if video_id not in server.site.posts:
        raise refused(404, "videoNotFound", "The video identified by the videoId parameter could not be found.")
    below = [post for post in reversed(server.site.posts.values()) if post.reply_to == video_id]
    shown = [post for post in below if server.site.shows(post, request.at_ms)]
    return listing(request, [thread(server, post, caller.person) for post in shown], most=100, usual=20)


def thread(server: YouTube, post: Post, reader: Person) -> dict[str, Any]:
    """Return a comment as it is read; what was typed only its author is told."""
    snippet = {
        "videoId": post.reply_to,
        "textDisplay": post.text,
        "authorDisplayName": f"@{post.person.handle}",
        "authorChannelId": {"value": server.channel_id(post.person)},
        "publishedAt": moment(post.created_ms),
        **({"textOriginal": post.text} if post.person is reader else {}),
    }
    top = {"kind": "youtube#comment", "id": post.id, "snippet": snippet}
    return {
        "kind": "youtube#commentThread",
        "id": post.id,
        "snippet": {"videoId": post.reply_to, "topLevelComment": top, "canReply": True, "totalReplyCount": 0},
    }


@endpoint("DELETE", "/youtube/v3/comments", Operation.DELETE, scopes=ONLY, units=50)
def delete_comment(server: YouTube, request: Request, caller: Caller) -> Answer:
    post = server.site.posts.get(str(request.query().get("id") or ""))
    if post is None or not post.reply_to:
        raise refused(404, "commentNotFound", "The specified comment could not be found.")
    if post.person is not caller.person:
        raise refused(403, "forbidden", "Forbidden")
    server.site.remove_post(post)
    return Answer(204, b"")
