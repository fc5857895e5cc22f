"""Two requests at once with the same text: one of them is told of the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from accounts.tests.test_races import at_once
from integrations.tests.factories import make_account
from posts.models import Post
from posts.tests.factories import make_post
from tests.kit.locks import somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)

DRAFT = {"content": "Hello", "platforms": ["mastodon"]}
SCHEDULED = {**DRAFT, "scheduled_time": "2030-01-31T09:00:00Z"}


@pytest.mark.parametrize(
    ("path", "body"),
    [("posts", DRAFT), ("posts", SCHEDULED), ("bulk/posts/create", {"posts": [SCHEDULED]})],
    ids=["drafts", "scheduled", "bulk"],
)
@pytest.mark.parametrize("has_key", [False, True])
def test_of_two_at_once_one_is_flagged(path: str, body: dict[str, Any], has_key: bool) -> None:
    account = make_account()
    clients = [signed_in(Membership.objects.get(workspace=account.workspace).user) for _ in "123"]
    keys = iter("abc")

    def create() -> int:
        headers = {"Idempotency-Key": next(keys)} if has_key else {}
        status: int = clients.pop().post(f"/api/v2/{path}", body, format="json", headers=headers).status_code
        return status

    answers = at_once(3, create)

    assert sorted(answers) == [200 if "bulk" in path else 201] * 3
    flagged = [[one["code"] for one in post.warnings] for post in Post.objects.all()]
    assert sorted(codes.count("duplicate_text") for codes in flagged) == [0, 1, 1]


def test_of_two_at_once_one_is_refused_where_the_workspace_says_so() -> None:
    account = make_account()
    Workspace.objects.update(duplicate_policy="refuse")
    client = signed_in(Membership.objects.get(workspace=account.workspace).user)

    answers = at_once(3, lambda: client.post("/api/v2/posts", SCHEDULED, format="json").status_code)

    assert sorted(answers) == [201, 400, 400]
    assert Post.objects.count() == 1


PROMISES: dict[str, Callable[[Any, Post, dict[str, str]], Any]] = {
    "publish": lambda client, post, _: client.post(f"/api/v2/posts/{post.id}/publish"),
    "reschedule": lambda client, post, when: client.post(f"/api/v2/posts/{post.id}/reschedule", when),
    "edit": lambda client, post, when: client.patch(f"/api/v2/posts/{post.id}", when),
}


@pytest.mark.parametrize("is_made_first", [True, False], ids=["made first", "promised first"])
@pytest.mark.parametrize("promise", PROMISES)
def test_a_new_post_and_a_draft_that_is_promised_at_once_are_not_both_taken(promise: str, is_made_first: bool) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    draft = make_post(content=DRAFT["content"])
    Workspace.objects.update(duplicate_policy="refuse")
    person = Membership.objects.get().user
    when = {"scheduled_time": (timezone.now() + timedelta(minutes=5)).isoformat()}
    body = {**DRAFT, **when}
    calls = [
        lambda: signed_in(person).post("/api/v2/posts", body, format="json"),
        lambda: PROMISES[promise](signed_in(person), draft, when),
    ]

    first, second = overlapping(*(calls if is_made_first else calls[::-1]))

    assert first.status_code in {200, 201, 202}, first.content
    assert (second.status_code, [one["code"] for one in second.json()["errors"]]) == (400, ["duplicate_text"])
    assert Post.objects.filter(status="scheduled").count() == 1


def overlapping(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """What two calls answer of which the second begins when the first has done its work and has not committed it."""
    answers: dict[int, Any] = {}
    has_worked, may_commit = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            answers[0] = first()
            has_worked.set()
            may_commit.wait(10)
        connection.close()

    def follow() -> None:
        answers[1] = second()
        connection.close()

    threads = [threading.Thread(target=run) for run in (hold, follow)]
    threads[0].start()
    assert has_worked.wait(10)
    threads[1].start()
    deadline = time.monotonic() + 10
    while threads[1].is_alive() and not somebody_waits() and time.monotonic() < deadline:
        time.sleep(0.01)
    may_commit.set()
    for thread in threads:
        thread.join()
    return answers[0], answers[1]
