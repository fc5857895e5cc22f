"""Files on their way to a platform, a bounded stretch a call; what a crash must not lose is kept in `progress`."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from integrations.contract import MediaUse, Pending, Progress, Target
from integrations.errors import CallFailed, Rejected, Unavailable
from mastablasta.core.outbound import File, Http, Response

LONGEST_STRETCH = timedelta(seconds=20)
AFTER_BROKEN_LINE = timedelta(seconds=2)
LONGEST_CALL_S = 55.0
SLOWEST_BYTES_S = 250_000

Kept = dict[str, Any]


class Uploads(ABC):
    """The files of one part. Call `go_on` until it gives None: then the platform has them all, ready to be used.

    A platform says how a file gets further (`send`, `poll`) and when it is uploaded. What is kept of each, JSON with
    its `id` in it, stands by position under `progress_key` in the step's progress, so that a successor goes on there;
    it is forgotten with the part. `again_key` says there that files were uploaded once more. An object is made for one
    `go_on`.
    `chunk_bytes`: how much of a file one call sends at most. `at_once_bytes`: how much one `go_on` sends, or one call
    if that is more. `shortest_wait`, `longest_wait`, `longest_processing`: how often the platform is asked whether it
    has finished, and for how long.
    """

    progress_key: ClassVar[str] = "media"
    again_key: ClassVar[str] = "media_again"
    keeps_list: ClassVar[bool] = False
    chunk_bytes: ClassVar[int] = sys.maxsize
    at_once_bytes: ClassVar[int] = 8 << 20
    shortest_wait: ClassVar[timedelta] = timedelta(seconds=1)
    longest_wait: ClassVar[timedelta] = timedelta(seconds=15)
    longest_processing: ClassVar[timedelta] = timedelta(minutes=10)

    def __init__(self, http: Http, target: Target, media: Sequence[MediaUse], progress: Progress) -> None:
        self.http = http
        self.target = target
        self.media = media
        self.progress = progress
        self.sent_bytes = 0
        self.has_progressed = False  # has kept something new

    # --- what a platform says ---

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        """Whether nothing of this file is left to be sent."""
        return position in self.kept

    @abstractmethod
    def send(self, position: int, use: MediaUse) -> Pending | None:
        """Make the next call for a file that is not uploaded, and `keep` what came of it; Pending = no more for now."""

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        """Find out whether the platform has finished with a file that is uploaded; None = it has."""
        return None

    def conclude(self) -> Pending | None:
        """Do what is left to be done when the platform has finished with every file; None = nothing is left."""
        return None

    def is_lost(self, refused: Rejected) -> bool:  # noqa: ARG002
        """Whether a refusal says that what was uploaded is there no more, so that all is uploaded once more."""
        return False

    # --- what is the same everywhere ---

    def go_on(self) -> Pending | None:
        """Bring the files further, by a bounded amount; None = the platform has them all.

        A line that breaks after some of it is not a failure: a long file outlasts a bad line. Raises Rejected for a
        file that the platform cannot use, and whatever else its answers mean.
        """
        try:
            return self._go_on(begun_at=datetime.now(UTC))
        except Unavailable:
            if not self.has_progressed:
                raise
            return Pending(datetime.now(UTC) + AFTER_BROKEN_LINE)
        except Rejected as refused:
            if not self.is_lost(refused):
                raise
            return self.upload_again(refused)

    def _go_on(self, *, begun_at: datetime) -> Pending | None:
        for position, use in enumerate(self.media):
            while not self.is_uploaded(position, use):
                is_enough = self.sent_bytes + min(use.size, self.chunk_bytes) > self.at_once_bytes
                is_late = datetime.now(UTC) - begun_at >= LONGEST_STRETCH
                if (self.sent_bytes and is_enough) or (self.has_progressed and is_late):
                    return Pending(datetime.now(UTC))
                if waits := self.send(position, use):
                    return waits
        for position, use in enumerate(self.media):
            if waits := self.poll(position, use):
                return waits
        return self.conclude()

    def upload_again(self, failure: CallFailed, *, lost: Collection[int] | None = None) -> Pending:
        """Forget what the platform has no more: the files at `lost`, or all. Raises `failure` the second time."""
        if self.progress.data.get(self.again_key):
            raise failure
        left = {} if lost is None else {position: kept for position, kept in self.kept.items() if position not in lost}
        self._save(left, **{self.again_key: True})
        return Pending(datetime.now(UTC))

    def wait(self, *, since: datetime) -> Pending:
        """Come back for a file that the platform has worked on since then: soon at first, then less and less often.

        Raises Rejected when it has worked for too long.
        """
        worked = datetime.now(UTC) - since
        if worked > self.longest_processing:
            minutes = self.longest_processing // timedelta(minutes=1)
            sentence = f"The platform has not finished with the file within {minutes} minutes."
            raise Rejected(sentence, code="processing_timeout")
        return Pending(datetime.now(UTC) + min(max(worked, self.shortest_wait), self.longest_wait))

    def transfer(
        self, size: int, path_or_url: str, *, http: Http | None = None, method: str = "POST", **how: Any
    ) -> Response:
        """Make the call that carries `size` bytes of a file, at another host if `http` says so.

        How long it takes says something of the line, not of the host: Unavailable is `upload_timed_out` then.
        """
        self.sent_bytes += size
        try:
            return (http or self.http).request(method, path_or_url, **{"timeout_s": timeout_s(size), **how})
        except Unavailable as failure:
            if not size or failure.code != "timed_out":
                raise
            raise Unavailable(failure.message, code="upload_timed_out") from failure

    @property
    def kept(self) -> dict[int, Kept]:
        """What is kept of the files, by their positions."""
        return kept_in(self.progress.data, self.progress_key)

    def keep(self, *positions: int, **values: Any) -> None:
        """Add `values` (JSON) to what is kept of these files, durably."""
        kept = self.kept
        self._save({**kept, **{position: {**kept.get(position, {}), **values} for position in positions}})

    def _save(self, kept: Mapping[int, Kept], **more: Any) -> None:
        in_order = {str(position): kept[position] for position in sorted(kept)}
        self.progress.save(**{self.progress_key: list(in_order.values()) if self.keeps_list else in_order}, **more)
        self.has_progressed = True


def kept_in(progress: Mapping[str, Any], progress_key: str = Uploads.progress_key) -> dict[int, Kept]:
    """What a step's progress holds of its files, by their positions, in order."""
    stored = progress.get(progress_key) or {}
    by_position = enumerate(stored) if isinstance(stored, list) else stored.items()
    return dict(sorted((int(position), kept) for position, kept in by_position))


def ids_in(progress: Mapping[str, Any]) -> list[str]:
    """The ids under which the platform has the files of a step, in their order, as far as they are known."""
    return [str(kept["id"]) for kept in kept_in(progress).values()]


def timeout_s(size: int) -> float:
    """How long the whole call may take that sends so many bytes."""
    return min(LONGEST_CALL_S, 10.0 + size / SLOWEST_BYTES_S)


def file_of(use: MediaUse) -> File:
    """The file as it is sent: its bytes from the disk, under a name that tells nothing but its type."""
    return File(f"{use.asset_id}.{use.mime_type.partition('/')[2]}", use.mime_type, path=use.path)
