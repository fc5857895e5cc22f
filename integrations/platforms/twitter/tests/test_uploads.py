"""Media on exact bytes: what is sent of them, what is kept of it, and what each answer is taken for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.contract import Absent, Content, Found, LeaseLost, MediaUse, Part, Pending, Published, Target
from integrations.errors import (
    CallFailed,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from integrations.platforms.twitter.connector import TwitterConnector
from integrations.platforms.twitter.reading import first_id_of
from integrations.platforms.twitter.uploads import CHUNK, category_of
from integrations.protocols import uploads
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.raw_server import RawServer, answer, raw_server, resets, says

SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TYPES = "https://api.x.com/2/problems/"
IDS_REFUSED = "Your media IDs are invalid."
GONE = "BadRequest: Not found"


def file(folder: Path, size: int, mime_type: str = "image/png", **changes: Any) -> MediaUse:
    """A file of `size` bytes, each chunk of another letter."""
    path = folder / "media"
    with path.open("wb") as out:
        for start in range(0, size, CHUNK):
            out.write(bytes([ord("a") + start // CHUNK]) * min(CHUNK, size - start))
    kind = "image" if mime_type in {"image/png", "image/jpeg", "image/webp"} else "video"
    return replace(MediaUse("1", str(path), mime_type, size, kind=kind), **changes)


def film(folder: Path, size: int = 2 * CHUNK + 5, **changes: Any) -> MediaUse:
    return file(folder, size, "video/mp4", **changes)


def content(*media: MediaUse, text: str = "Look") -> Content:
    return Content((Part(text, media=media),))


@pytest.fixture(autouse=True)
def _lines() -> None:
    """Each test's server is spoken to by one connection, from its first answer on."""
    connections.drop_kept()


def connector_at(server: RawServer) -> TwitterConnector:
    target = Target(server.url, "api.x.com", "7", "@anna")
    return TwitterConnector(target, Http(server.url, auth=Auth("abc"), on_visible=lambda: None))


def publish(server: RawServer, what: Content, notes: InMemoryProgress | None = None) -> Published | Pending:
    return connector_at(server).publish(step_of(what), progress=notes or InMemoryProgress())


def data(**fields: Any) -> bytes:
    return answer(json.dumps({"data": fields}))


def created() -> bytes:
    return answer(json.dumps({"data": {"id": "99", "text": "Look https://t.co/x"}}), 201)


def working(state: str = "pending", **fields: Any) -> bytes:
    return data(id="5", media_key="7_5", processing_info={"state": state, **fields})


def refused(message: str, status: int = 400, kind: str = "invalid-request") -> bytes:
    body = {"title": "Invalid Request", "detail": "One or more …", "type": f"{TYPES}{kind}"}
    return answer(json.dumps({**body, "errors": [{"message": message, "parameters": {}}]}), status)


ADDED, UPLOADED, READY = data(expires_at=1), data(id="5"), data(id="5", size=7)


def lines(requests: Sequence[bytes]) -> list[str]:
    """Method and path of each."""
    return [request.split(b" HTTP", 1)[0].decode() for request in requests]


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


def form_of(request: bytes) -> dict[str, bytes]:
    """The fields of a multipart body by their names."""
    head, _, body = request.partition(b"\r\n\r\n")
    boundary = head.partition(b"boundary=")[2].split(b"\r\n")[0]
    fields = {}
    for piece in body.split(b"--" + boundary)[1:-1]:
        about, _, value = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = about.partition(b'name="')[2].partition(b'"')[0].decode()
        fields[name] = value.removesuffix(b"\r\n")
    return fields


# --- what is sent ---


def test_small_picture_goes_in_one_call_and_by_its_id_into_the_post(tmp_path: Path) -> None:
    notes = InMemoryProgress()
    with raw_server(says(READY, created())) as server:
        published = publish(server, content(file(tmp_path, 7)), notes)

    upload, post = server.requests
    assert isinstance(published, Published)
    assert lines(server.requests) == ["POST /2/media/upload", "POST /2/tweets"]
    assert b"Authorization: Bearer abc\r\n" in upload
    assert form_of(upload) == {"media_category": b"tweet_image", "media": b"a" * 7}
    assert b'filename="media"\r\nContent-Type: image/png\r\n' in upload
    assert body_of(post) == {"text": "Look", "media": {"media_ids": ["5"]}}
    assert notes.data == {"media": [{"id": "5", "whole": True, "ready": True}]}


