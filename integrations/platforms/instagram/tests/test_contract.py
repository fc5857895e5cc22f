"""Instagram against the simulator, which fetches pictures from a web server here, by both sign-ins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, LeaseLost, MediaUse, Part, Pending
from integrations.errors import NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.instagram.sign_in import InstagramByFacebook
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaContract, go_on, png, row, with_media
from tests.kit.served_files import ServedFolder
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("instagram", video_processing_ms=0)
    return visit(sandbox, "instagram")


class TestInstagram(MediaContract):
    slug = "instagram"

    @pytest.fixture
    def folder(self, web: tuple[Path, str]) -> ServedFolder:
        self.files = ServedFolder(*web)
        return self.files

    @pytest.fixture
    def anna(self, sandbox: Sandbox, folder: ServedFolder) -> SignedInAccount:
        sandbox.instance("instagram", video_processing_ms=0)
        return visit(sandbox, self.slug)

    def content(self, text: str) -> Content:
        """Every post has a file."""
        return with_media(self.files.picture(), text=text)

    def one_of(self, kind: str, anna: SignedInAccount, folder: Any, **more: Any) -> MediaUse:
        """Videos have no alt text there."""
        if kind == "video":
            more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)


@pytest.fixture
def ben(sandbox: Sandbox) -> SignedInAccount:
    """Somebody who signed in at Instagram itself."""
    sandbox.instance("instagram", video_processing_ms=0)
    return visit(sandbox, "instagram", "ben", sign_in="instagram")


@pytest.fixture
def before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=2)


def of_type(post_type: str, *media: MediaUse, text: str = "", **options: Any) -> Content:
    return Content((Part(text, media),), options, post_type)


def media_of(account: SignedInAccount) -> list[list[dict[str, Any]]]:
    return [post["media"] for post in account.sandbox.posts("instagram")]


# --- every type of post, at both hosts ---


def test_carousel_of_pictures_and_a_video_is_one_post(anna: SignedInAccount, folder: ServedFolder) -> None:
    uses = [folder.picture(6, alt_text="A cat"), folder.video(), folder.picture(7)]

    published = go_on(anna, step_of(of_type("carousel", *uses, text="Three")), InMemoryProgress())

    [post] = anna.sandbox.posts("instagram")
    assert (published.remote_id, post["text"], post["media"]) == (post["id"], "Three", [row(use) for use in uses])
    assert published.url == post["url"]
    assert (anna.calls("upload"), anna.calls("publish"), anna.marks) == (4, 1, 1)


@pytest.mark.parametrize("post_type", ["standard", "carousel", "reel", "story"])
def test_account_of_instagram_login_has_all_its_files_fetched(
    ben: SignedInAccount, web: tuple[Path, str], post_type: str
) -> None:
    folder = ServedFolder(*web, fetched=("image", "video"))
    uses = [folder.video()] + ([folder.picture()] if post_type == "carousel" else [])
    text = "" if post_type == "story" else "Film"
    notes = InMemoryProgress()

    published = go_on(ben, step_of(of_type(post_type, *uses, text=text)), notes)

    [post] = ben.sandbox.posts("instagram")
    assert (published.remote_id, post["text"], post["media"]) == (post["id"], text, [row(use) for use in uses])
    paths = {call["path"].split("/")[2] for call in ben.sandbox.requests("instagram")}
    assert (paths, notes.secrets) == ({"instagram"}, set())


@pytest.mark.parametrize(("post_type", "kinds"), [("carousel", "vi"), ("reel", "v"), ("story", "v"), ("story", "i")])
def test_lost_answer_to_any_type_of_post_is_found(
    anna: SignedInAccount, folder: ServedFolder, before: datetime, post_type: str, kinds: str
) -> None:
    uses = [folder.picture() if kind == "i" else folder.video() for kind in kinds]
    step, notes = step_of(of_type(post_type, *uses)), InMemoryProgress()
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    [post] = anna.sandbox.posts("instagram")
    assert isinstance(found, Found)
    assert (found.remote_id, found.url, post["media"]) == (post["id"], post["url"], [row(use) for use in uses])


@pytest.mark.parametrize("post_type", ["carousel", "reel", "story"])
def test_killed_anywhere_any_type_of_post_is_out_once(
    anna: SignedInAccount, folder: ServedFolder, post_type: str
) -> None:
    """Killed at the first thing that is kept, at the second, … until a run comes through."""
    uses = [folder.video(), folder.picture()] if post_type == "carousel" else [folder.video()]
    for saves in range(12):
        step, dying = step_of(of_type(post_type, *uses), key=f"k.{saves}"), InMemoryProgress()
        dying.stops_at = saves
        try:
            go_on(anna, step, dying)
            break
        except LeaseLost:
            go_on(anna, step, InMemoryProgress(**dying.data))

    assert saves >= 4
    assert media_of(anna) == [[row(use) for use in uses]] * (saves + 1)


def test_comment_stands_below_its_post_and_is_found_and_taken_back(
    anna: SignedInAccount, folder: ServedFolder, before: datetime
) -> None:
    content = Content((Part("Root", (folder.picture(),)), Part("First!", kind="comment")))
    root = go_on(anna, step_of(content), InMemoryProgress())
    anna.fault("accept_then_reset")
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step_of(content, root), progress=InMemoryProgress())
    known = frozenset({root.remote_id})

    found = anna.connector.reconcile(step_of(content, root), progress=InMemoryProgress(), since=before, known=known)

    post, comment = anna.sandbox.posts("instagram")
    assert found == Found(comment["id"], root.url)
    assert (comment["text"], comment["reply_to"]) == ("First!", post["id"])
    anna.connector.delete(comment["id"])
    assert anna.texts() == ["Root"]


def test_comment_that_was_not_granted_costs_the_comment_and_not_the_account(
    sandbox: Sandbox, folder: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InstagramByFacebook, "scopes", InstagramByFacebook.needed_scopes)
    berta = visit(sandbox, "instagram", "berta")
    content = Content((Part("Root", (folder.picture(),)), Part("First!", kind="comment")))
    root = go_on(berta, step_of(content), InMemoryProgress())

    with pytest.raises(Rejected) as caught:
        berta.connector.publish(step_of(content, root), progress=InMemoryProgress())

    assert (caught.value.code, berta.texts()) == ("not_permitted", ["Root"])


# --- containers ---


@pytest.mark.parametrize("files", [1, 2])
def test_containers_that_have_ended_are_made_again_and_the_post_is_out_once(
    anna: SignedInAccount, folder: ServedFolder, before: datetime, files: int
) -> None:
    uses = [folder.picture(5 + number) for number in range(files)]
    step, notes = step_of(with_media(*uses)), InMemoryProgress()
    anna.fault("reset_before")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)
    anna.sandbox.instance("instagram", container_ttl_s=0)
    looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    waits = anna.connector.publish(step, progress=notes)
    anna.sandbox.instance("instagram", container_ttl_s=86_400)
    go_on(anna, step, notes)

    assert (looked, type(waits)) == (Absent(), Pending)
    assert (media_of(anna), anna.calls("upload")) == ([[row(use) for use in uses]], 2 * files)


def test_container_that_fails_is_made_again_once(anna: SignedInAccount, folder: ServedFolder) -> None:
    anna.sandbox.instance("instagram", container_failure=2207053)
    step, notes = step_of(with_media(folder.picture())), InMemoryProgress()

    waits = anna.connector.publish(step, progress=notes)
    with pytest.raises(Rejected) as caught:
        anna.connector.publish(step, progress=notes)

    assert isinstance(waits, Pending)
    assert (caught.value.code, anna.calls("upload"), anna.marks) == ("container_failed", 2, 0)


def test_container_is_published_once_whatever_is_forgotten(
    anna: SignedInAccount, folder: ServedFolder, before: datetime
) -> None:
    """As if what came of it had not been stored: it is not ready, and then is found to be out."""
    step, notes = step_of(with_media(folder.picture(), text="Once")), InMemoryProgress()
    out = go_on(anna, step, notes)

    assert isinstance(anna.connector.publish(step, progress=notes), Pending)
    with pytest.raises(OutcomeUnknown):
        anna.connector.publish(step, progress=notes)

    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    assert (found, anna.texts()) == (Found(out.remote_id, out.url), ["Once"])


def test_post_that_is_published_and_not_listed_yet_is_waited_for(
    anna: SignedInAccount, folder: ServedFolder, before: datetime
) -> None:
    anna.sandbox.limits(lookup_lag_ms=60_000)
    step, notes = step_of(with_media(folder.picture(), text="")), InMemoryProgress()
    anna.fault("accept_then_500")
    with pytest.raises(OutcomeUnknown):
        go_on(anna, step, notes)

    with pytest.raises(Unavailable) as caught:
        anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
    anna.sandbox.limits(lookup_lag_ms=0)
    found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

    assert caught.value.code == "not_shown_yet"
    assert isinstance(found, Found)
    assert len(anna.sandbox.posts("instagram")) == 1


@pytest.mark.parametrize(("text", "outcome"), [("Words", Absent), ("", CannotTell)])
def test_post_whose_container_is_forgotten_is_found_by_its_words_alone(
    anna: SignedInAccount, folder: ServedFolder, before: datetime, text: str, outcome: type[Absent | CannotTell]
) -> None:
    notes = InMemoryProgress(media={"0": {"id": "404404404", "made_at": before.isoformat(), "whole": True}})

    looked = anna.connector.reconcile(
        step_of(with_media(folder.picture(), text=text)), progress=notes, since=before, known=NOTHING
    )

    assert isinstance(looked, outcome)


def test_killed_after_the_upload_hosts_answer_it_asks_what_has_arrived(
    anna: SignedInAccount, folder: ServedFolder
) -> None:
    """Killed when it would have kept that all has arrived: what stands at the host is not sent again."""
    use = folder.video()
    step, notes = step_of(of_type("reel", use, text="A reel")), InMemoryProgress()
    notes.stops_at = 2  # the address and the container are kept
    with pytest.raises(LeaseLost):
        anna.connector.publish(step, progress=notes)
    uploads, successor = anna.calls("upload"), InMemoryProgress(**notes.data)

    go_on(anna, step, successor)

    assert (media_of(anna), anna.calls("upload"), notes.secrets) == ([[row(use)]], uploads, {"upload_0"})


@pytest.mark.parametrize(("what", "code", "uploads"), [("gone", "media_not_fetched", 2), ("png", "media_refused", 1)])
def test_picture_that_instagram_cannot_fetch_or_use_is_rejected(
    anna: SignedInAccount, folder: ServedFolder, what: str, code: str, uploads: int
) -> None:
    use = folder.use(png(6, 5), "image/jpeg") if what == "png" else folder.picture()
    if what == "gone":
        Path(use.path).unlink()

    with pytest.raises(Rejected) as caught:
        go_on(anna, step_of(with_media(use)), InMemoryProgress())

    assert (caught.value.code, anna.calls("upload"), anna.marks) == (code, uploads, 0)


# --- limits and tokens ---


def test_account_rests_when_it_has_published_all_that_instagram_says(
    anna: SignedInAccount, folder: ServedFolder
) -> None:
    anna.sandbox.instance("instagram", publishing_quota=2)
    now, soon = datetime.now(UTC), timedelta(hours=1)
    out = [go_on(anna, step_of(with_media(folder.picture())), InMemoryProgress()) for _ in range(2)]

    with pytest.raises(RateLimited) as caught:
        go_on(anna, step_of(with_media(folder.picture())), InMemoryProgress())

    assert out[0].rests_until is None
    assert out[1].rests_until is not None
    assert soon <= out[1].rests_until - now < soon + timedelta(minutes=1)
    assert (caught.value.code, caught.value.scope) == ("quota_used_up", "account")
    assert soon <= caught.value.until - now < soon + timedelta(minutes=1)
    assert anna.calls("publish") == 2


def test_page_that_loses_its_token_alone_signs_out_alone(anna: SignedInAccount, folder: ServedFolder) -> None:
    anna.sandbox.instance("instagram", lost_pages=["anna"])

    with pytest.raises(NeedsReconnect) as caught:
        anna.connector.publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

    assert (caught.value.code, caught.value.scope, caught.value.can_refresh) == ("role_lost", "account", False)
