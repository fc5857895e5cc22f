"""What the headers of a good answer say of the account's window, platform by platform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from integrations.platforms.bluesky import errors as bluesky
from integrations.platforms.mastodon import errors as mastodon
from integrations.platforms.twitter import errors as twitter
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RESET = NOON + timedelta(minutes=10)
EPOCH = str(int(RESET.timestamp()))

Reader = Callable[[Response], datetime | None]


def answer(**headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(200, named, b"{}", "https://example.org/", visible=True, received_at=NOON)


@pytest.mark.parametrize(
    ("read", "prefix", "reset"),
    [
        (mastodon.rests_until, "x_ratelimit", RESET.isoformat()),
        (twitter.rests_until, "x_rate_limit", EPOCH),
        (twitter.rests_until, "x_user_limit_24hour", EPOCH),
        (bluesky.rests_until, "ratelimit", EPOCH),
    ],
)
def test_the_last_call_of_a_window_lets_the_account_rest(read: Reader, prefix: str, reset: str) -> None:
    used_up = {f"{prefix}_remaining": "0", f"{prefix}_reset": reset}

    assert read(answer(**used_up)) == RESET
    assert read(answer(**{**used_up, f"{prefix}_remaining": "1"})) is None
    assert read(answer(**{**used_up, f"{prefix}_reset": "soon"})) is None
    assert read(answer()) is None


def test_an_hour_hand_that_is_off_is_reckoned_with() -> None:
    theirs = {"date": "Tue, 24 Nov 2026 11:59:00 GMT", "ratelimit_remaining": "0", "ratelimit_reset": EPOCH}

    assert bluesky.rests_until(answer(**theirs)) == RESET + timedelta(minutes=1)
