"""What X does not take that its capabilities have no word for."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content
from integrations.platforms.twitter.capabilities import MAX_CASHTAGS
from integrations.platforms.twitter.text import cashtags, comparable, has_invalid_characters
from integrations.protocols.polls import poll_problems
from mastablasta.core.errors import FieldProblem


def post_problems(content: Content) -> Iterator[FieldProblem]:
    """What is wrong with a post as a whole, and with the texts of its parts."""
    yield from _of_texts(content)
    yield from _of_equal_parts(content)
    yield from poll_problems(content, slug="twitter", where="X")


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
