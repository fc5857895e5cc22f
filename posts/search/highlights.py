"""Where in a post the words of a query are: short passages with the places to mark, the same on every database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posts.search.folding import MARKS, SEPARATORS, SINGLES, character_class, fold
from posts.search.queries import Query, Term

_single, _mark, _between = map(character_class, (SINGLES, MARKS, SEPARATORS))
_WORD = re.compile(f"[{_single}][{_mark}]*|[^{_single}{_between}]+")
PASSAGE = 160  # characters
MOST_PASSAGES = 5  # of one post


@dataclass(frozen=True, slots=True)
class Word:
    """One token of a text and the characters that it was made of."""

    token: str
    start: int
    end: int


def highlights(texts: Sequence[tuple[str, str]], query: Query) -> list[dict[str, Any]]:
    """Passages of the texts (field, text) that show what was found: `{field, text, marks: [[start, end]]}`.

    `marks` count characters (code points) of the passage. At most MOST_PASSAGES, one a field.
    """
    found = ((field, text, _marks(text, query)) for field, text in texts)
    shown = [{"field": field, **_passage(text, marks)} for field, text, marks in found if marks]
    return shown[:MOST_PASSAGES]


def texts_of(post: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The texts that a search looks at, of a post as the API shows it, with the names of their fields."""
    overrides = post["overrides"].items()
    found = [
        ("content", post["content"]),
        *_parts("thread", post["thread"]),
        ("first_comment", post["first_comment"]),
        *((f"tags.{number}", tag) for number, tag in enumerate(post["tags"])),
    ]
    for key, override in overrides:
        found.append((f"overrides.{key}.content", override.get("content", "")))
        found += _parts(f"overrides.{key}.thread", override.get("thread", ()))
        found.append((f"overrides.{key}.first_comment", override.get("first_comment", "")))
    return [(field, text) for field, text in found if text]


def _parts(field: str, parts: Sequence[Any]) -> list[tuple[str, str]]:
    texts = (part if isinstance(part, str) else part.get("content", "") for part in parts)
    return [(f"{field}.{number}", text) for number, text in enumerate(texts)]


def words_of(text: str) -> Iterator[Word]:
    """The tokens of a text, in order, each with its place, as the index folds them."""
    for match in _WORD.finditer(text):
        for token in fold(match[0]).split():
            yield Word(token, match.start(), match.end())


def _marks(text: str, query: Query) -> list[tuple[int, int]]:
    words = list(words_of(text))
    places = {place for term in query.wanted for place in _places(words, term)}
    return _joined(sorted((words[number].start, words[number].end) for number in places))


def _places(words: Sequence[Word], term: Term) -> Iterator[int]:
    """The numbers of the words that are part of the term somewhere."""
    length = len(term.tokens)
    for first in range(len(words) - length + 1):
        run = [word.token for word in words[first : first + length]]
        is_begun = run[:-1] == list(term.tokens[:-1]) and run[-1].startswith(term.tokens[-1])
        if is_begun and (term.is_prefix or run[-1] == term.tokens[-1]):
            yield from range(first, first + length)


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _passage(text: str, marks: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The passage around the first mark, and the marks in it."""
    start = max(0, min(marks[0][0] - PASSAGE // 3, len(text) - PASSAGE))
    end = min(len(text), start + PASSAGE)
    inside = [[max(first, start) - start, min(last, end) - start] for first, last in marks if first < end]
    return {"text": text[start:end], "marks": inside}
