"""All of it together, through the API: one post to three platforms that break; who is told; and what it brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from posts.tests.conftest import _in_haste  # noqa: F401  a fixture
from tests.kit.person import Person, do_now
from tests.kit.receiver import Receiver, receiving
from tests.world import Sandbox
from webhooks.tests.test_signing import is_accepted

pytestmark = pytest.mark.django_db(transaction=True)
PLATFORMS = ("mastodon", "twitter", "bluesky")


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with receiving() as running:
        yield running


@pytest.fixture
def ada(sandbox: Sandbox) -> Person:
    """A person with an account at each of the platforms."""
    person = Person("ada@example.test")
    person.accounts = [person.connect(sandbox, platform, "anna") for platform in PLATFORMS]
    return person


def test_one_post_goes_out_once_everywhere_although_platforms_break(sandbox: Sandbox, ada: Person) -> None:
    # Written once, each platform in its own words; looked at before it is sent.
    body: dict[str, Any] = {
        "content": "The harbour is open",
        "accounts": ada.accounts,
        "overrides": {"twitter": {"content": "Harbour: open"}},
        "tags": ["harbour"],
    }
    assert ada.post("posts/validate", body)["valid"] is True
    post = ada.post("posts", {**body, "scheduled_time": "2030-01-31T09:00:00Z"}, status=201)
    assert ada.get("calendar?from=2030-01-31&to=2030-01-31")["days"]

    # One platform is down for a moment, another takes the post and hangs up unanswered.
    sandbox.fault("mastodon", "publish", "status_503")
    sandbox.fault("bluesky", "publish", "accept_then_reset")
    ada.post(f"posts/{post['id']}/publish", status=202)
    shown = ada.wait_published(post["id"])

    # It is out once at each, under the id that we say.
    seen = {(one["platform"], one["text"], one["id"]) for one in sandbox.posts()}
    texts = {"twitter": "Harbour: open"}
    ours = {
        (one["platform"], texts.get(one["platform"], "The harbour is open"), one["platform_post_id"])
        for one in shown["deliveries"]
    }
    assert (shown["status"], len(sandbox.posts()), seen) == ("published", 3, ours)
    kinds = [one["kind"] for one in ada.get(f"posts/{post['id']}/attempts")["attempts"]]
    assert "reconcile" in kinds  # Bluesky was asked before anything was sent again


def test_everybody_knows_that_it_is_out_and_what_it_brought(sandbox: Sandbox, ada: Person, receiver: Receiver) -> None:
    hook = ada.post("webhooks", {"url": receiver.url, "events": ["post.published", "post.failed"]}, status=201)
    post = ada.post("posts", {"content": "The harbour is open", "accounts": ada.accounts}, status=201)
    ada.post(f"posts/{post['id']}/publish", status=202)
    shown = ada.wait_published(post["id"])

    # The customer's server is told once, signed.
    do_now("deliver_webhooks")
    [told] = receiver.received
    assert (told.told["event"], told.told["data"]["post_id"]) == ("post.published", shown["id"])
    assert all(is_accepted(hook["secret"], told.body, told.headers))

    # What it brought is read and added up.
    for one in shown["deliveries"]:
        sandbox.metrics(one["platform"], one["platform_post_id"], likes=5)
    do_now("collect_analytics", "--now")
    figures = ada.get(f"analytics/posts/{shown['id']}")["analytics"]
    assert {one["platform"]: one["likes"] for one in figures} == dict.fromkeys(PLATFORMS, 5)
