"""Through the API only: one text to every platform, threads, and the rules of each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client, Refused
from tests.crowd import WITH_TEXTS, WITH_THREADS
from tests.instance import Instance

# Whose limits differ as the texts below need it.
OVERRIDES = {"twitter": {"content": "short"}, "bluesky": {"content": "short too"}}
THREE = [*OVERRIDES, "mastodon"]


@pytest.fixture
def client(instance: Instance) -> Client:
    person = instance.client()
    for platform in WITH_TEXTS:
        person.connect(platform, "ada")
    return person


def published(instance: Instance, client: Client, post_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        post: dict[str, Any] = client.get(f"posts/{post_id}")
        return post if post["status"] == "published" else None

    found: dict[str, Any] = instance.wait_for(look, what="published")
    return found


def test_one_text_is_once_on_each_platform(instance: Instance, client: Client) -> None:
    post = client.post("posts", {"content": "To everybody", "platforms": WITH_TEXTS, "publish": True})

    shown = published(instance, client, post["id"])

    for delivery in shown["deliveries"]:
        [seen] = [row for row in instance.sandbox.posts(delivery["platform"]) if row["text"] == "To everybody"]
        assert (delivery["platform_post_id"], seen["account"].lstrip("@").partition(".")[0]) == (seen["id"], "ada")
    assert sorted(delivery["platform"] for delivery in shown["deliveries"]) == sorted(WITH_TEXTS)


def test_a_thread_of_five_is_a_chain_on_each_platform(instance: Instance, client: Client) -> None:
    texts = {platform: [f"{platform} part {number}" for number in range(1, 6)] for platform in WITH_THREADS}
    posts = [
        client.post("posts", {"thread": parts, "platforms": [platform], "publish": True})["id"]
        for platform, parts in texts.items()
    ]

    for post in posts:
        published(instance, client, post)

    for platform, parts in texts.items():
        seen = [row for row in instance.sandbox.posts(platform) if row["text"] in parts]
        assert [row["text"] for row in seen] == parts
        assert [row["reply_to"] for row in seen] == [None, *(row["id"] for row in seen[:-1])], platform


def test_what_is_too_long_for_x_is_refused_with_the_count_and_fine_for_mastodon(client: Client) -> None:
    for text in ("x" * 281, "漢" * 141, "👨‍👩‍👧" * 141):
        with pytest.raises(Refused) as caught:
            client.post("posts", {"content": text, "platforms": THREE, "publish": True})

        assert caught.value.status == 400
        [fault] = caught.value.answer["errors"]
        assert (fault["field"], fault["params"]["platform"], fault["params"]["limit"]) == ("content", "twitter", 280)
        assert fault["params"]["actual"] in {281, 282}
        assert client.post("posts", {"content": text, "platforms": ["mastodon"]})["warnings"] == []


def test_each_platform_gets_its_own_text(instance: Instance, client: Client) -> None:
    body = {"content": "long " * 80, "overrides": OVERRIDES, "platforms": THREE}
    post = client.post("posts", {**body, "publish": True})

    published(instance, client, post["id"])

    assert "short" in [row["text"] for row in instance.sandbox.posts("twitter")]
    assert "short too" in [row["text"] for row in instance.sandbox.posts("bluesky")]
    assert ("long " * 80).strip() in [row["text"].strip() for row in instance.sandbox.posts("mastodon")]