def test_film_goes_in_segments_is_described_waited_for_and_posted(tmp_path: Path) -> None:
    notes, what = InMemoryProgress(), content(film(tmp_path, alt_text="A cat"))
    first = [UPLOADED, ADDED, ADDED, ADDED, working(check_after_secs=7), UPLOADED]
    with raw_server(
        says(*first, working("in_progress", check_after_secs=3), working("succeeded"), created())
    ) as server:
        waits = [publish(server, what, notes) for _ in range(2)]
        published = publish(server, what, notes)

    assert isinstance(published, Published)
    assert [isinstance(one, Pending) for one in waits] == [True, True]
    assert [body_of(server.requests[at]) for at in (0, 4, 5, 8)] == [
        {"media_type": "video/mp4", "total_bytes": 2 * CHUNK + 5, "media_category": "tweet_video"},
        {},
        {"id": "5", "metadata": {"alt_text": {"text": "A cat"}}},
        {"text": "Look", "media": {"media_ids": ["5"]}},
    ]
    assert [form_of(request) for request in server.requests[1:4]] == [
        {"segment_index": b"0", "media": b"a" * CHUNK},
        {"segment_index": b"1", "media": b"b" * CHUNK},
        {"segment_index": b"2", "media": b"c" * 5},
    ]
    status = "GET /2/media/upload?command=STATUS&media_id=5"
    assert lines(server.requests) == [
        "POST /2/media/upload/initialize",
        *["POST /2/media/upload/5/append"] * 3,
        "POST /2/media/upload/5/finalize",
        "POST /2/media/metadata",
        status,
        status,
        "POST /2/tweets",
    ]
    assert notes.data == {"media": [{"id": "5", "next": 3, "whole": True, "ready": True, "described": True}]}


def test_pictures_keep_their_order_and_their_alt_texts(tmp_path: Path) -> None:
    pictures = (file(tmp_path, 5, alt_text="One"), file(tmp_path, 5), file(tmp_path, 5, alt_text="Three"))
    said = [data(id="11"), data(id="11"), data(id="12"), data(id="13"), data(id="13"), created()]
    with raw_server(says(*said)) as server:
        publish(server, content(*pictures))

    assert body_of(server.requests[-1])["media"] == {"media_ids": ["11", "12", "13"]}
    described = [body_of(request) for request in server.requests if b"/2/media/metadata" in request]
    assert [(one["id"], one["metadata"]["alt_text"]["text"]) for one in described] == [("11", "One"), ("13", "Three")]


def test_large_picture_goes_in_segments_and_is_ready_at_once(tmp_path: Path) -> None:
    with raw_server(says(UPLOADED, ADDED, ADDED, READY, created())) as server:
        publish(server, content(file(tmp_path, CHUNK + 1, "image/jpeg")))

    told = {"media_type": "image/jpeg", "total_bytes": CHUNK + 1, "media_category": "tweet_image"}
    assert body_of(server.requests[0]) == told
    assert lines(server.requests)[-1] == "POST /2/tweets"


@pytest.mark.parametrize(
    ("kind", "mime_type", "category"),
    [
        ("image", "image/webp", "tweet_image"),
        ("animation", "image/gif", "tweet_gif"),
        ("animation", "video/mp4", "tweet_video"),
        ("video", "video/mp4", "tweet_video"),
    ],
)
def test_category_is_what_it_is_and_how_it_comes(kind: str, mime_type: str, category: str) -> None:
    assert category_of(MediaUse("1", "", mime_type, 1, kind=kind)) == category


def test_post_without_text_has_an_empty_one(tmp_path: Path) -> None:
    with raw_server(says(READY, created())) as server:
        publish(server, content(file(tmp_path, 7), text=""))

    assert body_of(server.requests[1]) == {"text": "", "media": {"media_ids": ["5"]}}


# --- bit by bit ---


def test_one_call_sends_eight_segments_and_the_next_goes_on(tmp_path: Path) -> None:
    notes, what = InMemoryProgress(), content(film(tmp_path, 10 * CHUNK))
    with raw_server(says(UPLOADED, *[ADDED] * 10, READY, created())) as server:
        before = datetime.now(UTC)
        waits = publish(server, what, notes)
        sent, kept = len(server.requests), notes.data
        published = connector_at(server).resume(step_of(what), progress=notes)

    assert isinstance(waits, Pending)
    assert before <= waits.check_at <= datetime.now(UTC)
    assert (sent, kept) == (9, {"media": [{"id": "5", "next": 8}]})
    assert isinstance(published, Published)
    assert form_of(server.requests[9])["segment_index"] == b"8"


