"""Files on exact bytes: what is sent, what each answer is taken for, and what is kept for a successor."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, MediaUse, Part, Pending, Published, Step, Target
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.mastodon.connector import MastodonConnector
from integrations.platforms.mastodon.uploads import KEPT_FOR, StatusMedia
from integrations.protocols import uploads as shared
from integrations.protocols.uploads import ids_in
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.media_contract import MediaFolder, with_media
from tests.kit.raw_server import RawConnection, RawServer, Turn, answer, is_silent, raw_server

SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STATUS = answer('{"id":"100","url":"https://m.test/@a/100"}')
HTML = "<!DOCTYPE html><html><body><h1>Not Found</h1></body></html>"
NOT_FOUND = answer(HTML, 404, content_type="text/html")
GONE = answer('{"error":"Validation failed: Media 7 not found or already attached to another post"}', 422)
NOT_READY = answer('{"error":"Validation failed: Cannot attach files that have not finished processing."}', 422)
UNKNOWN = answer('{"error":"Record not found"}', 404)
WORKING = answer("{}", 206)
CANNOT = answer('{"error":"Error processing thumbnail for uploaded media"}', 422)


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def media(remote_id: str, code: int = 200, **more: Any) -> bytes:
    return answer(json.dumps({"id": remote_id, "type": "image", "url": "https://m.test/f", **more}), code)


def working(remote_id: str) -> bytes:
    return media(remote_id, 202, url=None)


def kept(remote_id: str, *, ago: timedelta = timedelta(0), is_ready: bool = True) -> dict[str, Any]:
    return {"id": remote_id, "at": (datetime.now(UTC) - ago).isoformat(), "is_ready": is_ready}


def connector_at(server: RawServer) -> MastodonConnector:
    connections.drop_kept()
    target = Target(server.url, "m.test", "7", "@anna@m.test")
    return MastodonConnector(target, Http(server.url, auth=Auth("abc"), on_visible=lambda: None))


def answering(*said: bytes) -> Turn:
    """One answer after the other, on however many connections."""
    left = list(said)

    def turn(connection: RawConnection) -> None:
        while connection.read_request():
            connection.send(left.pop(0))

    return turn


def publish(step: Step | MediaUse, notes: InMemoryProgress, *said: bytes) -> tuple[Any, list[str]]:
    """What comes of it, and the calls that were made."""
    step = step if isinstance(step, Step) else step_of(with_media(step), key="d.1")
    with raw_server(answering(*said)) as server:
        try:
            outcome: Any = connector_at(server).publish(step, progress=notes)
        except CallFailed as failure:
            outcome = failure
    return outcome, [" ".join(request.decode(errors="replace").split()[:2]) for request in server.requests]


def wait_of(pending: Pending) -> float:
    return (pending.check_at - datetime.now(UTC)).total_seconds()


# --- what is sent ---


def test_file_goes_up_with_its_alt_text_and_the_status_names_it(folder: MediaFolder) -> None:
    use, notes = folder.picture(alt_text="Ein Kätzchen"), InMemoryProgress()
    with raw_server(answering(media("7"), STATUS)) as server:
        published = connector_at(server).publish(step_of(with_media(use, text=""), key="d.1"), progress=notes)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    boundary = next(line for line in lines if line.startswith("Content-Type:")).partition("boundary=")[2].encode()
    description, file = body.split(b"--" + boundary)[1:3]
    assert lines[0] == "POST /api/v2/media HTTP/1.1"
    assert {"Authorization: Bearer abc", f"Content-Length: {len(body)}"} < set(lines)
    assert description == (
        b'\r\nContent-Disposition: form-data; name="description"\r\n\r\n' + "Ein Kätzchen".encode() + b"\r\n"
    )
    assert file == (
        b'\r\nContent-Disposition: form-data; name="file"; filename="asset-1.png"\r\nContent-Type: image/png\r\n\r\n'
        + Path(use.path).read_bytes()
        + b"\r\n"
    )
    assert json.loads(server.requests[1].partition(b"\r\n\r\n")[2]) == {"status": "", "media_ids": ["7"]}
    assert published == Published("100", "https://m.test/@a/100")


def test_file_without_alt_text_has_no_description(folder: MediaFolder) -> None:
    with raw_server(answering(media("7"), STATUS)) as server:
        connector_at(server).publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

    assert b'name="description"' not in server.requests[0]


def test_files_are_named_in_their_order_beside_the_options(folder: MediaFolder) -> None:
    uses = tuple(folder.picture(width) for width in (5, 6, 7))
    options = {"sensitive": True, "spoiler_text": "CW"}
    content = Content((Part("One"), Part("Two", uses, kind="reply")), options)
    step = step_of(content, Published("99"))
    with raw_server(answering(media("9"), media("8"), media("7"), STATUS)) as server:
        connector_at(server).publish(step, progress=InMemoryProgress())

    assert json.loads(server.requests[-1].partition(b"\r\n\r\n")[2]) == {
        "status": "Two",
        "sensitive": True,
        "spoiler_text": "CW",
        "media_ids": ["9", "8", "7"],
        "in_reply_to_id": "99",
    }


def test_ids_are_kept_in_the_order_of_their_files() -> None:
    progress = {"media": {str(position): kept(f"id-{position}") for position in (10, 2, 0)}}

    assert ids_in(progress) == ["id-0", "id-2", "id-10"]
    assert ids_in({}) == []


def test_large_files_are_several_calls_of_the_engine(folder: MediaFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StatusMedia, "at_once_bytes", 150)
    uses = tuple(folder.use(b"\x89PNG" + bytes(96), "image/png") for _ in range(2))
    step, notes = step_of(with_media(*uses)), InMemoryProgress()

    first, calls = publish(step, notes, media("7"))
    second, more = publish(step, notes, media("8"), STATUS)

    assert isinstance(first, Pending)
    assert wait_of(first) <= 0
    assert isinstance(second, Published)
    assert (calls, more) == (["POST /api/v2/media"], ["POST /api/v2/media", "POST /api/v1/statuses"])


# --- the server works on it ---


def test_video_is_asked_for_until_it_is_ready(folder: MediaFolder) -> None:
    notes = InMemoryProgress()
    step = step_of(with_media(folder.video()))

    first, calls = publish(step, notes, working("7"))
    second, more = publish(step, notes, WORKING)
    third, last = publish(step, notes, media("7"), STATUS)

    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert 0.5 < wait_of(first) <= 1.0
    assert isinstance(third, Published)
    assert (calls, more) == (["POST /api/v2/media"], ["GET /api/v1/media/7"])
    assert last == ["GET /api/v1/media/7", "POST /api/v1/statuses"]


@pytest.mark.parametrize(
    ("age_s", "wait_s"), [(0.2, 1), (3, 3), (8, 8), (60, 15), (StatusMedia.longest_processing.total_seconds() - 5, 15)]
)
def test_server_is_asked_less_and_less_often(folder: MediaFolder, age_s: float, wait_s: float) -> None:
    notes = InMemoryProgress(media={"0": kept("7", ago=timedelta(seconds=age_s), is_ready=False)})

    pending, _ = publish(folder.video(), notes, WORKING)

    assert isinstance(pending, Pending)
    assert wait_s - 0.5 < wait_of(pending) <= wait_s + 0.5


def test_server_that_never_finishes_is_given_up(folder: MediaFolder) -> None:
    notes = InMemoryProgress(
        media={"0": kept("7", ago=StatusMedia.longest_processing + timedelta(seconds=1), is_ready=False)}
    )

    outcome, _ = publish(folder.video(), notes, WORKING)

    assert isinstance(outcome, Rejected)
    assert outcome.code == "processing_timeout"


def test_file_that_comes_with_202_and_its_address_is_ready(folder: MediaFolder) -> None:
    """Pleroma and Akkoma say 202 always."""
    outcome, _ = publish(folder.picture(), InMemoryProgress(), media("7", 202), STATUS)

    assert isinstance(outcome, Published)


def test_server_that_knows_the_old_call_only_gets_that(folder: MediaFolder) -> None:
    step, notes = step_of(with_media(folder.picture(5), folder.picture(6))), InMemoryProgress()

    first, calls = publish(step, notes, NOT_FOUND)
    second, more = publish(step, notes, media("7"), media("8"), STATUS)

    assert isinstance(first, Pending)
    assert isinstance(second, Published)
    assert calls == ["POST /api/v2/media"]
    assert more == ["POST /api/v1/media", "POST /api/v1/media", "POST /api/v1/statuses"]


def test_server_that_knows_neither_call_is_a_refusal(folder: MediaFolder) -> None:
    outcome, _ = publish(folder.picture(), InMemoryProgress(only_v1=True), NOT_FOUND)

    assert isinstance(outcome, Rejected)
    assert outcome.code == "not_found"


# --- what answers are taken for ---


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (answer('{"error":"Validation failed: File is invalid"}', 422), Rejected, "media_failed"),
        (answer('{"error":"Error processing thumbnail for uploaded media"}', 500), Rejected, "media_failed"),
        (answer(HTML, 413, content_type="text/html"), Rejected, "too_large"),
        (answer(HTML, 500, content_type="text/html"), Unavailable, "server_error"),
        (answer("{}", 503), Unavailable, "server_error"),
        (answer('{"error":"outside the authorized scopes"}', 403), NeedsReconnect, "scope_missing"),
        (answer('{"error":"x"}', 401), NeedsReconnect, "token_refused"),
        (answer('{"error":"Too many requests"}', 429), RateLimited, "rate_limited"),
        (answer('{"id":""}'), Unavailable, "unreadable"),
        (answer('{"id":null}', 202), Unavailable, "unreadable"),
        (answer("<html>"), Unavailable, "unreadable"),
    ],
)
def test_answer_to_an_upload_says_what_to_do(
    folder: MediaFolder, said: bytes, kind: type[CallFailed], code: str
) -> None:
    notes = InMemoryProgress()

    outcome, calls = publish(folder.picture(), notes, said)

    assert (type(outcome), outcome.code) == (kind, code)
    assert "<" not in outcome.message
    assert (calls, notes.saves) == (["POST /api/v2/media"], [])


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        (CANNOT, Rejected, "media_failed"),
        (answer("{}", 503), Unavailable, "server_error"),
        (answer('{"error":"x"}', 401), NeedsReconnect, "token_refused"),
        (answer('{"error":"Too many requests"}', 429), RateLimited, "rate_limited"),
        (answer("<html>"), Unavailable, "unreadable"),
    ],
)
def test_answer_about_a_file_says_what_to_do(
    folder: MediaFolder, said: bytes, kind: type[CallFailed], code: str
) -> None:
    before = {"media": {"0": kept("7", is_ready=False)}}
    notes = InMemoryProgress(**before)

    outcome, _ = publish(folder.video(), notes, said)

    assert (type(outcome), outcome.code, notes.data) == (kind, code, before)


def test_file_that_cannot_be_used_is_named_with_the_servers_words(folder: MediaFolder) -> None:
    notes = InMemoryProgress(media={"0": kept("7")})

    outcome, _ = publish(step_of(with_media(folder.picture(), folder.picture())), notes, CANNOT)

    assert outcome.message == "The server cannot use file 2: Error processing thumbnail for uploaded media"


def test_line_that_is_too_slow_says_nothing_of_the_server(folder: MediaFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out of another call would count as the server's silence."""
    monkeypatch.setattr(shared, "LONGEST_CALL_S", 0.2)

    with raw_server(is_silent) as server, pytest.raises(Unavailable) as caught:
        connector_at(server).publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

    assert caught.value.code == "upload_timed_out"


