"""What is refused of a post as a whole, before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part
from integrations.platforms.twitter.articles import blocks_of
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


def test_paragraphs_of_an_article_are_blocks() -> None:
    text = "# One\n\n## Two\nplain *text*\n- a\n* b\n1. c\n> d\n#no\n-\n### three"

    assert [(one["type"], one["text"]) for one in blocks_of(text)] == [
        ("header-one", "One"), ("header-two", "Two"), ("unstyled", "plain *text*"), ("unordered-list-item", "a"),
        ("unordered-list-item", "b"), ("ordered-list-item", "c"), ("blockquote", "d"), ("unstyled", "#no"),
        ("unstyled", "-"), ("unstyled", "### three"),
    ]  # fmt: skip


def test_what_an_article_may_be() -> None:
    cover = replace(PICTURE, role="cover")
    title = {"title": "Amsel"}
    cases: dict[str, tuple[Content, list[str]]] = {
        "fine": (Content((Part("x" * 1_000, (cover,)),), title, "article"), []),
        "with a comment": (Content((Part("x"), Part("y", kind="comment")), title, "article"), []),
        "without title": (Content((Part("x"),), {"title": " "}, "article"), ["title_required"]),
        "with a picture": (Content((Part("x", (PICTURE,)),), title, "article"), ["media_not_supported"]),
        "with who may reply": (
            Content((Part("x"),), {**title, "reply_settings": "verified"}, "article"), ["contradiction"],
        ),
        "of two parts": (Content((Part("x"), Part("y", kind="reply")), title, "article"), ["contradiction"]),
        "too long": (Content((Part("x" * 100_001),), title, "article"), ["too_long"]),
        "a post with a title": (Content((Part("x"),), title), ["contradiction"]),
        "a post with a cover": (Content((Part("x", (cover,)),)), ["cover_not_supported"]),
    }  # fmt: skip

    found = {
        name: [one.code for one in TwitterConnector.validate(content, None)] for name, (content, _) in cases.items()
    }

    assert found == {name: codes for name, (_, codes) in cases.items()}
    assert not TwitterConnector.is_one_step(cases["fine"][0])