def test_slow_line_ends_a_call_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LONGEST_STRETCH", timedelta(0))
    notes = InMemoryProgress()
    with raw_server(says(UPLOADED, ADDED)) as server:
        assert isinstance(publish(server, content(film(tmp_path)), notes), Pending)

    assert notes.data == {"media": [{"id": "5", "next": 0}]}


def test_successor_begins_at_the_missing_segment(tmp_path: Path) -> None:
    notes = InMemoryProgress(media=[{"id": "5", "next": 2}])
    with raw_server(says(ADDED, READY, created())) as server:
        publish(server, content(film(tmp_path)), notes)

    assert lines(server.requests)[:2] == ["POST /2/media/upload/5/append", "POST /2/media/upload/5/finalize"]
    assert form_of(server.requests[0]) == {"segment_index": b"2", "media": b"c" * 5}


@pytest.mark.parametrize(
    ("kept", "first"),
    [
        ({"next": 3}, "POST /2/media/upload/5/finalize"),
        ({"next": 3, "whole": True, "ready": True}, "POST /2/media/metadata"),
        ({"next": 3, "whole": True, "ready": False}, "POST /2/media/metadata"),
        ({"next": 3, "whole": True, "described": True}, "GET /2/media/upload?command=STATUS&media_id=5"),
        ({"next": 3, "whole": True, "described": True, "ready": True}, "POST /2/tweets"),
    ],
)
def test_successor_does_what_is_next(tmp_path: Path, kept: dict[str, Any], first: str) -> None:
    with raw_server(says(READY, READY, READY, created())) as server:
        publish(server, content(film(tmp_path, alt_text="A cat")), InMemoryProgress(media=[{"id": "5", **kept}]))

    assert lines(server.requests)[0] == first


@pytest.mark.parametrize("saves", [0, 1, 2, 3, 4, 5])
def test_worker_that_lost_its_lease_sends_nothing_more(tmp_path: Path, saves: int) -> None:
    notes = InMemoryProgress()
    notes.stops_at = saves
    with raw_server(says(UPLOADED, ADDED, ADDED, ADDED, READY, READY, created())) as server, pytest.raises(LeaseLost):
        publish(server, content(film(tmp_path, alt_text="A cat")), notes)

    assert len(server.requests) == saves + 1
    assert b"/2/tweets" not in b"".join(server.requests)


def test_line_that_breaks_after_some_segments_is_no_failure(tmp_path: Path) -> None:
    notes, what = InMemoryProgress(), content(film(tmp_path))
    with raw_server(says(UPLOADED, ADDED, answer("", 503))) as server:
        waits = publish(server, what, notes)

    assert isinstance(waits, Pending)
    assert timedelta(0) < waits.check_at - datetime.now(UTC) <= timedelta(seconds=2)
    assert notes.data == {"media": [{"id": "5", "next": 1}]}


@pytest.mark.parametrize("kept", [[], [{"id": "5", "next": 1}], [{"id": "5", "next": 3}], [{"id": "5", "whole": True}]])
def test_line_that_breaks_at_once_is_unavailable(tmp_path: Path, kept: list[dict[str, Any]]) -> None:
    notes = InMemoryProgress(media=kept)
    with raw_server(resets) as server, pytest.raises(Unavailable):
        publish(server, content(film(tmp_path)), notes)

    assert notes.saves == []


# --- what answers are taken for ---


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({"check_after_secs": 7}, 7), ({}, 5), ({"check_after_secs": 0}, 1), ({"check_after_secs": 9999}, 60)],
)
def test_x_says_when_to_ask_again(tmp_path: Path, said: dict[str, int], seconds: int) -> None:
    with raw_server(says(UPLOADED, ADDED, ADDED, ADDED, working(**said))) as server:
        waits = publish(server, content(film(tmp_path)))

    assert isinstance(waits, Pending)
    assert abs((waits.check_at - datetime.now(UTC)).total_seconds() - seconds) < 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"code": 3, "name": "UnsupportedMedia", "message": "Duration 9 s exceeds"}, "Duration 9 s exceeds"),
        ({"code": 1, "name": "InvalidMedia"}, "InvalidMedia"),
        (None, "it does not say why"),
    ],
)
@pytest.mark.parametrize("is_at_once", [True, False])
def test_file_that_x_cannot_use_is_rejected_in_its_words(
    tmp_path: Path, error: Any, words: str, is_at_once: bool
) -> None:
    failed = working("failed", **({"error": error} if error else {}))
    said = [UPLOADED, ADDED, ADDED, ADDED, failed] if is_at_once else [failed]
    notes = (
        InMemoryProgress()
        if is_at_once
        else InMemoryProgress(media=[{"id": "5", "next": 3, "whole": True, "ready": False}])
    )
    with raw_server(says(*said)) as server, pytest.raises(Rejected) as caught:
        publish(server, content(film(tmp_path)), notes)

    assert (caught.value.code, caught.value.message) == ("media_failed", f"X cannot use this file: {words}")
    assert len(server.requests) == len(said)