# --- files that are gone ---


def test_file_that_is_gone_when_it_is_asked_for_goes_up_again_once(folder: MediaFolder) -> None:
    step, notes = step_of(with_media(folder.video())), InMemoryProgress(media={"0": kept("7", is_ready=False)})

    first, _ = publish(step, notes, UNKNOWN)
    second, calls = publish(step, notes, working("8"))
    third, _ = publish(step, notes, UNKNOWN)

    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert calls == ["POST /api/v2/media"]
    assert isinstance(third, Rejected)


@pytest.mark.parametrize(
    "refused",
    [
        GONE,
        answer('{"error":"Validierung gescheitert: Medien 7 fehlen"}', 422),
        answer('{"error":"media not found"}', 400),
        NOT_FOUND,
    ],
)
def test_only_the_file_that_is_gone_goes_up_again_in_any_language(folder: MediaFolder, refused: bytes) -> None:
    step = step_of(with_media(folder.picture(5), folder.picture(6)))
    notes = InMemoryProgress(media={"0": kept("7"), "1": kept("8")})

    first, calls = publish(step, notes, refused, UNKNOWN, media("8"))
    second, more = publish(step, notes, media("9"), STATUS)

    assert isinstance(first, Pending)
    assert isinstance(second, Published)
    assert calls == ["POST /api/v1/statuses", "GET /api/v1/media/7", "GET /api/v1/media/8"]
    assert (more, ids_in(notes.data)) == (["POST /api/v2/media", "POST /api/v1/statuses"], ["9", "8"])


