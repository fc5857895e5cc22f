"""What a video gets before people see it: its thumbnail and its place in a playlist."""

from __future__ import annotations

from typing import Any

from integrations.contract import MediaUse, Progress
from integrations.errors import CallFailed, Rejected
from integrations.platforms.youtube.errors import error_from
from integrations.platforms.youtube.reading import ITEMS
from integrations.protocols.uploads import file_of, timeout_s
from mastablasta.core.outbound import Http, Response

THUMBNAILS = "/upload/youtube/v3/thumbnails/set"
# What is done of it for the video in hand, in a step's progress: the video's id.
HAS_THUMBNAIL, IN_PLAYLIST = "thumbnail_of", "in_playlist"


def set_thumbnail(http: Http, video_id: str, cover: MediaUse | None, progress: Progress) -> None:
    """Give the video its thumbnail, unless it has it. Raises Rejected (cover_refused): then nobody sees the video yet.

    Source: https://developers.google.com/youtube/v3/docs/thumbnails/set (read 2026-11-23).
    """
    if cover is None or progress.data.get(HAS_THUMBNAIL) == video_id:
        return
    params = {"videoId": video_id, "uploadType": "media"}
    answer = http.post(THUMBNAILS, params=params, data=file_of(cover), timeout_s=timeout_s(cover.size))
    if not answer.is_ok:
        raise _refusal(answer)
    progress.save(**{HAS_THUMBNAIL: video_id})


def add_to_playlist(http: Http, video_id: str, playlist_id: Any, progress: Progress) -> None:
    """Add the video to a playlist, unless it is in there: YouTube would show it twice.

    Source: https://developers.google.com/youtube/v3/docs/playlistItems/insert (read 2026-11-23).
    """
    if not playlist_id or progress.data.get(IN_PLAYLIST) == video_id:
        return
    asked = {"part": "id", "playlistId": playlist_id, "videoId": video_id}
    answer = http.get(ITEMS, params=asked)
    if not answer.is_ok:
        raise error_from(answer)
    items = answer.fields().get("items")
    if not isinstance(items, list):
        raise answer.in_doubt("is not a list of videos", code="unreadable")
    if not items:
        resource = {"kind": "youtube#video", "videoId": video_id}
        item = {"snippet": {"playlistId": playlist_id, "resourceId": resource}}
        added = http.post(ITEMS, params={"part": "snippet"}, json=item)
        if not added.is_ok:
            raise error_from(added)
    progress.save(**{IN_PLAYLIST: video_id})


def _refusal(answer: Response) -> CallFailed:
    """Without a number of a phone a channel may not set thumbnails; YouTube says no more than that it is forbidden."""
    failure = error_from(answer)
    if failure.code != "not_permitted":
        return failure
    sentence = (
        f"YouTube takes thumbnails of channels that are verified by phone; see youtube.com/verify. ({failure.message})"
    )
    return Rejected(sentence, code="cover_refused", http_status=answer.status)
