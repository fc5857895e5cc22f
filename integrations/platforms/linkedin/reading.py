"""Posts and comments as LinkedIn lists them.

Sources: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api and
…/shares/comments-api (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.platforms.linkedin.addresses import COMMENT_URN, post_url
from integrations.platforms.linkedin.text import comparable, plain_text
from integrations.protocols.lookback import OwnPost
from integrations.protocols.values import count_in, id_in, object_in, objects_in, text_in

_NUMBER_BITS = 22
LAST_MOMENT_MS = 253_402_300_799_000  # of the calendar's year 9999


def own_post(row: Any, *, base_url: str) -> OwnPost | None:
    """A post as it is listed, of whatever kind; None for anything else. `shown["media"]`: the URNs of the files that it
    carries."""
    urn, made_at = text_in(row, "id"), _moment_in(row, "createdAt")
    if not urn.startswith("urn:li:") or made_at is None:
        return None
    media = frozenset(_media_in(object_in(row, "content")))
    return OwnPost(urn, post_url(base_url, urn), made_at, {**row, "media": media})


def own_comment(row: Any, *, url: str) -> OwnPost | None:
    """A comment as it is listed below a post that stands at `url`; None for anything else."""
    urn, made_at = comment_urn(row), _moment_in(object_in(row, "created"), "time")
    if not urn or made_at is None:
        return None
    return OwnPost(urn, url, made_at, {**row, "media": frozenset()})


def comment_urn(row: Any) -> str:
    """The URN of a comment, which older answers give in two halves; "" = it has none."""
    halves = f"urn:li:comment:({text_in(row, 'object')},{id_in(row)})"
    urn = text_in(row, "commentUrn") or halves
    return urn if COMMENT_URN.fullmatch(urn) else ""


def made_at(urn: str) -> datetime:
    """When the post of this URN was made: its number begins with the milliseconds since 1970.

    LinkedIn does not document that: good enough to not take an older post for ours, and for nothing more.
    """
    return datetime.fromtimestamp(min(int(urn.rpartition(":")[2]) >> _NUMBER_BITS, LAST_MOMENT_MS) / 1000, UTC)


def says(post: OwnPost, text: str) -> bool:
    """Whether a post says that, apart from blanks."""
    return comparable(plain_text(text_in(post.shown, "commentary"))) == comparable(text)


def comment_says(post: OwnPost, text: str) -> bool:
    return comparable(text_in(object_in(post.shown, "message"), "text")) == comparable(text)


def _media_in(content: Mapping[str, Any]) -> Iterator[str]:
    single = text_in(object_in(content, "media"), "id")
    several = objects_in(object_in(content, "multiImage"), "images")
    thumbnail = text_in(object_in(content, "article"), "thumbnail")
    yield from filter(None, (single, *(text_in(one, "id") for one in several), thumbnail))


def _moment_in(holder: Any, name: str) -> datetime | None:
    milliseconds = count_in(holder, name)
    if milliseconds is None or milliseconds > LAST_MOMENT_MS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
