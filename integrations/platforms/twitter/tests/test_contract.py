"""X against the simulator."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pytest

from integrations.contract import Absent, Connector, Content, Found, MediaUse, Part, Published
from integrations.errors import (
    CallFailed,
    ExchangeRefused,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from integrations.platforms.twitter.oauth import TwitterOAuth
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import (
    CALLBACK,
    VERIFIER,
    InMemoryProgress,
    SignedInAccount,
    consent,
    step_of,
    text_of,
    thread_of,
    visit,
)
from tests.kit.duplicates_contract import DuplicatesContract
from tests.kit.media_contract import MediaContract, MediaFolder, go_on, row
from tests.world import Sandbox

APP = ClientApp("sandbox-twitter", "sandbox-twitter-secret")
NOTHING: frozenset[str] = frozenset()


def settings(sandbox: Sandbox, **changes: Any) -> None:
    sandbox.instance("twitter", **changes)


def send(connector: Connector, content: str | Content, *sent: Published, **how: Any) -> Published:
    published = connector.publish(step_of(content, *sent), progress=how.get("progress", InMemoryProgress()))
    assert isinstance(published, Published)
    return published


def shown(anna: SignedInAccount, published: Published) -> Any:
    """A post as X shows it to whoever asks for all that stands with it."""
    params = {
        "post.fields": "attachments,community_id,reply_settings",
        "expansions": "attachments.poll_ids,referenced_posts",
    }
    return anna.connector.http.get(f"/2/tweets/{published.remote_id}", params=params).json()


def article(media: tuple[MediaUse, ...] = ()) -> Content:
    return Content((Part("# One\n\nTwo\n- three", media),), {"title": "Amsel"}, "article")


class TestTwitter(DuplicatesContract, MediaContract):
    slug = "twitter"
    refuses_duplicates: ClassVar[dict[str, bool]] = {"duplicates": True}

    # --- what is sent ---

    def test_options_arrive(self, anna: SignedInAccount) -> None:
        options = {"reply_settings": "mentionedUsers", "paid_partnership": True, "made_with_ai": False}

        published = send(anna.connector, Content((Part("Amsel"),), options))

        fields = {"tweet.fields": "reply_settings,paid_partnership"}
        shown = anna.connector.http.get(f"/2/tweets/{published.remote_id}", params=fields).json()["data"]
        assert (shown["reply_settings"], shown["paid_partnership"]) == ("mentionedUsers", True)

    def test_poll_arrives_and_is_found_again(self, anna: SignedInAccount, before: datetime) -> None:
        options = {"poll_options": ["A" * 25, "b"], "poll_duration_minutes": 10_080}
        content = Content((Part("Which?"), Part("Both?", kind="reply")), options, "thread")

        published = send(anna.connector, content)
        send(anna.connector, content, published)

        [poll] = shown(anna, published)["includes"]["polls"]
        assert ([one["label"] for one in poll["options"]], poll["duration_minutes"]) == (["A" * 25, "b"], 10_080)
        assert anna.texts() == ["Which?", "Both?"]
        found = anna.connector.reconcile(step_of(content), progress=InMemoryProgress(), since=before, known=NOTHING)
        assert found == Found(published.remote_id, published.url)

    # --- articles ---

    @pytest.mark.parametrize("has_cover", [False, True])
    def test_article_is_drafted_and_published_once(
        self, anna: SignedInAccount, folder: MediaFolder, has_cover: bool, before: datetime
    ) -> None:
        """Also where the answer is lost: its post is the one that leads to it."""
        settings(anna.sandbox, subscribed=["anna"])
        cover = replace(folder.picture(), role="cover")
        step, notes = step_of(article((cover,) if has_cover else ())), InMemoryProgress()
        assert anna.connector.validate(step.content, anna.target) == []
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)

        found = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

        [post] = anna.sandbox.posts("twitter")
        assert (isinstance(found, Found) and found.remote_id, anna.calls("publish")) == (post["id"], 1)
        assert post["text"].endswith(f"/article/{notes.data['article']}")
        assert post["media"] == ([row(cover)] if has_cover else [])

    def test_article_that_never_arrived_is_published_from_the_same_draft(
        self, anna: SignedInAccount, before: datetime
    ) -> None:
        settings(anna.sandbox, subscribed=["anna"])
        step, notes = step_of(article()), InMemoryProgress()
        anna.fault("reset_before")
        with pytest.raises(OutcomeUnknown):
            go_on(anna, step, notes)
        looked = anna.connector.reconcile(step, progress=notes, since=before, known=NOTHING)

        published = go_on(anna, step, notes)
        with pytest.raises(OutcomeUnknown, match="seems to have got through"):
            anna.connector.publish(step, progress=notes)  # by one who does not know that it is out

        assert looked == Absent()
        assert [post["id"] for post in anna.sandbox.posts("twitter")] == [published.remote_id]
        drafts = [call for call in anna.sandbox.requests("twitter") if call["path"].endswith("/2/articles/draft")]
        assert len(drafts) == 1

    def test_account_that_may_write_no_articles_hears_so_and_nothing_is_out(self, anna: SignedInAccount) -> None:
        with pytest.raises(Rejected, match="lets this account write no articles") as caught:
            anna.connector.publish(step_of(article()), progress=InMemoryProgress())

        assert (caught.value.code, anna.texts(), anna.marks) == ("not_permitted", [], 0)

    @pytest.mark.parametrize("names", ["new", "old"])
    def test_quote_in_a_community_arrives_and_is_found_again(
        self, anna: SignedInAccount, before: datetime, names: str
    ) -> None:
        settings(anna.sandbox, self_serve=False, names=names)
        first = send(anna.connector, "First")
        options = {"quote_tweet_id": first.url, "community_id": "77", "share_with_followers": True}
        content = Content((Part("Look at example.com"),), options)
        assert anna.connector.validate(content, anna.target) == []

        published = send(anna.connector, content)

        assert shown(anna, published)["data"]["community_id"] == "77"
        found = anna.connector.reconcile(step_of(content), progress=InMemoryProgress(), since=before, known=NOTHING)
        assert found == Found(published.remote_id, published.url)
        other = Content(content.parts, {"quote_tweet_id": "5"})
        assert isinstance(
            anna.connector.reconcile(step_of(other), progress=InMemoryProgress(), since=before, known=NOTHING), Absent
        )

    def test_quote_needs_enterprise_and_the_refusal_says_so(self, anna: SignedInAccount) -> None:
        content = Content((Part("Look"),), {"quote_tweet_id": send(anna.connector, "First").remote_id})

        with pytest.raises(Rejected) as caught:
            send(anna.connector, content)

        assert (caught.value.code, "Enterprise" in caught.value.message) == ("not_permitted", True)
        assert anna.texts() == ["First"]

    def test_address_leads_to_the_post(self, anna: SignedInAccount) -> None:
        published = send(anna.connector, "Look here")

        with urllib.request.urlopen(published.url, timeout=10) as page:
            assert b"Look here" in page.read()

    @pytest.mark.parametrize(
        "text",
        [
            "x" * 280,
            "x" * 281,
            "日" * 140,
            "日" * 141,
            "👨‍👩‍👧‍👦" * 140,
            "👨‍👩‍👧‍👦" * 140 + "!",
            "https://example.com/" + "a" * 300 + " " + "x" * 256,
            "example.com " + "x" * 257,
            "a\ufeffb",
            "$TSLA $AAPL",
            "$TSLA costs $100",
        ],
    )
    def test_what_is_refused_is_known_before(self, anna: SignedInAccount, text: str) -> None:
        problems = anna.connector.validate(text_of(text), anna.target)

        if not problems:
            send(anna.connector, text)
            return
        with pytest.raises(Rejected):
            send(anna.connector, text)
        assert anna.texts() == []

    def test_subscribed_account_writes_long_posts(self, sandbox: Sandbox, before: datetime) -> None:
        settings(sandbox, subscribed=["berta"])
        berta = visit(sandbox, "twitter", "berta")
        text = "A long story of https://example.com & more. " * 100

        problems = berta.connector.validate(text_of(text), berta.target)
        published = send(berta.connector, text)
        found = berta.connector.reconcile(step_of(text), progress=InMemoryProgress(), since=before, known=NOTHING)

        assert (problems, found) == ([], Found(published.remote_id, published.url))

    @pytest.mark.parametrize(
        ("effect", "outcome", "code"),
        [
            ("credits_depleted", OperatorProblem, "credits_depleted"),
            ("usage_capped", OperatorProblem, "usage_capped"),
            ("client_forbidden", OperatorProblem, "client_forbidden"),
            ("suspended", NeedsReconnect, "account_locked"),
            ("duplicate", Rejected, "duplicate"),
        ],
    )
    def test_refusal_says_what_is_next(
        self, anna: SignedInAccount, effect: str, outcome: type[CallFailed], code: str
    ) -> None:
        anna.fault(effect)

        with pytest.raises(outcome) as caught:
            send(anna.connector, "Hello")

        assert caught.value.code == code

    def test_thread_that_may_not_go_on_is_rejected(self, anna: SignedInAccount) -> None:
        settings(anna.sandbox, self_replies=False)
        content = thread_of("One", "Two")
        root = send(anna.connector, content)

        with pytest.raises(Rejected) as caught:
            send(anna.connector, content, root)

        assert caught.value.code == "reply_not_allowed"

    def test_reply_to_a_part_that_is_gone_is_rejected(self, anna: SignedInAccount) -> None:
        content = thread_of("One", "Two")
        root = send(anna.connector, content)
        anna.connector.delete(root.remote_id)

        with pytest.raises(Rejected) as caught:
            send(anna.connector, content, root)

        assert caught.value.code == "parent_gone"

    # --- the guard against duplicates ---

    def test_text_that_was_posted_before_is_refused(self, anna: SignedInAccount) -> None:
        send(anna.connector, "Good morning")

        with pytest.raises(Rejected) as caught:
            send(anna.connector, "Good  morning")

        assert caught.value.code == "duplicate"

    def test_post_that_shows_late_is_absent_then_found(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(lookup_lag_ms=60_000)
        published = send(anna.connector, "Late")

        early = anna.connector.reconcile(step_of("Late"), progress=InMemoryProgress(), since=before, known=NOTHING)
        anna.sandbox.limits(lookup_lag_ms=0)
        later = anna.connector.reconcile(step_of("Late"), progress=InMemoryProgress(), since=before, known=NOTHING)

        assert (early, later) == (Absent(), Found(published.remote_id, published.url))

    # --- recognising it ---

    @pytest.mark.parametrize(
        "text",
        [
            "See https://example.com/a?b=1&c=2#d & tell <me>",
            "example.com, Example.ORG/A_(b) and https://example.net.",
            "Grüße  an\nalle\r\n👨‍👩‍👧‍👦 e\u0301",
            "&amp; &lt; &copy;",
            "日本語example.com/ä",
            "t.co is short, https://t.co/abc too",
        ],
    )
    def test_lost_post_is_recognised_as_x_shows_it(self, anna: SignedInAccount, before: datetime, text: str) -> None:
        anna.fault("accept_then_500")
        with pytest.raises(OutcomeUnknown):
            send(anna.connector, text)

        found = anna.connector.reconcile(step_of(text), progress=InMemoryProgress(), since=before, known=NOTHING)

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("twitter")[0]["id"]

    @pytest.mark.parametrize("field_names", ["old", "new", "both"])
    @pytest.mark.parametrize("names", ["old", "new", "both"])
    def test_lost_reply_is_found_whatever_x_calls_its_fields(
        self, anna: SignedInAccount, before: datetime, names: str, field_names: str
    ) -> None:
        settings(anna.sandbox, names=names, field_names=field_names)
        anna.sandbox.limits(duplicates=False)
        content = thread_of("Same", "Same", "Same")
        root = send(anna.connector, content)
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            send(anna.connector, content, root)

        step, known = step_of(content, root), frozenset({root.remote_id})
        found = anna.connector.reconcile(step, progress=InMemoryProgress(), since=before, known=known)

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("twitter")[1]["id"]

    def test_part_in_doubt_is_found_among_many(self, anna: SignedInAccount, before: datetime) -> None:
        anna.sandbox.limits(quotas=False)
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            send(anna.connector, "Needle")
        for number in range(120):
            send(anna.connector, f"Straw {number}")

        found = anna.connector.reconcile(step_of("Needle"), progress=InMemoryProgress(), since=before, known=NOTHING)

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("twitter")[0]["id"]


class TestSignIn:
    """Tokens and identity, at the simulator."""

    @pytest.fixture
    def flow(self, sandbox: Sandbox) -> TwitterOAuth:
        return TwitterOAuth(Http(f"{sandbox.url}/twitter"), {})

    def code(self, flow: TwitterOAuth, handle: str = "anna") -> str:
        challenge = "w1TpKUdYE9hUAcNSeeSRFioHDxfUxuHho_JHAfZ_vDM"  # S256 of VERIFIER
        query = consent(flow.authorize_url(APP, redirect_uri=CALLBACK, state="s", challenge=challenge), handle)
        return query.get("code", query.get("error", ""))

    def exchange(self, flow: TwitterOAuth, app: ClientApp = APP, **how: str) -> Any:
        asked = {"code": self.code(flow), "redirect_uri": CALLBACK, "verifier": VERIFIER, **how}
        return flow.exchange(app, **asked)

    def test_person_who_refuses_is_told_apart(self, flow: TwitterOAuth) -> None:
        assert self.code(flow, "deny") == "access_denied"

    def test_account_says_who_it_is(self, flow: TwitterOAuth, sandbox: Sandbox) -> None:
        settings(sandbox, subscribed=["anna"])

        owner = flow.who_am_i(APP, access_token=self.exchange(flow).access_token)

        [place] = owner.targets
        assert (place.handle, place.kind, place.facts["subscription_type"]) == ("@anna", "person", "Premium")
        assert owner.subject == place.remote_id
        assert place.facts["url"] == f"{sandbox.url}/twitter/anna"

    @pytest.mark.parametrize(
        "wrong", [{"verifier": "w" * 64}, {"redirect_uri": "http://127.0.0.1:1/x"}, {"code": "nonsense"}]
    )
    def test_exchange_that_does_not_fit_is_refused(self, flow: TwitterOAuth, wrong: dict[str, str]) -> None:
        with pytest.raises(ExchangeRefused):
            self.exchange(flow, **wrong)

    def test_code_lives_thirty_seconds(self, flow: TwitterOAuth, sandbox: Sandbox) -> None:
        settings(sandbox, code_ttl_s=0)

        with pytest.raises(ExchangeRefused):
            self.exchange(flow)

    def test_refresh_token_is_good_once_and_used_twice_ends_all(self, flow: TwitterOAuth) -> None:
        first = self.exchange(flow)

        second = flow.refresh(APP, refresh_token=first.refresh_token)
        flow.who_am_i(APP, access_token=second.access_token)

        assert second.refresh_token not in {"", first.refresh_token}
        with pytest.raises(NeedsReconnect):
            flow.refresh(APP, refresh_token=first.refresh_token)
        with pytest.raises(NeedsReconnect):
            flow.who_am_i(APP, access_token=second.access_token)

    def test_wrong_keys_are_the_operators_problem(self, flow: TwitterOAuth) -> None:
        tokens, wrong = self.exchange(flow), ClientApp("sandbox-twitter", "wrong")

        with pytest.raises(OperatorProblem):
            self.exchange(flow, wrong)
        with pytest.raises(OperatorProblem):
            flow.refresh(wrong, refresh_token=tokens.refresh_token)
        with pytest.raises(OperatorProblem):
            flow.revoke(wrong, token=tokens.refresh_token)
        flow.refresh(APP, refresh_token=tokens.refresh_token)

    @pytest.mark.parametrize("effect", ["status_500", "status_503", "html_502", "reset_before"])
    def test_refresh_that_fails_for_now_ends_nothing(self, flow: TwitterOAuth, sandbox: Sandbox, effect: str) -> None:
        tokens = self.exchange(flow)
        sandbox.fault("twitter", "token", effect)

        with pytest.raises(Unavailable):
            flow.refresh(APP, refresh_token=tokens.refresh_token)

        assert flow.refresh(APP, refresh_token=tokens.refresh_token).access_token

    @pytest.mark.parametrize("which", ["access_token", "refresh_token"])
    def test_revoked_token_ends_the_grant_and_twice_is_fine(self, flow: TwitterOAuth, which: str) -> None:
        tokens = self.exchange(flow)

        flow.revoke(APP, token=getattr(tokens, which))
        flow.revoke(APP, token=getattr(tokens, which))

        with pytest.raises(NeedsReconnect):
            flow.who_am_i(APP, access_token=tokens.access_token)
        with pytest.raises(NeedsReconnect):
            flow.refresh(APP, refresh_token=tokens.refresh_token)
