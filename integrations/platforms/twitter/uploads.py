"""Media on their way to X, bit by bit; what a crash must not lose of it is kept in the step's progress.

Source: https://docs.x.com/x-api/media/quickstart/media-upload-chunked (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.contract import MediaUse, Pending, Progress
from integrations.errors import CallFailed, NeedsReconnect, Rejected, Unavailable
from integrations.platforms.twitter.errors import MEDIA_GONE, NOT_PERMITTED, error_from, error_in
from mastablasta.core.outbound import File, Http, Response

CHUNK = 1 << 20  # X's edge refuses some of 5 MB: https://github.com/trypostit/trypost/pull/31
CHUNKS_A_CALL = 8
STRETCH = timedelta(seconds=20)
CHUNK_S = 30.0
AGAIN = timedelta(seconds=2)
CHECK_S, LONGEST_CHECK_S = 5, 60
MEDIA_FAILED = "media_failed"

# What is kept in `progress`: each file, in order, as {id, next (segment), whole, described, ready}; and that X has
# forgotten them once.
MEDIA = "media"
BEGUN_ANEW = "media_begun_anew"

# What X calls a file when it is uploaded, and when it shows it.
IMAGE, ANIMATION, VIDEO = "tweet_image", "tweet_gif", "tweet_video"
TYPES = {IMAGE: "photo", ANIMATION: "animated_gif", VIDEO: "video"}


def category_of(use: MediaUse) -> str:
    if use.mime_type.startswith("video/"):
        return VIDEO
    return ANIMATION if use.kind == "animation" else IMAGE


def type_of(use: MediaUse) -> str:
    return TYPES[category_of(use)]


def ids_in(progress: Mapping[str, Any]) -> list[str]:
    """The ids under which X has the files of a step, as far as they are known."""
    return [str(kept["id"]) for kept in progress.get(MEDIA) or ()]


class Uploads:
    """The files of one step. Call `go_on` until it gives None; then X has them all, by `ids_in(progress.data)`."""

    def __init__(self, http: Http, media: Sequence[MediaUse], progress: Progress) -> None:
        self._http = http
        self._media = media
        self._progress = progress
        self._kept: list[dict[str, Any]] = [dict(kept) for kept in progress.data.get(MEDIA) or ()]
        self._is_resumed = bool(self._kept)
        self._chunks = 0
        self._begun_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._moved_at: datetime | None = None
        self._wait: timedelta | None = None

    def go_on(self) -> Pending | None:
        """Bring the files about 8 MiB, or 20 s, further; None = they are all uploaded, described and ready.

        A call that got further before it broke off is not a failure: a long file outlasts a bad line. What X refuses of
        an upload that an earlier call began is begun again, once.
        Raises Rejected when X cannot use a file, NeedsReconnect when the account gave no permission for media.
        """
        try:
            for place, use in enumerate(self._media):
                waits = self._bring(place, use)
                if waits is not None:
                    return waits
        except Unavailable:
            if self._moved_at is None:
                raise
            return Pending(self._moved_at + AGAIN)
        except Rejected as failure:
            is_old = self._is_resumed and self._moved_at is None and failure.code != MEDIA_FAILED
            if self._answered_at is None or not (is_old or failure.code == MEDIA_GONE):
                raise
            return begin_anew(self._progress, failure, at=self._answered_at)
        return None

    def _bring(self, place: int, use: MediaUse) -> Pending | None:
        """Get one file ready; Pending when that takes another call."""
        if place == len(self._kept):
            self._begin(use)
        kept = self._kept[place]
        while not kept.get("whole"):
            if self._moved_at is not None and self._has_done_enough(self._moved_at):
                return Pending(self._moved_at)
            self._append(kept, use) if kept["next"] * CHUNK < use.size else self._finalize(kept)
        if use.alt_text and not kept.get("described"):
            self._describe(kept, use)
        if not kept.get("ready"):
            self._ask(kept)
        if not kept.get("ready") and self._answered_at is not None and self._wait is not None:
            return Pending(self._answered_at + self._wait)
        return None

    def _has_done_enough(self, at: datetime) -> bool:
        is_late = self._begun_at is not None and at - self._begun_at >= STRETCH
        return is_late or self._chunks >= CHUNKS_A_CALL

    def _begin(self, use: MediaUse) -> None:
        """A small picture goes in one call."""
        category = category_of(use)
        if category == IMAGE and use.size <= CHUNK:
            file = File("media", use.mime_type, path=use.path)
            data = self._call("POST", "upload", data={"media_category": category}, files={"media": file})
            self._chunks += 1
            self._kept.append({"id": data["id"]})
            self._keep(self._kept[-1], whole=True, ready=self._is_ready(data))
            return
        told = {"media_type": use.mime_type, "total_bytes": use.size, "media_category": category}
        data = self._call("POST", "upload/initialize", json=told)
        self._kept.append({"id": data["id"]})
        self._keep(self._kept[-1], next=0)

    def _append(self, kept: dict[str, Any], use: MediaUse) -> None:
        index = int(kept["next"])
        file = File("media", "application/octet-stream", use.path, offset=index * CHUNK, length=CHUNK)
        fields = {"segment_index": str(index)}
        self._call("POST", f"upload/{kept['id']}/append", names_id=False, data=fields, files={"media": file})
        self._chunks += 1
        self._keep(kept, next=index + 1)

    def _finalize(self, kept: dict[str, Any]) -> None:
        """It has no body in X's description, and X has asked for a JSON object all the same.

        Source: https://github.com/trypostit/trypost/pull/202 (read 2026-11-28).
        """
        data = self._call("POST", f"upload/{kept['id']}/finalize", json={})
        self._keep(kept, whole=True, ready=self._is_ready(data))

    def _describe(self, kept: dict[str, Any], use: MediaUse) -> None:
        told = {"id": kept["id"], "metadata": {"alt_text": {"text": use.alt_text}}}
        self._call("POST", "metadata", names_id=False, json=told)
        self._keep(kept, described=True)

    def _ask(self, kept: dict[str, Any]) -> None:
        """Ask how far X is with it, unless it has just said when that is worth while."""
        if self._wait is None:
            data = self._call("GET", "upload", params={"command": "STATUS", "media_id": kept["id"]})
            if self._is_ready(data):
                self._keep(kept, ready=True)

    def _is_ready(self, data: Mapping[str, Any]) -> bool:
        """Whether X has finished with a file, else note how long it wants to be left alone. Raises Rejected."""
        info = data.get("processing_info")
        if not isinstance(info, Mapping) or info.get("state") == "succeeded":
            return True
        if info.get("state") == "failed":
            error = info.get("error")
            said = (error.get("message") or error.get("name")) if isinstance(error, Mapping) else ""
            raise Rejected(f"X cannot use this file: {str(said or 'it does not say why')[:300]}", code=MEDIA_FAILED)
        seconds = info.get("check_after_secs")
        wait_s = seconds if isinstance(seconds, int) else CHECK_S
        self._wait = timedelta(seconds=min(max(wait_s, 1), LONGEST_CHECK_S))
        return False

    def _keep(self, kept: dict[str, Any], **values: Any) -> None:
        kept.update(values)
        self._progress.save(**{MEDIA: [dict(one) for one in self._kept]})
        self._moved_at = self._answered_at

    def _call(self, method: str, path: str, *, names_id: bool = True, **how: Any) -> Mapping[str, Any]:
        """Make one call and return its `data`; X may leave an answer empty that names nothing."""
        answer = self._http.request(method, f"/2/media/{path}", timeout_s=CHUNK_S, **how)
        self._answered_at = answer.received_at
        self._begun_at = self._begun_at or self._answered_at
        if not answer.is_ok:
            raise _refusal(answer)
        data = answer.fields().get("data")
        if isinstance(data, dict) and (_is_id(data.get("id")) or not names_id):
            return data
        if answer.body or names_id:
            raise error_in(answer)
        return {}


def begin_anew(progress: Progress, failure: CallFailed, *, at: datetime) -> Pending:
    """Forget files that X no longer knows, to upload them again. Raises `failure` when that has been done before."""
    if progress.data.get(BEGUN_ANEW):
        raise failure
    progress.save(**{MEDIA: [], BEGUN_ANEW: True})
    return Pending(at)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def _refusal(answer: Response) -> CallFailed:
    failure = error_from(answer)
    if failure.code != NOT_PERMITTED:
        return failure
    sentence = f"The account was connected without the permission to send media; connect it again. ({failure.message})"
    return NeedsReconnect(sentence, code="scope_missing", http_status=answer.status, can_refresh=False)
