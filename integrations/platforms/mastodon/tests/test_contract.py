"""Mastodon, and Takahe that speaks its API with an accent, against the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from integrations.contract import Content, Found, Part, Published
from integrations.errors import NeedsReconnect, OutcomeUnknown, Rejected
from integrations.testing import ConnectorContract, Notes, Visit, step_of
from tests.world import Sandbox


class TestMastodon(ConnectorContract):
    slug = "mastodon"

    def test_options_arrive(self, anna: Visit) -> None:
        options = {"visibility": "unlisted", "spoiler_text": "Birds", "sensitive": True, "language": "de"}

        published = anna.connector.publish(step_of(Content((Part("Amsel"),), options)), progress=Notes())

        status = anna.connector.http.get(f"/api/v1/statuses/{published.remote_id}").json()  # type: ignore[union-attr]
        assert {name: status[name] for name in options} == options

    def test_part_in_doubt_is_found_among_many(self, anna: Visit, before: datetime) -> None:
        anna.sandbox.limits(quotas=False, idempotency=False)
        anna.fault("accept_then_reset")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step_of("Needle", key="k.0"), progress=Notes())
        for number in range(90):
            anna.connector.publish(step_of(f"Straw {number}", key=f"k.{number + 1}"), progress=Notes())

        found = anna.connector.reconcile(
            step_of("Needle", key="k.0"), progress=Notes(), since=before, known=frozenset()
        )

        assert isinstance(found, Found)
        assert found.remote_id == anna.sandbox.posts("mastodon")[0]["id"]

    @pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
    def test_part_in_doubt_is_found_whoever_may_see_it(self, anna: Visit, before: datetime, visibility: str) -> None:
        content = Content((Part("Quiet\r\nwords \n"),), {"visibility": visibility, "spoiler_text": "CW"})
        anna.fault("accept_then_500")
        with pytest.raises(OutcomeUnknown):
            anna.connector.publish(step_of(content), progress=Notes())

        found = anna.connector.reconcile(step_of(content), progress=Notes(), since=before, known=frozenset())

        assert isinstance(found, Found)

    def test_reply_to_a_part_that_is_gone_is_rejected(self, anna: Visit) -> None:
        content = Content((Part("One"), Part("Two", kind="reply")))

        with pytest.raises(Rejected) as caught:
            anna.connector.publish(step_of(content, Published("1")), progress=Notes())

        assert (caught.value.code, caught.value.http_status) == ("not_found", 404)

    def test_too_long_text_is_rejected_with_the_servers_words(self, anna: Visit) -> None:
        with pytest.raises(Rejected) as caught:
            anna.connector.publish(step_of("x" * 501), progress=Notes())

        assert (caught.value.code, caught.value.http_status) == ("validation_failed", 422)
        assert "500" in caught.value.message


class TestTakahe(ConnectorContract):
    """Keys are not remembered, refusals are HTML, there are no quotas and no discovery."""

    slug = "mastodon"

    @pytest.fixture(autouse=True)
    def takahe(self, sandbox: Sandbox) -> Iterator[None]:
        sandbox.instance("mastodon", dialect="takahe")
        yield
        sandbox.instance("mastodon", dialect="mastodon")

    def test_same_key_twice_is_one_post(self, anna: Visit) -> None:
        anna.connector.publish(step_of("Once"), progress=Notes())
        anna.connector.publish(step_of("Once"), progress=Notes())

        assert anna.texts() == ["Once", "Once"]  # hence reconcile looks up, and never sends

    def test_too_many_calls_are_rate_limited_until_the_window_opens(self, anna: Visit) -> None:
        pytest.skip("Takahe has no quotas")

    def test_bad_token_of_an_html_answer_needs_reconnect(self, anna: Visit) -> None:
        anna.token = "wrong"

        with pytest.raises(NeedsReconnect) as caught:
            anna.connector.publish(step_of("Hello"), progress=Notes())

        assert (caught.value.code, caught.value.http_status) == ("token_refused", 400)
