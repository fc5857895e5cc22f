"""What the demo remembers, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MOST_ACCOUNTS = 100
MOST_POSTS = 1_000
MOST_OAUTH_STATES = 200
MOST_BYTES = 2 * 1024 * 1024  # of all of it as JSON: each request may have to read that

Row = dict[str, Any]


@dataclass(slots=True)
class State:
    """Rows by id, the oldest first.

    Of accounts: platform, name, username, enabled, created_at. Of posts: content, media, platforms, account_ids,
    post_type, post_options, created_at, and scheduled_for (None = published at once). Of sign-ins under way, by their
    OAuth state: platform, ends_at. Times are texts in UTC that sort as they follow each other.
    """

    accounts: dict[str, Row] = field(default_factory=dict)
    posts: dict[str, Row] = field(default_factory=dict)
    oauth_states: dict[str, Row] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: bytes) -> State:
        """Raises ValueError for what `to_json` did not write."""
        found = orjson.loads(data)
        if not isinstance(found, dict) or found.keys() != {"accounts", "posts", "oauth_states"}:
            raise ValueError("this is not the memory of the demo")
        return cls(**found)

    def to_json(self) -> bytes:
        """At most about MOST_BYTES: the oldest rows that are too many leave first, here too."""
        for rows, most in (
            (self.accounts, MOST_ACCOUNTS),
            (self.posts, MOST_POSTS),
            (self.oauth_states, MOST_OAUTH_STATES),
        ):
            _forget_oldest(rows, len(rows) - most)
        data = self._packed()
        while len(data) > MOST_BYTES and self.posts:
            _forget_oldest(self.posts, self._posts_in(len(data) - MOST_BYTES))
            data = self._packed()
        return data

    def _packed(self) -> bytes:
        return orjson.dumps({"accounts": self.accounts, "posts": self.posts, "oauth_states": self.oauth_states})

    def _posts_in(self, excess: int) -> int:
        """How many of the oldest posts take up so many bytes."""
        for count, post in enumerate(self.posts.values(), 1):
            excess -= len(orjson.dumps(post))
            if excess <= 0:
                return count
        return len(self.posts)


def _forget_oldest(rows: dict[str, Row], count: int) -> None:
    for key in list(rows)[: max(0, count)]:
        del rows[key]


def shown(key: str, row: Mapping[str, Any]) -> Row:
    return {"id": key, **row}
