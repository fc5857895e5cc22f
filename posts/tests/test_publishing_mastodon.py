"""drain() against Mastodon: polls, quotes, focus points. What else there is: posts/tests/test_publishing.py."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Membership
from accounts.tests.factories import signed_in
from integrations.models import SocialAccount
from mastablasta.ops import tasks
from media_library.tests.factories import make_asset
from posts.models import Delivery
from posts.tests.conftest import Connect
from posts.tests.test_publishing import (
    creates,
    outcomes,
    publish,
    run_until_settled,
    shown_to_author,
    with_options,
)
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anna(connected: Connect) -> SocialAccount:
    return connected("anna")


def status_of(sandbox: Sandbox, account: SocialAccount, delivery: Delivery) -> Any:
    return shown_to_author(sandbox, account, f"/api/v1/statuses/{delivery.remote_id}")


@pytest.mark.parametrize("effect", ["", "accept_then_reset"])
def test_poll_is_out_once_with_its_answers(sandbox: Sandbox, anna: SocialAccount, effect: str) -> None:
    delivery = with_options(anna, "Tea?", poll_options=["Yes", "No"], poll_expires_in=3600, poll_multiple=True)
    if effect:
        sandbox.fault("mastodon", "publish", effect)

    run_until_settled(delivery)

    poll = status_of(sandbox, anna, delivery)["poll"]
    assert ([one["title"] for one in poll["options"]], poll["multiple"]) == (["Yes", "No"], True)
    assert (delivery.state, [post["text"] for post in sandbox.posts("mastodon")]) == ("published", ["Tea?"])
    if effect:
        assert outcomes(delivery)[:1] == [("send", "unknown")]


@pytest.mark.parametrize("effect", ["", "accept_then_reset"])
def test_quote_is_out_once_and_a_status_of_the_same_words_is_another(
    sandbox: Sandbox, anna: SocialAccount, effect: str
) -> None:
    first, plain = publish(anna, "First"), publish(anna, "Look")
    run_until_settled(first, plain)
    delivery = with_options(anna, "Look", quoted_status_id=first.url)
    if effect:
        sandbox.fault("mastodon", "publish", effect)

    run_until_settled(delivery)

    quote = status_of(sandbox, anna, delivery)["quote"]
    assert (quote["state"], quote["quoted_status"]["id"]) == ("accepted", first.remote_id)
    assert (delivery.state, len(sandbox.posts("mastodon"))) == ("published", 3)
    assert delivery.remote_id != plain.remote_id


def test_quote_of_nothing_is_refused_in_the_servers_words_and_nothing_is_out(
    sandbox: Sandbox, anna: SocialAccount
) -> None:
    delivery = with_options(anna, "Look", quoted_status_id="5")

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code, sandbox.posts("mastodon")) == ("rejected", "not_found", [])
    assert len(creates(sandbox)) == 1


def test_focus_of_each_file_is_out_with_it(sandbox: Sandbox, anna: SocialAccount) -> None:
    media = [str(make_asset(workspace=anna.workspace).id) for _ in range(2)]
    client = signed_in(Membership.objects.get(workspace=anna.workspace, role="owner").user)
    options = {"mastodon": {"focus": ["", "0.5,-0.25"]}}
    body = {"content": "Look", "accounts": [str(anna.id)], "media": media, "post_options": options, "publish": True}
    answer = client.post("/api/v2/posts", body, format="json")
    assert answer.status_code == 201, answer.json()
    tasks.work_on_media()
    delivery = Delivery.objects.get()

    run_until_settled(delivery)

    shown = status_of(sandbox, anna, delivery)["media_attachments"]
    assert [one["meta"].get("focus") for one in shown] == [None, {"x": 0.5, "y": -0.25}]
    assert delivery.state == "published"
