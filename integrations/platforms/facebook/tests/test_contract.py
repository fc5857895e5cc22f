"""Facebook Pages against the simulator: texts, links, comments, and files of every type of post."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, LeaseLost, MediaUse, Part, Pending, Published
from integrations.errors import NeedsReconnect, OutcomeUnknown, Rejected
from integrations.platforms.facebook import sign_in
from integrations.platforms.facebook.connector import FacebookConnector
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.duplicates_contract import DuplicatesContract
from tests.kit.media_contract import MediaContract, MediaFolder, go_on, row, with_media
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()
WITH_COMMENT = Content((Part("Root"), Part("First!", kind="comment")))


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("facebook", video_processing_ms=0)
    return visit(sandbox, "facebook")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def settings(sandbox: Sandbox, **changes: Any) -> None:
    sandbox.instance("facebook", **changes)


def of_type(post_type: str, use: MediaUse, text: str = "") -> Content:
    return Content((Part(text, (use,)),), post_type=post_type)


class TestFacebook(DuplicatesContract, MediaContract):
    slug = "facebook"

    def one_of(self, kind: str, anna: SignedInAccount, folder: MediaFolder, **more: Any) -> MediaUse:
        """Videos have no alt text there."""
        if kind == "video":
            more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)


# --- texts, links, comments ---


def test_comment_stands_below_its_post_and_is_found_and_taken_back(anna: SignedInAccount, before: datetime) -> None:
    root = anna.connector.publish(step_of(WITH_COMMENT), progress=InMemoryProgress())
    assert isinstance(root, Published)
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step_of(WITH_COMMENT, root), progress=InMemoryProgress())

    known = frozenset({root.remote_id})
    step = step_of(WITH_COMMENT, root)
    found = anna.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=known)

    post, comment = anna.sandbox.posts("facebook")
    assert isinstance(found, Found)
    assert (found.remote_id, comment["text"], comment["reply_to"]) == (comment["id"], "First!", post["id"])
    anna.connector.delete(found.remote_id)
    assert anna.texts() == ["Root"]


def test_comment_that_was_not_granted_costs_the_comment_and_not_the_account(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "SCOPES", sign_in.NEEDED)
    berta = visit(sandbox, "facebook", "berta")
    root = berta.connector.publish(step_of(WITH_COMMENT), progress=InMemoryProgress())
    assert isinstance(root, Published)

    with pytest.raises(Rejected) as caught:
        berta.connector.publish(step_of(WITH_COMMENT, root), progress=InMemoryProgress())

    assert (caught.value.code, berta.texts()) == ("not_permitted", ["Root"])


@pytest.mark.parametrize(
    ("link", "code"), [("https://www.facebook.com/example", "link_refused"), ("https://example.com/a?b=1&c=2", "")]
)
def test_link_is_shown_unless_facebook_refuses_it(anna: SignedInAccount, link: str, code: str) -> None:
    step = step_of(Content((Part("Read"),), {"link": link}))
    try:
        anna.connector.publish(step, progress=InMemoryProgress())
        refusal = ""
    except Rejected as refused:
        refusal = refused.code

    assert (refusal, anna.texts()) == (code, [] if code else ["Read"])


def test_page_that_loses_its_token_alone_signs_out_alone(anna: SignedInAccount) -> None:
    settings(anna.sandbox, lost_pages=["anna"])

    with pytest.raises(NeedsReconnect) as caught:
        anna.connector.publish(step_of("Hello"), progress=InMemoryProgress())

    assert (caught.value.code, caught.value.scope, caught.value.can_refresh) == ("role_lost", "account", False)


def test_page_rests_when_its_limit_is_all_but_used_up(anna: SignedInAccount) -> None:
    settings(anna.sandbox, used_percent=95, regain_min=7)
    now = datetime.now(UTC)

    published = anna.connector.publish(step_of("Hello"), progress=InMemoryProgress())

    assert isinstance(published, Published)
    assert published.rests_until is not None
    assert timedelta(minutes=7) <= published.rests_until - now < timedelta(minutes=8)


# --- reels and stories ---


@pytest.mark.parametrize("post_type", ["reel", "story"])
def test_video_is_out_once_whatever_dies_on_the_way(
    anna: SignedInAccount, folder: MediaFolder, before: datetime, post_type: str
) -> None:
    """The answer to the visible call is lost; told to finish it again, Facebook has one video still."""
    use = folder.video()
    text = "A reel" if post_type == "reel" else ""
    step, notes = step_of(of_type(post_type, use, text)), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("facebook")
    assert isinstance(found, Found)
    assert (found.remote_id, post["text"], post["media"]) == (post["id"], text, [row(use)])
    assert go_on(anna, step, InMemoryProgress(**notes.data)).remote_id == post["id"]
    assert len(anna.sandbox.posts("facebook")) == 1


@pytest.mark.parametrize("post_type", ["standard", "reel", "story"])
def test_video_whose_request_was_lost_is_absent_and_finished_once(
    anna: SignedInAccount, folder: MediaFolder, before: datetime, post_type: str
) -> None:
    step, notes = step_of(of_type(post_type, folder.video())), InMemoryProgress()
    anna.fault("reset_before")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)
    uploads = anna.calls("upload")

    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    go_on(anna, step, notes)

    assert (looked, len(anna.sandbox.posts("facebook")), anna.calls("upload")) == (Absent(), 1, uploads)


def test_killed_after_the_upload_hosts_answer_it_asks_what_has_arrived(
    anna: SignedInAccount, folder: MediaFolder
) -> None:
    """Killed when it would have kept that all has arrived: what stands at the host is not sent again."""
    use = folder.video()
    step, notes = step_of(of_type("reel", use, "A reel")), InMemoryProgress()
    notes.stops_at = 2  # the address and the id are kept
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=notes)
    uploads, successor = anna.calls("upload"), InMemoryProgress(**notes.data)

    published = go_on(anna, step, successor)

    [post] = anna.sandbox.posts("facebook")
    assert (published.remote_id, post["media"], anna.calls("upload")) == (post["id"], [row(use)], uploads)
    assert notes.secrets == {"upload_url"}


def test_reel_that_is_taken_is_waited_for_until_it_is_shown(anna: SignedInAccount, folder: MediaFolder) -> None:
    anna.sandbox.limits(lookup_lag_ms=60_000)
    step, notes = step_of(of_type("reel", folder.video(), "Soon")), InMemoryProgress()

    waits = anna.connector.publish(step, progress=notes)
    again = anna.connector.resume(step, progress=notes)
    anna.sandbox.limits(lookup_lag_ms=0)
    out = go_on(anna, step, notes)

    assert isinstance(waits, Pending)
    assert isinstance(again, Pending)
    assert (out.remote_id, anna.calls("publish")) == (anna.sandbox.posts("facebook")[0]["id"], 1)


@pytest.mark.parametrize("post_type", ["standard", "reel", "story"])
def test_video_that_facebook_cannot_use_is_rejected_and_not_out(
    anna: SignedInAccount, folder: MediaFolder, post_type: str
) -> None:
    settings(anna.sandbox, video_failure="The video cannot be decoded.")

    with pytest.raises(Rejected, match="cannot be decoded"):
        go_on(anna, step_of(of_type(post_type, folder.video())), InMemoryProgress())

    assert (anna.texts(), anna.marks) == ([], 0)


@pytest.mark.parametrize("has_archive", [True, False])
def test_picture_in_a_story_is_found_where_the_page_keeps_an_archive(
    anna: SignedInAccount, folder: MediaFolder, before: datetime, has_archive: bool
) -> None:
    settings(anna.sandbox, story_archive=has_archive)
    step, notes = step_of(of_type("story", folder.picture())), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("facebook")
    assert isinstance(found, Found if has_archive else CannotTell)
    assert not isinstance(found, Found) or found.remote_id == post["id"]


# --- what is known before ---


def test_what_facebook_refuses_is_said_before(folder: MediaFolder) -> None:
    picture, video = folder.picture(), folder.video()
    link = {"link": "https://example.com/"}
    cases = {
        "fine": with_media(picture, picture),
        "media_required": Content((Part("A reel"),), post_type="reel"),
        "media_not_supported": of_type("reel", picture),
        "text_not_supported": of_type("story", video, "Words"),
        "too_many_media": Content((Part("", (picture, picture)),), post_type="story"),
        "media_cannot_mix": with_media(picture, video),
        "contradiction": Content((Part("Look", (picture,)),), link),
        "too_long": Content((Part("x" * 63_207),)),
    }

    found = {code: [one.code for one in FacebookConnector.validate(case, None)] for code, case in cases.items()}

    assert found == {code: [] if code == "fine" else [code] for code in cases}
