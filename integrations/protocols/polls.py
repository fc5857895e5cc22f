"""Polls, as far as platforms agree on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class PollLimits:
    """What a server takes as a poll: how many answers, of how many characters, for how many seconds.

    `count`: how it counts characters. `lasts`: the option with the seconds.
    """

    most_answers: int
    longest_answer: int
    shortest_s: int
    longest_s: int
    count: Callable[[str], int]
    lasts: str


def poll_limit_problems(content: Content, limits: PollLimits, *, slug: str, where: str) -> Iterator[FieldProblem]:
    """Where a poll is beyond what a server takes that has limits of its own."""
    given, seconds = content.options.get(ANSWERS), content.options.get(limits.lasts)
    answers = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    if len(answers) > limits.most_answers:
        message = f"A poll at {where} has at most {limits.most_answers} answers."
        yield _beyond(slug, ANSWERS, "too_many", message, limits.most_answers, len(answers))
    longest = max(map(limits.count, answers), default=0)
    if longest > limits.longest_answer:
        message = f"An answer of a poll at {where} has at most {limits.longest_answer} characters."
        yield _beyond(slug, ANSWERS, "too_long", message, limits.longest_answer, longest)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 1:
        return
    if seconds < limits.shortest_s:
        message = f"A poll at {where} lasts at least {limits.shortest_s} seconds."
        yield _beyond(slug, limits.lasts, "too_small", message, limits.shortest_s, seconds)
    if seconds > limits.longest_s:
        message = f"A poll at {where} lasts at most {limits.longest_s} seconds."
        yield _beyond(slug, limits.lasts, "too_large", message, limits.longest_s, seconds)


def _beyond(slug: str, option: str, code: str, message: str, limit: int, actual: int) -> FieldProblem:
    return FieldProblem(f"post_options.{slug}.{option}", code, message, {"limit": limit, "actual": actual})
