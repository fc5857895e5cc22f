"""Files on their way to Facebook: pictures one by one, videos bit by bit.

Nothing of it is visible: pictures are uploaded unpublished, and a video is shown when its upload is told to finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from integrations.contract import MediaUse, Pending
from integrations.errors import CallFailed, Rejected
from integrations.platforms.facebook.errors import error_from
from integrations.platforms.facebook.videos import ask_for_video
from integrations.protocols.graph import NOT_FOUND
from integrations.protocols.graph_nodes import path_of
from integrations.protocols.graph_uploads import upload_address, upload_rest
from integrations.protocols.uploads import Uploads, file_of
from integrations.protocols.values import id_in, object_in, text_in
from mastablasta.core.outbound import File, Response

CHUNK = 4 << 20
OFFSET_DIFFERS = 1363037
MEDIA_FAILED = "media_failed"
PATIENCE = timedelta(minutes=5)


class PageUploads(Uploads):
    """What all files of a page have in common."""

    def is_lost(self, refused: Rejected) -> bool:
        return refused.code == NOT_FOUND

    def path(self, edge: str) -> str:
        return f"{path_of(self.target.remote_id)}/{edge}"


class Pictures(PageUploads):
    """Each picture is kept as {id}, unpublished until a post or a story takes it.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/photos (read 2026-11-23).
    """

    def send(self, position: int, use: MediaUse) -> None:
        told = {"published": "false"} | ({"alt_text_custom": use.alt_text} if use.alt_text else {})
        answer = self.transfer(use.size, self.path("photos"), data=told, files={"source": file_of(use)})
        if not answer.is_ok:
            raise error_from(answer)
        remote_id = id_in(answer.fields())
        if not remote_id:
            raise answer.in_doubt("names no picture", code="no_id")
        self.keep(position, id=remote_id)


class Videos(PageUploads):
    """A video, kept as {id, whole, ready, sent_at} and what its way of uploading needs.

    Facebook names the video before it has any of it, so that it can be asked for whatever happens later. `edge`: where
    it is begun and finished.
    """

    edge: ClassVar[str]

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        return bool(self.kept.get(position, {}).get("whole"))

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        """Wait until Facebook has put the file together: finished before that, the upload counts as empty.

        Where it does not say so within five minutes, whether it can be finished shows when it is tried.
        """
        kept = self.kept[position]
        if kept.get("ready"):
            return None
        state = ask_for_video(self.http, kept["id"])
        if state.failure:
            raise failed(state.failure)
        sent_at = datetime.fromisoformat(kept["sent_at"])
        if not state.is_uploaded and datetime.now(UTC) - sent_at < PATIENCE:
            return self.wait(since=sent_at)
        self.keep(position, ready=True)
        return None

    def finish_fields(self) -> Mapping[str, Any]:
        """What tells Facebook which upload is finished, and that the video is to be shown at once."""
        return {"video_id": self.kept[0]["id"], "video_state": "PUBLISHED"}

    def arrived(self, position: int, **more: Any) -> None:
        """Keep that the whole file has arrived."""
        self.keep(position, whole=True, sent_at=datetime.now(UTC).isoformat(), **more)

    def begin(self, **told: Any) -> tuple[Response, Mapping[str, Any]]:
        """Begin an upload; return what Facebook answers, with the video's id in it."""
        answer = self.http.post(self.path(self.edge), data={"upload_phase": "start", **told})
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        if not id_in(fields, "video_id"):
            raise answer.in_doubt("names no video", code="no_id")
        return answer, fields


class PostVideo(Videos):
    """A video of a post, in the stretches that Facebook asks for; {session, start, end} are kept with it.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/videos (read 2026-11-23).
    """

    edge = "videos"
    chunk_bytes = CHUNK

    def finish_fields(self) -> Mapping[str, Any]:
        return {"upload_session_id": self.kept[0]["session"]}

    def send(self, position: int, use: MediaUse) -> None:
        kept = self.kept.get(position)
        if kept is None:
            answer, fields = self.begin(file_size=use.size)
            session = id_in(fields, "upload_session_id")
            if not session:
                raise answer.in_doubt("names no upload", code="no_id")
            self.keep(position, id=id_in(fields, "video_id"), session=session, **_span(answer, fields))
            return
        start, end = int(kept["start"]), int(kept["end"])
        file = File("video.mp4", use.mime_type, path=use.path, offset=start, length=min(end - start, CHUNK))
        told = {"upload_phase": "transfer", "upload_session_id": kept["session"], "start_offset": str(start)}
        answer = self.transfer(file.size, self.path("videos"), data=told, files={"video_file_chunk": file})
        span = _span(answer, answer.fields()) if answer.is_ok else _span_asked_for(answer)
        if span["start"] == start and answer.is_ok:
            raise answer.in_doubt("has not taken the stretch", code="no_result")
        if span["start"] < span["end"]:
            self.keep(position, **span)
        else:
            self.arrived(position, **span)


class HostedVideo(Videos):
    """A reel or a story, which goes to a host for uploads in one call; {offset} is kept with it.

    A line that breaks leaves there what has arrived, and the next call goes on behind it. The address is kept as a
    secret.

    Source: https://developers.facebook.com/docs/video-api/guides/reels-publishing (read 2026-11-23).
    """

    def send(self, position: int, use: MediaUse) -> None:
        kept = self.kept.get(position)
        if kept is None:
            _, fields = self.begin()
            url = upload_address(text_in(fields, "upload_url"), self.http, label="Facebook")
            self.progress.save_secret(upload_url=url)
            self.keep(position, id=id_in(fields, "video_id"), offset=0)
            self._transfer(position, use, 0)
            return
        self._go_on_behind(position, use, kept)

    def _go_on_behind(self, position: int, use: MediaUse, kept: Mapping[str, Any]) -> None:
        """Go on behind what has arrived: a call whose answer was lost may have brought all of it."""
        state = ask_for_video(self.http, kept["id"])
        if state.failure:
            raise failed(state.failure)
        if state.is_uploaded or state.arrived_bytes >= use.size:
            self.arrived(position)
            return
        if state.arrived_bytes > int(kept["offset"]):
            self.keep(position, offset=state.arrived_bytes)
        self._transfer(position, use, state.arrived_bytes)

    def _transfer(self, position: int, use: MediaUse, offset: int) -> None:
        upload_rest(self, use, offset, kept_as="upload_url", error_from=error_from)
        self.arrived(position)


class Reel(HostedVideo):
    edge = "video_reels"


class VideoStory(HostedVideo):
    edge = "video_stories"


def failed(said: str) -> Rejected:
    """What to raise for a video that Facebook cannot use."""
    return Rejected(f"Facebook cannot use this video: {said}"[:300], code=MEDIA_FAILED)


def _span(answer: Response, fields: Mapping[str, Any]) -> dict[str, int]:
    """The stretch that Facebook wants next; an empty one = it has all. Raises where it names none."""
    start, end = id_in(fields, "start_offset"), id_in(fields, "end_offset")
    if not (start.isascii() and start.isdecimal() and end.isascii() and end.isdecimal()):
        raise answer.in_doubt("does not say which stretch is next", code="unreadable")
    return {"start": int(start), "end": int(end)}


def _span_asked_for(answer: Response) -> dict[str, int]:
    """The stretch that a refusal asks for, where an earlier answer was lost. Raises what any other refusal means."""
    error = object_in(answer.fields(), "error")
    failure: CallFailed = error_from(answer)
    if error.get("error_subcode") != OFFSET_DIFFERS:
        raise failure
    return _span(answer, object_in(error, "error_data"))
