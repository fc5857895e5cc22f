"""What is refused of a post as a whole, before anything is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part
from integrations.platforms.twitter.connector import TwitterConnector

POLL = {"poll_options": ["A", "B"]}
PICTURE = MediaUse("1", "", "image/png", 1)


@pytest.mark.parametrize(
    ("options", "media", "problems"),
    [
        (POLL, (), []),
        (POLL | {"poll_duration_minutes": 5}, (), []),
        (POLL | {"poll_duration_minutes": 4}, (), [("poll_duration_minutes", "too_small")]),
        ({"poll_options": [*"ABC", "D" * 25], "poll_duration_minutes": 10_080}, (), []),
        (POLL | {"poll_duration_minutes": 10_081}, (), [("poll_duration_minutes", "too_large")]),
        ({"poll_options": ["A"]}, (), [("poll_options", "too_few")]),
        ({"poll_options": list("ABCDE")}, (), [("poll_options", "too_many")]),
        ({"poll_options": ["A" * 26, "B"]}, (), [("poll_options", "too_long")]),
        ({"poll_duration_minutes": 5}, (), [("poll_options", "required")]),
        ({"poll_options": ["A", " A"]}, (), [("poll_options", "duplicate_text")]),
        ({"poll_options": ["A", " "]}, (), [("poll_options", "duplicate_text")]),
        ({"poll_options": "A"}, (), [("poll_options", "invalid_type")]),
        ({"quote_tweet_id": "1346889436626259968"}, (PICTURE,), []),
        ({"quote_tweet_id": "https://x.com/anna/status/13?s=20"}, (), []),
        ({"quote_tweet_id": "https://mobile.twitter.com/i/web/status/13/photo/1"}, (), []),
        ({"quote_tweet_id": "https://x.com.evil.test/anna/status/13"}, (), [("quote_tweet_id", "invalid_format")]),
        ({"quote_tweet_id": "https://x.com/anna"}, (), [("quote_tweet_id", "invalid_format")]),
        ({"quote_tweet_id": "1" * 20}, (), [("quote_tweet_id", "invalid_format")]),
        ({"quote_tweet_id": ""}, (), [("quote_tweet_id", "invalid_format")]),
        (POLL | {"quote_tweet_id": "1"}, (), [("quote_tweet_id", "contradiction")]),
        ({"community_id": "1" * 19, "share_with_followers": True}, (), []),
        ({"community_id": "abc"}, (), [("community_id", "invalid_format")]),
        ({"share_with_followers": True}, (), [("community_id", "required")]),
        (POLL, (PICTURE,), [("poll_options", "contradiction")]),
    ],
)
def test_options_that_do_not_go_together_are_named(
    options: dict[str, Any], media: tuple[MediaUse, ...], problems: list[tuple[str, str]]
) -> None:
    found = TwitterConnector.validate(Content((Part("Which?", media=media),), options), None)

    assert [(one.field, one.code) for one in found] == [
        (f"post_options.twitter.{name}", code) for name, code in problems
    ]


def test_cost_is_that_of_all_parts_their_links_and_alt_texts() -> None:
    described = MediaUse("1", "", "image/png", 1, alt_text="A cat")
    parts = (Part("One", media=(described, PICTURE, described)), Part("See example.com", kind="reply"), Part("Three"))

    assert TwitterConnector.estimated_cost(Content(parts)) == Decimal("0.240")
