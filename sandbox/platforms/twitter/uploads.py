"""Files on their way to X: what it takes of a category, how long it works on it, and what a post may carry.

Sources: https://docs.x.com/x-api/media/quickstart/best-practices and …/media-upload-chunked (read 2026-11-23); what it
says to files that it does not take, as quoted in public bug reports.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.media_kinds import Kind, gif_frames, kind_of
from sandbox.platforms.twitter import problems
from sandbox.platforms.twitter.films import duration_ms
from sandbox.records import Media, Person
from sandbox.wire import Refused, Request

if TYPE_CHECKING:
    from sandbox.platforms.twitter.server import Twitter

MEGABYTE = 1 << 20
MAX_SIDE = 8192
MAX_GIF = (1280, 1080)
MAX_GIF_FRAMES, MAX_GIF_PIXELS = 350, 300_000_000  # of all frames together
MIN_MS, MAX_MS = 500, 140_000
INVALID_IDS = "Your media IDs are invalid."
MIXED = "Tweet with media must have exactly 1 gif or video or up to 4 photos."
NOT_FOUND = "BadRequest: Not found"
UNRECOGNIZED = "media type unrecognized."
UNEVEN = "Segments do not add up to provided total file size."


@dataclass(slots=True, frozen=True)
class Category:
    """What X makes of a file; `key` is the first part of its media key."""

    type: str
    key: int
    max_bytes: int
    mime_types: tuple[str, ...]

    @property
    def is_worked_on(self) -> bool:
        return self.type != "photo"


CATEGORIES = {
    "tweet_image": Category("photo", 3, 5 * MEGABYTE, ("image/jpeg", "image/png", "image/webp", "image/gif")),
    "tweet_gif": Category("animated_gif", 16, 15 * MEGABYTE, ("image/gif",)),
    "tweet_video": Category("video", 7, 512 * MEGABYTE, ("video/mp4", "video/quicktime")),
}


@dataclass(slots=True, eq=False)
class UploadSession:
    """One file: told of, sent in segments, put together (`media`), worked on, and perhaps not taken (`failure`)."""

    id: str
    owner: Person
    category: Category
    total_bytes: int
    begun_ms: int
    segments: dict[int, bytes] = field(default_factory=dict)
    finalized_ms: int | None = None
    media: Media | None = None
    duration_ms: int | None = None
    failure: dict[str, Any] | None = None

    @property
    def media_key(self) -> str:
        return f"{self.category.key}_{self.id}"

    def expires_ms(self, server: Twitter) -> int:
        """Return until when X knows it; a change of the settings holds for those under way as well."""
        if self.finalized_ms is None:
            return self.begun_ms + server.options.upload_ttl_s * 1000
        return self.finalized_ms + server.options.media_ttl_s * 1000

    def is_ready(self, at_ms: int) -> bool:
        return self.media is not None and self.failure is None and at_ms >= self.media.ready_ms

    def processing_info(self, at_ms: int) -> dict[str, Any] | None:
        """Return how far X is with it; None for a picture, which is ready at once."""
        if self.media is None or self.finalized_ms is None or not self.category.is_worked_on:
            return None
        if at_ms >= self.media.ready_ms:
            end = {"state": "failed", "error": self.failure} if self.failure else {"state": "succeeded"}
            return {**end, "progress_percent": 100}
        left_ms = self.media.ready_ms - at_ms
        percent = 100 - left_ms * 100 // (self.media.ready_ms - self.finalized_ms)
        how_far = {"state": "in_progress", "progress_percent": percent} if percent else {"state": "pending"}
        return {**how_far, "check_after_secs": -(-left_ms // 1000)}


def begin(server: Twitter, owner: Person, category: str, total_bytes: int, at_ms: int) -> UploadSession:
    """Take note of a file that is to come. Raises Refused."""
    wanted = CATEGORIES.get(category)
    if wanted is None:
        raise problems.refuse_value(f"$.media_category: {category} is not simulated", "$.media_category", category)
    if total_bytes > wanted.max_bytes:
        raise problems.refuse(f"File size exceeds {wanted.max_bytes} bytes.")
    session = UploadSession(server.site.ids.next_at(at_ms), owner, wanted, total_bytes, at_ms)
    server.uploads[session.id] = session
    return session


def own(server: Twitter, owner: Person, media_id: str, at_ms: int) -> UploadSession:
    """Return what a person began to upload, while X knows it. Raises Refused."""
    session = server.uploads.get(media_id)
    if session is None or session.owner is not owner or at_ms >= session.expires_ms(server):
        raise problems.refuse(NOT_FOUND)
    return session


def put_together(server: Twitter, session: UploadSession, request: Request) -> None:
    """End the upload of a file: judge it and begin to work on it. Raises Refused."""
    count = len(session.segments)
    data = b"".join(session.segments[index] for index in range(count) if index in session.segments)
    if set(session.segments) != set(range(count)) or len(data) != session.total_bytes:
        raise problems.refuse(UNEVEN)
    kind = kind_of(data)
    judge_picture(session.category, kind)
    session.duration_ms = duration_ms(data)
    session.failure = failure_of(server, session, kind, gif_frames(data))
    working_ms = max(server.options.video_processing_ms, request.processing_ms) if session.category.is_worked_on else 0
    session.finalized_ms = request.at_ms
    session.media = Media(
        id=session.id,
        owner=session.owner,
        kind=session.category.type,
        mime_type=kind.mime_type if kind else "application/octet-stream",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=None,
        ready_ms=request.at_ms + working_ms,
        width=kind.width if kind else None,
        height=kind.height if kind else None,
    )
    session.segments.clear()
    server.site.media[session.id] = session.media
    server.world.files.keep(server.site.name, session.id, data)


def judge_picture(category: Category, kind: Kind | None) -> None:
    """Refuse at once what is not a picture that X can show; films are judged while it works on them."""
    if category.is_worked_on:
        return
    if kind is None or kind.mime_type not in category.mime_types:
        raise problems.refuse(UNRECOGNIZED)
    sides = (kind.width or 4, kind.height or 4)
    if max(sides) > MAX_SIDE:
        raise problems.refuse(f"Image dimensions must be >= 4x4 and <= {MAX_SIDE}x{MAX_SIDE}")


def failure_of(server: Twitter, session: UploadSession, kind: Kind | None, frames: int) -> dict[str, Any] | None:
    """Return the error that working on it will end with, None when it will succeed."""
    if not session.category.is_worked_on:
        return None
    if server.options.processing_failure:
        return {"code": 1, "name": server.options.processing_failure, "message": "Unsupported video format"}
    if kind is None or kind.mime_type not in session.category.mime_types:
        return {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}
    if session.category.type == "animated_gif":
        width, height = kind.width or 0, kind.height or 0
        is_too_large = width > MAX_GIF[0] or height > MAX_GIF[1] or width * height * frames > MAX_GIF_PIXELS
        return {"code": 1, "name": "InvalidMedia"} if is_too_large or frames > MAX_GIF_FRAMES else None
    length_ms = session.duration_ms
    if length_ms is None or MIN_MS <= length_ms <= MAX_MS:
        return None
    bound = f"exceeds max duration of {MAX_MS} ms" if length_ms > MAX_MS else f"is below min duration of {MIN_MS} ms"
    return {"code": 3, "name": "UnsupportedMedia", "message": f"Duration {length_ms} ms {bound}"}


def to_attach(server: Twitter, person: Person, ids: list[str], at_ms: int) -> tuple[Media, ...]:
    """Return the media of a new post, in the order given; each goes into one post. Raises Refused."""
    sessions = [server.uploads.get(media_id) for media_id in ids]
    media = tuple(
        session.media
        for session in sessions
        if session is not None
        and session.media is not None
        and session.owner is person
        and session.is_ready(at_ms)
        and at_ms < session.expires_ms(server)
        and session.media.post is None
    )
    if len(media) != len(ids) or len(set(ids)) != len(ids):
        raise problems.refuse_value(INVALID_IDS, "media.media_ids", ",".join(ids))
    if len(media) > 1 and any(item.kind != "photo" for item in media):
        raise Refused(problems.invalid([problems.error(MIXED, "media.media_ids", ",".join(ids))]))
    return media
