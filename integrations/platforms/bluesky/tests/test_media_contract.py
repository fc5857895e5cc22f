"""Pictures and videos against the simulator, with everything that can be lost on the way."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, Content, Found, LeaseLost, MediaUse, Part, Pending, Published, Step
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaFolder
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
UPLOAD_BLOB, UPLOAD_VIDEO, JOB_STATUS = "repo.uploadBlob", "video.uploadVideo", "video.getJobStatus"


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("bluesky", video_processing_ms=50)
    return visit(sandbox, "bluesky")


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def content(*media: MediaUse, text: str = "Look") -> Content:
    return Content((Part(text, media),))


def finish(anna: SignedInAccount, step: Step, notes: InMemoryProgress, *, at_most: int = 20) -> Published:
    """Publish as the engine does: ask again when told to, until it is out."""
    answer = anna.connector.publish(step, progress=notes)
    for _ in range(at_most):
        if isinstance(answer, Published):
            return answer
        wait_s = (answer.check_at - datetime.now(UTC)).total_seconds()
        time.sleep(max(0.0, min(wait_s, 0.1)))  # the simulator is quicker than the real service
        answer = anna.connector.resume(step, progress=notes)
    raise AssertionError("it is never out")


def publish(anna: SignedInAccount, *media: MediaUse, **how: Any) -> Published:
    return finish(anna, step_of(content(*media, **how)), InMemoryProgress())


def seen(anna: SignedInAccount) -> list[dict[str, Any]]:
    [post] = anna.sandbox.posts("bluesky")
    media: list[dict[str, Any]] = post["media"]
    return media


def row(use: MediaUse) -> dict[str, Any]:
    sha256 = hashlib.sha256(Path(use.path).read_bytes()).hexdigest()
    return {"mime_type": use.mime_type, "size": use.size, "sha256": sha256, "alt_text": use.alt_text or None}


def paths(anna: SignedInAccount, name: str) -> int:
    return sum(call["path"].endswith(name) for call in anna.sandbox.requests("bluesky"))


def embed(anna: SignedInAccount, published: Published) -> dict[str, Any]:
    params = {"uris": published.remote_id}
    [view] = anna.connector.http.get("/xrpc/app.bsky.feed.getPosts", params=params).json()["posts"]
    shown: dict[str, Any] = view["record"]["embed"]
    return shown


# --- what arrives ---


@pytest.mark.parametrize(("count", "kind"), [(1, "images"), (4, "images"), (5, "gallery"), (10, "gallery")])
def test_pictures_arrive_in_order_with_their_alt_texts(
    anna: SignedInAccount, folder: MediaFolder, count: int, kind: str
) -> None:
    uses = [folder.picture(number + 1, alt_text=f"Nr. {number} 🐦" if number else "") for number in range(count)]

    published = publish(anna, *uses)

    shown = embed(anna, published)
    items = shown.get("images") or shown["items"]
    assert seen(anna) == [row(use) for use in uses]
    assert shown["$type"] == f"app.bsky.embed.{kind}"
    assert [item["aspectRatio"] for item in items] == [{"width": number + 1, "height": 5} for number in range(count)]
    assert (anna.calls("publish"), anna.marks, paths(anna, UPLOAD_BLOB)) == (1, 1, count)


def test_picture_without_a_word(anna: SignedInAccount, folder: MediaFolder) -> None:
    use = folder.picture(alt_text="A bird")

    publish(anna, use, text="")

    assert (anna.texts(), seen(anna)) == ([""], [row(use)])


@pytest.mark.parametrize(("kind", "presentation"), [("video", None), ("animation", "gif")])
@pytest.mark.parametrize("is_flat", [True, False])
def test_video_arrives_through_the_video_service(
    anna: SignedInAccount, folder: MediaFolder, kind: str, presentation: str | None, is_flat: bool
) -> None:
    anna.sandbox.instance("bluesky", flat_jobs=is_flat)
    use = folder.video(kind=kind, alt_text="A bird sings")

    published = publish(anna, use)

    shown = embed(anna, published)
    assert seen(anna) == [row(use)]
    assert (shown["$type"], shown["alt"]) == ("app.bsky.embed.video", "A bird sings")
    assert (shown["aspectRatio"], shown.get("presentation")) == ({"width": 16, "height": 9}, presentation)
    assert (anna.calls("publish"), paths(anna, UPLOAD_VIDEO), paths(anna, UPLOAD_BLOB)) == (1, 1, 0)


@pytest.mark.parametrize("how", ["not_implemented", "not_supported", "html_404"])
@pytest.mark.parametrize("kind", ["video", "animation"])
def test_service_without_the_video_methods_takes_the_video_as_a_file(
    anna: SignedInAccount, folder: MediaFolder, kind: str, how: str
) -> None:
    anna.sandbox.instance("bluesky", no_video_methods=how)
    use = folder.video(kind=kind, alt_text="A bird sings")

    published = publish(anna, use)

    shown = embed(anna, published)
    assert (seen(anna), shown["$type"], shown["alt"]) == ([row(use)], "app.bsky.embed.video", "A bird sings")
    assert (anna.calls("publish"), paths(anna, UPLOAD_VIDEO), paths(anna, UPLOAD_BLOB)) == (1, 0, 1)


def test_parts_of_a_thread_have_media_of_their_own(anna: SignedInAccount, folder: MediaFolder) -> None:
    uses = [folder.picture(1), folder.video(), folder.picture(2)]
    thread = Content(
        (Part("One", (uses[0],)), Part("Two", (uses[1],), kind="reply"), Part("Three", (uses[2],), kind="comment")),
        post_type="thread",
    )

    sent: list[Published] = []
    for _ in thread.parts:
        sent.append(finish(anna, step_of(thread, *sent), InMemoryProgress()))

    posts = anna.sandbox.posts("bluesky")
    assert [post["media"] for post in posts] == [[row(use)] for use in uses]
    assert [post["reply_to"] for post in posts] == [None, sent[0].remote_id, sent[0].remote_id]


# --- bounded calls, and nothing visible before all is there ---


def test_large_pictures_are_several_calls(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.sandbox.instance("bluesky", image_max_bytes=9_000_000)
    uses = [folder.use(b"\xff\xd8\xff" + bytes([number]) * 4_000_000, "image/jpeg") for number in range(3)]
    step, notes = step_of(content(*uses)), InMemoryProgress()

    first = anna.connector.publish(step, progress=notes)

    assert isinstance(first, Pending)
    assert (paths(anna, UPLOAD_BLOB), anna.texts()) == (2, [])
    assert isinstance(anna.connector.resume(step, progress=notes), Published)
    assert seen(anna) == [row(use) for use in uses]


def test_video_is_asked_for_until_it_is_ready(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.fault("processing", operation="upload", ms=700)
    step, notes, now = step_of(content(folder.video())), InMemoryProgress(), datetime.now(UTC)

    begun = anna.connector.publish(step, progress=notes)
    asked = anna.connector.resume(step, progress=notes)

    assert isinstance(begun, Pending)
    assert isinstance(asked, Pending)
    wait = timedelta(seconds=2)
    assert now + wait <= begun.check_at <= asked.check_at <= datetime.now(UTC) + wait + timedelta(seconds=3)
    assert (anna.texts(), anna.marks) == ([], 0)
    finish(anna, step, notes)
    assert (len(seen(anna)), paths(anna, UPLOAD_VIDEO)) == (1, 1)


# --- crashes and lost answers ---


@pytest.mark.parametrize("stops_at", [0, 1, 2])
def test_crash_at_any_save_goes_on_where_it_stood(anna: SignedInAccount, folder: MediaFolder, stops_at: int) -> None:
    """Two pictures and the record are kept, in this order; what was kept is not uploaded again."""
    uses = [folder.picture(1), folder.picture(2)]
    step, notes = step_of(content(*uses)), InMemoryProgress()
    notes.stops_at = stops_at
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=notes)
    assert (anna.marks, anna.texts()) == (0, [])

    finish(anna, step, InMemoryProgress(**notes.data))

    assert seen(anna) == [row(use) for use in uses]
    assert paths(anna, UPLOAD_BLOB) == (3 if stops_at < 2 else 2)


def test_crash_before_the_job_is_kept_finds_it_again(anna: SignedInAccount, folder: MediaFolder) -> None:
    use = folder.video()
    step, notes = step_of(content(use)), InMemoryProgress()
    notes.stops_at = 0
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=notes)

    finish(anna, step, InMemoryProgress())

    assert (seen(anna), paths(anna, UPLOAD_VIDEO)) == ([row(use)], 2)


def test_record_is_the_same_whoever_writes_it(anna: SignedInAccount, folder: MediaFolder, before: datetime) -> None:
    """Written under its key, and again after the answer was lost: the service takes it for the same record."""
    berta = anna.sandbox.accounts("bluesky", "berta")["handle"]
    step, notes = step_of(content(folder.picture(), text=f"For @{berta}")), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=notes)
    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    again = anna.connector.publish(step, progress=InMemoryProgress(**notes.data))

    assert isinstance(looked, Found)
    assert isinstance(again, Published)
    assert (again.remote_id, again.facts) == (looked.remote_id, looked.facts)
    assert len(anna.sandbox.posts("bluesky")) == 1
    assert anna.calls("lookup") == 1


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@pytest.mark.parametrize("effect", ["reset_before", "status_503", "html_502"])
def test_lost_write_is_absent_and_then_written_without_another_upload(
    anna: SignedInAccount, folder: MediaFolder, before: datetime, effect: str
) -> None:
    use = folder.picture()
    step, notes = step_of(content(use)), InMemoryProgress()
    anna.fault(effect)
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=notes)

    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    finish(anna, step, notes)

    assert (looked, seen(anna), paths(anna, UPLOAD_BLOB)) == (Absent(), [row(use)], 1)


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200", "reset_before", "html_502"])
@pytest.mark.parametrize("form", ["picture", "video"])
def test_lost_upload_is_made_again(anna: SignedInAccount, folder: MediaFolder, effect: str, form: str) -> None:
    use = folder.picture() if form == "picture" else folder.video()
    step, notes = step_of(content(use)), InMemoryProgress()
    anna.fault(effect, operation="upload")

    with pytest.raises(Unavailable):
        anna.connector.publish(step, progress=notes)
    assert (anna.marks, anna.texts()) == (0, [])
    finish(anna, step, notes)

    assert seen(anna) == [row(use)]


@pytest.mark.parametrize("effect", ["status_500", "status_503", "html_502", "garbage_200", "reset_before"])
def test_lost_answer_about_a_video_is_asked_for_again(anna: SignedInAccount, folder: MediaFolder, effect: str) -> None:
    use = folder.video()
    step, notes = step_of(content(use)), InMemoryProgress()
    anna.connector.publish(step, progress=notes)
    anna.fault(effect, operation="upload", times=2 if effect == "reset_before" else 1)  # the door itself asks twice

    with pytest.raises(Unavailable):
        anna.connector.resume(step, progress=notes)
    finish(anna, step, notes)

    assert (seen(anna), paths(anna, UPLOAD_VIDEO)) == ([row(use)], 1)


@pytest.mark.parametrize("form", ["picture", "video"])
def test_too_many_uploads_wait_until_the_window_opens(anna: SignedInAccount, folder: MediaFolder, form: str) -> None:
    use = folder.picture() if form == "picture" else folder.video()
    anna.fault("rate_limited", operation="upload", retry_after=30)
    now = datetime.now(UTC)

    with pytest.raises(RateLimited) as caught:
        anna.connector.publish(step_of(content(use)), progress=InMemoryProgress())

    window, room = timedelta(seconds=30), timedelta(seconds=3)
    assert now + window - room < caught.value.until <= datetime.now(UTC) + window + room
    assert (anna.marks, anna.texts()) == (0, [])


@pytest.mark.parametrize("effect", ["expire_token", "revoke_token"])
@pytest.mark.parametrize("form", ["picture", "video"])
def test_session_that_is_over_is_not_used(anna: SignedInAccount, folder: MediaFolder, effect: str, form: str) -> None:
    use = folder.picture() if form == "picture" else folder.video()
    anna.fault(effect, operation="any")

    with pytest.raises(NeedsReconnect) as caught:
        anna.connector.publish(step_of(content(use)), progress=InMemoryProgress())

    assert caught.value.can_refresh


# --- files that are gone ---


@pytest.mark.parametrize("form", ["picture", "video"])
def test_file_that_was_forgotten_is_uploaded_once_more(anna: SignedInAccount, folder: MediaFolder, form: str) -> None:
    anna.sandbox.instance("bluesky", blob_ttl_s=1)
    use = folder.picture() if form == "picture" else folder.video()
    step, notes = step_of(content(use)), InMemoryProgress()
    anna.fault("reset_before")
    with pytest.raises(OutcomeUnknown):
        finish(anna, step, notes)
    created_at = notes.data["record"]["createdAt"]
    time.sleep(1.1)

    published = finish(anna, step, notes)

    assert seen(anna) == [row(use)]
    assert notes.data["record"]["createdAt"] == created_at
    assert published.remote_id == anna.sandbox.posts("bluesky")[0]["id"]
    assert (anna.calls("publish"), paths(anna, UPLOAD_BLOB)) == (3, 2 if form == "picture" else 1)


def test_file_that_stays_gone_is_refused(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.fault("blob_not_found", times=2)
    step, notes = step_of(content(folder.picture())), InMemoryProgress()

    with pytest.raises(Rejected) as caught:
        finish(anna, step, notes)

    assert (caught.value.code, anna.calls("publish"), anna.texts()) == ("blob_gone", 2, [])


def test_video_whose_post_was_deleted_goes_up_again(anna: SignedInAccount, folder: MediaFolder) -> None:
    """The video service names the file of the first time, which went with its post."""
    use = folder.video()
    first = publish(anna, use)
    anna.connector.delete(first.remote_id)

    finish(anna, step_of(content(use), key="k.2"), InMemoryProgress())

    assert seen(anna) == [row(use)]


def test_same_video_in_two_posts_is_worked_on_once(anna: SignedInAccount, folder: MediaFolder) -> None:
    use = folder.video()
    publish(anna, use)

    finish(anna, step_of(content(use), key="k.2"), InMemoryProgress())

    assert [post["media"] for post in anna.sandbox.posts("bluesky")] == [[row(use)]] * 2


# --- refusals ---


@pytest.mark.parametrize("code", ["encoding_failure", "pds_upload_failure", "validation_failure"])
def test_video_that_cannot_be_processed_is_refused_in_the_services_words(
    anna: SignedInAccount, folder: MediaFolder, code: str
) -> None:
    anna.sandbox.instance("bluesky", video_failure=code)

    with pytest.raises(Rejected) as caught:
        publish(anna, folder.video())

    assert (caught.value.code, anna.marks, anna.texts()) == (code, 0, [])
    assert caught.value.message.startswith("Bluesky could not use the video: ")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"unconfirmed": ["anna.bsky.social"]}, "Please confirm your email address to upload videos"),
        ({"daily_videos": 0}, "You have reached the daily limit of videos"),
    ],
)
def test_account_that_may_upload_no_video_is_told_before_it_does(
    anna: SignedInAccount, folder: MediaFolder, settings: dict[str, Any], words: str
) -> None:
    anna.sandbox.instance("bluesky", **settings)

    with pytest.raises(Rejected) as caught:
        publish(anna, folder.video())

    assert caught.value.code == "video_not_allowed"
    assert words in caught.value.message
    assert (paths(anna, UPLOAD_VIDEO), anna.texts()) == (0, [])


@pytest.mark.parametrize(
    ("effect", "outcome"),
    [("account_not_found", NeedsReconnect), ("upstream_failure", Unavailable), ("reject_content", Rejected)],
)
def test_refused_upload_says_what_is_next(
    anna: SignedInAccount, folder: MediaFolder, effect: str, outcome: type[CallFailed]
) -> None:
    anna.fault(effect, operation="upload")

    with pytest.raises(outcome):
        publish(anna, folder.picture())

    assert anna.texts() == []


# --- what is known before ---


def test_rule_keeps_within_what_the_service_takes(anna: SignedInAccount, sandbox: Sandbox) -> None:
    sandbox.instance("bluesky", blob_upload_limit=600_000)
    small = visit(sandbox, "bluesky", "berta")

    rules = [type(one.connector).media_rule("thread", one.target) for one in (anna, small)]

    sizes = [
        (rule.images.max_bytes, rule.animations.max_bytes, rule.videos.max_bytes)
        for rule in rules
        if rule and rule.images and rule.animations and rule.videos
    ]
    assert sizes == [(1_000_000, 52_428_800, 52_428_800), (600_000,) * 3]


def test_what_the_rule_allows_is_taken(anna: SignedInAccount, folder: MediaFolder) -> None:
    rule = type(anna.connector).media_rule("standard", None)
    assert rule is not None
    assert rule.images is not None
    uses = [
        folder.use(b"\xff\xd8\xff" + bytes([number]) * (rule.images.max_bytes - 3), "image/jpeg", width=9, height=9)
        for number in range(rule.max_images)
    ]
    anna.sandbox.instance("bluesky", image_max_bytes=1_000_000)

    assert anna.connector.validate(content(*uses), anna.target) == []
    publish(anna, *uses)

    assert seen(anna) == [row(use) for use in uses]
