"""The words that the tables are written in: what a value looks like, and what is wrong with one that does not.

A name that a `Fields` does not know is wrong, so a table has to name everything that is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex


@dataclass(frozen=True)
class Shape:
    """Any value at all."""

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        """Yield what is wrong with a value."""
        yield from ()

    def read(self, texts: Sequence[str]) -> Any:
        """The value that a query or a form means by the texts under one name."""
        return texts[0] if len(texts) == 1 else list(texts)


@dataclass(frozen=True)
class Text(Shape):
    """`options` [] = any text; `is_some`: the specification has further options that nobody here uses."""

    options: tuple[str, ...] = ()
    is_some: bool = False
    pattern: str = ""
    form: str = ""  # as the specification calls it
    fits: Callable[[str], bool] | None = field(default=None, compare=False)  # whether a text has that form
    least: int | None = None
    most: int | None = None  # bytes in the AT Protocol, else characters
    most_graphemes: int | None = None

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{at}: is no text"
        elif self.options and value not in self.options:
            yield f"{at}: {value!r} is none of {', '.join(self.options)}"
        elif (self.pattern and not re.search(self.pattern, value)) or (self.fits and not self.fits(value)):
            yield f"{at}: {value!r} is no {self.form or self.pattern}"
        elif self.least is not None and len(value) < self.least:
            yield f"{at}: is shorter than {self.least}"
        elif self.most is not None and len(value.encode() if self.most_graphemes else value) > self.most:
            yield f"{at}: is longer than {self.most}"
        elif self.most_graphemes is not None and _exceeds(value, self.most_graphemes):
            yield f"{at}: is longer than {self.most_graphemes} graphemes"


@dataclass(frozen=True)
class Whole(Shape):
    """A whole number."""

    least: int | None = None
    most: int | None = None

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if type(value) is not int:
            yield f"{at}: is not a whole number"
        elif self.least is not None and value < self.least:
            yield f"{at}: is less than {self.least}"
        elif self.most is not None and value > self.most:
            yield f"{at}: is more than {self.most}"

    def read(self, texts: Sequence[str]) -> Any:
        given = super().read(texts)
        return int(given) if isinstance(given, str) and re.fullmatch(r"-?[0-9]+", given, re.ASCII) else given


@dataclass(frozen=True)
class Flag(Shape):
    """True or false."""

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if not isinstance(value, bool):
            yield f"{at}: is neither true nor false"

    def read(self, texts: Sequence[str]) -> Any:
        given = super().read(texts)
        return {"true": True, "false": False}.get(given, given) if isinstance(given, str) else given


@dataclass(frozen=True)
class Items(Shape):
    """A list; in a query or form its items are apart by `comma`, or each under the name again."""

    of: Shape
    least: int | None = None
    most: int | None = None
    comma: str = ""

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: is not a list"
            return
        if not (self.least or 0) <= len(value) <= (len(value) if self.most is None else self.most):
            yield f"{at}: has {len(value)} items"
        for place, item in enumerate(value):
            yield from self.of.problems(item, f"{at}[{place}]")

    def read(self, texts: Sequence[str]) -> Any:
        given = [one for text in texts for one in (text.split(self.comma) if self.comma else [text])]
        return [self.of.read([one]) for one in given]


@dataclass(frozen=True)
class Sent:
    """The bytes of a file in a request: what it says of them."""

    mime_type: str
    size: int


@dataclass(frozen=True)
class Binary(Shape):
    """The bytes of a file, of these types if it names any (`video/mp4`, `image/*`)."""

    accept: tuple[str, ...] = ()

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if not isinstance(value, Sent):
            yield f"{at}: is no file"
        elif not _is_accepted(value.mime_type, self.accept):
            yield f"{at}: is of type {value.mime_type}"


@dataclass(frozen=True)
class Blob(Shape):
    """A reference to a file in the AT Protocol, as the service gave it."""

    accept: tuple[str, ...] = ()
    most: int | None = None

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        ref = value.get("ref") if isinstance(value, dict) and value.get("$type") == "blob" else None
        if not isinstance(ref, dict) or not isinstance(ref.get("$link"), str) or type(value.get("size")) is not int:
            yield f"{at}: is no blob"
        elif not _is_accepted(str(value.get("mimeType")), self.accept):
            yield f"{at}: is of type {value.get('mimeType')}"
        elif self.most is not None and value["size"] > self.most:
            yield f"{at}: is larger than {self.most}"


@dataclass(frozen=True)
class Fields(Shape):
    """An object. `is_part`: others may stand in it that nobody here reads. `beyond`: where it is described, if not in
    the specification that the table is about.
    """

    known: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    nullable: frozenset[str] = frozenset()
    is_part: bool = False
    beyond: str = ""

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: is no object"
            return
        yield from (f"{at}.{name}: is missing" for name in self.known if name in self.required and name not in value)
        for name, item in value.items():
            shape = self.known.get(name)
            if shape is None:
                if not self.is_part:
                    yield f"{at}.{name}: is unknown"
            elif item is not None or name not in self.nullable:
                yield from shape.problems(item, f"{at}.{name}")

    def read_all(self, given: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """The object that a query or a form means; what is no text stays as it is."""
        return {
            name: self.known.get(name, ANYTHING).read(values) if isinstance(values[0], str) else values[0]
            for name, values in given.items()
        }


@dataclass(frozen=True)
class Either(Shape):
    """One of several objects; what does not fit is compared with the one that it comes nearest to."""

    of: tuple[Fields, ...]

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        yield from min((list(one.problems(value, at)) for one in self.of), key=len)


@dataclass(frozen=True)
class Union(Shape):
    """One of several objects, by its `$type`."""

    of: Mapping[str, Shape]

    def problems(self, value: Any, at: str = "$") -> Iterator[str]:
        kind = value.get("$type") if isinstance(value, dict) else None
        if kind not in self.of:
            yield f"{at}: is {kind}, none of {', '.join(self.of)}"
            return
        yield from self.of[kind].problems({name: item for name, item in value.items() if name != "$type"}, at)


@dataclass(frozen=True)
class Call:
    """One call. `answers` are the statuses of good answers that are known here, and what is in their bodies.

    `versions`: the query under the names of one version of the specification after the other, where they differ.
    `beyond`: where the call is described, if not in the specification that the table is about.
    """

    path: Mapping[str, Shape] = field(default_factory=dict)
    query: Fields = field(default_factory=Fields)
    versions: tuple[Fields, ...] = ()
    headers: Mapping[str, Shape] = field(default_factory=dict)
    body: Mapping[str, Shape] = field(default_factory=dict)  # by its media type, "" = none; empty = it takes no body
    answers: Mapping[int, Shape | None] = field(default_factory=dict)
    refusals: frozenset[int] = frozenset()
    scopes: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    beyond: str = ""


def _exceeds(text: str, most: int) -> bool:
    """Whether a text has more graphemes than that; one of so few characters cannot."""
    return len(text) > most and len(regex.findall(r"\X", text)) > most


def _is_accepted(mime_type: str, accept: tuple[str, ...]) -> bool:
    return not accept or any(mime_type.startswith(one.removesuffix("*")) for one in accept)


def one_of(*options: str) -> Text:
    """All the options that the specification has."""
    return Text(options)


def some_of(*options: str) -> Text:
    """The options that are used here, of more."""
    return Text(options, is_some=True)


def fields(known: Mapping[str, Shape] | None = None, *, is_part: bool = False, beyond: str = "") -> Fields:
    """An object from its names: `id!` has to be there, `url?` may be null, `in_reply_to_id!?` both."""
    named = {name.rstrip("!?"): shape for name, shape in (known or {}).items()}
    required = frozenset(name.rstrip("!?") for name in known or () if "!" in name)
    nullable = frozenset(name.rstrip("!?") for name in known or () if "?" in name)
    return Fields(named, required, nullable, is_part, beyond)


ANYTHING = Shape()
TEXT, WHOLE, FLAG, FILE = Text(), Whole(), Flag(), Binary()
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
