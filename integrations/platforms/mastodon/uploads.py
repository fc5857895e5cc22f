"""The files of a status on their way to its server.

Source: https://docs.joinmastodon.org/methods/media/ (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from integrations.contract import MediaUse, Pending, Progress, Target
from integrations.errors import CallFailed, OutcomeUnknown, Rejected
from integrations.platforms.mastodon.errors import MEDIA_NOT_READY, error_from, error_text
from integrations.protocols.uploads import Uploads, file_of
from integrations.protocols.values import id_in
from mastablasta.core.outbound import Http, Response

V2, V1 = "/api/v2/media", "/api/v1/media"
UNKNOWN_CALL = {404, 405, 501}
GONE = {404, 410}
KEPT_FOR = timedelta(hours=12)  # servers throw away after a day what no status has
PROCESSING_ERROR = "error processing"  # app/controllers/api/v1/media_controller.rb (read 2026-11-28)

# What else is kept in `progress`: that the server knows the old call only, and that the status may be out after all.
ONLY_V1 = "only_v1"
MAYBE_OUT = "maybe_out"


class StatusMedia(Uploads):
    """Each file is kept as {id, at (when it was uploaded), is_ready}. Nothing is visible before a status has it; what
    no status gets, the server throws away."""

    def __init__(
        self, http: Http, target: Target, media: Sequence[MediaUse], progress: Progress, *, focus: Sequence[str] = ()
    ) -> None:
        """`focus`: the point of each file that stays in sight, "x,y" as the server takes it; "" = the middle."""
        super().__init__(http, target, media, progress)
        self.focus = focus

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        """Whether the server has the file, and will for a while."""
        kept = self.kept.get(position)
        return kept is not None and datetime.now(UTC) - datetime.fromisoformat(kept["at"]) < KEPT_FOR

    def send(self, position: int, use: MediaUse) -> Pending | None:
        """Upload one file with its alt text and focus."""
        path = V1 if self.progress.data.get(ONLY_V1) else V2
        focus = self.focus[position] if position < len(self.focus) else ""
        fields = {name: value for name, value in (("description", use.alt_text), ("focus", focus)) if value}
        answer = self.transfer(use.size, path, data=fields, files={"file": file_of(use)})
        if answer.status in UNKNOWN_CALL and path == V2:
            self.progress.save(**{ONLY_V1: True})
            return Pending(datetime.now(UTC))
        if answer.status == 422 or (answer.status == 500 and PROCESSING_ERROR in error_text(answer).lower()):
            raise _unusable(answer, position)
        is_ready = answer.status != 202 or bool(answer.fields().get("url"))  # some servers say 202 always
        self.keep(position, id=_named_in(answer), at=datetime.now(UTC).isoformat(), is_ready=is_ready)
        return None

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        """Ask whether the server has finished with a file, unless it has just said that it begins.

        Source: https://docs.joinmastodon.org/methods/media/#get (read 2026-11-28).
        """
        if self.kept[position]["is_ready"]:
            return None
        answer = None if self.sent_bytes else self._shown(position)
        if answer is None or answer.status == 206:
            return self._wait_for([position])
        if answer.status in GONE:
            return self.upload_again(error_from(answer), lost=[position])
        if answer.status == 422:
            raise _unusable(answer, position)
        _named_in(answer)
        self.keep(position, is_ready=True)
        return None

    def after(self, failure: CallFailed) -> Pending:
        """What a refused status means for its files. Raises `failure` where it means nothing for them.

        Words are localised, so the server is asked for each file. One that it does not have is uploaded again, once,
        and one that it works on is waited for. Where the status may be out after all, a file that is gone may be in it:
        raises OutcomeUnknown then.
        """
        if self.media and failure.code == MEDIA_NOT_READY:
            return self._wait_for(self.kept)
        if not isinstance(failure, Rejected) or failure.http_status not in {400, 404, 422}:
            raise failure
        statuses = {position: self._shown(position).status for position in self.kept}
        gone = [position for position, status in statuses.items() if status in GONE]
        working = [position for position, status in statuses.items() if status == 206]
        if gone and self.progress.data.get(MAYBE_OUT):
            sentence = "The server says that a file is gone, or in a post of this account already."
            raise OutcomeUnknown(sentence, code="media_taken", http_status=failure.http_status) from failure
        if not gone and not working:
            raise failure
        return self.upload_again(failure, lost=gone) if gone else self._wait_for(working)

    def _shown(self, position: int) -> Response:
        return self.http.get(f"{V1}/{quote(str(self.kept[position]['id']), safe='')}")

    def _wait_for(self, positions: Collection[int]) -> Pending:
        pending = self.wait(since=max(datetime.fromisoformat(self.kept[position]["at"]) for position in positions))
        if any(self.kept[position]["is_ready"] for position in positions):
            self.keep(*positions, is_ready=False)
        return pending


def _named_in(answer: Response) -> str:
    """The id of the file that the server tells of. Raises what its answer means."""
    if not answer.is_ok:
        raise error_from(answer)
    remote_id = id_in(answer.fields())
    if not remote_id:
        raise answer.in_doubt("names no file", code="unreadable")
    return remote_id


def _unusable(answer: Response, position: int) -> Rejected:
    said = error_text(answer) or "it does not say why."
    sentence = f"The server cannot use file {position + 1}: {said}"
    return Rejected(sentence, code="media_failed", http_status=answer.status)
