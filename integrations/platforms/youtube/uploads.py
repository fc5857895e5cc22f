"""A video on its way to YouTube, bit by bit, over a session that outlives us; nobody can see it yet.

Source: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from integrations.contract import MediaUse, Pending, Progress, Step, Target
from integrations.errors import CallFailed, OperatorProblem, Rejected, Unavailable
from integrations.platforms.youtube.addresses import UPLOADS
from integrations.platforms.youtube.errors import NOT_FOUND, UPLOAD_GONE, error_from
from integrations.platforms.youtube.videos import ask_for_video, draft, film_of, parts_of
from integrations.protocols.uploads import Uploads
from integrations.protocols.values import id_in
from mastablasta.core.outbound import File, Http, Response

PATH = "/upload/youtube/v3/videos"
CHUNK = 8 << 20  # every stretch but the last has to be a multiple of 256 KiB
SESSION = "upload_session"
RESUME = 308
_GONE = frozenset({404, 410})
_RANGE = re.compile(r"bytes=0-([0-9]{1,15})")
# How long a video that has just arrived may be missing from answers before it counts as deleted.
NOT_LISTED_FOR = timedelta(minutes=2)


class Film(Uploads):
    """The video of a step, kept as {next, begun_at} while it is sent and {id, sent_at, ready} from then on.

    The session's address is a secret: whoever has it can upload. One session makes at most one video, so what a crash
    leaves open is asked for first: how much has arrived, or which video it has become.

    `look_up`: finds the private video that a session has made which is gone by now, by what its draft says; "" = there
    is none.
    """

    chunk_bytes = CHUNK
    longest_wait = timedelta(minutes=1)
    longest_processing = timedelta(hours=6)

    def __init__(
        self, http: Http, target: Target, step: Step, progress: Progress, *, look_up: Callable[[datetime], str]
    ) -> None:
        super().__init__(http, target, [film_of(step.part)], progress)
        self._step = step
        self._look_up = look_up
        self._knows_what_arrived = False

    @property
    def video_id(self) -> str:
        """Raises KeyError while it is not uploaded."""
        return str(self.kept[0]["id"])

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        return "id" in self.kept.get(position, {})

    def is_lost(self, refused: Rejected) -> bool:
        return refused.code in {UPLOAD_GONE, NOT_FOUND}

    def send(self, position: int, use: MediaUse) -> None:
        session = str(self.progress.data.get(SESSION) or "")
        if position not in self.kept:
            self._begin(position, use)
        elif not session:  # the key that it was encrypted with is lost
            self._find_or_forget(position)
        elif not self._knows_what_arrived:
            self._ask_what_arrived(position, use, session)
        else:
            self._send_stretch(position, use, session)

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        """Wait until YouTube has made of the file what people can watch. Raises Rejected with its reason otherwise."""
        kept = self.kept[position]
        if kept.get("ready"):
            return None
        sent_at = datetime.fromisoformat(kept["sent_at"])
        state = ask_for_video(self.http, kept["id"])
        if state is None and datetime.now(UTC) - sent_at > NOT_LISTED_FOR:
            raise Rejected("The video was deleted at YouTube before it could be shown.", code=NOT_FOUND)
        if state is not None and state.failure is not None:
            raise state.failure
        if state is None or not state.is_processed:
            return self.wait(since=sent_at)
        self.keep(position, ready=True)
        return None

    def _begin(self, position: int, use: MediaUse) -> None:
        resource = draft(self._step)
        tells = self._step.content.options.get("notify_subscribers", True)
        answer = self.http.post(
            PATH,
            params={
                "uploadType": "resumable",
                "part": parts_of(resource),
                "notifySubscribers": "true" if tells else "false",
            },
            json=resource,
            headers={"X-Upload-Content-Type": use.mime_type, "X-Upload-Content-Length": str(use.size)},
        )
        if not answer.is_ok:
            raise error_from(answer)
        address = session_address(self.http, answer)
        self.progress.save_secret(**{SESSION: address})
        self.keep(position, next=0, begun_at=datetime.now(UTC).isoformat())
        self._knows_what_arrived = True

    def _ask_what_arrived(self, position: int, use: MediaUse, session: str) -> None:
        span = f"bytes */{use.size}"
        answer = self.transfer(0, session, method="PUT", data=b"", headers={"Content-Range": span})
        self._take(position, answer, most=int(self.kept[position]["next"]) + CHUNK, size=use.size)
        self._knows_what_arrived = True

    def _send_stretch(self, position: int, use: MediaUse, session: str) -> None:
        start = int(self.kept[position]["next"])
        file = File("video", use.mime_type, path=use.path, offset=start, length=min(CHUNK, use.size - start))
        span = f"bytes {start}-{start + file.size - 1}/{use.size}"
        answer = self.transfer(file.size, session, method="PUT", data=file, headers={"Content-Range": span})
        self._take(position, answer, least=start + 1, most=start + file.size, size=use.size)

    def _take(self, position: int, answer: Response, *, most: int, size: int, least: int = 0) -> None:
        """Keep what a session says has come of it. Raises where it says what cannot be."""
        if answer.status == RESUME:
            arrived = _arrived(answer)
            if not least <= arrived <= min(most, size - 1):
                raise answer.in_doubt(f"says that {arrived} bytes have arrived", code="no_result")
            if arrived != self.kept[position]["next"]:
                self.keep(position, next=arrived)
            return
        if answer.status in _GONE:
            self._find_or_forget(position)
            return
        if not answer.is_ok:
            raise _refusal(answer)
        video_id = id_in(answer.fields())
        if not video_id:
            raise answer.in_doubt("names no video", code="no_id")
        self._keep_video(position, video_id)

    def _find_or_forget(self, position: int) -> None:
        """A session that is gone may have ended with a video. Raises Rejected (upload_gone) where there is none."""
        begun_at = datetime.fromisoformat(self.kept[position]["begun_at"])
        video_id = self._look_up(begun_at)
        if not video_id:
            raise Rejected("YouTube has forgotten the upload.", code=UPLOAD_GONE)
        self._keep_video(position, video_id)

    def _keep_video(self, position: int, video_id: str) -> None:
        self.keep(position, id=video_id, sent_at=datetime.now(UTC).isoformat())


def session_address(http: Http, answer: Response) -> str:
    """The address of a session that an answer has opened, which has to be one that the token may go to.

    Raises Unavailable where it names none, OperatorProblem where it is another.
    """
    parts, own = urlsplit(answer.headers.get("location", "")), urlsplit(http.base_url)
    if not parts.netloc:
        raise answer.in_doubt("names no address to upload to", code="no_id")
    if f"{parts.scheme}://{parts.netloc}" not in {f"{own.scheme}://{own.netloc}", *UPLOADS}:
        raise OperatorProblem("YouTube names a strange address to upload to.", code="strange_origin")
    return parts.geturl()


def _refusal(answer: Response) -> CallFailed:
    """A stretch that does not fit says that we are wrong about what has arrived: it is asked for the next time."""
    failure = error_from(answer)
    if isinstance(failure, Rejected) and answer.status == 400:
        return Unavailable(failure.message, code="no_result", http_status=answer.status)
    return failure


def _arrived(answer: Response) -> int:
    """How many bytes a session has; without the header it has none."""
    said = answer.headers.get("range", "")
    found = _RANGE.fullmatch(said.strip())
    if said and not found:
        raise answer.in_doubt("does not say how much has arrived", code="unreadable")
    return int(found[1]) + 1 if found else 0