FORBIDDEN = answer(json.dumps({"title": "Forbidden", "detail": "Forbidden", "type": "about:blank", "status": 403}), 403)
REFUSALS: list[tuple[bytes, type[CallFailed], str]] = [
    (FORBIDDEN, NeedsReconnect, "scope_missing"),
    (answer("", 401), NeedsReconnect, "token_refused"),
    (answer("", 402), OperatorProblem, "credits_depleted"),
    (answer("", 429), RateLimited, "rate_limited"),
    (refused("File size exceeds 5242880 bytes."), Rejected, "invalid_request"),
    (refused("media type unrecognized."), Rejected, "invalid_request"),
    (answer("", 413), Rejected, "too_large"),
    (refused("You are not allowed to post a video longer than 2 minutes.", 403), Rejected, "media_too_long"),
    (answer("", 404), Unavailable, "gateway"),
    (answer("", 503), Unavailable, "server_error"),
    (answer("{}"), Unavailable, "no_result"),
    (answer("garbage"), Unavailable, "no_result"),
    (data(id=""), Unavailable, "no_result"),
    (data(id="../1"), Unavailable, "no_result"),
]


@pytest.mark.parametrize(("said", "outcome", "code"), REFUSALS)
@pytest.mark.parametrize("size", [7, CHUNK + 7])
def test_refusal_of_an_upload_says_what_is_next(
    tmp_path: Path, said: bytes, outcome: type[CallFailed], code: str, size: int
) -> None:
    with raw_server(says(said)) as server, pytest.raises(CallFailed) as caught:
        publish(server, content(file(tmp_path, size)))

    assert (type(caught.value), caught.value.code) == (outcome, code)
    assert len(server.requests) == 1


def test_account_that_may_not_send_media_has_to_be_connected_again(tmp_path: Path) -> None:
    with raw_server(says(FORBIDDEN)) as server, pytest.raises(NeedsReconnect) as caught:
        publish(server, content(file(tmp_path, 7)))

    assert caught.value.can_refresh is False
    assert "connect it again" in caught.value.message


def test_segment_may_be_answered_with_nothing(tmp_path: Path) -> None:
    with raw_server(says(UPLOADED, answer("", 204), answer("", 200), answer("", 200), READY, created())) as server:
        assert isinstance(publish(server, content(film(tmp_path))), Published)


# --- what X has forgotten ---


@pytest.mark.parametrize("said", [refused(GONE), refused("Any other words."), answer("", 413)])
@pytest.mark.parametrize("next", [1, 3])
def test_upload_that_x_no_longer_takes_is_begun_anew_once(tmp_path: Path, said: bytes, next: int) -> None:
    notes, what = InMemoryProgress(media=[{"id": "4", "next": next}]), content(film(tmp_path))
    with raw_server(says(said, UPLOADED, ADDED, ADDED, ADDED, READY, created())) as server:
        waits = publish(server, what, notes)
        kept = notes.data
        published = publish(server, what, notes)

    assert isinstance(waits, Pending)
    assert kept == {"media": [], "media_begun_anew": True}
    assert isinstance(published, Published)
    assert lines(server.requests)[1] == "POST /2/media/upload/initialize"


def test_upload_that_x_no_longer_takes_again_is_rejected(tmp_path: Path) -> None:
    notes = InMemoryProgress(media=[{"id": "4", "next": 1}], media_begun_anew=True)
    with raw_server(says(refused(GONE))) as server, pytest.raises(Rejected) as caught:
        publish(server, content(film(tmp_path)), notes)

    assert caught.value.code == "media_gone"