def test_file_that_is_gone_twice_is_the_servers_refusal(folder: MediaFolder) -> None:
    notes = InMemoryProgress(media={"0": kept("7")}, media_again=True)

    outcome, _ = publish(folder.picture(), notes, GONE, UNKNOWN)

    assert isinstance(outcome, Rejected)
    assert (outcome.code, "not found or already attached" in outcome.message) == ("validation_failed", True)


@pytest.mark.parametrize("shown", [media("7"), answer(HTML, 500), answer("{}", 401)])
def test_status_that_is_refused_for_something_else_stays_refused(folder: MediaFolder, shown: bytes) -> None:
    notes = InMemoryProgress(media={"0": kept("7")})

    outcome, _ = publish(folder.picture(), notes, answer('{"error":"Validation failed: Text is bad"}', 422), shown)

    assert isinstance(outcome, Rejected)
    assert outcome.message == "Validation failed: Text is bad"


def test_status_that_is_not_refused_asks_for_no_file(folder: MediaFolder) -> None:
    notes = InMemoryProgress(media={"0": kept("7")})

    outcome, calls = publish(folder.picture(), notes, answer('{"error":"Too many requests"}', 429))

    assert isinstance(outcome, RateLimited)
    assert calls == ["POST /api/v1/statuses"]


