"""Mastodon, and Takahe that speaks its API with an accent, against the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from integrations.contract import Absent, Content, Found, Part, Pending, Published
from integrations.errors import NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.mastodon import oauth
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaContract, MediaFolder, go_on, png, row, with_media
from tests.world import Sandbox


class TestMastodon(MediaContract):
    slug = "mastodon"

    def test_options_arrive(self, anna: SignedInAccount) -> None:
        options = {"visibility": "unlisted", "spoiler_text": "Birds", "sensitive": True, "language": "de"}

        published = anna.connector.publish(step_of(Content((Part("Amsel"),), options)), progress=InMemoryProgress())

        status = anna.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()  # type: ignore[union-attr]
        assert {name: status[name] for name in options} == options

    def test_poll_within_the_limits_of_the_server_arrives_and_is_found_again(
        self, sandbox: Sandbox, before: datetime
    ) -> None:
        sandbox.instance("mastodon", poll_max_options=5, poll_max_expiration=600)
        berta = visit(sandbox, "mastodon", "berta")
        options = {"poll_options": list("ABCDE"), "poll_multiple": True, "poll_hide_totals": True}
        content = Content((Part("Which?"), Part("Both?", kind="reply")), options, "thread")
        assert berta.connector.validate(content, berta.target) == []

        published = berta.connector.publish(step_of(content, key="k"), progress=InMemoryProgress())
        assert isinstance(published, Published)
        berta.connector.publish(step_of(content, published, key="k"), progress=InMemoryProgress())

        status = berta.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()
        lasts = datetime.fromisoformat(status["poll"]["expires_at"]) - datetime.fromisoformat(status["created_at"])
        titles = [(one["title"], one["votes_count"]) for one in status["poll"]["options"]]
        assert (titles, status["poll"]["multiple"], lasts.seconds) == ([(one, None) for one in "ABCDE"], True, 600)
        assert berta.texts() == ["Which?", "Both?"]
        look = {"progress": InMemoryProgress(), "since": before, "known": frozenset[str]()}
        assert berta.connector.reconcile(step_of(content), **look) == Found(published.remote_id, published.url)
        assert isinstance(berta.connector.reconcile(step_of("Which?"), **look), Absent)

    def test_quote_arrives_and_is_found_again(self, anna: SignedInAccount, before: datetime) -> None:
        first = anna.connector.publish(step_of("First", key="1"), progress=InMemoryProgress())
        assert isinstance(first, Published)
        options = {"quoted_status_id": first.url, "quote_approval_policy": "nobody"}
        content = Content((Part("Look"),), options)
        assert anna.connector.validate(content, anna.target) == []

        published = anna.connector.publish(step_of(content, key="2"), progress=InMemoryProgress())

        assert isinstance(published, Published)
        status = anna.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()
        assert (status["quote"]["state"], status["quote"]["quoted_status"]["id"]) == ("accepted", first.remote_id)
        look = {"progress": InMemoryProgress(), "since": before, "known": frozenset[str]()}
        assert anna.connector.reconcile(step_of(content), **look) == Found(published.remote_id, published.url)
        assert isinstance(anna.connector.reconcile(step_of("Look"), **look), Absent)

    def test_quote_of_what_is_not_there_is_rejected_with_the_servers_words(self, anna: SignedInAccount) -> None:
        with pytest.raises(Rejected) as caught:
            anna.connector.publish(
                step_of(Content((Part("Look"),), {"quoted_status_id": "5"})), progress=InMemoryProgress()
            )

        assert (caught.value.code, "quote" in caught.value.message) == ("not_found", True)
        assert anna.texts() == []

    def test_part_in_doubt_is_found_among_many(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(quotas=False, idempotency=False)
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step_of("Needle", key="k.0"), progress=InMemoryProgress())
        for number in range(90):
            anna.connector.publish(step_of(f"Straw {number}", key=f"k.{number + 1}"), progress=InMemoryProgress())

        found = anna.connector.reconcile(
            step_of("Needle", key="k.0"), progress=InMemoryProgress(), since=before, known=frozenset()
        )

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("mastodon")[0]["id"]

    @pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
    def test_part_in_doubt_is_found_whoever_may_see_it(
        self, anna: SignedInAccount, before: datetime, visibility: str
    ) -> None:
        content = Content((Part("Quiet\r\nwords \n"),), {"visibility": visibility, "spoiler_text": "CW"})
        anna.fault("accept_then_500")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step_of(content), progress=InMemoryProgress())

        found = anna.connector.reconcile(step_of(content), progress=InMemoryProgress(), since=before, known=frozenset())

        assert isinstance(found, Found)

    def test_reply_to_a_part_that_is_gone_is_rejected(self, anna: SignedInAccount) -> None:
        content = Content((Part("One"), Part("Two", kind="reply")))

        with pytest.raises(Rejected) as caught:
            anna.connector.publish(step_of(content, Published("1")), progress=InMemoryProgress())

        assert (caught.value.code, caught.value.http_status) == ("not_found", 404)

    def test_too_long_text_is_rejected_with_the_servers_words(self, anna: SignedInAccount) -> None:
        with pytest.raises(Rejected) as caught:
            anna.connector.publish(step_of("x" * 501), progress=InMemoryProgress())

        assert (caught.value.code, caught.value.http_status) == ("validation_failed", 422)
        assert "500" in caught.value.message

    # --- files ---

    def test_rule_is_that_of_the_server(self, sandbox: Sandbox) -> None:
        sandbox.instance(
            "mastodon",
            max_media_attachments=9,
            description_limit=700,
            image_size_limit=5_000_000,
            supported_mime_types=["image/png", "video/mp4"],
        )

        rule = self.rule_of(visit(sandbox, "mastodon"))

        assert rule.images is not None
        assert rule.animations is not None
        assert (rule.max_images, rule.alt_text_limit, rule.images.max_bytes) == (9, 700, 4_999_999)
        assert (rule.images.mime_types, rule.animations.mime_types) == (("image/png",), ("video/mp4",))

    def test_focus_of_each_file_arrives(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        content = replace(with_media(*(folder.picture() for _ in range(3))), options={"focus": ["", "0.5,-0.25"]})

        published = go_on(anna, step_of(content), InMemoryProgress())

        shown = anna.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()["media_attachments"]
        assert [one["meta"].get("focus") for one in shown] == [None, {"x": 0.5, "y": -0.25}, None]

    def test_file_that_is_just_small_enough_is_taken(self, sandbox: Sandbox, folder: MediaFolder) -> None:
        sandbox.instance("mastodon", image_size_limit=1_000)
        anna = visit(sandbox, "mastodon")
        images = self.rule_of(anna).images
        assert images is not None
        use = folder.use(png(6, 5).ljust(images.max_bytes, b"\0"), "image/png")

        go_on(anna, step_of(with_media(use)), InMemoryProgress())

        assert self.media(anna) == [[row(use)]]

    @pytest.mark.parametrize("kind", ["image", "video"])
    def test_server_that_knows_the_old_call_only_gets_that(
        self, anna: SignedInAccount, folder: MediaFolder, kind: str
    ) -> None:
        anna.sandbox.instance("mastodon", has_v2_media=False)
        uses = [self.one_of(kind, anna, folder, alt_text="A cat")]
        if kind == "image":
            uses.append(folder.picture(7))

        go_on(anna, step_of(with_media(*uses)), InMemoryProgress())

        assert (self.media(anna), anna.calls("upload")) == ([[row(use) for use in uses]], 1 + len(uses))

    def test_file_that_the_server_cannot_process_is_rejected_with_its_words(
        self, anna: SignedInAccount, folder: MediaFolder
    ) -> None:
        anna.sandbox.instance("mastodon", video_processing_ms=20, processing_fails=True)

        with pytest.raises(Rejected) as caught:
            go_on(anna, step_of(with_media(folder.video())), InMemoryProgress())

        assert (caught.value.code, "Error processing thumbnail" in caught.value.message) == ("media_failed", True)
        assert (anna.texts(), anna.marks) == ([], 0)

    def test_file_that_was_thrown_away_is_uploaded_again(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        uses = [folder.picture(5, alt_text="A cat"), folder.picture(6)]
        step, notes = step_of(with_media(*uses)), InMemoryProgress()
        anna.fault("rate_limited", retry_after=1)
        with pytest.raises(RateLimited):
            anna.connector.publish(step, progress=notes)
        anna.sandbox.clear_faults()
        anna.sandbox.instance("mastodon", media_ttl_s=0)
        forgotten = anna.connector.publish(step, progress=notes)

        anna.sandbox.instance("mastodon", media_ttl_s=86_400)
        go_on(anna, step, notes)

        assert isinstance(forgotten, Pending)
        assert self.media(anna) == [[row(use) for use in uses]]

    def test_file_that_is_thrown_away_each_time_is_rejected_in_the_end(
        self, anna: SignedInAccount, folder: MediaFolder
    ) -> None:
        anna.sandbox.instance("mastodon", media_ttl_s=0)

        with pytest.raises(Rejected) as caught:
            go_on(anna, step_of(with_media(folder.picture())), InMemoryProgress())

        assert "not found or already attached" in caught.value.message
        assert (anna.texts(), anna.calls("publish")) == ([], 2)

    def test_status_that_comes_too_early_waits(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        use = folder.picture()
        anna.fault("media_not_ready")
        step, notes = step_of(with_media(use)), InMemoryProgress()

        waits = anna.connector.publish(step, progress=notes)
        go_on(anna, step, notes)

        assert isinstance(waits, Pending)
        assert (self.media(anna), anna.calls("publish")) == ([[row(use)]], 2)

    @pytest.mark.parametrize("text", ["Once only", ""])
    def test_status_that_shows_late_is_not_made_twice(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime, text: str
    ) -> None:
        """It forgot the key and lags behind, so that absence was believed; the files are what gives it away."""
        anna.sandbox.limits(idempotency=False, lookup_lag_ms=60_000)
        anna.fault("accept_then_reset")
        step, notes = step_of(with_media(folder.picture(), text=text)), InMemoryProgress()
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)
        looked = anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())

        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)
        anna.sandbox.limits(lookup_lag_ms=0)
        found = anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())

        [post] = anna.sandbox.posts("mastodon")
        assert isinstance(found, Found)
        assert (looked, found.remote_id) == (Absent(), post["id"])

    def test_equal_pictures_without_text_are_told_apart(
        self, anna: SignedInAccount, folder: MediaFolder, before: datetime
    ) -> None:
        anna.sandbox.limits(idempotency=False)
        use = folder.picture()
        first = go_on(anna, step_of(with_media(use, text="")), InMemoryProgress())
        step, notes = step_of(with_media(use, text=""), key="k.2"), InMemoryProgress()
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)

        found = anna.connector.reconcile(step, progress=notes, since=before, known=frozenset())

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("mastodon")[1]["id"] != first.remote_id

    def test_account_connected_without_the_permission_has_to_be_connected_again(
        self, sandbox: Sandbox, folder: MediaFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(oauth, "SCOPES", ("read:statuses", "write:statuses"))
        berta = visit(sandbox, "mastodon", "berta")

        with pytest.raises(NeedsReconnect) as caught:
            berta.connector.publish(step_of(with_media(folder.picture())), progress=InMemoryProgress())

        assert (caught.value.code, caught.value.can_refresh) == ("scope_missing", False)
        assert isinstance(berta.connector.publish(step_of("Text goes on"), progress=InMemoryProgress()), Published)

    def test_options_and_files_arrive_together(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        options = {"sensitive": True, "spoiler_text": "Cats"}
        content = Content((Part("Look", (folder.picture(),)),), options)

        published = go_on(anna, step_of(content), InMemoryProgress())

        status = anna.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()
        assert {name: status[name] for name in options} == options
        assert [one["type"] for one in status["media_attachments"]] == ["image"]


class TestTakahe(MediaContract):
    """Keys are not remembered, refusals are HTML, there are no quotas and no discovery."""

    slug = "mastodon"

    @pytest.fixture(autouse=True)
    def takahe(self, sandbox: Sandbox) -> Iterator[None]:
        sandbox.instance("mastodon", dialect="takahe")
        yield
        sandbox.instance("mastodon", dialect="mastodon")

    def test_same_key_twice_is_one_post(self, anna: SignedInAccount) -> None:
        anna.connector.publish(step_of("Once"), progress=InMemoryProgress())
        anna.connector.publish(step_of("Once"), progress=InMemoryProgress())

        assert anna.texts() == ["Once", "Once"]  # hence reconcile looks up, and never sends

    def test_too_many_calls_are_rate_limited_until_the_window_opens(self, anna: SignedInAccount) -> None:
        pytest.skip("Takahe has no quotas")

    def test_too_many_uploads_wait_until_the_window_opens(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        pytest.skip("Takahe has no quotas")

    def test_file_that_is_refused_is_rejected(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        """It falls over, so that nobody can tell a bad file from a bad day; the retries come to an end."""
        with pytest.raises(Unavailable):
            anna.connector.publish(
                step_of(with_media(folder.use(b"no picture", "image/png"))), progress=InMemoryProgress()
            )

        assert (anna.marks, anna.texts()) == (0, [])

    def test_bad_token_of_an_html_answer_needs_reconnect(self, anna: SignedInAccount) -> None:
        anna.token = "wrong"

        with pytest.raises(NeedsReconnect) as caught:
            anna.connector.publish(step_of("Hello"), progress=InMemoryProgress())

        assert (caught.value.code, caught.value.http_status) == ("token_refused", 400)

    def test_file_that_it_does_not_know_is_uploaded_again(self, anna: SignedInAccount, folder: MediaFolder) -> None:
        use = folder.picture()
        step, notes = step_of(with_media(use)), InMemoryProgress()
        anna.fault("status_503")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step, progress=notes)
        anna.sandbox.instance("mastodon", media_ttl_s=0)
        forgotten = anna.connector.publish(step, progress=notes)

        anna.sandbox.instance("mastodon", media_ttl_s=86_400)
        go_on(anna, step, notes)

        assert isinstance(forgotten, Pending)
        assert self.media(anna) == [[row(use)]]

    def test_rule_has_pictures_only(self, anna: SignedInAccount) -> None:
        rule = self.rule_of(anna)

        assert rule.images is not None
        assert (rule.images.max_bytes, rule.images.max_pixels, rule.videos) == (10_485_759, 4_000_000, None)