def test_segments_that_do_not_add_up_are_sent_anew(tmp_path: Path) -> None:
    notes = InMemoryProgress()
    uneven = refused("Segments do not add up to provided total file size.")
    with raw_server(says(UPLOADED, ADDED, ADDED, ADDED, uneven)) as server:
        assert isinstance(publish(server, content(film(tmp_path)), notes), Pending)

    assert notes.data == {"media": [], "media_begun_anew": True}


def test_media_ids_that_are_out_of_date_are_replaced_once(tmp_path: Path) -> None:
    notes, what = InMemoryProgress(media=[{"id": "4", "whole": True, "ready": True}]), content(file(tmp_path, 7))
    with raw_server(says(refused(IDS_REFUSED), READY, refused(IDS_REFUSED))) as server:
        waits = publish(server, what, notes)
        with pytest.raises(Rejected) as caught:
            publish(server, what, notes)

    assert isinstance(waits, Pending)
    assert caught.value.code == "media_ids_refused"
    assert IDS_REFUSED in caught.value.message
    posts = [body_of(request) for request in server.requests if b"/2/tweets" in request]
    assert [post["media"]["media_ids"] for post in posts] == [["4"], ["5"]]


def test_media_ids_refused_after_a_send_that_may_be_out_are_unknown(tmp_path: Path) -> None:
    notes = InMemoryProgress(media=[{"id": "4", "whole": True, "ready": True}], maybe_out_since=SINCE.isoformat())
    with raw_server(says(refused(IDS_REFUSED))) as server, pytest.raises(OutcomeUnknown) as caught:
        publish(server, content(file(tmp_path, 7)), notes)

    assert caught.value.code == "media_ids_refused"
    assert notes.saves == [{"refused_as_duplicate": True}]


def test_refusal_of_the_post_for_its_text_leaves_the_media(tmp_path: Path) -> None:
    notes = InMemoryProgress()
    with raw_server(says(READY, refused("$.text: is too long"))) as server, pytest.raises(Rejected):
        publish(server, content(file(tmp_path, 7)), notes)

    assert notes.data == {"media": [{"id": "5", "whole": True, "ready": True}]}


# --- whether it is out ---


def post(number: int, text: str, *keys: str, **fields: Any) -> dict[str, Any]:
    """A post of ours made `number` seconds after SINCE, with such media and the link that X puts behind the text."""
    own = str(first_id_of(SINCE + timedelta(seconds=number)) + 1)
    link = {"url": "https://t.co/m", "expanded_url": f"https://x.com/anna/status/{own}/photo/1"}
    made: dict[str, Any] = {"id": own, "text": text, "conversation_id": own}
    if keys:
        made["text"] = f"{text} https://t.co/m".strip()
        made["attachments"] = {"media_keys": list(keys)}
        made["entities"] = {"urls": [{**link, "media_key": key} for key in keys]}
    return {**made, **fields}


def listed(*posts: dict[str, Any], **types: str) -> bytes:
    """A page with what each of the media is, by the id in its key."""
    keys = [key for one in posts for key in (one.get("attachments") or {}).get("media_keys", ())]
    media = [{"media_key": key, "type": types.get(f"of_{key.partition('_')[2]}", "photo")} for key in keys]
    body = {"data": list(posts), "includes": {"media": media}, "meta": {"result_count": len(posts)}}
    return answer(json.dumps(body))


def reconcile(
    said: bytes, what: Content, notes: InMemoryProgress | None = None, known: frozenset[str] = frozenset()
) -> Any:
    with raw_server(says(said)) as server:
        asked = connector_at(server)
        return asked.reconcile(step_of(what), progress=notes or InMemoryProgress(), since=SINCE, known=known)


PICTURE = MediaUse("1", "", "image/png", 7)
FILM = MediaUse("1", "", "video/mp4", 7, kind="video")
MOVING = MediaUse("1", "", "image/gif", 7, kind="animation")
UPLOAD = {"media": [{"id": "5", "whole": True, "ready": True}]}


