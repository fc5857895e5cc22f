"""The files of a status on their way to its server; what a crash must not lose of it is kept in the step's progress.

Source: https://docs.joinmastodon.org/methods/media/ (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.contract import MediaUse, Pending, Progress
from integrations.errors import CallFailed, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.mastodon.errors import MEDIA_NOT_READY, error_from, error_text
from integrations.protocols.uploads import file_of, is_enough, timeout_s
from mastablasta.core.outbound import Http, Response

V2, V1 = "/api/v2/media", "/api/v1/media"
UNKNOWN_CALL = {404, 405, 501}
GONE = {404, 410}

SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(seconds=15)
LONGEST_WORK = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=12)  # servers throw away after a day what no status has
PROCESSING_ERROR = "error processing"  # app/controllers/api/v1/media_controller.rb (read 2026-11-28)

# What is kept in `progress`: each file by its position, as {id, at (when it was uploaded), is_ready}; that the server
# knows the old call only; that it has lost a file once; and that the status may be out after all.
MEDIA = "media"
ONLY_V1 = "only_v1"
AGAIN = "media_again"
MAYBE_OUT = "maybe_out"

Kept = dict[str, Any]


def ids_in(progress: Mapping[str, Any]) -> list[str]:
    """The ids under which the server has the files of a step, in their order, as far as they are known."""
    media: Mapping[str, Kept] = progress.get(MEDIA) or {}
    return [str(media[position]["id"]) for position in sorted(media, key=int)]


class Uploads:
    """The files of one step. Call `go_on` until it gives None; then the server has them all, by `ids_in`.

    Nothing of it is visible before a status has it; what no status gets, the server throws away.
    """

    def __init__(self, http: Http, media: Sequence[MediaUse], progress: Progress) -> None:
        self._http = http
        self._media = media
        self._progress = progress

    def go_on(self) -> Pending | None:
        """Bring the files further, by a bounded amount; None = the server has them all, described and ready.

        Raises Rejected for a file that the server cannot use, and what `refusal` says of other answers.
        """
        sent = 0
        for position, use in enumerate(self._media):
            if self._has(position):
                continue
            if is_enough(sent, use):
                return Pending(datetime.now(UTC))
            answer = self._send(use)
            if answer.status in UNKNOWN_CALL and not self._progress.data.get(ONLY_V1):
                self._progress.save(**{ONLY_V1: True})
                return Pending(datetime.now(UTC))
            self._keep({str(position): _uploaded(answer, position)})
            sent += use.size
        for position in range(len(self._media)):
            waits = None if self._kept[str(position)]["is_ready"] else self._ask(position, is_new=bool(sent))
            if waits is not None:
                return waits
        return None

    def after(self, failure: CallFailed) -> Pending | None:
        """What a refused status means for its files; None = nothing, so that `failure` stands.

        Words are localised, so the server is asked for each file. One that it does not have is uploaded again, once,
        and one that it works on is waited for. Where the status may be out after all, a file that is gone may be in it.
        Raises OutcomeUnknown in that case, and `failure` when a file was gone before.
        """
        if failure.code == MEDIA_NOT_READY:
            return self._wait_for(self._kept)
        if not isinstance(failure, Rejected) or failure.http_status not in {400, 404, 422}:
            return None
        shown = {position: self._shown(kept) for position, kept in self._kept.items()}
        gone = [position for position, answer in shown.items() if answer.status in GONE]
        working = [position for position, answer in shown.items() if answer.status == 206]
        if gone and self._progress.data.get(MAYBE_OUT):
            sentence = "The server says that a file is gone, or in a post of this account already."
            raise OutcomeUnknown(sentence, code="media_taken", http_status=failure.http_status) from failure
        if gone:
            return self._begin_anew(gone, failure)
        return self._wait_for(working) if working else None

    @property
    def _kept(self) -> Mapping[str, Kept]:
        return self._progress.data.get(MEDIA) or {}

    def _keep(self, changed: Mapping[str, Kept]) -> None:
        self._progress.save(**{MEDIA: {**self._kept, **changed}})

    def _has(self, position: int) -> bool:
        """Whether the server has the file, and will for a while."""
        kept = self._kept.get(str(position))
        return kept is not None and _age_of(kept) < KEPT_FOR

    def _send(self, use: MediaUse) -> Response:
        """Upload one file with its alt text. What it takes of time says something of the line, not of the server."""
        path = V1 if self._progress.data.get(ONLY_V1) else V2
        fields = {"description": use.alt_text} if use.alt_text else {}
        try:
            return self._http.post(path, data=fields, files={"file": file_of(use)}, timeout_s=timeout_s(use))
        except Unavailable as failure:
            if failure.code != "timed_out":
                raise
            raise Unavailable(failure.message, code="upload_timed_out") from failure

    def _ask(self, position: int, *, is_new: bool) -> Pending | None:
        """Ask whether the server has finished with a file, unless it has just said that it begins; None = it has.

        Source: https://docs.joinmastodon.org/methods/media/#get (read 2026-11-28).
        """
        kept = self._kept[str(position)]
        if is_new:
            return self._wait_for([str(position)])
        answer = self._shown(kept)
        if answer.status == 206:
            return self._wait_for([str(position)])
        if answer.status in GONE:
            return self._begin_anew([str(position)], error_from(answer))
        if answer.status == 422:
            raise _unusable(answer, position)
        if not answer.is_ok:
            raise error_from(answer)
        if not answer.fields().get("id"):
            raise answer.in_doubt("names no file", code="unreadable")
        self._keep({str(position): {**kept, "is_ready": True}})
        return None

    def _shown(self, kept: Kept) -> Response:
        return self._http.get(f"{V1}/{quote(str(kept['id']), safe='')}")

    def _wait_for(self, positions: Iterable[str]) -> Pending:
        """Come back later: soon after the upload, then less and less often. Raises Rejected after LONGEST_WORK."""
        waiting = {position: {**self._kept[position], "is_ready": False} for position in positions}
        age = min(map(_age_of, waiting.values()))
        if age > LONGEST_WORK:
            sentence = f"The server has not finished with the files within {LONGEST_WORK.seconds // 60} minutes."
            raise Rejected(sentence, code="processing_timeout")
        if any(self._kept[position] != kept for position, kept in waiting.items()):
            self._keep(waiting)
        return Pending(datetime.now(UTC) + min(max(age, SHORTEST_WAIT), LONGEST_WAIT))

    def _begin_anew(self, gone: Sequence[str], failure: CallFailed) -> Pending:
        """Forget files that the server has no more, to upload them again. Raises `failure` the second time."""
        if self._progress.data.get(AGAIN):
            raise failure
        left = {position: kept for position, kept in self._kept.items() if position not in gone}
        self._progress.save(**{MEDIA: left, AGAIN: True})
        return Pending(datetime.now(UTC))


def _uploaded(answer: Response, position: int) -> Kept:
    """What is kept of a file from here on: its id, and whether it is ready, which some servers say with a 202 too."""
    if answer.status == 422 or (answer.status == 500 and PROCESSING_ERROR in error_text(answer).lower()):
        raise _unusable(answer, position)
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    if not isinstance(fields.get("id"), str | int) or not str(fields["id"]):
        raise answer.in_doubt("names no file", code="unreadable")
    is_ready = answer.status != 202 or bool(fields.get("url"))
    return {"id": str(fields["id"]), "at": datetime.now(UTC).isoformat(), "is_ready": is_ready}


def _unusable(answer: Response, position: int) -> Rejected:
    said = error_text(answer) or "it does not say why."
    sentence = f"The server cannot use file {position + 1}: {said}"
    return Rejected(sentence, code="media_failed", http_status=answer.status)


def _age_of(kept: Kept) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(str(kept["at"]))
