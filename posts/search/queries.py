"""What people type into a search box, read once and written in the words of either database.

The syntax is that of web search engines and of PostgreSQL's `websearch_to_tsquery`: every word has to be there,
`"words in a row"`, `-without`, `this or that`, and `beginning*`. `or` binds less than what stands side by side. Nothing
is a syntax error: a quotation mark without its other ends with the text, signs without a word are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from posts.search.folding import fold

LONGEST_QUERY = 1000  # characters
MOST_TERMS = 50
SHORTEST_PREFIX = 3  # letters before a *: a shorter one would read half of the index

_PIECE = re.compile(r'(-)?(?:"([^"]*)"?|(\S+))')


class Unreadable(ValueError):
    """A query that is refused: `code`, a sentence with the remedy, and what it names."""

    def __init__(self, code: str, sentence: str, **params: object) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.params = code, sentence, params


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens in a row, the last of which may go on where `is_prefix`; `is_without`: what must not be there."""

    tokens: tuple[str, ...]
    is_prefix: bool = False
    is_without: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Any of these groups, of which each asks for all of its terms. Without a group nothing is found."""

    groups: tuple[tuple[Term, ...], ...]

    @property
    def wanted(self) -> frozenset[Term]:
        """The terms that a text is found by."""
        return frozenset(term for group in self.groups for term in group if not term.is_without)


def parse(text: str) -> Query:
    """Read a query. Raises Unreadable for one that is too long or whose `beginning*` is too short."""
    if len(text) > LONGEST_QUERY:
        sentence = f"At most {LONGEST_QUERY} characters; leave out some words."
        raise Unreadable("max_length", sentence, limit=LONGEST_QUERY, actual=len(text))
    groups: list[list[Term]] = [[]]
    for piece in _pieces(text):
        if piece is None:
            groups.append([])
        elif piece not in groups[-1]:
            groups[-1].append(piece)
    count = sum(map(len, groups))
    if count > MOST_TERMS:
        raise Unreadable("max_length", f"At most {MOST_TERMS} words and phrases.", limit=MOST_TERMS, actual=count)
    return Query(tuple(dict.fromkeys(tuple(group) for group in groups if group)))


def _pieces(text: str) -> Iterator[Term | None]:
    """The terms in their order, with None for each `or`."""
    for minus, phrase, word in _PIECE.findall(text):
        if not minus and word.lower() == "or":
            yield None
            continue
        tokens = tuple(fold(phrase or word).split())
        if tokens:
            is_prefix = word.endswith("*")
            _refuse_short(tokens[-1], is_prefix=is_prefix)
            yield Term(tokens, is_prefix, bool(minus))


def _refuse_short(token: str, *, is_prefix: bool) -> None:
    if is_prefix and token.isascii() and len(token) < SHORTEST_PREFIX:
        sentence = f"{token}* is too short; write {SHORTEST_PREFIX} letters or more before the *."
        raise Unreadable("prefix_too_short", sentence, limit=SHORTEST_PREFIX, actual=len(token))


# --- PostgreSQL -------------------------------------------------------------------------------------------------------
def as_tsquery(query: Query, *, within: Sequence[str] = ()) -> str:
    """The query as a tsquery's text; `within`: one of these tokens is there too. Tokens hold no quotation marks."""
    groups = " | ".join(f"({' & '.join(map(_tsquery_term, group))})" for group in query.groups)
    places = " | ".join(f"'{token}'" for token in within)
    return f"({places}) & ({groups})" if within else groups


def _tsquery_term(term: Term) -> str:
    words = [f"'{token}'" for token in term.tokens]
    if term.is_prefix:
        words[-1] += ":*"
    return f"{'!' if term.is_without else ''}({' <-> '.join(words)})"


# --- SQLite -----------------------------------------------------------------------------------------------------------
def as_match(query: Query, *, among: str = "") -> str:
    """The query for FTS5.

    Its NOT needs something before it: groups that only exclude find rows with the token `among`, without it nothing.
    """
    groups = []
    for group in query.groups:
        positive = " AND ".join(_fts5_term(term) for term in group if not term.is_without)
        negative = " OR ".join(_fts5_term(term) for term in group if term.is_without)
        positive = positive or (f'"{among}"' if among else "")
        if positive:
            groups.append(f"(({positive}) NOT ({negative}))" if negative else f"({positive})")
    return " OR ".join(groups)


def _fts5_term(term: Term) -> str:
    return f'"{" ".join(term.tokens)}"{" *" if term.is_prefix else ""}'
