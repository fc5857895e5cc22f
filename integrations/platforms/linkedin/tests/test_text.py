"""The little text format: what we write is read as it was meant, by LinkedIn and by us."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.platforms.linkedin.text import comparable, length_of, little_text, plain_text
from sandbox.platforms.linkedin.little_text import hashtags, mentions, shown

ADA = "@[Ada \\ Co](urn:li:organization:1)"


@pytest.mark.parametrize(
    ("text", "commentary"),
    [
        ("plain, with 2 < 3 & more", r"plain, with 2 \< 3 & more"),
        ("(a) [b] {c} *d* _e_ ~f~ | @g", r"\(a\) \[b\] \{c\} \*d\* \_e\_ \~f\~ \| \@g"),
        (r"C:\new", r"C:\\new"),
        ("#tea and #Grüße", r"{hashtag|\#|tea} and {hashtag|\#|Grüße}"),
        ("no. #1, C#, a#b, #", r"no. \#1, C\#, a\#b, \#"),
        ("https://example.org/a_b#c(d)", r"https://example.org/a\_b\#c\(d\)"),
        ("by @[Ada](urn:li:person:a_1-B)!", "by @[Ada](urn:li:person:a_1-B)!"),
        ("@[Ada *](urn:li:organization:1)", r"@[Ada \*](urn:li:organization:1)"),
        ("@[Ada](urn:li:share:1)", r"\@\[Ada\]\(urn:li:share:1\)"),
    ],
)
def test_what_is_special_is_escaped(text: str, commentary: str) -> None:
    assert little_text(text) == commentary
    assert plain_text(commentary) == text


def test_mentions_and_hashtags_are_understood() -> None:
    said = little_text(f"{ADA} and #tea_time, #1 of #tea")

    assert (mentions(said), hashtags(said)) == (["urn:li:organization:1"], ["tea", "tea"])
    assert shown(said) == "Ada \\ Co and #tea_time, #1 of #tea"


pieces = st.one_of(
    st.sampled_from([*r"\|{}@[]()<>#*_~", "\n", " ", "#tea", "#1", "https://example.org/x_(y)#z", ADA, "é", "👩‍💻"]),
    st.text(max_size=5),
)


@given(st.lists(pieces, max_size=12).map("".join))
@example("{hashtag|\\#|tea}")
@example("#tea#coffee")
@example(f"{ADA}{ADA}#a")
@example("\\")
@example("@[a](urn:li:person:1")
def test_any_text_is_shown_and_found_again_as_it_was_written(text: str) -> None:
    """Nothing of it is cut, and what LinkedIn keeps is recognised when a lost answer makes us look for it."""
    said = little_text(text)

    assert plain_text(said) == text
    assert comparable(shown(said)) == comparable(text)
    assert length_of(text) == len(shown(said).encode("utf-16-le")) // 2