@pytest.mark.parametrize("text", ["Look", "", "See example.com & more"])
@pytest.mark.parametrize("notes", [{}, UPLOAD])
def test_post_with_media_is_recognised(text: str, notes: dict[str, Any]) -> None:
    hit = post(5, text.replace("&", "&amp;"), "3_5")

    found = reconcile(listed(hit), content(PICTURE, text=text), InMemoryProgress(**notes))

    assert isinstance(found, Found)
    assert found.remote_id == hit["id"]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (content(PICTURE), post(5, "Look")),
        (content(PICTURE), post(5, "Look", "3_8", "3_9")),
        (content(PICTURE, PICTURE), post(5, "Look", "3_8")),
        (content(), post(5, "Look", "3_8")),
        (content(FILM), post(5, "Look", "3_8")),
        (content(PICTURE), post(5, "Other", "3_8")),
        (content(PICTURE, text=""), post(5, "Look", "3_8")),
        (content(PICTURE), post(5, "", "3_8")),
    ],
)
def test_other_media_or_another_text_are_not_ours(what: Content, other: dict[str, Any]) -> None:
    assert reconcile(listed(other), what) == Absent()


@pytest.mark.parametrize(("use", "kind"), [(PICTURE, "photo"), (FILM, "video"), (MOVING, "animated_gif")])
def test_media_are_told_apart_by_their_type(use: MediaUse, kind: str) -> None:
    [other] = {"photo", "video", "animated_gif"} - {kind, "video" if kind == "photo" else "photo"}
    ours, stray = post(5, "", "1_1"), post(4, "", "1_2")

    found = reconcile(listed(ours, stray, of_1=kind, of_2=other), content(use, text=""))

    assert found.remote_id == ours["id"]


def test_upload_of_ours_is_ours_whatever_came_before() -> None:
    stray, ours, later = post(1, "", "3_4"), post(2, "", "3_5"), post(3, "", "3_6")

    found = reconcile(listed(later, ours, stray), content(PICTURE, text=""), InMemoryProgress(**UPLOAD))

    assert found.remote_id == ours["id"]


def test_post_without_text_and_with_other_files_is_neither_ours_nor_absent() -> None:
    with pytest.raises(Unavailable) as caught:
        reconcile(listed(post(1, "", "3_4")), content(PICTURE, text=""), InMemoryProgress(**UPLOAD))

    assert caught.value.code == "not_told_apart"


def test_post_with_the_text_and_other_files_is_ours() -> None:
    """X itself would refuse the text a second time; that it keeps the ids of uploads is not promised."""
    hit = post(1, "Look", "3_4")

    assert reconcile(listed(hit), content(PICTURE), InMemoryProgress(**UPLOAD)).remote_id == hit["id"]


def test_media_of_another_delivery_are_never_ours() -> None:
    other = post(1, "", "3_5")

    assert reconcile(listed(other), content(PICTURE, text=""), known=frozenset({other["id"]})) == Absent()


def test_media_are_recognised_where_x_says_less_of_them() -> None:
    bare = post(5, "Look", "3_5")
    without_keys = {**bare, "attachments": None}
    link = {"url": "https://t.co/m", "expanded_url": f"https://x.com/anna/status/{bare['id']}/photo/1"}
    without_entity_keys = {**bare, "entities": {"urls": [link]}}
    without_types = json.dumps({"data": [bare], "meta": {}})

    for said in (listed(without_keys), listed(without_entity_keys), answer(without_types)):
        assert isinstance(reconcile(said, content(PICTURE)), Found)


def test_link_of_a_writer_to_the_media_of_another_post_stays() -> None:
    text = "Look at https://x.com/anna/status/7/photo/1"
    link = {"url": "https://t.co/l", "expanded_url": "https://x.com/anna/status/7/photo/1"}
    hit = post(5, "Look at https://t.co/l", entities={"urls": [link]})

    assert isinstance(reconcile(listed(hit), content(text=text)), Found)
    assert reconcile(listed(hit), content(text="Look at")) == Absent()


@pytest.mark.parametrize("note", ["note_post", "note_tweet"])
@pytest.mark.parametrize("is_link_in_note", [True, False])
def test_long_post_with_media_is_recognised(note: str, is_link_in_note: bool) -> None:
    text = ("word " * 100).strip()
    hit = post(5, f"{text[:270]}…", "3_5")
    hit[note] = {"text": f"{text} https://t.co/m" if is_link_in_note else text}

    assert isinstance(reconcile(listed(hit), content(PICTURE, text=text)), Found)


def test_look_up_asks_what_media_there_are() -> None:
    with raw_server(says(listed())) as server:
        connector_at(server).reconcile(
            step_of(content(PICTURE)), progress=InMemoryProgress(), since=SINCE, known=frozenset()
        )

    query = parse_qs(urlsplit(server.requests[0].split()[1].decode()).query)
    assert "attachments" in query["tweet.fields"][0].split(",")
    assert query["expansions"] == ["attachments.media_keys"]
