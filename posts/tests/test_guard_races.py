"""Two requests at once with the same text: one of them is told of the other."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from accounts.tests.test_races import at_once
from integrations.tests.factories import make_account
from posts.models import Post

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
