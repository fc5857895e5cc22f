"""Polls: what a server takes, by https://docs.joinmastodon.org/methods/statuses/#create.

Its words for what it does not take are modelled on Mastodon's and not checked: a live server settles them. Nothing of
ours reads them.
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.mastodon.rules import graphemes, is_true
from sandbox.platforms.mastodon.server import Mastodon
from sandbox.wire import Refused


def read_poll(server: Mastodon, given: Any, at_ms: int) -> dict[str, Any] | None:
    """Return the poll of a new status as it is kept, None when it has none. Raises Refused."""
    if not given:
        return None
    fields = given if isinstance(given, dict) else {}
    asked = fields.get("options")
    titles = [str(title).strip() for title in asked] if isinstance(asked, list) else []
    seconds = whole_seconds(fields.get("expires_in"))
    if problem := problem_of(server, [title for title in titles if title], seconds):
        raise Refused(server.dialect.invalid(problem))
    return {
        "id": server.site.ids.next_at(at_ms),
        "options": [title for title in titles if title],
        "expires_in": seconds,
        "multiple": is_true(fields.get("multiple")),
        "hide_totals": is_true(fields.get("hide_totals")),
    }


def whole_seconds(given: Any) -> int | None:
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def problem_of(server: Mastodon, titles: list[str], seconds: int | None) -> str:
    options = server.options
    if len(titles) < 2:
        return "Choices must have more than one item"
    if len(titles) > options.poll_max_options:
        return f"Choices can't contain more than {options.poll_max_options} items"
    if any(graphemes(title) > options.poll_max_characters for title in titles):
        return f"Choices cannot be longer than {options.poll_max_characters} characters each"
    if len(set(titles)) < len(titles):
        return "Choices contain duplicate items"
    if seconds is None or seconds > options.poll_max_expiration:
        return "Deadline is too far into the future"
    return "Deadline is too soon" if seconds < options.poll_min_expiration else ""
