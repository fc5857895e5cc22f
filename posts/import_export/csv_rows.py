"""CSV, as spreadsheets and programs write it: read row by row, written in blocks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

from rest_framework.exceptions import ValidationError

from mastablasta.core.api.parsers import Malformed
from mastablasta.core.errors import FieldProblem, Invalid
from posts.import_export import columns
from posts.import_export.columns import COLUMNS, READ
from posts.import_export.row import Row

BOM = "\ufeff"  # with it Excel takes the file for UTF-8
SEPARATORS = ",;\t"
MEDIA_TYPE = "text/csv; charset=utf-8"


# --- reading ---
def read(file: BinaryIO) -> Iterator[Row]:
    """The rows below the header; rows without anything in them are passed over. Raises Invalid, see `read_rows`."""
    lines = _lines(file)
    blank_lines, first = _first_of(lines)
    reader = csv.reader(chain(blank_lines, [first], lines), delimiter=_separator(first), strict=True)
    header: list[str] | None = None
    for number, cells in enumerate(_records(reader), 1):
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells)
        else:
            yield _row(number, cells, header)
    if header is None:
        raise Invalid.field("file", "no_rows", "The file is empty; begin it with the names of its columns.")


def _first_of(lines: Iterator[str]) -> tuple[list[str], str]:
    """The blank lines before the header, and the line with which it begins; "" = there is none."""
    before: list[str] = []
    for line in lines:
        if line.strip():
            return before, line
        before.append(line)
    return before, ""


def _lines(file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(number) from error
        yield text.removeprefix(BOM) if number == 1 else text


def not_utf8(line: int) -> Invalid:
    sentence = f"Line {line} of the file is not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)."
    return Invalid.field("file", "not_utf8", sentence, line=line)


def _separator(header: str) -> str:
    """The one that divides the header into the most names of columns."""
    return max(SEPARATORS, key=lambda one: sum(_name(cell) in COLUMNS for cell in header.split(one)))


def _records(reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        sentence = (
            f"The file cannot be read as CSV at line {reader.line_num}: {error}. Put cells with separators, line ends "
            "or quotation marks in quotation marks, and double those within."
        )
        raise Invalid.field("file", "malformed_csv", sentence, line=reader.line_num) from error


def _header(cells: Sequence[str]) -> list[str]:
    names = [_name(cell) for cell in cells]
    while not names[-1]:
        names.pop()
    valid = ", ".join(COLUMNS)
    for number, name in enumerate(names):
        if name not in COLUMNS:
            called = f"{name[:50]!r} in column" if name else "an empty name in column"
            sentence = f"The header has {called} {letter(number)}, which names no column; valid ones: {valid}."
            raise Invalid.field("file", "unknown_column", sentence, column=letter(number), valid=list(COLUMNS))
        if name in names[:number]:
            sentence = f"The header has the column {name} twice; leave one of them out."
            raise Invalid.field("file", "duplicate_column", sentence, column=letter(number))
    return names


def _name(cell: str) -> str:
    return cell.strip().strip('"').strip().lower()


def _row(number: int, cells: Sequence[str], header: Sequence[str]) -> Row:
    misplaced = _misplaced(cells, header)
    if misplaced:
        return Row(number, None, misplaced)
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, cell in zip(header, cells, strict=False):
        if name in READ:
            try:
                values |= columns.read_cell(name, cell)
            except (Malformed, ValidationError) as error:
                problems += columns.problems_of(name, error)
        elif name == "id":
            values["id"] = cell.strip()
    return Row(number, _as_said(values), problems)


def _misplaced(cells: Sequence[str], header: Sequence[str]) -> list[FieldProblem]:
    """Whether the row has other cells than the header has columns; empty ones at its end are none."""
    if len(cells) < len(header):
        column = letter(len(cells))
        message = (
            f"The row ends before column {column} ({header[len(cells)]}): it has {len(cells)} of {len(header)} cells. "
            "Is a quotation mark or a separator missing?"
        )
        return [FieldProblem(header[len(cells)], "too_few_cells", message, {"column": column})]
    beyond = [number for number, cell in enumerate(cells) if number >= len(header) and cell.strip()]
    if not beyond:
        return []
    column = letter(beyond[0])
    message = (
        f"The row has a cell in column {column}, and the header ends with column {letter(len(header) - 1)} "
        f"({header[-1]}). Put cells with separators in quotation marks."
    )
    return [FieldProblem("", "too_many_cells", message, {"column": column})]


def _as_said(values: dict[str, Any]) -> dict[str, Any]:
    """Without `media` where that is empty because the thread's first part names its files."""
    first = next(iter(values.get("thread") or ()), None)
    if isinstance(first, dict) and "media" in first and not values.get("media"):
        return {name: value for name, value in values.items() if name != "media"}
    return values


def letter(number: int) -> str:
    """What a spreadsheet calls the column, counted from 0: A, B, … Z, AA."""
    before, place = divmod(number, 26)
    return (letter(before - 1) if before else "") + chr(ord("A") + place)


# --- writing ---
def write(rows: Iterable[Sequence[Mapping[str, Any]]]) -> Iterator[bytes]:
    """A file of these rows, which come in blocks and leave in blocks, each with a value for every one of COLUMNS."""
    yield (BOM + _text([COLUMNS])).encode()
    for block in rows:
        yield _text([columns.write_cell(name, row[name]) for name in COLUMNS] for row in block).encode()


def _text(records: Iterable[Iterable[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(records)
    return out.getvalue()
