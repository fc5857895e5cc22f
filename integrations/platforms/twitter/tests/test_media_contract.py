"""Media on X against the simulator: what arrives, and that whatever breaks it arrives once."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, Content, Found, LeaseLost, MediaUse, Part, Pending, Published, Step
from integrations.errors import NeedsReconnect, OperatorProblem, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.twitter import oauth
from integrations.platforms.twitter.uploads import CHUNK
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import Struck
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
MOST_CALLS = 40
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 30, 20)
GIF = b"GIF89a" + struct.pack("<HH", 30, 20)
MP4 = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"isom")
HEADS = {"image/png": ("image", PNG), "image/gif": ("animation", GIF), "video/mp4": ("video", MP4)}

Make = Callable[..., MediaUse]


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("twitter", video_processing_ms=0)
    return visit(sandbox, "twitter")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a file of a type and size, never the same one twice."""
    made = 0

    def make(mime_type: str = "image/png", size: int = 1_000, alt_text: str = "") -> MediaUse:
        nonlocal made
        made += 1
        kind, head = HEADS[mime_type]
        path = tmp_path / str(made)
        path.write_bytes((head + struct.pack(">I", made)).ljust(size, b"\0" if mime_type == "video/mp4" else b"."))
        return MediaUse(str(made), str(path), mime_type, size, alt_text, kind=kind)

    return make


def content(*media: MediaUse, text: str = "Look") -> Content:
    return Content((Part(text, media=media),))


def row(use: MediaUse) -> dict[str, Any]:
    """What the world sees of a file."""
    digest = hashlib.sha256(Path(use.path).read_bytes()).hexdigest()
    return {"mime_type": use.mime_type, "size": use.size, "sha256": digest, "alt_text": use.alt_text or None}


def media_of(anna: SignedInAccount) -> list[Any]:
    return [post["media"] for post in anna.sandbox.posts("twitter")]


def go_on(anna: SignedInAccount, step: Step, notes: InMemoryProgress, *, patience: int = 0) -> Published:
    """Do what the engine does until it is out; `patience`: how many calls may fail in between."""
    for _ in range(MOST_CALLS):
        try:
            answer = anna.connector.resume(step, progress=notes)
        except Unavailable:
            patience -= 1
            if patience < 0:
                raise
            continue
        if isinstance(answer, Published):
            return answer
        time.sleep(max(0.0, min(0.05, (answer.check_at - datetime.now(UTC)).total_seconds())))
    raise AssertionError("it never came to an end")


# --- what arrives ---


@pytest.mark.parametrize(
    ("mime_type", "size"),
    [
        ("image/png", 1_000),
        ("image/png", CHUNK),
        ("image/png", CHUNK + 1),
        ("image/png", 4_999_999),
        ("image/gif", 3 * CHUNK),
        ("video/mp4", 1_000),
        ("video/mp4", 20 * CHUNK + 7),
    ],
)
def test_file_arrives_as_it_is_with_its_alt_text(anna: SignedInAccount, make: Make, mime_type: str, size: int) -> None:
    use = make(mime_type, size, "A cat")

    published = go_on(anna, step_of(content(use)), InMemoryProgress())

    [post] = anna.sandbox.posts("twitter")
    assert (post["id"], post["text"], post["media"]) == (published.remote_id, "Look", [row(use)])
    assert anna.marks == 1


@pytest.mark.parametrize("text", ["Four of them", ""])
def test_four_pictures_arrive_in_order(anna: SignedInAccount, make: Make, text: str) -> None:
    uses = [make(alt_text="One"), make(size=2 * CHUNK), make(), make(alt_text="Four")]

    go_on(anna, step_of(content(*uses, text=text)), InMemoryProgress())

    assert media_of(anna) == [[row(use) for use in uses]]


def test_parts_of_a_thread_have_media_of_their_own(anna: SignedInAccount, make: Make) -> None:
    uses = [make(), make("video/mp4")]
    parts = (Part("One", media=(uses[0],)), Part("Two", kind="reply"), Part("", media=(uses[1],), kind="reply"))
    whole = Content(parts, post_type="thread")

    sent: list[Published] = []
    for _ in parts:
        sent.append(go_on(anna, step_of(whole, *sent), InMemoryProgress()))

    assert media_of(anna) == [[row(uses[0])], [], [row(uses[1])]]


