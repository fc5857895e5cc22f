"""JSON: a list of posts, or an object that has them under `posts`, as GET /posts answers; read post by post."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import orjson
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.errors import problems_in
from mastablasta.core.api.parsers import Malformed, read_json
from mastablasta.core.errors import Invalid
from posts.import_export.csv_rows import BOM, not_utf8
from posts.import_export.row import Row

BLOCK = 64 * 1024  # bytes
LONGEST = 4 * 1024 * 1024  # characters of one post
BLANKS = frozenset(" \t\r\n")
MEDIA_TYPE = "application/json"
_DECODER = json.JSONDecoder()  # finds where a value ends; read_json reads it


# --- reading ---
def read(file: BinaryIO) -> Iterator[Row]:
    """The posts of the file. Raises Invalid, see `read_rows`."""
    text = _Text(file)
    for number, item in enumerate(_items(text), 1):
        try:
            value = read_json(item)
        except Malformed as error:
            raise text.malformed(f"post {number} {error.what}") from error
        except ValidationError as error:
            yield Row(number, None, problems_in(error))
        else:
            yield Row(number, _without_urls(value))


def _without_urls(value: Any) -> Any:
    """What only exports have besides the fields of a post."""
    return {name: one for name, one in value.items() if name != "urls"} if isinstance(value, dict) else value


def _items(text: _Text) -> Iterator[str]:
    """The text of each post."""
    if text.takes("["):
        yield from _list(text)
    elif text.takes("{"):
        yield from _posts_of_object(text)
    if not text.is_at_end():
        raise text.malformed("something follows after its end")


def _posts_of_object(text: _Text) -> Iterator[str]:
    has_posts = False
    while not text.takes("}"):
        name = text.value()
        text.expect(":")
        if name == '"posts"':
            has_posts = True
            text.expect("[")
            yield from _list(text)
        else:
            text.value()
        if not text.takes(","):
            text.expect("}")
            break
    if not has_posts:
        raise Invalid.field("file", "no_rows", 'The file has no list of posts; write {"posts": […]} or […].')


def _list(text: _Text) -> Iterator[str]:
    while not text.takes("]"):
        yield text.value()
        if not text.takes(","):
            text.expect("]")
            break


class _Text:
    """The text of a file, of which only what is being read is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._at, self._line, self._is_whole = "", 0, 1, False
        self._read_on()
        self._text = self._text.removeprefix(BOM)

    def takes(self, sign: str) -> bool:
        """Whether this sign comes next; then it is passed."""
        if self.is_at_end() or self._text[self._at] != sign:
            return False
        self._at += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.takes(sign):
            raise self.malformed(f"{sign} is expected")

    def value(self) -> str:
        """The text of the value that comes next."""
        if self.is_at_end():
            raise self.malformed("it ends too early")
        while (end := self._end_of_value()) is None:
            self._read_on()
        found, self._at = self._text[self._at : end], end
        return found

    def _end_of_value(self) -> int | None:
        """Where the value ends that begins here; None = more has to be read to know."""
        is_long_enough = self._is_whole or len(self._text) - self._at > LONGEST
        try:
            _, end = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if is_long_enough:
                raise self.malformed(error.msg, at=error.pos) from error
            return None
        except RecursionError as error:
            raise self.malformed("it is nested too deeply") from error
        except ValueError as error:  # Python reads at most 4,300 digits
            raise self.malformed("it has a number with too many digits") from error
        return end if end < len(self._text) or is_long_enough else None  # a number could go on

    def is_at_end(self) -> bool:
        """Whether nothing but blanks follows; those are passed."""
        while True:
            while self._text[self._at : self._at + 1] in BLANKS:
                self._at += 1
            if self._at < len(self._text) or self._is_whole:
                return self._at >= len(self._text)
            self._read_on()

    def malformed(self, what: str, *, at: int | None = None) -> Invalid:
        line = self._line + self._text.count("\n", 0, self._at if at is None else at)
        sentence = f"The file cannot be read as JSON at line {line}: {what}."
        return Invalid.field("file", "malformed_json", sentence, line=line)

    def _read_on(self) -> None:
        """Take the next block; what was read before goes."""
        self._line += self._text.count("\n", 0, self._at)
        block = self._file.read(BLOCK)
        try:
            more = self._decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = self._text.count("\n", self._at) + error.object.count(b"\n", 0, error.start)
            raise not_utf8(self._line + before) from error
        self._text, self._at, self._is_whole = self._text[self._at :] + more, 0, not block


# --- writing ---
def write(rows: Iterable[Sequence[Mapping[str, Any]]]) -> Iterator[bytes]:
    """A file `{"posts": […]}` of these rows, which come in blocks and leave in blocks."""
    yield b'{"posts":['
    is_first = True
    for block in rows:
        if block:
            yield (b"" if is_first else b",") + orjson.dumps(list(block))[1:-1]
            is_first = False
    yield b"]}\n"
