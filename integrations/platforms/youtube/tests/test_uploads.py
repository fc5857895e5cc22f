"""What sessions, videos and updates may answer beside the truth, and what is made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Content, Part, Step, Target
from integrations.errors import CallFailed, OperatorProblem, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.youtube import uploads
from integrations.platforms.youtube.connector import YouTubeConnector
from integrations.sign_in import NO_APP
from mastablasta.core.outbound import Http, connections
from tests.kit.connector_contract import InMemoryProgress
from tests.kit.media_contract import MediaFolder
from tests.kit.raw_server import RawServer, answer, raw_server, says

LONG_AGO = "2026-11-01T00:00:00+00:00"


def connector_at(server: RawServer) -> YouTubeConnector:
    connections.drop_kept()
    http = Http(server.url, auth=YouTubeConnector.auth("secret-token", NO_APP), on_visible=lambda: None)
    return YouTubeConnector(Target(server.url, "host", "UC1", "@anna"), http)


def step(folder: Path, **options: Any) -> Step:
    return Step(Content((Part("Look", (MediaFolder(folder).video(),)),), options), "k.1.0")


def under_way(**kept: Any) -> InMemoryProgress:
    """A session that has been begun, or what `kept` says."""
    return InMemoryProgress(media={"0": {"next": 0, "begun_at": LONG_AGO, **kept}})


@pytest.mark.parametrize(
    ("location", "outcome", "code"),
    [
        ("", Unavailable, "no_id"),
        ("/upload/youtube/v3/videos?upload_id=1", Unavailable, "no_id"),
        ("https://attacker.example/upload?upload_id=1", OperatorProblem, "strange_origin"),
        ("http://www.googleapis.com/upload?upload_id=1", OperatorProblem, "strange_origin"),
    ],
)
def test_session_at_a_strange_address_gets_nothing(
    tmp_path: Path, location: str, outcome: type[CallFailed], code: str
) -> None:
    notes = InMemoryProgress()
    with raw_server(says(answer("", location=location))) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step(tmp_path), progress=notes)

    assert (caught.value.code, notes.data, len(server.requests)) == (code, {}, 1)


@pytest.mark.parametrize("said", ["bytes=5-9", "bytes=0-", "everything", "bytes=0-99999999"])
def test_session_that_does_not_say_how_much_it_has_is_asked_again(tmp_path: Path, said: str) -> None:
    notes = under_way()
    with raw_server(says(answer("", 308, range=said))) as server:
        session = f"{server.url}{uploads.PATH}?uploadType=resumable&upload_id=1"
        notes.save_secret(**{uploads.SESSION: session})
        with pytest.raises(Unavailable):
            connector_at(server).publish(step(tmp_path), progress=notes)

    assert b"content-range: bytes */" in server.requests[0].lower()


@pytest.mark.parametrize("description", ["k.1.0", "another"])
def test_session_whose_address_cannot_be_read_any_more_is_looked_for(tmp_path: Path, description: str) -> None:
    """As after the loss of the key that it was encrypted with."""
    snippet = {"title": "Look", "description": description, "publishedAt": "2026-11-01T00:00:01Z"}
    item = {"snippet": snippet, "contentDetails": {"videoId": "AAAAAAAAAAA"}, "status": {"privacyStatus": "private"}}
    listed = answer(json.dumps({"items": [item]}))
    processing = answer(json.dumps({"items": [{"id": "AAAAAAAAAAA", "status": {"uploadStatus": "uploaded"}}]}))
    notes = under_way()
    with raw_server(says(listed, processing)) as server:
        waits = connector_at(server).publish(step(tmp_path), progress=notes)

    assert waits is not None
    kept = notes.data["media"]
    assert (kept["0"]["id"] if kept else "") == ("AAAAAAAAAAA" if description == "k.1.0" else "")


@pytest.mark.parametrize(
    ("sent_at", "is_lost"), [(LONG_AGO, True), (datetime(2031, 1, 1, tzinfo=UTC).isoformat(), False)]
)
def test_video_that_is_not_listed_is_given_time_and_then_uploaded_once_more(
    tmp_path: Path, sent_at: str, is_lost: bool
) -> None:
    notes = under_way(id="AAAAAAAAAAA", sent_at=sent_at)
    with raw_server(says(answer('{"items": []}'), answer('{"items": []}'))) as server:
        connector_at(server).publish(step(tmp_path), progress=notes)
        lost = notes.data["media"] == {}
        if is_lost:
            notes.data = {**notes.data, "media": {"0": {"id": "AAAAAAAAAAA", "begun_at": LONG_AGO, "sent_at": sent_at}}}
            with pytest.raises(Rejected, match="was deleted"):
                connector_at(server).publish(step(tmp_path), progress=notes)

    assert lost is is_lost


@pytest.mark.parametrize("said", ['{"id": "BBBBBBBBBBB"}', "{}", "[]", "<html>"])
def test_update_that_answers_of_another_video_is_unknown(tmp_path: Path, said: str) -> None:
    notes = under_way(id="AAAAAAAAAAA", sent_at=LONG_AGO, ready=True)
    with raw_server(says(answer(said))) as server, pytest.raises(OutcomeUnknown):
        connector_at(server).publish(step(tmp_path), progress=notes)


@pytest.mark.parametrize("said", ["{}", '{"items": 7}', "<html>"])
def test_lists_that_are_none_are_unavailable(tmp_path: Path, said: str) -> None:
    """Of the video, and of the playlist that it is to be in."""
    ready, waiting = under_way(id="AAAAAAAAAAA", sent_at=LONG_AGO, ready=True), under_way(id="A" * 11, sent_at=LONG_AGO)
    with raw_server(says(answer(said), answer(said))) as server:
        with pytest.raises(Unavailable):
            connector_at(server).publish(step(tmp_path), progress=waiting)
        with pytest.raises(Unavailable):
            connector_at(server).publish(step(tmp_path, playlist_id="PLanna"), progress=ready)
