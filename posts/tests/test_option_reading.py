"""What a page says of itself stands in the post before it is due, and people change it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import make_workspace, signed_in
from integrations.platforms.bluesky import cards
from integrations.protocols.web_pages import PageSummary
from integrations.tests.factories import connect
from mastablasta.core import jobs
from posts.models import Delivery, Post
from posts.services import cancellation, option_reading, scheduling
from posts.tasks import read_options
from posts.tests.test_publishing import run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
LINK = "https://amsel.example/page"
PAGE = PageSummary("Amsel", "A bird", "https://amsel.example/b.png")
TOLD = {"link_title": "Amsel", "link_description": "A bird", "link_image": PAGE.picture}


@pytest.fixture
def client(sandbox: Sandbox) -> APIClient:
    """Whose workspace has an account at Bluesky."""
    workspace = make_workspace()
    connect(sandbox, "anna", platform="bluesky", workspace=workspace)
    return signed_in(workspace.members.get())


def says(monkeypatch: pytest.MonkeyPatch, page: PageSummary | None) -> list[str]:
    """Let every page say this and have no picture; return the addresses that are read."""
    read: list[str] = []

    def read_page(url: str) -> PageSummary | None:
        read.append(url)
        return page

    monkeypatch.setattr(cards, "read_page", read_page)
    monkeypatch.setattr(cards, "read_picture", lambda url, **_: read.append(url))
    return read


def scheduled(client: APIClient, **options: Any) -> Post:
    body = {
        "content": "Look",
        "platforms": ["bluesky"],
        "scheduled_time": (timezone.now() + timedelta(days=1)).isoformat(),
        "post_options": {"bluesky": {"link": LINK, **options}},
    }
    answer = client.post("/api/v2/posts", body, format="json")
    assert answer.status_code == 201, answer.content
    return Post.objects.get(id=answer.json()["id"])


def own(post: Post) -> dict[str, Any]:
    post.refresh_from_db()
    options: dict[str, Any] = post.post_options["bluesky"]
    return options


def test_page_is_read_when_the_post_is_scheduled_and_what_people_change_is_sent(
    sandbox: Sandbox, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = says(monkeypatch, PAGE)
    post = scheduled(client, langs=["en"])
    assert jobs.waiting()[option_reading.TASK] == 1

    read_options(str(post.id))
    read_options(str(post.id))
    assert (own(post), post.version) == ({"link": LINK, "langs": ["en"], **TOLD}, 2)
    changed = {"post_options": {"bluesky": {"link": LINK, "link_title": "Mine"}}}
    assert client.patch(f"/api/v2/posts/{post.id}", changed, format="json").status_code == 200
    scheduling.publish_post(post, at=timezone.now())
    delivery = Delivery.objects.get()
    run_until_settled(delivery)

    repo, collection, rkey = delivery.remote_id.removeprefix("at://").split("/")
    query = f"repo={repo}&collection={collection}&rkey={rkey}"
    with urlopen(f"{sandbox.url}/bluesky/xrpc/com.atproto.repo.getRecord?{query}", timeout=10) as answer:
        card = json.load(answer)["value"]["embed"]["external"]
    assert card == {"uri": LINK, "title": "Mine", "description": ""}
    assert (read, jobs.waiting()[option_reading.TASK]) == ([LINK], 1)


@pytest.mark.parametrize("change", ["edited", "cancelled", "refused", "published"])
def test_post_stays_as_it_is(client: APIClient, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    post = scheduled(client)

    def read_page(_: str) -> PageSummary | None:
        if change == "edited":
            Post.objects.update(post_options={"bluesky": {"link": LINK, "langs": ["de"]}})
        if change == "cancelled":
            cancellation.cancel_post(post, at=timezone.now())
        return None if change == "refused" else PAGE

    monkeypatch.setattr(cards, "read_page", read_page)
    if change == "published":
        Post.objects.update(status="published")
    read_options(str(post.id))

    assert (own(post).get("link_title"), post.version) == (None, 1)


def test_what_people_said_is_not_read(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    read = says(monkeypatch, PAGE)

    read_options(str(scheduled(client, link_title="Mine").id))

    assert (read, jobs.waiting()[option_reading.TASK]) == ([], 0)
