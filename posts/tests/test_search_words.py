"""How texts and queries are read for the search; no database."""

# ruff: noqa: RUF001  texts in many scripts
from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from posts.search.folding import LONGEST_TOKEN, capitals, fold, fold_all, is_capital
from posts.search.fts5 import PLACES, place_in_sql
from posts.search.highlights import MOST_PASSAGES, highlights
from posts.search.queries import LONGEST_QUERY, MOST_TERMS, Query, Term, Unreadable, parse


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, World! don't #foo_bar", "hello world don t foo bar"),
        ("https://Example.com/x?y=1&z", "https example com x y 1 z"),
        ("Übung ÜBUNG u\u0308bung", "ubung ubung ubung"),
        ("Łódź Øre Straße ΣΊΣΥΦΟΣ Ёж", "lodz ore straße σισυφοσ еж"),
        ("ｆｕｌｌ ﬁne ½ m² №1 Foo™", "full fine 1 2 m2 no1 foo"),
        ("東京タワー、行く。", "東 京 タ ワ ー 行 く"),
        ("가나 ガ ﾊﾞ", "가 나 ガ バ"),
        ("👩🏽\u200d🚀🎉👍🏽", "👩 🚀 🎉 👍"),
        ("أَحْمَد می\u200cخواهم", "احمد میخواهم"),
        ("so\u00adft\u2014dash…", "soft dash"),
        ("x" * 300, "x" * LONGEST_TOKEN),
        (" \t\n !!! — … ", ""),
        ("", ""),
    ],
)
def test_text_is_folded_into_tokens(text: str, tokens: str) -> None:
    assert fold(text) == tokens


def test_no_capital_is_left_out() -> None:
    known = capitals()

    everything = (chr(point) for point in range(0x80, sys.maxunicode) if not 0xD800 <= point <= 0xDFFF)
    assert [letter for letter in everything if is_capital(letter) and letter not in known] == []


def test_texts_of_one_column_are_kept_apart() -> None:
    assert fold_all(["One two", "!", "", "three"]) == "one two ¶ three"
    assert fold("¶") == ""


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01 00:00:00", "2026-11-29 23:48:54", "2026-11-29 23:48:54.123456", "2026-11-29 23:48:54.000100",
        "1969-12-31 23:59:59.999999", "2000-02-29 12:00:00.999999", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999",
    ],
)  # fmt: skip
def test_sqlite_gives_a_post_the_place_of_the_moment_at_which_it_was_made(text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        (place,) = database.execute(f"SELECT {place_in_sql('?1')}", [text]).fetchone()

    since_1970 = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    last = 2 ** (63 - PLACES) - 2
    assert place == max(-last, min(since_1970 // timedelta(microseconds=100), last)) * 2**PLACES
    assert -(2**63) <= place < place + 2**PLACES < 2**63


def words(*tokens: str, **how: bool) -> Term:
    return Term(tokens, **how)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("good Morning", ((words("good"), words("morning")),)),
        ('"good morning" -bad', ((words("good", "morning"), words("bad", is_without=True)),)),
        ("tea or coffee cake", ((words("tea"),), (words("coffee"), words("cake")))),
        ("tea OR OR or", ((words("tea"),),)),
        ('or "or" or', ((words("or"),),)),
        ('-"x y" z', ((words("x", "y", is_without=True), words("z")),)),
        ("morn* 東京*", ((words("morn", is_prefix=True), words("東", "京", is_prefix=True)),)),
        ('"unbalanced quote', ((words("unbalanced", "quote"),),)),
        ("example.com/x don't", ((words("example", "com", "x"), words("don", "t")),)),
        ("same same", ((words("same"),),)),
        ("!!! - -- * \"\" ''", ()),
        ("", ()),
    ],
)
def test_query_is_read(text: str, groups: tuple[tuple[Term, ...], ...]) -> None:
    assert parse(text) == Query(groups)


@pytest.mark.parametrize(
    ("text", "code", "params"),
    [
        ("x" * (LONGEST_QUERY + 1), "max_length", {"limit": LONGEST_QUERY, "actual": LONGEST_QUERY + 1}),
        (" ".join(map(str, range(51))), "max_length", {"limit": MOST_TERMS, "actual": 51}),
        ("ab*", "prefix_too_short", {"limit": 3, "actual": 2}),
        ("-a*", "prefix_too_short", {"limit": 3, "actual": 1}),
    ],
)
def test_query_that_costs_too_much_is_refused(text: str, code: str, params: dict[str, int]) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text)

    assert (caught.value.code, caught.value.params) == (code, params)


def marked(text: str, query: str) -> list[str]:
    (shown,) = highlights([("content", text)], parse(query))
    return [shown["text"][start:end] for start, end in shown["marks"]]


def test_what_was_found_is_marked_as_it_was_written() -> None:
    text = "Good morning, Łódź! 東京タワー 🎉👍🏽 don't https://example.com/x"

    assert marked(text, "lodz 京タ 👍 don't morn*") == ["morning", "Łódź", "京タ", "👍🏽", "don", "t"]
    assert marked("one two one", '"two one" -good') == ["two", "one"]
    assert marked("so e\u0301te\u0301", "ete") == ["e\u0301te\u0301"]


def test_passage_surrounds_the_first_mark() -> None:
    text = f"{'a ' * 200}needle {'b ' * 200}needle"

    (shown,) = highlights([("content", text)], parse("needle"))

    assert len(shown["text"]) == 160
    assert [shown["text"][start:end] for start, end in shown["marks"]] == ["needle"]


def test_passages_are_few_and_only_of_what_was_found() -> None:
    texts = [(f"thread.{number}", "tea") for number in range(9)]

    assert len(highlights(texts, parse("tea"))) == MOST_PASSAGES
    assert highlights(texts, parse("-tea")) == highlights(texts, parse("cake")) == []
