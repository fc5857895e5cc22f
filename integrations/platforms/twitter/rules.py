"""What X does not take that its capabilities have no word for."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content, Target
from integrations.platforms.twitter.addresses import API, post_id_of
from integrations.platforms.twitter.articles import article_problems
from integrations.platforms.twitter.capabilities import MAX_CASHTAGS
from integrations.platforms.twitter.text import cashtags, comparable, has_invalid_characters
from integrations.protocols.polls import poll_problems
from mastablasta.core.errors import FieldProblem


def post_problems(content: Content, target: Target | None) -> Iterator[FieldProblem]:
    """What is wrong with a post as a whole, and with the texts of its parts."""
    yield from _of_texts(content)
    yield from _of_equal_parts(content)
    yield from poll_problems(content, slug="twitter", where="X")
    yield from _of_quote(content, target)
    yield from article_problems(content)
    if content.options.get("share_with_followers") and not content.options.get("community_id"):
        yield _option("community_id", "required", "Only a post of a community is shared so; give the community's id.")


def _of_texts(content: Content) -> Iterator[FieldProblem]:
    for part in content.parts:
        if has_invalid_characters(part.text):
            message = "X takes no text with the code points U+FFFE, U+FEFF or U+FFFF; remove them."
            yield FieldProblem(part.field, "invalid_characters", message)
        tags = len(cashtags(part.text))
        if tags > MAX_CASHTAGS:
            message = f"X takes at most {MAX_CASHTAGS} cashtag in a post; this has {tags}."
            yield FieldProblem(part.field, "too_many_cashtags", message, {"limit": MAX_CASHTAGS, "actual": tags})


def _of_equal_parts(content: Content) -> Iterator[FieldProblem]:
    """Parts with the text of an earlier one: X would refuse them once that is out."""
    first: dict[str, str] = {}
    for part in content.parts:
        text = comparable(part.text)
        twin = first.setdefault(text, part.field) if text else part.field
        if twin != part.field:
            message = f"X refuses the same text twice; {part.field} equals {twin}. Change one of them."
            yield FieldProblem(part.field, "duplicate_text", message, {"same_as": twin})


def _of_quote(content: Content, target: Target | None) -> Iterator[FieldProblem]:
    named = content.options.get("quote_tweet_id")
    if not isinstance(named, str):
        return
    if named.startswith("http") and not post_id_of(named, target.base_url if target else API):
        message = (
            "Name the quoted post by its id or its address, such as https://x.com/anna/status/1346889436626259968."
        )
        yield _option("quote_tweet_id", "invalid_format", message)
    if content.options.get("poll_options"):
        yield _option("quote_tweet_id", "contradiction", "X takes a quote or a poll; leave one of them out.")


def _option(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"post_options.twitter.{name}", code, message)