@pytest.mark.parametrize("said", [[NOT_READY], [answer('{"error":"Noch nicht fertig"}', 422), WORKING]])
def test_file_that_is_not_ready_after_all_is_waited_for(folder: MediaFolder, said: list[bytes]) -> None:
    step, notes = step_of(with_media(folder.video())), InMemoryProgress(media={"0": kept("7")})

    first, _ = publish(step, notes, *said)
    second, calls = publish(step, notes, media("7"), STATUS)

    assert isinstance(first, Pending)
    assert 0.5 < wait_of(first) <= 1.0
    assert isinstance(second, Published)
    assert calls == ["GET /api/v1/media/7", "POST /api/v1/statuses"]


def test_file_that_was_kept_for_long_goes_up_again_unasked(folder: MediaFolder) -> None:
    """Older servers make the status without what they have thrown away."""
    notes = InMemoryProgress(media={"0": kept("7", ago=KEPT_FOR)}, media_again=True)

    outcome, calls = publish(folder.picture(), notes, media("8"), STATUS)

    assert isinstance(outcome, Published)
    assert calls == ["POST /api/v2/media", "POST /api/v1/statuses"]


def test_file_that_is_gone_after_a_doubt_is_out(folder: MediaFolder) -> None:
    """Each goes into one status only; the key that would tell is remembered for an hour."""
    notes = InMemoryProgress(media={"0": kept("7")}, maybe_out=True)

    outcome, _ = publish(folder.picture(), notes, GONE, UNKNOWN)

    assert isinstance(outcome, OutcomeUnknown)
    assert (outcome.code, ids_in(notes.data)) == ("media_taken", ["7"])


