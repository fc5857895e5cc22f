"""Bluesky against the simulator."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, Part, Published
from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, OutcomeUnknown, Rejected, Unavailable
from integrations.platforms.bluesky.sign_in import BlueskySignIn
from integrations.sign_in import NO_APP, ClientApp
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, text_of, thread_of, visit
from tests.kit.media_contract import MediaContract
from tests.world import Sandbox

NOTHING: frozenset[str] = frozenset()


def send(anna: SignedInAccount, content: str | Content, *sent: Published, **how: Any) -> Published:
    published = anna.connector.publish(step_of(content, *sent, **how), progress=InMemoryProgress())
    assert isinstance(published, Published)
    return published


def record(anna: SignedInAccount, published: Published) -> dict[str, Any]:
    key = published.remote_id.rpartition("/")[2]
    params = {"repo": anna.target.remote_id, "collection": "app.bsky.feed.post", "rkey": key}
    value: dict[str, Any] = anna.connector.http.get("/xrpc/com.atproto.repo.getRecord", params=params).json()["value"]
    return value


class TestBluesky(MediaContract):
    slug = "bluesky"

    def test_revoked_token_needs_reconnect_whatever_is_asked(self, anna: SignedInAccount, before: datetime) -> None:
        """Whether a record is there, a repository tells everybody."""
        anna.fault("revoke_token", operation="any")

        with pytest.raises(NeedsReconnect):
            send(anna, "Revoked")
        with pytest.raises(NeedsReconnect):
            anna.connector.delete("at://did/app.bsky.feed.post/3kaaaaaaaaaaa")
        looked = anna.connector.reconcile(step_of("Revoked"), progress=InMemoryProgress(), since=before, known=NOTHING)
        assert looked == Absent()

    # --- its own key ---

    def test_same_part_sent_twice_is_one_post(self, anna: SignedInAccount) -> None:
        first, second = send(anna, "Once"), send(anna, "Once")

        assert (first.remote_id, anna.texts()) == (second.remote_id, ["Once"])

    def test_parts_and_generations_have_keys_of_their_own(self, anna: SignedInAccount) -> None:
        delivery = "01a20db0-14d8-7600-b50c-26b7f4e4b2dd"
        keys = [f"{delivery}.1", f"{delivery}.2", "01a20db0-14d8-7601-b50c-26b7f4e4b2dd.1"]

        ids = {send(anna, "Same", key=key).remote_id for key in keys}

        assert (len(ids), anna.texts()) == (3, ["Same"] * 3)

    def test_something_else_under_its_key_is_never_overwritten(self, anna: SignedInAccount, before: datetime) -> None:
        send(anna, "First")

        with pytest.raises(Rejected) as caught:
            send(anna, "Second")

        looked = anna.connector.reconcile(step_of("Second"), progress=InMemoryProgress(), since=before, known=NOTHING)
        assert (caught.value.code, anna.texts()) == ("key_taken", ["First"])
        assert isinstance(looked, CannotTell)

    # --- what is sent ---

    def test_address_leads_to_the_post(self, anna: SignedInAccount) -> None:
        published = send(anna, "Look here")

        with urllib.request.urlopen(published.url, timeout=10) as page:
            assert b"Look here" in page.read()

    def test_options_arrive(self, anna: SignedInAccount) -> None:
        published = send(anna, Content((Part("Amsel"),), {"langs": ["de", "en"], "labels": ["nudity"]}))

        sent = record(anna, published)
        assert sent["langs"] == ["de", "en"]
        assert sent["labels"]["values"] == [{"val": "nudity"}]
        assert sent["createdAt"].endswith("Z")

    def test_mentions_name_whom_they_mean_and_strangers_stay_text(
        self, anna: SignedInAccount, sandbox: Sandbox
    ) -> None:
        berta = sandbox.accounts("bluesky", "berta")
        text = f"Grüße @{berta['handle']} und @nobody.bsky.social"

        published = send(anna, text)

        [facet] = record(anna, published)["facets"]
        assert facet["features"] == [{"$type": "app.bsky.richtext.facet#mention", "did": berta["did"]}]
        index = facet["index"]
        assert text.encode()[index["byteStart"] : index["byteEnd"]].decode() == f"@{berta['handle']}"

    @pytest.mark.parametrize("text", ["x" * 300, "x" * 301, "👨‍👩‍👧‍👦" * 100, "👨‍👩‍👧‍👦" * 150, "日" * 300, "é" * 301])
    def test_what_is_refused_is_known_before(self, anna: SignedInAccount, text: str) -> None:
        problems = anna.connector.validate(text_of(text), anna.target)

        if not problems:
            send(anna, text)
            return
        with pytest.raises(Rejected):
            send(anna, text)
        assert anna.texts() == []

    def test_a_reply_names_root_and_parent(self, anna: SignedInAccount) -> None:
        content = thread_of("One", "Two", "Three")

        sent = self.publish_all(anna, content)

        reply = record(anna, sent[2])["reply"]
        assert (reply["root"]["uri"], reply["parent"]["uri"]) == (sent[0].remote_id, sent[1].remote_id)
        assert reply["root"]["cid"] == sent[0].facts["cid"]

    # --- refusals ---

    @pytest.mark.parametrize(
        ("effect", "outcome", "code"),
        [("account_not_found", NeedsReconnect, "account_moved"), ("upstream_failure", OutcomeUnknown, "server_error")],
    )
    def test_refusal_says_what_is_next(
        self, anna: SignedInAccount, effect: str, outcome: type[CallFailed], code: str
    ) -> None:
        anna.fault(effect)

        with pytest.raises(outcome) as caught:
            send(anna, "Hello")

        assert caught.value.code == code

    @pytest.mark.parametrize(
        ("setting", "code"), [("taken_down", "account_taken_down"), ("deactivated", "account_deactivated")]
    )
    def test_an_account_that_is_shut_needs_its_owner(self, anna: SignedInAccount, setting: str, code: str) -> None:
        anna.sandbox.instance("bluesky", **{setting: [anna.target.handle]})

        with pytest.raises(NeedsReconnect) as caught:
            send(anna, "Hello")

        assert (caught.value.code, caught.value.can_refresh) == (code, False)

    def test_an_expired_token_may_be_refreshed(self, anna: SignedInAccount) -> None:
        anna.fault("expire_token", operation="any")

        with pytest.raises(NeedsReconnect) as caught:
            send(anna, "Hello")

        assert caught.value.can_refresh

    def test_a_window_is_told_without_retry_after_too(self, anna: SignedInAccount) -> None:
        anna.sandbox.instance("bluesky", retry_after=False)
        self.test_too_many_calls_are_rate_limited_until_the_window_opens(anna)


class TestSignIn:
    @pytest.fixture
    def flow(self, sandbox: Sandbox) -> BlueskySignIn:
        return BlueskySignIn(Http(f"{sandbox.url}/bluesky"), {})

    def test_session_is_refreshed_and_ended(self, sandbox: Sandbox, flow: BlueskySignIn) -> None:
        person, app = sandbox.accounts("bluesky", "anna"), ClientApp("", "")
        tokens, home = flow.sign_in(identifier=person["handle"], password=person["app_password"])

        newer = flow.refresh(app, refresh_token=tokens.refresh_token)
        again = flow.refresh(app, refresh_token=tokens.refresh_token)  # as if the first answer had been lost
        flow.revoke(app, token=newer.refresh_token)
        flow.revoke(app, token=newer.refresh_token)

        assert home == f"{sandbox.url}/bluesky"
        assert len({tokens.access_token, newer.access_token, again.access_token}) == 3
        with pytest.raises(NeedsReconnect) as caught:
            flow.refresh(app, refresh_token=newer.refresh_token)
        assert (caught.value.code, caught.value.can_refresh) == ("session_ended", False)

    def test_who_it_is(self, sandbox: Sandbox, flow: BlueskySignIn) -> None:
        person = sandbox.accounts("bluesky", "anna", name="Anna Amsel")
        tokens, _ = flow.sign_in(identifier=person["did"], password=person["app_password"])

        owner = flow.who_am_i(NO_APP, access_token=tokens.access_token)

        [place] = owner.targets
        assert (owner.subject, place.remote_id, place.handle) == (person["did"], person["did"], "@anna.bsky.social")
        assert place.name == "Anna Amsel"

    def test_wrong_password_is_refused(self, sandbox: Sandbox, flow: BlueskySignIn) -> None:
        person = sandbox.accounts("bluesky", "anna")

        with pytest.raises(ExchangeRefused) as caught:
            flow.sign_in(identifier=person["handle"], password="wrong")

        assert caught.value.code == "wrong_password"

    @pytest.mark.parametrize("effect", ["status_500", "status_503", "reset_before", "html_502", "garbage_200"])
    def test_a_refresh_that_nobody_answers_ends_nothing(
        self, sandbox: Sandbox, flow: BlueskySignIn, effect: str
    ) -> None:
        person = sandbox.accounts("bluesky", "anna")
        tokens, _ = flow.sign_in(identifier=person["handle"], password=person["app_password"])
        sandbox.fault("bluesky", "token", effect)

        with pytest.raises(Unavailable):
            flow.refresh(ClientApp("", ""), refresh_token=tokens.refresh_token)

    def test_another_server_is_none_of_bluesky(self, sandbox: Sandbox) -> None:
        with pytest.raises(Unavailable) as caught:
            BlueskySignIn(Http(f"{sandbox.url}/mastodon"), {}).host_info()

        assert caught.value.code == "not_this_platform"

    def test_address(self) -> None:
        assert BlueskySignIn.address_of("") == "https://bsky.social"
        assert BlueskySignIn.address_of("pds.example.org/") == "https://pds.example.org"


def test_contract_sees_what_is_found(sandbox: Sandbox) -> None:
    anna = visit(sandbox, "bluesky")
    published = send(anna, "Here")

    found = anna.connector.reconcile(
        step_of("Here"), progress=InMemoryProgress(), since=datetime.now(UTC), known=NOTHING
    )

    assert found == Found(published.remote_id, published.url, published.facts)
    assert json.dumps(dict(published.facts))
