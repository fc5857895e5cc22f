"""What a server does not take that the platform's capabilities have no word for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from integrations.contract import Content, Target
from integrations.platforms.mastodon.limits import limit_at, mastodon_version
from integrations.protocols.mastodon_text import graphemes
from integrations.protocols.polls import PollLimits, poll_limit_problems, poll_problems
from mastablasta.core.errors import FieldProblem

QUOTES_SINCE = (4, 5, 0)  # https://docs.joinmastodon.org/methods/statuses/#create
_STATUS_ID = re.compile(r"[0-9]{1,20}")


def status_id_of(named: str, target: Target | None) -> str:
    """The id of the status that somebody names by its id or its address; "" = that is neither.

    An address counts at the target's own server only, since ids are a server's own; None = at any.
    """
    named = named.strip()
    if _STATUS_ID.fullmatch(named):
        return named
    origin = urlsplit(named)
    is_here = target is None or named.startswith(f"{target.base_url}/") or origin.hostname == target.host
    if not is_here or origin.scheme not in {"http", "https"}:
        return ""
    last = origin.path.rstrip("/").rpartition("/")[2]
    return last if _STATUS_ID.fullmatch(last) else ""


def post_problems(content: Content, target: Target | None) -> Iterator[FieldProblem]:
    """What is wrong with a post as a whole, by the server's own limits; None = stock ones."""
    if not content.options:  # all of it is about them
        return
    where = target.host if target else "Mastodon"
    yield from poll_problems(content, slug="mastodon", where=where)
    yield from poll_limit_problems(content, _poll_limits(target), slug="mastodon", where=where)
    yield from _of_quote(content, target, where)
    focus, files = content.options.get("focus"), len(content.parts[0].media)
    if isinstance(focus, list) and len(focus) > files:
        message = f"There are more focus points than files in the first post ({files}); leave the rest out."
        yield _option("focus", "too_many", message, limit=files, actual=len(focus))


def _poll_limits(target: Target | None) -> PollLimits:
    """Source: PollOptionsValidator of https://github.com/mastodon/mastodon (read 2026-11-28)."""
    return PollLimits(
        limit_at(target, "max_options"),
        limit_at(target, "max_characters_per_option"),
        limit_at(target, "min_expiration"),
        limit_at(target, "max_expiration"),
        count=graphemes,
        lasts="poll_expires_in",
    )


def _of_quote(content: Content, target: Target | None, where: str) -> Iterator[FieldProblem]:
    version = str(target.info.get("version", "")) if target else ""
    for name in ("quoted_status_id", "quote_approval_policy"):
        if content.options.get(name) and target and mastodon_version(version) < QUOTES_SINCE:
            message = f"{where} knows no quotes: Mastodon does from 4.5, and it runs {version or 'something else'}."
            yield _option(name, "option_not_supported", f"{message} Leave {name} out.")
    named = content.options.get("quoted_status_id")
    if isinstance(named, str) and named.startswith("http") and not status_id_of(named, target):
        message = (
            f"Name the quoted post by its id or its address at {where}: search for it there if it is from elsewhere."
        )
        yield _option("quoted_status_id", "invalid_format", message)


def _option(name: str, code: str, message: str, **params: int) -> FieldProblem:
    return FieldProblem(f"post_options.mastodon.{name}", code, message, params)
