"""Channels and their playlists: who it is, what was uploaded, what stands where.

Sources: https://developers.google.com/youtube/v3/docs/channels and …/docs/playlistItems (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.youtube.server import (
    READING,
    WRITING,
    Caller,
    Video,
    YouTube,
    endpoint,
    listing,
    moment,
    part_names,
    refused,
)
from sandbox.platforms.youtube.videos import PRIVATE, privacy_shown, snippet_shown
from sandbox.routing import Operation
from sandbox.wire import Request

CHANNEL_PARTS = frozenset({"id", "snippet", "contentDetails", "statistics", "status"})
ITEM_PARTS = frozenset({"id", "snippet", "contentDetails", "status"})


@endpoint("GET", "/youtube/v3/channels", Operation.OTHER, scopes=READING)
def channels(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    """Name the channel of the token; an account without one has an empty list."""
    parts, person = part_names(request, CHANNEL_PARTS), caller.person
    if request.query().get("mine") != "true":
        raise refused(400, "missingRequiredParameter", "No filter selected.")
    if not person.channels:
        return {"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 0, "resultsPerPage": 5}}
    channel_id = server.channel_id(person)
    shown = [post for post in person.posts if not post.reply_to and post.visibility == "public"]
    whole = {
        "snippet": {
            "title": person.channels[0],
            "customUrl": f"@{person.handle.lower()}",
            "thumbnails": {"default": {"url": f"{server.site.url}/pictures/{channel_id}.png"}},
        },
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": f"UU{channel_id[2:]}"}},
        "statistics": {
            "viewCount": "0",
            "subscriberCount": str(person.followers),
            "hiddenSubscriberCount": server.options.hidden_counts,
            "videoCount": str(len(shown)),
        },
        "status": {
            "privacyStatus": "public",
            "isLinked": True,
            "longUploadsStatus": "eligible" if person.handle in server.options.unverified else "allowed",
        },
    }
    channel = {"kind": "youtube#channel", "id": channel_id, **{name: whole[name] for name in parts if name in whole}}
    return {"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 1}, "items": [channel]}


@endpoint("GET", "/youtube/v3/playlistItems", Operation.LOOKUP, scopes=READING)
def items(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    """List the videos of a playlist: of the channel's uploads all, the newest first."""
    parts, query = part_names(request, ITEM_PARTS), request.query()
    playlist = str(query.get("playlistId") or "")
    if playlist == f"UU{server.channel_id(caller.person)[2:]}":
        own = [video for video in server.videos.values() if video.owner is caller.person]
        found = sorted(own, key=lambda video: video.published_ms or video.uploaded_ms, reverse=True)
    else:
        check_playlist(server, playlist)
        found = [server.videos[one] for there, one in server.in_playlists if there == playlist]
    if video_id := query.get("videoId"):
        found = [video for video in found if video.id == video_id]
    return listing(request, [item(server, playlist, video, parts, request.at_ms) for video in found], most=50)


@endpoint("POST", "/youtube/v3/playlistItems", Operation.OTHER, scopes=WRITING, units=50)
def add(server: YouTube, request: Request, caller: Caller) -> dict[str, Any]:
    """Add a video to a playlist, as often as it is asked for."""
    parts = part_names(request, ITEM_PARTS)
    snippet = request.fields().get("snippet") or {}
    playlist = str(snippet.get("playlistId") or "")
    check_playlist(server, playlist)
    video = server.own_video(caller, str((snippet.get("resourceId") or {}).get("videoId") or ""))
    server.in_playlists.append((playlist, video.id))
    return item(server, playlist, video, parts, request.at_ms)


def check_playlist(server: YouTube, playlist: str) -> None:
    if playlist not in server.options.playlists:
        raise refused(404, "playlistNotFound", "The playlist cannot be found.")


def item(server: YouTube, playlist: str, video: Video, parts: set[str], at_ms: int) -> dict[str, Any]:
    snippet, privacy = snippet_shown(server, video, at_ms), privacy_shown(server, video, at_ms)
    details = {"videoId": video.id}
    if privacy != PRIVATE:
        details["videoPublishedAt"] = moment(video.published_ms)
    whole = {
        "snippet": {
            "title": snippet["title"],
            "description": snippet["description"],
            "publishedAt": moment(video.uploaded_ms),
            "playlistId": playlist,
            "resourceId": {"kind": "youtube#video", "videoId": video.id},
        },
        "contentDetails": details,
        "status": {"privacyStatus": privacy},
    }
    return {"kind": "youtube#playlistItem", "id": f"{playlist}.{video.id}"} | {
        name: whole[name] for name in parts & set(whole)
    }
