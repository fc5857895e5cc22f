"""What Facebook says of a video: how far its upload, and what is made of it, have come.

Source: https://developers.facebook.com/docs/video-api/guides/reels-publishing (read 2026-11-23), and the object
VideoStatus of Meta's specification of Graph API v26.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.platforms.facebook.errors import error_from
from integrations.platforms.facebook.reading import post_url
from integrations.protocols.graph_nodes import path_of
from integrations.protocols.values import id_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http

FIELDS = "id,permalink_url,post_id,status"
_ARRIVED = frozenset({"upload_complete", "ready"})  # not "processing", which it is while it arrives, too
_UNDER_WAY = frozenset({"in_progress", "complete"})


@dataclass(frozen=True, slots=True)
class VideoState:
    """`arrived_bytes`: how many of the file Facebook has. `failure`: what it says is wrong with the file; "" = nothing.

    `is_uploaded`: it has all of the file. `is_out`: people can see it. `is_coming_out`: it was told to show it, and
    does so by itself.
    """

    url: str
    arrived_bytes: int
    is_uploaded: bool
    is_out: bool
    is_coming_out: bool
    failure: str


def ask_for_video(http: Http, video_id: str) -> VideoState:
    """Ask how far a video is. Raises what the answer means: `not_found` is one that Facebook does not have."""
    answer = http.get(path_of(video_id), params={"fields": FIELDS})
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    if id_in(fields) != video_id:
        raise answer.in_doubt("is not about the video", code="unreadable")
    return _state(video_id, fields)


def _state(video_id: str, fields: Mapping[str, Any]) -> VideoState:
    status = object_in(fields, "status")
    video_status = text_in(status, "video_status")
    uploading, publishing = object_in(status, "uploading_phase"), object_in(status, "publishing_phase")
    arrived, how_far = uploading.get("bytes_transferred"), text_in(uploading, "status")
    is_out = text_in(publishing, "status") == "complete" or bool(id_in(fields, "post_id"))
    return VideoState(
        url=post_url(video_id, fields),
        arrived_bytes=arrived if type(arrived) is int else 0,
        is_uploaded=how_far == "complete" if how_far else video_status in _ARRIVED,
        is_out=is_out,
        is_coming_out=text_in(publishing, "status") in _UNDER_WAY,
        failure=" ".join(_failures(status)) if video_status in {"error", "expired"} and not is_out else "",
    )


def _failures(status: Mapping[str, Any]) -> Iterator[str]:
    """What the phases say is wrong, or at least that something is."""
    yield text_in(status, "video_status")
    for phase in ("uploading_phase", "processing_phase", "publishing_phase"):
        for error in objects_in(object_in(status, phase), "errors"):
            yield text_in(error, "message")[:200]
