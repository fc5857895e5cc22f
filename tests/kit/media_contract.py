"""The cases with files that every connector must pass whose platform takes any, and files to pass them with.

    class TestMastodon(MediaContract):
        slug = "mastodon"

What the platform takes no files of is skipped by its own rule.
"""

from __future__ import annotations

import hashlib
import struct
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations import registry
from integrations.contract import Absent, Content, Found, LeaseLost, MediaUse, Part, Pending, Published, Step
from integrations.errors import NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from mastablasta.core.media_rules import MediaRule
from tests.kit.connector_contract import ConnectorContract, InMemoryProgress, SignedInAccount, step_of

NOTHING: frozenset[str] = frozenset()
MOST_CALLS = 40
LOST = ["reset_before", "accept_then_reset", "accept_then_500", "status_503", "html_502", "garbage_200"]


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif(width: int, height: int, tail: bytes = b"") -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00" + tail + b";"


def jpeg(width: int, height: int, tail: bytes = b"") -> bytes:
    """As much of one as says how large it is."""
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + frame + tail + b"\xff\xd9"


def mp4(tail: bytes = b"") -> bytes:
    return b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00" * 64 + tail


class MediaFolder:
    """Lays files into a folder, each under a name of its own, as the engine hands them to a connector."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def use(self, data: bytes, mime_type: str, **more: Any) -> MediaUse:
        self.count += 1
        path = self.folder / f"file-{self.count}"
        path.write_bytes(data)
        return MediaUse(f"asset-{self.count}", str(path), mime_type, len(data), **more)

    def picture(self, width: int = 6, height: int = 5, **more: Any) -> MediaUse:
        return self.use(png(width, height), "image/png", width=width, height=height, **more)

    def animation(self, mime_type: str = "image/gif", **more: Any) -> MediaUse:
        data = gif(16, 9) if mime_type == "image/gif" else mp4()
        return self.use(data, mime_type, **{"kind": "animation", "width": 16, "height": 9, "duration_s": 1.0, **more})

    def video(self, tail: bytes = b"", **more: Any) -> MediaUse:
        shape: dict[str, Any] = {"kind": "video", "width": 16, "height": 9, "duration_s": 1.0, **more}
        return self.use(mp4(tail), "video/mp4", **shape)


def with_media(*media: MediaUse, text: str = "Look") -> Content:
    return Content((Part(text, media),))


def row(use: MediaUse) -> dict[str, Any]:
    """A file as the world sees it when it arrived whole, with its alt text."""
    sha256 = hashlib.sha256(Path(use.path).read_bytes()).hexdigest()
    return {"mime_type": use.mime_type, "size": use.size, "sha256": sha256, "alt_text": use.alt_text or None}


def go_on(anna: SignedInAccount, step: Step, notes: InMemoryProgress) -> Published:
    """Do what the engine does until it is out, each time with a connector that knows nothing but what was saved."""
    answer = anna.connector.publish(step, progress=notes)
    for _ in range(MOST_CALLS):
        if isinstance(answer, Published):
            return answer
        wait_s = (answer.check_at - datetime.now(UTC)).total_seconds()
        time.sleep(max(0.0, min(wait_s, 0.05)))  # the simulator is quicker than the platforms
        answer = anna.connector.resume(step, progress=notes)
    raise AssertionError("it is never out")


class Struck(InMemoryProgress):
    """Lets a fault strike the next call once so much has been kept."""

    def __init__(self, anna: SignedInAccount, effect: str, *, after: int) -> None:
        super().__init__()
        self.anna, self.effect, self.after = anna, effect, after
        self._strike()

    def save(self, **values: Any) -> None:
        super().save(**values)
        self._strike()

    def _strike(self) -> None:
        if len(self.saves) == self.after:
            self.anna.fault(self.effect, operation="upload")


class MediaContract(ConnectorContract):
    """Subclass it in the platform's tests instead of ConnectorContract."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> MediaFolder:
        return MediaFolder(tmp_path)

    def rule_of(self, anna: SignedInAccount) -> MediaRule:
        rule = anna.connector.media_rule("standard", anna.target)
        assert rule is not None
        return rule

    def one_of(self, kind: str, anna: SignedInAccount, folder: MediaFolder, **more: Any) -> MediaUse:
        """A file of this kind in the form that the platform takes first; skips where it takes none."""
        rule = self.rule_of(anna)
        taken = {"image": rule.images, "animation": rule.animations, "video": rule.videos}[kind]
        if taken is None:
            pytest.skip(f"the platform takes no {kind}")
        if kind == "animation":
            return folder.animation(taken.mime_types[0], **more)
        return folder.picture(**more) if kind == "image" else folder.video(**more)

    def media(self, anna: SignedInAccount) -> list[list[dict[str, Any]]]:
        """The files of each post that the world sees, oldest first."""
        return [post["media"] for post in anna.sandbox.posts(self.slug)]

    # --- it arrives whole ---

    @pytest.mark.parametrize("kind", ["image", "animation", "video"])
    @pytest.mark.parametrize("text", ["Look", ""])
    def test_file_arrives_whole_with_its_alt_text(
        self, anna: SignedInAccount, folder: MediaFolder, kind: str, text: str
    ) -> None:
        use = self.one_of(kind, anna, folder, alt_text="Ein Kätzchen 🐈, das „maunzt“")

        published = go_on(anna, step_of(with_media(use, text=text)), InMemoryProgress())

        [post] = anna.sandbox.posts(self.slug)
        assert (published.remote_id, post["text"], post["media"]) == (post["id"], text, [row(use)])
        assert (anna.marks, anna.calls("publish")) == (1, 1)

    def test_pictures_arrive_in_their_order(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        most = min(self.rule_of(anna).max_images, 4)
        uses = [folder.picture(number + 5, alt_text=f"Nr. {number}" if number else "") for number in range(most)]

        go_on(anna, step_of(with_media(*uses)), InMemoryProgress())

        assert self.media(anna) == [[row(use) for use in uses]]

    def test_parts_of_a_thread_have_files_of_their_own(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        self.skip_unless_threads()
        uses = [folder.picture(5), folder.picture(6)]
        parts = (Part("One", (uses[0],)), Part("Two", kind="reply"), Part("", (uses[1],), kind="comment"))
        thread = Content(parts, post_type="thread")

        sent: list[Published] = []
        for _ in parts:
            sent.append(go_on(anna, step_of(thread, *sent), InMemoryProgress()))

        posts = anna.sandbox.posts(self.slug)
        assert self.media(anna) == [[row(uses[0])], [], [row(uses[1])]]
        assert [post["reply_to"] for post in posts] == [None, posts[0]["id"], posts[0]["id"]]

    def test_nothing_is_visible_while_a_video_is_worked_on(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        use = self.one_of("video", anna, folder)
        anna.fault("processing", operation="upload", ms=600)
        step, notes = step_of(with_media(use)), InMemoryProgress()

        first = anna.connector.publish(step, progress=notes)
        again = anna.connector.resume(step, progress=notes)

        assert isinstance(first, Pending)
        assert isinstance(again, Pending)
        assert (anna.texts(), anna.marks) == ([], 0)
        time.sleep(0.6)
        go_on(anna, step, notes)
        assert self.media(anna) == [[row(use)]]

    # --- whatever breaks on the way ---

    @pytest.mark.parametrize("effect", LOST)
    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_lost_answer_at_an_upload_is_harmless(
        self, anna: SignedInAccount, folder: MediaFolder, effect: str, kind: str
    ) -> None:
        use = self.one_of(kind, anna, folder, alt_text="A cat")
        step, notes = step_of(with_media(use)), InMemoryProgress()
        anna.fault(effect, operation="upload")

        with pytest.raises(Unavailable):
            anna.connector.publish(step, progress=notes)
        lost = (anna.marks, anna.texts())
        go_on(anna, step, notes)

        assert (lost, self.media(anna)) == ((0, []), [[row(use)]])

    def test_line_that_breaks_after_the_first_file_is_no_failure(
        self, anna: SignedInAccount, folder: MediaFolder
    ) -> None:
        if self.rule_of(anna).max_images < 2:
            pytest.skip("the platform takes one picture")
        uses = [folder.picture(5), folder.picture(6)]
        step, notes = step_of(with_media(*uses)), Struck(anna, "status_503", after=1)

        waits = anna.connector.publish(step, progress=notes)
        go_on(anna, step, notes)

        assert isinstance(waits, Pending)
        assert (self.media(anna), anna.calls("upload")) == ([[row(use) for use in uses]], 3)

    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_killed_between_any_two_steps_it_goes_on_from_there(
        self, anna: SignedInAccount, folder: MediaFolder, kind: str
    ) -> None:
        """Killed at the first thing that it saves, at the second, … until a run comes through."""
        uses = [self.one_of(kind, anna, folder, alt_text="A cat")]
        if kind == "image" and self.rule_of(anna).max_images > 1:
            uses.append(folder.picture(7))

        for saves in range(MOST_CALLS):
            step, dying = step_of(with_media(*uses, text=f"Killed at {saves}"), key=f"k.{saves}"), InMemoryProgress()
            dying.stops_at = saves
            was_killed = False
            try:
                go_on(anna, step, dying)
            except LeaseLost:
                was_killed = True
                go_on(anna, step, InMemoryProgress(**dying.data))
            if not was_killed:
                break

        assert saves > 0
        assert self.media(anna) == [[row(use) for use in uses]] * (saves + 1)
        assert anna.texts() == [f"Killed at {number}" for number in range(saves + 1)]

    def test_what_was_uploaded_before_the_kill_is_not_uploaded_again(
        self, anna: SignedInAccount, folder: MediaFolder
    ) -> None:
        if self.rule_of(anna).max_images < 2:
            pytest.skip("the platform takes one picture")
        step, dying = step_of(with_media(folder.picture(5), folder.picture(6))), InMemoryProgress()
        dying.stops_at = 1
        with pytest.raises(LeaseLost):
            anna.connector.publish(step, progress=dying)
        before = anna.calls("upload")

        go_on(anna, step, InMemoryProgress(**dying.data))

        assert (before, anna.calls("upload")) == (2, 3)

    # --- plain refusals ---

    def test_too_many_uploads_wait_until_the_window_opens(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        anna.fault("rate_limited", operation="upload", retry_after=30)
        now = datetime.now(UTC)

        with pytest.raises(RateLimited) as caught:
            anna.connector.publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

        assert now < caught.value.until <= now + timedelta(seconds=33)
        assert (anna.texts(), anna.marks) == ([], 0)

    def test_file_that_is_refused_is_rejected(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        anna.fault("reject_content", operation="upload", times=2)

        with pytest.raises(Rejected) as caught:
            go_on(anna, step_of(with_media(folder.picture())), InMemoryProgress())

        assert caught.value.message
        assert (anna.texts(), anna.marks) == ([], 0)

    def test_revoked_token_at_an_upload_needs_reconnect(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        anna.fault("revoke_token", operation="any")

        with pytest.raises(NeedsReconnect):
            anna.connector.publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

        assert anna.marks == 0

    # --- it is out once ---

    @pytest.mark.parametrize("text", ["Lost reply", ""])
    def test_lost_reply_to_a_post_with_files_is_found(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime, text: str
    ) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        step, notes = step_of(with_media(folder.picture(), text=text)), InMemoryProgress()
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)

        found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

        [post] = anna.sandbox.posts(self.slug)
        assert isinstance(found, Found)
        assert (found.remote_id, anna.calls("publish")) == (post["id"], 1)

    def test_lost_request_goes_out_with_the_files_that_are_there(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime
    ) -> None:
        anna.sandbox.limits(idempotency=False, duplicates=False)
        use = folder.picture()
        step, notes = step_of(with_media(use)), InMemoryProgress()
        anna.fault("reset_before")
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)

        looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)
        uploads = anna.calls("upload")
        go_on(anna, step, notes)

        assert (looked, self.media(anna), anna.calls("upload")) == (Absent(), [[row(use)]], uploads)

    def test_same_text_without_files_is_not_ours(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime
    ) -> None:
        if registry.capabilities(self.slug).needs_media:
            pytest.skip("the platform has no posts without files")
        anna.sandbox.limits(idempotency=False, duplicates=False)
        anna.connector.publish(step_of("Good morning"), progress=InMemoryProgress())
        content = with_media(folder.picture(), text="Good morning")

        looked = anna.connector.reconcile(
            step_of(content, key="k.2"), progress=InMemoryProgress(), since=before, known=NOTHING
        )

        assert looked == Absent()