def test_text_as_long_as_may_be_has_room_for_media(anna: SignedInAccount, make: Make) -> None:
    go_on(anna, step_of(content(make(), text="x" * 280)), InMemoryProgress())

    assert anna.texts() == ["x" * 280]


def test_nothing_is_visible_before_all_is_there(anna: SignedInAccount, make: Make) -> None:
    waits = anna.connector.publish(step_of(content(make("video/mp4", 9 * CHUNK))), progress=InMemoryProgress())

    assert isinstance(waits, Pending)
    assert (anna.sandbox.posts("twitter"), anna.marks) == ([], 0)


@pytest.mark.parametrize(
    "kinds", [["image/png"] * 5, ["image/png", "video/mp4"], ["video/mp4"] * 2, ["image/gif"] * 2, ["video/mp4"]]
)
def test_what_is_refused_together_is_known_before(anna: SignedInAccount, make: Make, kinds: list[str]) -> None:
    whole = content(*(make(kind) for kind in kinds))
    problems = anna.connector.validate(whole, anna.target)

    if not problems:
        go_on(anna, step_of(whole), InMemoryProgress())
        return
    with pytest.raises(Rejected):
        go_on(anna, step_of(whole), InMemoryProgress())
    assert anna.sandbox.posts("twitter") == []


# --- the platform works on it ---


def test_film_is_asked_for_until_it_is_ready(anna: SignedInAccount, make: Make) -> None:
    anna.sandbox.instance("twitter", video_processing_ms=400)
    step, notes = step_of(content(make("video/mp4", alt_text="A cat"))), InMemoryProgress()

    first = anna.connector.publish(step, progress=notes)
    again = anna.connector.resume(step, progress=notes)
    time.sleep(0.5)
    last = anna.connector.resume(step, progress=notes)

    assert isinstance(first, Pending)
    assert 0 < (first.check_at - datetime.now(UTC)).total_seconds() + 0.5 <= 1.5
    assert isinstance(again, Pending)
    assert isinstance(last, Published)


def test_film_that_cannot_be_used_is_rejected_with_what_x_says(anna: SignedInAccount, make: Make) -> None:
    anna.sandbox.instance("twitter", processing_failure="UnsupportedMedia")

    with pytest.raises(Rejected) as caught:
        go_on(anna, step_of(content(make("video/mp4"))), InMemoryProgress())

    assert (caught.value.code, caught.value.message) == (
        "media_failed",
        "X cannot use this file: Unsupported video format",
    )
    assert anna.sandbox.posts("twitter") == []


# --- whatever breaks ---

FAULTS = ["reset_before", "accept_then_reset", "status_500", "status_503", "accept_then_500", "html_502", "garbage_200"]


@pytest.mark.parametrize("effect", FAULTS)
@pytest.mark.parametrize("after", range(6))
def test_fault_at_any_step_of_an_upload_costs_one_call(
    anna: SignedInAccount, make: Make, effect: str, after: int
) -> None:
    """Steps of this film: initialize, two segments, finalize, alt text; then it is all there."""
    use = make("video/mp4", CHUNK + 1, "A cat")
    notes = Struck(anna, effect, after=after)

    go_on(anna, step_of(content(use)), notes, patience=1)

    assert media_of(anna) == [[row(use)]]
    assert anna.calls("upload") == 5 + (after < 5)


@pytest.mark.parametrize("effect", FAULTS)
def test_fault_while_x_works_on_it_costs_one_call(anna: SignedInAccount, make: Make, effect: str) -> None:
    anna.sandbox.instance("twitter", video_processing_ms=50)
    step, notes = step_of(content(make("video/mp4"))), InMemoryProgress()
    anna.connector.publish(step, progress=notes)
    anna.fault(effect, operation="upload")

    go_on(anna, step, notes, patience=1)

    assert len(media_of(anna)) == 1


