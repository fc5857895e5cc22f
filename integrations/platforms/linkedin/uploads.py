"""Files on their way to LinkedIn: pictures and documents in one call each, a video in the parts that LinkedIn names.

Nothing of it is visible. Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/
images-api, …/shares/documents-api and …/shares/videos-api (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.contract import MediaUse, Pending
from integrations.errors import CallFailed, NeedsReconnect, Rejected
from integrations.platforms.linkedin.addresses import escaped
from integrations.platforms.linkedin.errors import MEDIA_GONE, SCOPE_MISSING, error_from
from integrations.platforms.linkedin.rules import is_organisation
from integrations.protocols.uploads import Uploads, file_of
from integrations.protocols.values import object_in, objects_in, text_in
from mastablasta.core.outbound import File, Response

PART = 4 << 20
MEDIA_FAILED = "media_failed"
# How long LinkedIn may work on a file of which it does not tell the account how far it is.
UNTOLD = timedelta(seconds=20)
_WORKS = frozenset({"PROCESSING", "WAITING_UPLOAD"})


class PostMedia(Uploads):
    """Each file is kept as {id, sent_at, ready}, a video with {parts, etags}: their first and last
    bytes, and what LinkedIn called those that it has.

    The addresses of a video's parts are good without a token, so they are kept as a secret.
    """

    chunk_bytes = PART

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        return "sent_at" in self.kept.get(position, {})

    def is_lost(self, refused: Rejected) -> bool:
        return refused.code == MEDIA_GONE

    def send(self, position: int, use: MediaUse) -> None:
        if use.kind != "video":
            self._send_whole(position, use)
        elif position not in self.kept:
            self._begin_video(position, use)
        elif len(self.kept[position]["etags"]) < len(self.kept[position]["parts"]):
            self._send_part(position, use)
        else:
            self._finalize(position)

    def poll(self, position: int, use: MediaUse) -> Pending | None:
        """Wait until LinkedIn has finished with the file. Of all but videos most accounts are told nothing: a while."""
        kept = self.kept[position]
        if kept.get("ready"):
            return None
        sent_at = datetime.fromisoformat(kept["sent_at"])
        status = self._status(use, kept["id"])
        if status == "PROCESSING_FAILED":
            raise Rejected("LinkedIn cannot use this file.", code=MEDIA_FAILED)
        if status == "" and datetime.now(UTC) - sent_at < UNTOLD:
            return Pending(sent_at + UNTOLD)
        if status in _WORKS:
            return self.wait(since=sent_at)
        self.keep(position, ready=True)
        return None

    # --- pictures and documents ---

    def _send_whole(self, position: int, use: MediaUse) -> None:
        kind = _kind(use)
        answer, told = self._initialize(kind, {})
        urn = _named(answer, told, kind.removesuffix("s"))
        put = self._put(use.size, _named(answer, told, "uploadUrl"), file_of(use))
        if put.body:
            put.json()  # what came instead of nothing has to be LinkedIn's at least
        self.keep(position, id=urn, sent_at=datetime.now(UTC).isoformat())

    # --- videos ---

    def _begin_video(self, position: int, use: MediaUse) -> None:
        wanted = {"fileSizeBytes": use.size, "uploadCaptions": False, "uploadThumbnail": False}
        answer, told = self._initialize("videos", wanted)
        urn = _named(answer, told, "video")
        instructions = objects_in(told, "uploadInstructions")
        parts = [(one.get("firstByte"), one.get("lastByte")) for one in instructions]
        if not _is_whole(parts, use.size):
            raise answer.in_doubt("does not say which bytes go where", code="unreadable")
        urls = [_named(answer, one, "uploadUrl") for one in instructions]
        secret = {"urls": urls, "token": text_in(told, "uploadToken")}
        self.progress.save_secret(**{f"video_{position}": secret})
        self.keep(position, id=urn, parts=parts, etags=[])

    def _send_part(self, position: int, use: MediaUse) -> None:
        kept = self.kept[position]
        first, last = kept["parts"][len(kept["etags"])]
        url = self._secret(position)["urls"][len(kept["etags"])]
        file = File("video", "application/octet-stream", path=use.path, offset=first, length=last - first + 1)
        answer = self._put(file.size, url, file)
        etag = answer.headers.get("etag", "").strip('"')
        if not etag:
            raise answer.in_doubt("does not name the part", code="no_id")
        self.keep(position, etags=[*kept["etags"], etag])

    def _finalize(self, position: int) -> None:
        """Let LinkedIn put the parts together; where it has done so already, because an answer was lost, it says no."""
        kept = self.kept[position]
        wanted = {"video": kept["id"], "uploadToken": self._secret(position)["token"], "uploadedPartIds": kept["etags"]}
        answer = self.http.post("/rest/videos?action=finalizeUpload", json={"finalizeUploadRequest": wanted})
        if not answer.is_ok:
            failure = self._failure(answer)
            if not isinstance(failure, Rejected) or self._status_of("videos", kept["id"]) == "WAITING_UPLOAD":
                raise failure
        elif answer.body:
            answer.json()
        self.keep(position, sent_at=datetime.now(UTC).isoformat())

    def _secret(self, position: int) -> Mapping[str, Any]:
        secret = object_in(self.progress.data, f"video_{position}")
        if not secret:
            raise Rejected("The addresses to upload to are lost.", code=MEDIA_GONE)
        return secret

    # --- calls ---

    def _initialize(self, kind: str, wanted: Mapping[str, Any]) -> tuple[Response, Mapping[str, Any]]:
        request = {"initializeUploadRequest": {"owner": self.target.remote_id, **wanted}}
        answer = self.http.post(f"/rest/{kind}?action=initializeUpload", json=request)
        if not answer.is_ok:
            raise self._failure(answer)
        return answer, object_in(answer.json(), "value")

    def _put(self, size: int, url: str, file: File) -> Response:
        answer = self.transfer(size, url, method="PUT", data=file)
        if answer.status == 401:
            raise Rejected("The address to upload to has ended.", code=MEDIA_GONE, http_status=401)
        if not answer.is_ok:
            raise self._failure(answer)
        return answer

    def _status(self, use: MediaUse, urn: str) -> str:
        """How far LinkedIn is with a file; "" where the account is not told."""
        return self._status_of(_kind(use), urn)

    def _status_of(self, kind: str, urn: str) -> str:
        answer = self.http.get(f"/rest/{kind}/{escaped(urn)}")
        if answer.is_ok:
            return text_in(answer.json(), "status") or "PROCESSING"
        failure = error_from(answer)
        if isinstance(failure, NeedsReconnect) and failure.code == SCOPE_MISSING:
            return ""
        raise failure

    def _failure(self, answer: Response) -> CallFailed:
        return error_from(answer, of_organisation=is_organisation(self.target))


def _kind(use: MediaUse) -> str:
    """What LinkedIn calls files of its kind, in the addresses of its API."""
    return {"video": "videos", "document": "documents"}.get(use.kind, "images")


def _named(answer: Response, told: Mapping[str, Any], name: str) -> str:
    """What LinkedIn names under `name`. Raises where it does not."""
    value = text_in(told, name)
    if not value:
        raise answer.in_doubt(f"names no {name}", code="no_id")
    return value


def _is_whole(parts: Sequence[tuple[Any, Any]], size: int) -> bool:
    """Whether these first and last bytes are the file from beginning to end."""
    at = 0
    for first, last in parts:
        if type(first) is not int or type(last) is not int or first != at or last < first:
            return False
        at = last + 1
    return at == size
