"""What Facebook may answer beside the truth, of videos and of stories, and what is made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, MediaUse, Part, Pending, Published, Step, Target
from integrations.errors import CallFailed, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.facebook.connector import FINISHED_AT, FacebookConnector
from integrations.platforms.facebook.uploads import OFFSET_DIFFERS
from integrations.protocols.graph import auth_of
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import InMemoryProgress
from tests.kit.raw_server import RawServer, answer, raw_server, says

LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)
NOTHING: frozenset[str] = frozenset()
GONE = {"error": {"code": 100, "error_subcode": 33, "message": "Object with ID '71' does not exist"}}
REFUSED = {"error": {"code": 200, "message": "Permissions error"}}
UPLOAD = "/video-upload/v26.0/71"
PHASE = re.compile(r"(?<=upload_phase=)\w+|(?<=upload_phase\"\r\n\r\n)\w+")
# What is kept of a reel whose file has arrived, and of a video of a post whose upload has been begun.
ARRIVED = {"0": {"id": "71", "whole": True, "ready": True, "sent_at": LONG_AGO.isoformat()}}
UNDER_WAY = {"0": {"id": "71", "session": "s1", "start": 0, "end": 4}}


def scripted(*answers: Mapping[str, Any]) -> AbstractContextManager[RawServer]:
    """Facebook, giving these answers one after the other; what has an `error` is a refusal."""
    return raw_server(says(*(answer(json.dumps(one), 400 if "error" in one else 200) for one in answers)))


def connector_at(server: RawServer) -> FacebookConnector:
    connections.drop_kept()
    http = Http(server.url, auth=auth_of("secret-token", ClientApp("app", "secret")), on_visible=lambda: None)
    return FacebookConnector(Target(server.url, "graph.facebook.com", "17", "Anna's page"), http)


def step_with(folder: Path, post_type: str = "reel", kind: str = "video") -> Step:
    name, mime_type = ("film.mp4", "video/mp4") if kind == "video" else ("picture.jpg", "image/jpeg")
    (folder / name).write_bytes(b"film")
    use = MediaUse("a1", str(folder / name), mime_type, 4, kind=kind)
    return Step(Content((Part("Look" if post_type != "story" else "", (use,)),), post_type=post_type), "k.1.0")


def asked(server: RawServer) -> list[str]:
    """Method and path of each request, and the phase that it tells of an upload."""
    lines = []
    for request in server.requests:
        method, target, _ = request.partition(b"\r\n")[0].decode().split(" ")
        phase = PHASE.search(request.decode(errors="replace"))
        path = target.partition("?")[0].removeprefix("/v26.0")
        lines.append(f"{method} {path} {phase[0]}" if phase else f"{method} {path}")
    return lines


def video(video_status: str = "ready", publishing: str = "not_started", **more: Any) -> dict[str, Any]:
    status = {"video_status": video_status, "publishing_phase": {"status": publishing}}
    return {"id": "71", "status": status, **more}


# --- a video that is told to be shown ---


def test_video_that_facebook_has_lost_is_uploaded_once_more_and_then_rejected(tmp_path: Path) -> None:
    step, notes = step_with(tmp_path), InMemoryProgress(media=ARRIVED)
    with scripted(GONE) as server:
        waits = connector_at(server).publish(step, progress=notes)

    assert isinstance(waits, Pending)
    assert (notes.data["media"], notes.data.get(FINISHED_AT)) == ({}, None)

    notes.save(media=ARRIVED)
    with scripted(GONE) as server, pytest.raises(Rejected, match="does not exist"):
        connector_at(server).publish(step, progress=notes)

    assert asked(server) == ["POST /17/video_reels finish"]


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (REFUSED, CallFailed, "scope_missing"),
        ({"success": False}, OutcomeUnknown, "no_result"),
        ({}, OutcomeUnknown, "no_result"),
        ({"success": "true"}, OutcomeUnknown, "no_result"),
    ],
)
def test_video_counts_as_taken_only_when_facebook_says_so(
    tmp_path: Path, said: dict[str, Any], outcome: type[CallFailed], code: str
) -> None:
    notes = InMemoryProgress(media=ARRIVED)
    with scripted(said) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step_with(tmp_path), progress=notes)

    assert (caught.value.code, notes.data, len(server.requests)) == (code, {"media": ARRIVED}, 1)


@pytest.mark.parametrize(
    ("minutes", "said", "outcome", "code"),
    [
        (1, video("error"), Rejected, "media_failed"),
        (600, video("processing", "in_progress"), OutcomeUnknown, "not_shown_yet"),
        (600, {"id": "72"}, Unavailable, "unreadable"),
        (600, GONE, Rejected, "not_found"),
    ],
)
def test_video_that_is_taken_and_not_shown_is_told(
    tmp_path: Path, minutes: int, said: dict[str, Any], outcome: type[CallFailed], code: str
) -> None:
    finished_at = datetime.now(UTC) - timedelta(minutes=minutes)
    notes = InMemoryProgress(media=ARRIVED, **{FINISHED_AT: finished_at.isoformat()})
    with scripted(said) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step_with(tmp_path), progress=notes)

    assert (caught.value.code, asked(server)) == (code, ["GET /71"])


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (GONE, Absent()),
        (video(), Absent()),  # never told to finish
        (video("error", "in_progress"), Absent()),
        (video("processing", "in_progress"), "not_shown_yet"),
        (REFUSED, "scope_missing"),
        (video("ready", "complete"), Found("71", "https://www.facebook.com/71")),
        (video(post_id="17_9"), Found("71", "https://www.facebook.com/71")),
    ],
)
def test_video_that_may_be_out_is_asked_for_by_its_id(tmp_path: Path, said: dict[str, Any], found: object) -> None:
    notes = InMemoryProgress(media=ARRIVED)
    with scripted(said) as server:
        try:
            seen: object = connector_at(server).reconcile(
                step_with(tmp_path), progress=notes, since=LONG_AGO, known=NOTHING
            )
        except CallFailed as failure:
            seen = failure.code

    assert (seen, asked(server)) == (found, ["GET /71"])


# --- the stretches of a post's video ---


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"video_id": "71"}, "no_id"),
        ({"upload_session_id": "s1"}, "no_id"),
        ({"video_id": "71", "upload_session_id": "s1"}, "unreadable"),
        ({"video_id": "71", "upload_session_id": "s1", "start_offset": "-1", "end_offset": "4"}, "unreadable"),
        ({"video_id": "71", "upload_session_id": "s1", "start_offset": "0", "end_offset": "٤"}, "unreadable"),
    ],
)
def test_upload_that_is_begun_without_its_names_keeps_nothing(tmp_path: Path, said: dict[str, Any], code: str) -> None:
    notes = InMemoryProgress()
    with scripted(said) as server, pytest.raises(Unavailable) as caught:
        connector_at(server).publish(step_with(tmp_path, "standard"), progress=notes)

    assert (caught.value.code, notes.data, asked(server)) == (code, {}, ["POST /17/videos start"])


def test_stretch_that_facebook_has_already_is_not_sent_again(tmp_path: Path) -> None:
    """The answer to it was lost: Facebook refuses it and says which one it wants, here none."""
    differs = {"code": 6001, "error_subcode": OFFSET_DIFFERS, "message": "The offset differs", "error_data": {}}
    differs["error_data"] = {"start_offset": "4", "end_offset": "4"}
    notes = InMemoryProgress(media=UNDER_WAY)
    finished = {"success": True}, video("ready", "complete")
    with scripted({"error": differs}, video("upload_complete"), *finished) as server:
        out = connector_at(server).publish(step_with(tmp_path, "standard"), progress=notes)

    assert isinstance(out, Published)
    assert asked(server) == ["POST /17/videos transfer", "GET /71", "POST /17/videos finish", "GET /71"]


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        ({"start_offset": "0", "end_offset": "4"}, Unavailable, "no_result"),
        (REFUSED, CallFailed, "scope_missing"),
        ({"error": {"code": 6001, "error_subcode": OFFSET_DIFFERS, "message": "?"}}, Unavailable, "unreadable"),
    ],
)
def test_stretch_that_does_not_arrive_is_kept_as_not_sent(
    tmp_path: Path, said: dict[str, Any], outcome: type[CallFailed], code: str
) -> None:
    notes = InMemoryProgress(media=UNDER_WAY)
    with scripted(said) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step_with(tmp_path, "standard"), progress=notes)

    assert (caught.value.code, notes.data["media"], len(server.requests)) == (code, UNDER_WAY, 1)


# --- what has arrived of a reel ---


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (video("error"), Rejected, "media_failed"),
        ({"id": "72"}, Unavailable, "unreadable"),
    ],
)
def test_reel_that_cannot_go_on_is_told(
    tmp_path: Path, said: dict[str, Any], outcome: type[CallFailed], code: str
) -> None:
    notes = InMemoryProgress(media={"0": {"id": "71", "offset": 0}})
    with scripted(said) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step_with(tmp_path), progress=notes)

    assert (caught.value.code, asked(server)) == (code, ["GET /71"])


def test_reel_goes_on_behind_what_has_arrived(tmp_path: Path) -> None:
    notes = InMemoryProgress(media={"0": {"id": "71", "offset": 0}})
    partly = {"id": "71", "status": {"uploading_phase": {"status": "in_progress", "bytes_transferred": 3}}}
    out = {"success": True}, video("ready", "complete")
    with scripted(partly, {"success": True}, video(), *out) as server:
        notes.save_secret(upload_url=f"{server.url}{UPLOAD}")
        connector_at(server).publish(step_with(tmp_path), progress=notes)

    sent = server.requests[1]
    assert asked(server)[1] == f"POST {UPLOAD}"
    assert b"offset: 3\r\n" in sent.lower()
    assert sent.endswith(b"\r\n\r\nm")


# --- a picture in a story ---


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"data": [{"media_id": "80", "post_id": "9"}, {"media_id": "81", "post_id": "10"}]}, "10"),
        ({"data": [{"media_id": "81"}, {"media_id": "82", "post_id": "9"}]}, CannotTell),
        ({"data": 7}, CannotTell),
        ({"data": ["81"]}, CannotTell),
        (REFUSED, "scope_missing"),
    ],
)
def test_story_is_found_by_its_picture_or_cannot_be_told(tmp_path: Path, said: dict[str, Any], found: object) -> None:
    """A page that keeps no archive lists none, so that what is not listed may be out."""
    notes = InMemoryProgress(media={"0": {"id": "81"}})
    with scripted(said) as server:
        connector, step = connector_at(server), step_with(tmp_path, "story", "image")
        try:
            seen = connector.reconcile(step, progress=notes, since=LONG_AGO, known=NOTHING)
            told: object = seen.remote_id if isinstance(seen, Found) else type(seen)
        except CallFailed as failure:
            told = failure.code

    assert (told, asked(server)) == (found, ["GET /17/stories"])


def test_story_whose_picture_was_never_uploaded_is_absent(tmp_path: Path) -> None:
    with scripted({}) as server:
        step = step_with(tmp_path, "story", "image")
        looked = connector_at(server).reconcile(step, progress=InMemoryProgress(), since=LONG_AGO, known=NOTHING)

    assert (looked, server.requests) == (Absent(), [])


@pytest.mark.parametrize("body", ["[]", "<html>", '"data"'])
def test_list_of_stories_that_is_none_is_asked_for_again(tmp_path: Path, body: str) -> None:
    step, notes = step_with(tmp_path, "story", "image"), InMemoryProgress(media={"0": {"id": "81"}})
    with raw_server(says(answer(body))) as server, pytest.raises(Unavailable) as caught:
        connector_at(server).reconcile(step, progress=notes, since=LONG_AGO, known=NOTHING)

    assert caught.value.code == "unreadable"