@pytest.mark.parametrize("saves", range(8))
def test_killed_worker_leaves_its_successor_the_rest(anna: SignedInAccount, make: Make, saves: int) -> None:
    use = make("video/mp4", 3 * CHUNK, "A cat")
    step, dying = step_of(content(use)), InMemoryProgress()
    dying.stops_at = saves
    if saves < 6:
        with pytest.raises(LeaseLost):
            anna.connector.publish(step, progress=dying)
        go_on(anna, step, InMemoryProgress(**dying.data))
    else:
        go_on(anna, step, dying)

    assert media_of(anna) == [[row(use)]]
    assert anna.calls("upload") == 6 + (saves < 6)  # the call whose outcome the dead worker could not keep


@pytest.mark.parametrize("saves", range(3))
def test_killed_worker_leaves_pictures_that_are_there(anna: SignedInAccount, make: Make, saves: int) -> None:
    uses = [make(), make(), make()]
    step, dying = step_of(content(*uses)), InMemoryProgress()
    dying.stops_at = saves
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=dying)

    go_on(anna, step, InMemoryProgress(**dying.data))

    assert media_of(anna) == [[row(use) for use in uses]]
    assert anna.calls("upload") == 4


def test_too_many_calls_of_an_upload_are_rate_limited(anna: SignedInAccount, make: Make) -> None:
    anna.fault("rate_limited", operation="upload", retry_after=30)
    now = datetime.now(UTC)

    with pytest.raises(RateLimited) as caught:
        anna.connector.publish(step_of(content(make())), progress=InMemoryProgress())

    window, room = timedelta(seconds=30), timedelta(seconds=3)
    assert now + window - room < caught.value.until <= datetime.now(UTC) + window + room
    assert anna.marks == 0


def test_post_that_has_to_wait_keeps_what_is_uploaded(anna: SignedInAccount, make: Make) -> None:
    anna.fault("rate_limited", retry_after=1)
    use, notes = make(), InMemoryProgress()
    step = step_of(content(use))
    with pytest.raises(RateLimited):
        anna.connector.publish(step, progress=notes)

    anna.sandbox.clear_faults()
    go_on(anna, step, notes)

    assert (media_of(anna), anna.calls("upload")) == ([[row(use)]], 1)


def test_upload_that_x_has_forgotten_is_begun_anew(anna: SignedInAccount, make: Make) -> None:
    use, notes = make("video/mp4", 9 * CHUNK), InMemoryProgress()
    step = step_of(content(use))
    anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("twitter", upload_ttl_s=0)

    forgotten = anna.connector.resume(step, progress=notes)
    anna.sandbox.instance("twitter", upload_ttl_s=1_000)
    go_on(anna, step, notes)

    assert isinstance(forgotten, Pending)
    assert media_of(anna) == [[row(use)]]


def test_media_that_are_out_of_date_are_uploaded_again(anna: SignedInAccount, make: Make) -> None:
    use, notes = make(alt_text="A cat"), InMemoryProgress()
    step = step_of(content(use))
    anna.fault("credits_depleted")
    with pytest.raises(OperatorProblem):
        anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("twitter", media_ttl_s=0)

    forgotten = anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("twitter", media_ttl_s=1_000)
    go_on(anna, step, notes)

    assert isinstance(forgotten, Pending)
    assert media_of(anna) == [[row(use)]]


def test_media_that_x_never_takes_are_rejected_in_the_end(anna: SignedInAccount, make: Make) -> None:
    anna.sandbox.instance("twitter", media_ttl_s=0)

    with pytest.raises(Rejected) as caught:
        go_on(anna, step_of(content(make())), InMemoryProgress())

    assert (caught.value.code, anna.sandbox.posts("twitter")) == ("media_ids_refused", [])


