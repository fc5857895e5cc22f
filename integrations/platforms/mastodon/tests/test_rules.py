"""What is refused of a post as a whole, by what its server says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part, Target
from integrations.platforms.mastodon.connector import MastodonConnector

POLL = {"poll_options": ["A", "B"]}
PICTURE = MediaUse("1", "", "image/png", 1)
LIMITS = {"max_options": 2, "max_characters_per_option": 5, "min_expiration": 10, "max_expiration": 20}


def problems_of(options: dict[str, Any], *media: MediaUse, target: Target | None = None) -> list[tuple[str, str]]:
    found = MastodonConnector.validate(Content((Part("Which?", media=media),), options), target)
    return [(one.field.removeprefix("post_options.mastodon."), one.code) for one in found]


def at(**info: Any) -> Target:
    return Target("https://m.test", "m.test", "7", "@anna@m.test", info={"version": "4.5.0", **info})


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        (POLL, []),
        ({"poll_options": [*"ABC", "👨‍👩‍👧‍👦" * 50], "poll_expires_in": 2_629_746, "poll_multiple": True}, []),
        (POLL | {"poll_expires_in": 300, "poll_hide_totals": True}, []),
        ({"poll_options": list("ABCDE")}, [("poll_options", "too_many")]),
        ({"poll_options": ["A" * 51, "B"]}, [("poll_options", "too_long")]),
        ({"poll_options": ["A"]}, [("poll_options", "too_few")]),
        ({"poll_options": ["A", "A "]}, [("poll_options", "duplicate_text")]),
        (POLL | {"poll_expires_in": 299}, [("poll_expires_in", "too_small")]),
        (POLL | {"poll_expires_in": 2_629_747}, [("poll_expires_in", "too_large")]),
        (POLL | {"poll_expires_in": 0}, [("poll_expires_in", "too_small")]),
        (POLL | {"poll_expires_in": "300"}, [("poll_expires_in", "invalid_type")]),
        ({"poll_multiple": True}, [("poll_options", "required")]),
        ({"poll_multiple": False}, []),
    ],
)
def test_poll_is_judged_by_stock_limits(options: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    assert problems_of(options) == problems


def test_poll_is_judged_by_the_limits_of_the_server() -> None:
    target = at(limits=LIMITS)

    assert problems_of({"poll_options": ["A" * 5, "B"], "poll_expires_in": 20}, target=target) == []
    assert problems_of({"poll_options": ["A" * 6, "B", "C"], "poll_expires_in": 21}, target=target) == [
        ("poll_options", "too_many"),
        ("poll_options", "too_long"),
        ("poll_expires_in", "too_large"),
    ]


@pytest.mark.parametrize(
    ("named", "problems"),
    [
        ("115200000000000001", []),
        ("https://m.test/@berta@other.test/115200000000000001", []),
        ("https://m.test/web/statuses/115200000000000001?x=1", []),
        ("https://other.test/@berta/115200000000000001", [("quoted_status_id", "invalid_format")]),
        ("https://m.test/@berta", [("quoted_status_id", "invalid_format")]),
        ("", [("quoted_status_id", "invalid_format")]),
    ],
)
def test_quoted_post_is_named_by_id_or_address_at_the_server(named: str, problems: list[tuple[str, str]]) -> None:
    assert problems_of({"quoted_status_id": named, "quote_approval_policy": "nobody"}, target=at()) == problems


@pytest.mark.parametrize("version", ["4.4.9", "takahe/0.11.0", ""])
def test_server_without_quotes_takes_none(version: str) -> None:
    options = {"quoted_status_id": "1", "quote_approval_policy": "public"}

    assert problems_of(options, target=at(version=version)) == [(name, "option_not_supported") for name in options]


@pytest.mark.parametrize(
    ("focus", "problems"),
    [
        (["", "0.5,-0.25"], []),
        (["-1,1.0"], []),
        (["1.1,0"], [("focus", "invalid_format")]),
        (["0.5"], [("focus", "invalid_format")]),
        (["0,0", "0,0", "0,0"], [("focus", "too_many")]),
    ],
)
def test_focus_is_a_point_in_each_file(focus: list[str], problems: list[tuple[str, str]]) -> None:
    assert problems_of({"focus": focus}, PICTURE, PICTURE) == problems


def test_poll_has_no_files() -> None:
    assert problems_of(POLL, PICTURE) == [("poll_options", "contradiction")]
