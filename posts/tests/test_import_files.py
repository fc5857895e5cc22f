"""What files of posts hold: read row by row, each fault where a person finds it; written so that it is read back."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Any

import pytest

from mastablasta.core.errors import Invalid
from posts.import_export import csv_rows, json_rows
from posts.import_export.columns import COLUMNS, READ
from posts.import_export.row import Row
from posts.import_export.rows import count_rows, read_rows

EMPTY: dict[str, Any] = {
    "external_id": "", "content": "", "platforms": [], "accounts": [], "scheduled_time": None, "timezone": "",
    "tags": [], "first_comment": "", "media": [], "thread": [], "post_options": {}, "overrides": {},
}  # fmt: skip


def read(data: str | bytes) -> list[Row]:
    return list(read_rows(io.BytesIO(data if isinstance(data, bytes) else data.encode())))


def values(data: str | bytes) -> list[Any]:
    rows = read(data)
    assert [row.problems for row in rows] == [[]] * len(rows)
    return [row.values for row in rows]


def faults(data: str) -> list[tuple[int, str, str, Any]]:
    """Row, field, code and column of each."""
    return [(row.number, one.field, one.code, one.params.get("column")) for row in read(data) for one in row.problems]


# --- CSV ---
@pytest.mark.parametrize(
    "data",
    [
        'content,tags\n"Hello, world","a, b"\n',
        '\ufeffContent , TAGS\r\n"Hello, world","a, b"\r\n',
        'content;tags\n"Hello, world";a, b\n',
        "content\ttags\nHello, world\ta, b\n",
        '\n\n"content";"tags"\nHello, world;a, b\n',
        'content,tags,,\n"Hello, world","a, b,",,\n',
        'content,tags\n"Hello, world","[""a"", ""b""]"',
        'id,content,tags,status,urls\n,"Hello, world","a,b",draft,https://x.test/1\n',
    ],
)
def test_a_csv_of_any_spreadsheet_is_read(data: str) -> None:
    (found,) = values(data)

    found.pop("id", None)
    assert found == {"content": "Hello, world", "tags": ["a", "b"]}


def test_each_column_is_read_as_what_the_api_takes() -> None:
    cells = {
        "external_id": "crm-1", "content": "First\nline; \"quoted\"", "platforms": "mastodon, twitter",
        "accounts": "mastodon:@ada@example.org", "post_type": "thread", "scheduled_time": "2030-01-31 09:00",
        "timezone": "Europe/Berlin", "tags": '["a, b", "c"]', "first_comment": "'=1+1", "media": "id-1, id-2",
        "thread": '["First", {"content": "Second", "media": ["id-3"]}]',
        "post_options": '{"mastodon": {"visibility": "unlisted"}}', "overrides": '{"twitter": {"content": "Short"}}',
        "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10", "status": "published",
    }  # fmt: skip
    out = io.StringIO()
    csv.writer(out).writerows([cells, cells.values(), [""] * len(cells), *[["x", *[""] * (len(cells) - 1)]]])

    full, bare = read(out.getvalue())

    assert (full.number, bare.number) == (2, 4)  # the empty row is passed over, and counts
    assert full.values == {
        "external_id": "crm-1", "content": "First\nline; \"quoted\"", "platforms": ["mastodon", "twitter"],
        "accounts": ["mastodon:@ada@example.org"], "post_type": "thread", "scheduled_time": "2030-01-31 09:00",
        "timezone": "Europe/Berlin", "tags": ["a, b", "c"], "first_comment": "=1+1", "media": ["id-1", "id-2"],
        "thread": ["First", {"content": "Second", "media": ["id-3"]}],
        "post_options": {"mastodon": {"visibility": "unlisted"}}, "overrides": {"twitter": {"content": "Short"}},
        "id": "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10",
    }  # fmt: skip
    assert bare.values == {**EMPTY, "external_id": "x", "id": ""}


def test_each_fault_of_a_row_is_told_by_row_and_column() -> None:
    data = (
        "external_id,content,thread,tags,post_options\n"
        'a,fine,"[""one"",\n""two""]",,\n'
        "b,short,,\n"
        "c,long,,,,more\n"
        "d,json,[1,,\n"
        'e,kinds,"{}",[],"[""x""]"\n'
        'f,twice,,,"{""a"": {}, ""a"": {}}"\n'
        'g,halves,"[""\\ud800""]",,\n'
        "h,fine too,,,,,\n"
    )

    assert faults(data) == [
        (3, "post_options", "too_few_cells", "E"),
        (4, "", "too_many_cells", "F"),
        (5, "thread", "malformed_json", None),
        (6, "thread", "wrong_type", None),
        (6, "post_options", "wrong_type", None),
        (7, "post_options", "duplicate_name", None),
        (8, "thread.0", "lone_surrogate", None),
    ]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", "no_rows", "The file is empty; begin it with the names of its columns."),
        (b"\n \n", "no_rows", "The file is empty"),
        (b"content\n", "no_rows", "The file has no row of a post."),
        (b"content,colour\nx,y\n", "unknown_column", f"'colour' in column B, which names no column; valid ones: "
         f"{', '.join(COLUMNS)}."),
        (b"content,,tags\nx,y,z\n", "unknown_column", "an empty name in column B"),
        (b"content,tags,Content\nx,y,z\n", "duplicate_column", "the column content twice"),
        (b"content\nfine\nna\xefve\n", "not_utf8", "Line 3 of the file is not UTF-8"),
        ("content\nx\n".encode("utf-16"), "not_utf8", "Line 1 "),
        (b'content\n"never closed\n', "malformed_csv", "at line 2"),
        (b'content\n"closed" too early\n', "malformed_csv", "at line 2"),
        (b"content\rold\rMac\r", "malformed_csv", "at line 1"),
        (b"content\n" + b"x" * 200_000, "malformed_csv", "at line 2"),
        (b'{"posts": [{"content": "x"}', "malformed_json", "at line 1"),
        (b'[\n{"content": "x"},\n{"content": x}]', "malformed_json", "at line 3"),
        (b'[\n{"content": NaN}]', "malformed_json", "post 1 is not JSON: NaN is not a JSON number"),
        (b'[{"a": 1, "a": 2}]', "malformed_json", "post 1 has the name 'a' twice"),
        (b"[" * 100_000, "malformed_json", "nested too deeply"),
        (b'[{"content": "x"}] more', "malformed_json", "something follows after its end"),
        (b'["caf\xe9"]', "not_utf8", "Line 1 "),
        (b'[\n"' + b"x" * 70_000 + b'\n\xff"]', "not_utf8", "Line 3 "),
        (b'{"total": 0}', "no_rows", 'write {"posts": […]}'),
        (b'{"posts": []}', "no_rows", "The file has no row of a post."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_file_is_told_once(data: bytes, code: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        count_rows(io.BytesIO(data))

    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == ("file", code)
    assert words in problem.message


def test_more_rows_than_are_taken_are_refused_before_any_is_used() -> None:
    file = io.BytesIO(b"content\n" + b"x\n" * 4)

    assert count_rows(file, most=4) == 4
    with pytest.raises(Invalid, match="more than 3 rows"):
        count_rows(file, most=3)


# --- JSON ---
def test_posts_are_read_from_json_however_they_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    posts = [{"content": f'Größe {n} "]}}\\', "urls": ["x"], "post_options": {"a": [n, 1.5, None]}} for n in range(20)]
    expected = [{name: value for name, value in post.items() if name != "urls"} for post in posts]
    texts = [
        json.dumps(posts),
        json.dumps(posts, ensure_ascii=False, indent=2),
        json.dumps({"total": 20, "posts": posts, "next": None, "more": [{}]}, ensure_ascii=False),
    ]

    for block in (1, 7, 64, 100_000):
        monkeypatch.setattr(json_rows, "BLOCK", block)
        for text in texts:
            assert values(text) == expected

    assert [row.values for row in read("[1, 23, null]")] == [1, 23, None]  # the API says what is wrong with these
    (bad,) = read(b'["\\u0000"]')
    assert [one.code for one in bad.problems] == ["nul_character"]


# --- both ways ---
def test_what_is_written_is_read_back_exactly_and_runs_in_no_spreadsheet() -> None:
    signs = ["=", "+", "-", "@", "\t", "\r", "\n", "'", '"', ",", ";", "a", " ", "[", "\\", "\uff1d", "é", "👩🏽‍🚀"]
    dice = random.Random(7)

    def text() -> str:
        return "".join(dice.choices(signs, k=dice.randint(0, 5)))

    def words() -> list[str]:
        return [word for word in (text().strip() for _ in range(dice.randint(0, 3))) if word]

    rows = [
        {
            **EMPTY, "post_type": "standard", "external_id": text(), "content": text(), "first_comment": text(),
            "tags": words(), "media": [*words(), {"id": "1", "alt_text": text()}], "thread": [text(), {"content": ""}],
            "post_options": {"mastodon": {"spoiler_text": text()}}, "overrides": {"mastodon": {"content": text()}},
            "scheduled_time": "2030-01-31T09:00:00.000001Z", "id": "x", "status": "draft", "published_at": None,
            "urls": ["https://x.test/a,b"],
        }
        for _ in range(200)
    ]  # fmt: skip
    expected = [{name: row[name] for name in (*READ, "id")} for row in rows]

    as_csv = b"".join(csv_rows.write([rows[:150], [], rows[150:]]))
    as_json = b"".join(json_rows.write([rows[:150], [], rows[150:]]))

    assert [{**row, "id": "x"} for row in values(as_csv)] == expected
    assert [{name: row[name] for name in (*READ, "id")} for row in values(as_json)] == expected
    assert b"".join(json_rows.write([[]])) == b'{"posts":[]}\n'
    cells = [cell for record in csv.reader(io.StringIO(as_csv.decode("utf-8-sig"), newline="")) for cell in record]
    assert [cell for cell in cells if cell[:1] in {*"=+-@\t\r\n", "\uff1d"} - {""}] == []
