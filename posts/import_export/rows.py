"""Rows of a file that people bring, whichever of the two forms it has: CSV or JSON."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO

from mastablasta.core.errors import Invalid
from posts.import_export import csv_rows, json_rows
from posts.import_export.row import Row


def read_rows(file: BinaryIO) -> Iterator[Row]:
    """The rows of a file from its beginning, one by one; its first character says whether it is CSV or JSON.

    Raises Invalid for what is wrong with the file as a whole, where it is found: not_utf8, no_rows, malformed_csv,
    malformed_json, unknown_column, duplicate_column.
    """
    file.seek(0)
    first = file.read(64).removeprefix(BOM_UTF8).lstrip()
    file.seek(0)
    yield from json_rows.read(file) if first.startswith((b"{", b"[")) else csv_rows.read(file)


def count_rows(file: BinaryIO, *, most: int | None = None) -> int:
    """How many rows the file has, once it is read to its end without a fault. Raises what `read_rows` raises.

    Also too_many_rows, where there are more than `most`.
    """
    count = 0
    for count, _ in enumerate(read_rows(file), 1):
        if most is not None and count > most:
            sentence = f"The file has more than {most:,} rows; split it, or use manage.py import_posts."
            raise Invalid.field("file", "too_many_rows", sentence, limit=most)
    if not count:
        raise Invalid.field("file", "no_rows", "The file has no row of a post.")
    return count
