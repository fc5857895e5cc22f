from __future__ import annotations

import pytest

from mastablasta.core.pasting import is_blank, pasted


@pytest.mark.parametrize(
    "text",
    ["\u202aanna\u202c", "\u200eanna\u200f", " \ufeffanna ", "\u2068anna\u2069\n", "an\u00adna", "an\u200bna\u2060"],
)
def test_marks_and_blanks_around_a_name_are_left_out(text: str) -> None:
    assert pasted(text) == "anna"


def test_name_is_composed() -> None:
    assert pasted("mu\u0308nchen") == "m\u00fcnchen"


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\u200b", "\u202a\u202c", "\ufeff \u00a0", "\u2800", "\u3164", "\u00ad", "\u200d\ufe0f", "\U000e0041"],
)
def test_nothing_to_be_seen_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "\u202aa\u202c", "\U0001f468\u200d\U0001f467", "\u0301"])
def test_anything_to_be_seen_is_not(text: str) -> None:
    assert not is_blank(text)
