"""Scheduled posts that will not go out, because the sign-in of their account ends before: in the API, in /metrics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.tests.factories import signed_in
from integrations.models import Credential
from integrations.tests.factories import make_account
from mastablasta.ops.metrics import render
from posts.tests.factories import make_delivery

DAYS = [datetime(2030, 2, 3, 9, 0, tzinfo=UTC) + timedelta(days=day) for day in range(5)]  # from a Sunday on


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("grant", "ends_in", "posts"),
    [
        ({"refresh_enc": None, "expires_at": DAYS[2]}, 2, 2),
        ({"refresh_enc": "r", "expires_at": DAYS[0], "refresh_expires_at": DAYS[3]}, 3, 1),
        ({"refresh_enc": "r", "expires_at": DAYS[4], "refresh_expires_at": DAYS[3]}, 4, 0),
        ({"refresh_enc": "r", "expires_at": DAYS[2]}, None, None),
        ({"refresh_enc": None, "expires_at": None}, None, None),
        ({"refresh_enc": None, "expires_at": DAYS[2], "state": "dead"}, None, None),
    ],
)
def test_posts_that_are_scheduled_for_later_than_the_sign_in_lasts_are_foretold(
    grant: dict[str, Any], ends_in: int | None, posts: int | None
) -> None:
    account = make_account(handle="@x@mastodon.test")
    Credential.objects.update(**grant)
    for day in (1, 2, 3):
        make_delivery(account, due_at=DAYS[day])
    make_delivery(make_account(), due_at=DAYS[3])
    client = signed_in(account.workspace.memberships.get().user)

    shown = client.get(f"/api/v2/accounts/{account.id}").json()["forecast"]
    [listed] = client.get("/api/v2/accounts").json()["accounts"]

    assert listed["forecast"] == shown
    if ends_in is None:
        assert shown is None
        return
    assert (datetime.fromisoformat(shown["ends_at"]), shown["posts"]) == (DAYS[ends_in], posts)
    assert (
        shown["message"]
        == {
            2: "2 scheduled posts of @x@mastodon.test will fail from Tuesday, 5 February 2030, on: its sign-in ends. "
            "Connect it again before then.",
            3: "1 scheduled post of @x@mastodon.test will fail from Wednesday, 6 February 2030, on: its sign-in ends. "
            "Connect it again before then.",
            4: "The sign-in of @x@mastodon.test ends on Thursday, 7 February 2030. Connect it again before then.",
        }[ends_in]
    )
    told = render().decode()
    assert ('mastablasta_posts_after_sign_in{platform="mastodon"}' in told) == bool(posts)
