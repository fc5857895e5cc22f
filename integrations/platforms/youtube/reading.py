"""The channel's own videos and comments, as YouTube lists them.

Sources: https://developers.google.com/youtube/v3/docs/playlistItems and …/docs/commentThreads (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.contract import Part, Target
from integrations.platforms.youtube.addresses import comment_url, video_url
from integrations.platforms.youtube.errors import error_from
from integrations.protocols.lookback import OwnPost, Page, posts_in
from integrations.protocols.values import id_in, moment_of, object_in, text_in
from mastablasta.core.outbound import Http

ITEMS = "/youtube/v3/playlistItems"
THREADS = "/youtube/v3/commentThreads"
PAGE = 50


def uploads_of(target: Target) -> str:
    """The playlist of all videos of a channel, which is called as the channel is."""
    return str(target.facts.get("uploads") or f"UU{target.remote_id.removeprefix('UC')}")


def own_videos(http: Http, target: Target, cursor: str | None) -> Page:
    """One page of what the channel uploaded, private videos too. One unit of the quota."""
    params = {"part": "snippet,contentDetails,status", "playlistId": uploads_of(target), "maxResults": PAGE}
    return _page(http, ITEMS, params, cursor, _own_video)


def own_comments(http: Http, target: Target, video_id: str, cursor: str | None) -> Page:
    """One page of the comments on a video that are the channel's own. One unit of the quota."""

    def read(item: Any) -> OwnPost | None:
        return _own_comment(item, video_id)

    params = {"part": "snippet", "videoId": video_id, "order": "time", "maxResults": 100, "textFormat": "plainText"}
    comments, after = _page(http, THREADS, params, cursor, read)
    return [comment for comment in comments if comment.shown["author"] == target.remote_id], after


def has_text(shown: str, part: Part) -> bool:
    """Whether a text is ours as it is shown: line breaks and blanks at the end are YouTube's."""
    return _comparable(shown) == _comparable(part.text)


def _comparable(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _page(http: Http, path: str, params: Mapping[str, Any], cursor: str | None, read: Any) -> Page:
    answer = http.get(path, params={**params, **({"pageToken": cursor} if cursor else {})})
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    return posts_in(answer, fields.get("items"), read), text_in(fields, "nextPageToken") or None


def _own_video(item: Any) -> OwnPost | None:
    """A video counts as made when it was first shown, and before that when it was uploaded."""
    snippet, details = object_in(item, "snippet"), object_in(item, "contentDetails")
    remote_id = id_in(details, "videoId")
    made_at = moment_of(details.get("videoPublishedAt") or snippet.get("publishedAt"))
    if not remote_id or made_at is None:
        return None
    shown = {
        "title": text_in(snippet, "title"),
        "description": text_in(snippet, "description"),
        "privacy": text_in(object_in(item, "status"), "privacyStatus"),
    }
    return OwnPost(remote_id, video_url(remote_id, is_short=False), made_at, shown)


def _own_comment(item: Any, video_id: str) -> OwnPost | None:
    comment = object_in(object_in(item, "snippet"), "topLevelComment")
    snippet = object_in(comment, "snippet")
    remote_id, made_at = id_in(comment), moment_of(snippet.get("publishedAt"))
    if not remote_id or made_at is None:
        return None
    shown = {
        "author": text_in(object_in(snippet, "authorChannelId"), "value"),
        "text": text_in(snippet, "textOriginal", "textDisplay"),
    }
    return OwnPost(remote_id, comment_url(video_id, remote_id), made_at, shown)
