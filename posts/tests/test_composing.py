from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from posts.services.post_content import content_for, kinds_of_parts

ACCOUNT = UUID("01a206dc-28b9-7431-bf43-c8f15169286e")


def parts(platform: str = "mastodon", **post: Any) -> list[tuple[str, str, str]]:
    """Text, kind and field of each part."""
    fields = {
        "content": "Hello", "post_type": "standard", "post_options": {}, "overrides": {}, "thread": [],
        "first_comment": "", **post,
    }  # fmt: skip
    content = content_for(fields, platform=platform, account_id=ACCOUNT)
    assert kinds_of_parts(fields, platform=platform, account_id=ACCOUNT) == [part.kind for part in content.parts]
    return [(part.text, part.kind, part.field) for part in content.parts]


def test_plain_text_is_one_part() -> None:
    assert parts() == [("Hello", "post", "content")]


def test_a_thread_is_exactly_its_parts() -> None:
    assert parts(content="One", thread=["One", "Two"]) == [("One", "post", "thread.0"), ("Two", "reply", "thread.1")]


def test_the_first_comment_comes_last() -> None:
    assert parts(thread=["One", "Two"], first_comment="Link")[-1] == ("Link", "comment", "first_comment")


@pytest.mark.parametrize("key", ["mastodon", str(ACCOUNT)])
def test_an_override_replaces_the_whole_text_and_keeps_the_rest(key: str) -> None:
    found = parts(thread=["One", "Two"], first_comment="Link", overrides={key: {"content": "Short"}})

    assert found == [("Short", "post", f"overrides.{key}.content"), ("Link", "comment", "first_comment")]


def test_the_account_goes_before_its_platform() -> None:
    overrides = {
        "mastodon": {"content": "Platform", "first_comment": "Comment"},
        str(ACCOUNT): {"thread": ["A", "B"], "first_comment": ""},
    }

    assert parts(overrides=overrides) == [
        ("A", "post", f"overrides.{ACCOUNT}.thread.0"),
        ("B", "reply", f"overrides.{ACCOUNT}.thread.1"),
    ]


def test_overrides_of_others_do_not_matter() -> None:
    assert parts(overrides={"twitter": {"content": "X"}, str(uuid4()): {"content": "Y"}}) == parts()


@pytest.mark.parametrize(("thread", "post_type"), [([], "standard"), (["One"], "standard"), (["One", "Two"], "thread")])
def test_the_type_follows_the_text(thread: list[str], post_type: str) -> None:
    fields = {
        "content": "One", "post_type": "thread", "post_options": {"mastodon": {"language": "en"}}, "overrides": {},
        "thread": thread, "first_comment": "",
    }  # fmt: skip

    content = content_for(fields, platform="mastodon", account_id=ACCOUNT)

    assert (content.post_type, dict(content.options)) == (post_type, {"language": "en"})
