"""Containers: what Instagram makes of files before a post is made of them. None of it is visible.

A container lives for a day and is published once at most, so it is the key of its post: whatever is lost on the way,
asking for it shows whether the post is out. One that fails or has ended is made again, once.

Sources: https://developers.facebook.com/docs/instagram-platform/content-publishing,
…/content-publishing/resumable-uploads and …/instagram-graph-api/reference/ig-container (read 2026-11-23).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from integrations.contract import MediaUse, Pending, Progress, Step, Target
from integrations.errors import CallFailed, OutcomeUnknown, Rejected
from integrations.platforms.instagram.errors import GONE, MADE_AGAIN, error_from, failure_of
from integrations.platforms.instagram.rules import is_film, shown
from integrations.protocols.graph_nodes import path_of
from integrations.protocols.graph_uploads import upload_address, upload_rest
from integrations.protocols.uploads import Kept, Uploads, kept_in
from integrations.protocols.values import id_in, object_in, text_in
from mastablasta.core.outbound import Http, Response

FINISHED, PUBLISHED, IN_PROGRESS, EXPIRED = "FINISHED", "PUBLISHED", "IN_PROGRESS", "EXPIRED"
_STATES = frozenset({FINISHED, PUBLISHED, IN_PROGRESS, EXPIRED, "ERROR"})
_SUBCODE = re.compile(r"\b22\d{5}\b")


@dataclass(frozen=True, slots=True)
class ContainerState:
    """`code`: FINISHED, PUBLISHED, IN_PROGRESS, EXPIRED or ERROR. `said`: what Instagram says of it, for people.

    `arrived_bytes`: how many of the file it has, where that is uploaded; `has_all`: whether that is all of it.
    """

    code: str
    said: str
    arrived_bytes: int
    has_all: bool
    answer: Response


def ask_for_container(http: Http, container: str, *, is_uploading: bool = False) -> ContainerState:
    """Ask how far a container is. Raises what the answer means: in `MADE_AGAIN` is one that Instagram does not have."""
    fields = "id,status_code,status" + (",video_status" if is_uploading else "")
    answer = http.get(path_of(container), params={"fields": fields})
    if not answer.is_ok:
        raise error_from(answer)
    told = answer.fields()
    code = text_in(told, "status_code")
    if id_in(told) != container or code not in _STATES:
        raise answer.in_doubt("is not about the container", code="unreadable")
    phase = object_in(object_in(told, "video_status"), "uploading_phase")
    arrived = phase.get("bytes_transferred")
    has_all = text_in(phase, "status") == "complete" or code in {FINISHED, PUBLISHED}
    return ContainerState(code, text_in(told, "status"), arrived if type(arrived) is int else 0, has_all, answer)


class Containers(Uploads):
    """One container a file, kept as {id, made_at, whole, ready}; of several files another one behind them.

    A video goes to a host for uploads, from where a broken line left it, unless its file is to be fetched; the address
    is kept as a secret.
    """

    shortest_wait: ClassVar[timedelta] = timedelta(seconds=2)
    longest_wait: ClassVar[timedelta] = timedelta(seconds=30)
    longest_processing: ClassVar[timedelta] = timedelta(minutes=30)

    def __init__(self, http: Http, target: Target, step: Step, progress: Progress) -> None:
        self.step = step
        self.files = shown(step.part)
        super().__init__(http, target, self.files, progress)

    @property
    def creation_id(self) -> str:
        """The container that is published. Call it when `go_on` has given None."""
        return str(self.kept[self._last]["id"])

    @property
    def _is_carousel(self) -> bool:
        return len(self.files) > 1

    @property
    def _last(self) -> int:
        return len(self.files) if self._is_carousel else 0

    def is_uploaded(self, position: int, use: MediaUse) -> bool:  # noqa: ARG002
        return bool(self.kept.get(position, {}).get("whole"))

    def send(self, position: int, use: MediaUse) -> None:
        kept = self.kept.get(position)
        if kept is not None:
            self._go_on_behind(position, use, kept)
            return
        said = file_fields(use) | self._about(position, use)
        if self._is_carousel:
            said |= {"is_carousel_item": "true"}
        answer, container = self._make(said)
        if use.url:
            self._keep_new(position, container, whole=True)
            return
        url = upload_address(text_in(answer.fields(), "uri"), self.http, label="Instagram")
        self.progress.save_secret(**{f"upload_{position}": url})
        self._keep_new(position, container, whole=False)
        self._transfer(position, use, 0)

    def poll(self, position: int, use: MediaUse) -> Pending | None:  # noqa: ARG002
        return self._poll(position)

    def conclude(self) -> Pending | None:
        """Make the container of several files, when theirs are finished."""
        if not self._is_carousel:
            return None
        if self._last not in self.kept:
            children = ",".join(str(self.kept[position]["id"]) for position in range(len(self.files)))
            _, container = self._make({"media_type": "CAROUSEL", "children": children, **post_fields(self.step)})
            self._keep_new(self._last, container, whole=True)
        return self._poll(self._last)

    def is_lost(self, refused: Rejected) -> bool:
        return refused.code in MADE_AGAIN

    def wait_again(self) -> Pending:
        """Come back for the container that is published, which turned out not to be ready."""
        self.keep(self._last, ready=False)
        return self.wait(since=datetime.fromisoformat(self.kept[self._last]["made_at"]))

    def _poll(self, position: int) -> Pending | None:
        """Wait until a container can be used. Raises OutcomeUnknown for one whose post is out without our knowing."""
        kept = self.kept[position]
        if kept.get("ready"):
            return None
        state = ask_for_container(self.http, kept["id"])
        if state.code == IN_PROGRESS:
            return self.wait(since=datetime.fromisoformat(kept["made_at"]))
        if state.code == PUBLISHED:
            raise OutcomeUnknown("Instagram has published it already.", code="published_before")
        if state.code == EXPIRED:
            raise Rejected("Instagram no longer has what it was sent.", code=GONE)
        if state.code != FINISHED:
            raise failed(state)
        self.keep(position, ready=True)
        return None

    def _about(self, position: int, use: MediaUse) -> dict[str, str]:
        """What is said with one file: of all of the post where it is alone, else of the file."""
        said = tag_fields(self.step, position)
        if use.kind == "image" and use.alt_text and self.step.content.post_type != "story":
            said |= {"alt_text": use.alt_text}
        if self._is_carousel:
            return said | ({"media_type": "VIDEO"} if use.kind == "video" else {})
        if self.step.content.post_type == "story":
            return said | {"media_type": "STORIES"}
        if is_film(self.step.content, self.step.part):
            said |= {"media_type": "REELS", **reel_fields(self.step)}
        return said | post_fields(self.step)

    def _make(self, said: Mapping[str, str]) -> tuple[Response, str]:
        path = f"{path_of(self.target.remote_id)}/media"
        answer = self.http.post(path, data=said)
        if not answer.is_ok:
            raise error_from(answer)
        container = id_in(answer.fields())
        if not container:
            raise answer.in_doubt("names no container", code="no_id")
        return answer, container

    def _keep_new(self, position: int, container: str, *, whole: bool) -> None:
        self.keep(position, id=container, made_at=datetime.now(UTC).isoformat(), whole=whole)

    # --- uploads ---

    def _go_on_behind(self, position: int, use: MediaUse, kept: Kept) -> None:
        """Go on behind what has arrived: a call whose answer was lost may have brought all of it."""
        state = ask_for_container(self.http, kept["id"], is_uploading=True)
        if state.code == "ERROR":
            raise failed(state)
        if state.has_all or state.arrived_bytes >= use.size:
            self.keep(position, whole=True)
            return
        self._transfer(position, use, state.arrived_bytes)

    def _transfer(self, position: int, use: MediaUse, offset: int) -> None:
        upload_rest(self, use, offset, kept_as=f"upload_{position}", error_from=error_from)
        self.keep(position, whole=True)


def container_in(step: Step, progress: Progress) -> str:
    """The container whose publishing makes the step visible; "" = there is none yet, so nothing can be out."""
    kept = kept_in(progress.data)
    files = len(shown(step.part))
    return str(kept.get(files if files > 1 else 0, {}).get("id", ""))


def failed(state: ContainerState) -> CallFailed:
    """What to raise for a container that ended in an error."""
    found = _SUBCODE.search(state.said)
    return failure_of(found[0] if found else "", state.said[:300], state.answer)


# --- what is said of a post ------------------------------------------------------------------------------------------
def file_fields(use: MediaUse) -> dict[str, str]:
    """Where a file is: at an address, or to be uploaded."""
    if not use.url:
        return {"upload_type": "resumable"}
    return {"video_url" if use.kind == "video" else "image_url": use.url}


def post_fields(step: Step) -> dict[str, str]:
    """What is said of a whole post: its caption, who shows it too, and where it was.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media
    (read 2026-11-23).
    """
    options = step.content.options
    said = {"caption": step.part.text} if step.part.text else {}
    if names := options.get("collaborators"):
        said["collaborators"] = json.dumps(names)
    if place := options.get("location_id"):
        said["location_id"] = str(place)
    return said


def reel_fields(step: Step) -> dict[str, str]:
    """What only reels have: a cover, or where in it the thumbnail is; whether the grid shows it; its sound's name."""
    options = step.content.options
    said = {}
    if cover := next((use.url for use in step.part.media if use.role == "cover" and use.url), ""):
        said["cover_url"] = cover
    elif options.get("thumb_offset") is not None:
        said["thumb_offset"] = str(options["thumb_offset"])
    if options.get("share_to_feed") is not None:
        said["share_to_feed"] = "true" if options["share_to_feed"] else "false"
    if name := options.get("audio_name"):
        said["audio_name"] = str(name)
    return said


def tag_fields(step: Step, position: int) -> dict[str, str]:
    """Who is to be seen in the file at a position."""
    tags = [
        {name: value for name, value in tag.items() if name != "media_index"}
        for tag in step.content.options.get("user_tags") or ()
        if tag.get("media_index", 0) == position
    ]
    return {"user_tags": json.dumps(tags)} if tags else {}
