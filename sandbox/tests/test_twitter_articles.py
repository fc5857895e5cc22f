"""Articles at X: a draft that nobody sees, and its post, made once."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.clients import Control
from sandbox.tests.twitter import Session, X, check_answer

BLOCK = {"text": "Hello", "type": "unstyled"}


def body(**changes: Any) -> dict[str, Any]:
    return {"title": "Amsel", "content_state": {"blocks": [BLOCK], "entities": []}, **changes}


@pytest.fixture
def subscriber(control: Control, ann: Session) -> Session:
    control.put("instance", platform="twitter", subscribed=["ann"])
    return ann


def test_draft_is_seen_by_nobody_and_published_once(control: Control, subscriber: Session) -> None:
    drafted = subscriber.call("POST", "/2/articles/draft", json=body())
    seen = control.texts()
    path = f"/2/articles/{drafted.json()['data']['id']}/publish"

    published, again = (subscriber.call("POST", path) for _ in range(2))

    [post] = control.posts(platform="twitter")
    assert (drafted.status_code, seen, published.status_code, again.status_code) == (201, [], 200, 400)
    assert published.json() == {"data": {"post_id": post["id"]}}
    assert "published already" in again.text
    [link] = subscriber.call("GET", f"/2/tweets/{post['id']}", params={"post.fields": "entities"}).json()["data"][
        "entities"
    ]["urls"]
    assert link["expanded_url"].endswith(f"/article/{drafted.json()['data']['id']}")


def test_article_is_for_subscribers_and_its_authors(control: Control, x: X, subscriber: Session) -> None:
    ben = x.sign_in("ben")
    draft_id = subscriber.call("POST", "/2/articles/draft", json=body()).json()["data"]["id"]

    answers = [
        ben.call("POST", "/2/articles/draft", json=body()).status_code,
        ben.call("POST", f"/2/articles/{draft_id}/publish").status_code,
        subscriber.call("POST", "/2/articles/5/publish").status_code,
    ]

    assert (answers, control.texts()) == ([403, 404, 404], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""},
        {"colour": "red"},
        {"content_state": {"blocks": [{**BLOCK, "type": "header-three"}], "entities": []}},
        {"content_state": {"blocks": [BLOCK]}},
        {"cover_media": {"media_id": "5", "media_category": "tweet_video"}},
    ],
)
def test_draft_that_its_schema_does_not_allow_is_refused(subscriber: Session, changes: dict[str, Any]) -> None:
    assert subscriber.call("POST", "/2/articles/draft", json=body(**changes)).status_code == 400


def test_answers_fit_the_schema(subscriber: Session) -> None:
    drafted = subscriber.call("POST", "/2/articles/draft", json=body())

    check_answer(drafted, "post", "/2/articles/draft")
    published = subscriber.call("POST", f"/2/articles/{drafted.json()['data']['id']}/publish")
    check_answer(published, "post", "/2/articles/{article_id}/publish")
