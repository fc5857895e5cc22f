"""Finding out whether a part is out by the account's own posts, for platforms that cannot be asked for it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.contract import CannotTell, Found
from mastablasta.core.outbound import Response


@dataclass(frozen=True, slots=True)
class OwnPost:
    """A post of the account, as its platform lists it: `shown` is what the platform said of it."""

    remote_id: str
    url: str
    made_at: datetime
    shown: Mapping[str, Any]

    @property
    def found(self) -> Found:
        return Found(self.remote_id, self.url)


Page = tuple[Sequence[OwnPost], str | None]
"""Posts, newest first, and the cursor of the page after them; None = this was the last."""


def own_posts(
    page: Callable[[str | None], Page | CannotTell], *, since: datetime, known: frozenset[str], most_pages: int
) -> list[OwnPost] | CannotTell:
    """The posts that may be the one in doubt, oldest first: not older than `since`, and none in `known`.

    `page` asks for the page at a cursor (None = the first) and raises what the platform's answer means. CannotTell as
    `page` says it, or when there are more pages than `most_pages`.
    """
    found: list[OwnPost] = []
    cursor: str | None = None
    for _ in range(most_pages):
        read = page(cursor)
        if isinstance(read, CannotTell):
            return read
        posts, cursor = read
        young = [post for post in posts if post.made_at >= since]
        found += [post for post in young if post.remote_id not in known]
        if cursor is None or len(young) < len(posts):
            return sorted(found, key=lambda post: (post.made_at, post.remote_id))
    return CannotTell(f"the account has more posts since then than {most_pages} pages show")


def first_match(posts: Iterable[OwnPost], *tests: Callable[[OwnPost], bool]) -> OwnPost | None:
    """The first post that passes the surest test that any of them passes; `tests` surest first.

    Of equal posts the oldest counts: ours was made right after the mark.
    """
    posts = list(posts)
    return next((post for test in tests for post in posts if test(post)), None)


def posts_in(answer: Response, listed: Any, read: Callable[[Any], OwnPost | None]) -> list[OwnPost]:
    """What `read` makes of each item that the answer lists. Raises Unavailable when it lists anything but posts."""
    posts = [read(item) for item in listed] if isinstance(listed, list) else [None]
    known = [post for post in posts if post is not None]
    if len(known) < len(posts):
        raise answer.in_doubt("is not a list of posts", code="unreadable")
    return known
