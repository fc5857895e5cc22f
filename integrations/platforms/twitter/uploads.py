"""Media on their way to X, bit by bit.

Source: https://docs.x.com/x-api/media/quickstart/media-upload-chunked (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.contract import MediaUse, Pending, Progress, Target
from integrations.errors import CallFailed, NeedsReconnect, Rejected
from integrations.platforms.twitter.errors import MEDIA_GONE, NOT_PERMITTED, error_from, error_in
from integrations.protocols.uploads import Uploads
from integrations.protocols.values import object_in, text_in
from mastablasta.core.outbound import File, Http, Response

CHUNK = 1 << 20  # X's edge refuses some of 5 MB: https://github.com/trypostit/trypost/pull/31
CHUNK_S = 30.0
CHECK_S, LONGEST_CHECK_S = 5, 60
MEDIA_FAILED = "media_failed"

# What X calls a file when it is uploaded, and when it shows it.
IMAGE = "tweet_image"
TYPES = {IMAGE: "photo", "tweet_gif": "animated_gif", "tweet_video": "video"}


def category_of(use: MediaUse) -> str:
    if use.mime_type.startswith("video/"):
        return "tweet_video"
    return "tweet_gif" if use.kind == "animation" else IMAGE


def type_of(use: MediaUse) -> str:
    return TYPES[category_of(use)]


class PostMedia(Uploads):
    """Each file is kept as {id, next (segment), whole, described, ready}.

    X may refuse to go on with what an earlier call began, in many words: then it is begun again.
    """

    again_key = "media_begun_anew"
    keeps_list = True
    chunk_bytes = CHUNK

    def __init__(self, http: Http, target: Target, media: Sequence[MediaUse], progress: Progress) -> None:
        super().__init__(http, target, media, progress)
        self._is_resumed = bool(self.kept)
        self._wait: timedelta | None = None

    def is_uploaded(self, position: int, use: MediaUse) -> bool:
        kept = self.kept.get(position, {})
        return bool(kept.get("whole")) and (bool(kept.get("described")) or not use.alt_text)

    def is_lost(self, refused: Rejected) -> bool:
        is_old = self._is_resumed and not self.has_progressed and refused.code != MEDIA_FAILED
        return is_old or refused.code == MEDIA_GONE

    def send(self, position: int, use: MediaUse) -> None:
        kept = self.kept.get(position)
        if kept is None:
            self._begin(position, use)
        elif kept.get("whole"):
            told = {"id": kept["id"], "metadata": {"alt_text": {"text": use.alt_text}}}
            self._call("metadata", names_id=False, json=told)
            self.keep(position, described=True)
        elif kept["next"] * CHUNK < use.size:
            self._append(position, use)
        else:
            # Without a body in X's description, but X has asked for a JSON object all the same:
            # https://github.com/trypostit/trypost/pull/202 (read 2026-11-28)
            data = self._call(f"upload/{kept['id']}/finalize", json={})
            self.keep(position, whole=True, ready=self._is_ready(data))

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        """Ask how far X is with it, unless it has just said when that is worth while."""
        kept = self.kept[position]
        if not kept.get("ready") and self._wait is None:
            data = self._call("upload", method="GET", params={"command": "STATUS", "media_id": kept["id"]})
            if self._is_ready(data):
                self.keep(position, ready=True)
        if self._wait is None:
            return None
        return Pending(datetime.now(UTC) + self._wait)

    def _begin(self, position: int, use: MediaUse) -> None:
        """A small picture goes in one call."""
        category = category_of(use)
        if category == IMAGE and use.size <= CHUNK:
            file = File("media", use.mime_type, path=use.path)
            data = self._call("upload", size=use.size, data={"media_category": category}, files={"media": file})
            self.keep(position, id=data["id"], whole=True, ready=self._is_ready(data))
            return
        told = {"media_type": use.mime_type, "total_bytes": use.size, "media_category": category}
        self.keep(position, id=self._call("upload/initialize", json=told)["id"], next=0)

    def _append(self, position: int, use: MediaUse) -> None:
        kept = self.kept[position]
        index = int(kept["next"])
        file = File("media", "application/octet-stream", use.path, offset=index * CHUNK, length=CHUNK)
        how: dict[str, Any] = {"data": {"segment_index": str(index)}, "files": {"media": file}}
        self._call(f"upload/{kept['id']}/append", size=file.size, names_id=False, **how)
        self.keep(position, next=index + 1)

    def _is_ready(self, data: Mapping[str, Any]) -> bool:
        """Whether X has finished with a file, else note how long it wants to be left alone. Raises Rejected."""
        info = object_in(data, "processing_info")
        state = "succeeded" if data.get("processing_info") is None else info.get("state")
        if state == "failed":
            said = text_in(info.get("error"), "message", "name") or "it does not say why"
            raise Rejected(f"X cannot use this file: {said[:300]}", code=MEDIA_FAILED)
        if state == "succeeded":
            return True
        seconds = info.get("check_after_secs")
        wait_s = seconds if isinstance(seconds, int) else CHECK_S
        self._wait = timedelta(seconds=min(max(wait_s, 1), LONGEST_CHECK_S))
        return False

    def _call(self, path: str, *, size: int = 0, names_id: bool = True, **how: Any) -> Mapping[str, Any]:
        """Make one call and return its `data`; X may leave an answer empty that names nothing."""
        answer = self.transfer(size, f"/2/media/{path}", timeout_s=CHUNK_S, **how)
        if not answer.is_ok:
            raise _refusal(answer)
        data = answer.fields().get("data")
        remote_id = text_in(data, "id")
        if isinstance(data, dict) and (not names_id or (remote_id.isascii() and remote_id.isdigit())):
            return data
        if answer.body or names_id:
            raise error_in(answer)
        return {}


def _refusal(answer: Response) -> CallFailed:
    failure = error_from(answer)
    if failure.code != NOT_PERMITTED:
        return failure
    sentence = f"The account was connected without the permission to send media; connect it again. ({failure.message})"
    return NeedsReconnect(sentence, code="scope_missing", http_status=answer.status, can_refresh=False)