def test_account_connected_without_the_permission_has_to_be_connected_again(
    sandbox: Sandbox, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "SCOPES", ("tweet.read", "tweet.write", "users.read", "offline.access"))
    berta = visit(sandbox, "twitter", "berta")

    with pytest.raises(NeedsReconnect) as caught:
        berta.connector.publish(step_of(content(make())), progress=InMemoryProgress())

    assert (caught.value.code, caught.value.can_refresh) == ("scope_missing", False)
    assert isinstance(berta.connector.publish(step_of("Text goes on"), progress=InMemoryProgress()), Published)


# --- it is out once ---


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
@pytest.mark.parametrize("text", ["Lost & found at example.com", ""])
@pytest.mark.parametrize("kinds", [["image/png"], ["image/png"] * 4, ["video/mp4"], ["image/gif"]])
def test_lost_post_is_found(
    anna: SignedInAccount, make: Make, before: datetime, effect: str, text: str, kinds: list[str]
) -> None:
    step, notes = step_of(content(*(make(kind) for kind in kinds), text=text)), InMemoryProgress()
    anna.fault(effect)
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    by_files = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    by_looks = anna.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=NOTHING)

    [post] = anna.sandbox.posts("twitter")
    assert isinstance(by_files, Found)
    assert (by_files.remote_id, by_looks) == (post["id"], by_files)


@pytest.mark.parametrize("text", ["Once", ""])
def test_lost_request_is_absent_and_goes_out_with_the_same_uploads(
    anna: SignedInAccount, make: Make, before: datetime, text: str
) -> None:
    step, notes = step_of(content(make(), text=text)), InMemoryProgress()
    anna.fault("reset_before")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    go_on(anna, step, notes)

    assert (looked, len(media_of(anna)), anna.calls("upload")) == (Absent(), 1, 1)


@pytest.mark.parametrize("text", ["Once only", ""])
def test_post_that_shows_late_is_not_sent_again(anna: SignedInAccount, make: Make, before: datetime, text: str) -> None:
    """The list lags, so that absence was believed; media ids go into one post, which tells that it was wrong."""
    anna.sandbox.limits(lookup_lag_ms=60_000)
    anna.fault("accept_then_reset")
    step, notes = step_of(content(make(), text=text)), InMemoryProgress()
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)
    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=notes)
    with pytest.raises(Unavailable):
        anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    anna.sandbox.limits(lookup_lag_ms=0)
    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("twitter")
    assert isinstance(found, Found)
    assert (looked, found.remote_id) == (Absent(), post["id"])


def test_equal_pictures_without_text_are_told_apart_by_their_uploads(
    anna: SignedInAccount, make: Make, before: datetime
) -> None:
    use = make()
    first = go_on(anna, step_of(content(use, text="")), InMemoryProgress())
    step, notes = step_of(content(use, text=""), key="k.2"), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    assert isinstance(found, Found)
    assert found.remote_id == anna.sandbox.posts("twitter")[1]["id"] != first.remote_id


@pytest.mark.parametrize("field_names", ["old", "new", "both"])
@pytest.mark.parametrize("names", ["old", "new", "both"])
def test_lost_reply_with_media_is_found_whatever_x_calls_its_fields(
    anna: SignedInAccount, make: Make, before: datetime, names: str, field_names: str
) -> None:
    anna.sandbox.instance("twitter", names=names, field_names=field_names)
    use = make()
    whole = Content((Part("", media=(use,)), Part("", media=(use,), kind="reply")), post_type="thread")
    root = go_on(anna, step_of(whole), InMemoryProgress())
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step_of(whole, root), InMemoryProgress())

    known = frozenset({root.remote_id})
    found = anna.connector.reconcile(step_of(whole, root), progress=InMemoryProgress(), since=before, known=known)

    assert isinstance(found, Found)
    assert found.remote_id == anna.sandbox.posts("twitter")[1]["id"]


def test_long_post_with_media_is_recognised(sandbox: Sandbox, make: Make, before: datetime) -> None:
    sandbox.instance("twitter", subscribed=["berta"])
    berta = visit(sandbox, "twitter", "berta")
    step = step_of(content(make(), text="A long story of https://example.com & more. " * 100))

    published = go_on(berta, step, InMemoryProgress())

    found = berta.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=NOTHING)
    assert found == Found(published.remote_id, published.url)