# --- looking it up ---


def status(id: str, *files: str, text: str = "Look", **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "created_at": "2026-11-23T12:05:00.000Z",
        "in_reply_to_id": None,
        "spoiler_text": "",
        "content": f"<p>{text}</p>",
        "url": f"https://m.test/{id}",
        "media_attachments": [{"id": file} for file in files],
        **changes,
    }


def reconcile(step: Step, notes: InMemoryProgress, *statuses: dict[str, Any], text: str = "Look") -> tuple[Any, int]:
    """What is found, and how many calls that took."""

    def turn(connection: RawConnection) -> None:
        while request := connection.read_request():
            path = request.split()[1].decode()
            page = [] if "max_id" in path else list(statuses)
            connection.send(answer(json.dumps(page if "/accounts/" in path else {"text": text})))

    with raw_server(turn) as server:
        found = connector_at(server).reconcile(step, progress=notes, since=SINCE, known=frozenset())
    return found, len(server.requests)


def test_status_with_our_files_is_ours_whatever_its_text_became(folder: MediaFolder) -> None:
    step, notes = (
        step_of(with_media(folder.picture(), folder.picture())),
        InMemoryProgress(media={"0": kept("7"), "1": kept("8")}),
    )

    found, calls = reconcile(step, notes, status("3", "5", "6"), status("2", "8", "7", text="Changed"), text="Other")

    assert (found, calls, notes.saves) == (Found("2", "https://m.test/2"), 2, [])


@pytest.mark.parametrize("files", [[], ["5"], ["5", "6", "9"]])
def test_status_with_another_number_of_files_is_not_ours(folder: MediaFolder, files: list[str]) -> None:
    step, notes = (
        step_of(with_media(folder.picture(), folder.picture())),
        InMemoryProgress(media={"0": kept("7"), "1": kept("8")}),
    )

    found, _ = reconcile(step, notes, status("3", *files))

    assert (found, notes.data["maybe_out"]) == (Absent(), True)


def test_status_with_files_of_other_ids_is_ours_by_its_text(folder: MediaFolder) -> None:
    """Forks may number them again."""
    found, _ = reconcile(
        step_of(with_media(folder.picture())), InMemoryProgress(media={"0": kept("7")}), status("3", "x")
    )

    assert found == Found("3", "https://m.test/3")


def test_status_that_does_not_show_its_files_is_ours_by_its_text(folder: MediaFolder) -> None:
    silent = status("3", media_attachments=None)

    assert reconcile(step_of(with_media(folder.picture())), InMemoryProgress(), silent)[0] == Found(
        "3", "https://m.test/3"
    )


def test_status_without_text_is_not_told_by_the_number_of_its_files(folder: MediaFolder) -> None:
    step, notes = step_of(with_media(folder.picture(), text="")), InMemoryProgress(media={"0": kept("7")})

    alike, _ = reconcile(step, notes, status("3", "5", text=""), text="")
    ours, _ = reconcile(step, notes, status("3", "5", text=""), status("2", "7", text=""), text="")
    other, _ = reconcile(step, notes, status("3", "5", text="Words"), text="Words")

    assert isinstance(alike, CannotTell)
    assert (ours, other) == (Found("2", "https://m.test/2"), Absent())


def test_text_alone_notes_nothing() -> None:
    notes = InMemoryProgress()

    assert (reconcile(step_of("Hello"), notes)[0], notes.saves) == (Absent(), [])
