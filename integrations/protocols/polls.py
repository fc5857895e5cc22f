"""Polls, as far as platforms agree on them."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content
from mastablasta.core.errors import FieldProblem

ANSWERS = "poll_options"


def poll_problems(content: Content, *, slug: str, where: str) -> Iterator[FieldProblem]:
    """What is wrong with a poll that the JSON schema of its options cannot say; nothing where there is none.

    The answers stand in `post_options.<slug>.poll_options`, and all that goes with them begins with `poll_`.
    """
    given = [name for name, value in content.options.items() if name.startswith("poll_") and value not in (None, False)]
    if not given:
        return
    field, answers = f"post_options.{slug}.{ANSWERS}", content.options.get(ANSWERS)
    if answers is None:
        yield FieldProblem(field, "required", f"{given[0]} belongs to a poll; give its answers.")
    elif isinstance(answers, list) and len({str(one).strip() for one in answers} - {""}) < len(answers):
        yield FieldProblem(field, "duplicate_text", "Each answer of a poll says something of its own.")
    if content.parts[0].media:
        yield FieldProblem(field, "contradiction", f"A poll at {where} has no files; leave them or the poll out.")
