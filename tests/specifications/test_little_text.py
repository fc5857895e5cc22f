"""The little text format: what is sent is read by LinkedIn, and by us, as what was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.platforms.linkedin.text import comparable, has_mention, length_of, little_text, plain_text
from sandbox.platforms.linkedin.little_text import hashtags, mentions, shown

ACME = "@[Acme (Inc.)](urn:li:organization:2414183)"
CASES: tuple[tuple[str, str], ...] = (
    ("Hello", "Hello"),
    ("a_b *c* ~d~ <e> {f} [g] (h) i|j k\\l @m n#o", r"a\_b \*c\* \~d\~ \<e\> \{f\} \[g\] \(h\) i\|j k\\l \@m n\#o"),
    ("#news #日本 #r2d2", r"{hashtag|\#|news} {hashtag|\#|日本} {hashtag|\#|r2d2}"),
    ("(#news)", r"\({hashtag|\#|news}\)"),
    ("No 1: #1 and C# and a#b and ##x", r"No 1: \#1 and C\# and a\#b and \#\#x"),
    ("#snake_case", r"{hashtag|\#|snake}\_case"),
    ("https://example.com/a_(b)#part", r"https://example.com/a\_\(b\)\#part"),
    ("https://example.com/?a=1#b", r"https://example.com/?a=1\#b"),
    (f"With {ACME}!", r"With @[Acme \(Inc.\)](urn:li:organization:2414183)!"),
    ("@[Ann](urn:li:person:aB_-1)", "@[Ann](urn:li:person:aB_-1)"),
    ("@[Ann](https://example.com)", r"\@\[Ann\]\(https://example.com\)"),
    ("@[](urn:li:person:a) @[Ann](urn:li:share:1)", r"\@\[\]\(urn:li:person:a\) \@\[Ann\]\(urn:li:share:1\)"),
    ("{hashtag|\\#|x}", r"\{hashtag\|\\\#\|x\}"),
    ("Grüße 👋🏽\nZweite Zeile\\", "Grüße 👋🏽\nZweite Zeile\\\\"),
    ("", ""),
)


@pytest.mark.parametrize(("text", "sent"), CASES)
def test_text_is_escaped_and_read_back(text: str, sent: str) -> None:
    assert little_text(text) == sent
    assert plain_text(sent) == text
    assert shown(sent) == text.replace(ACME, "Acme (Inc.)").replace("@[Ann](urn:li:person:aB_-1)", "Ann")


PIECES = st.one_of(
    st.sampled_from([*r"\|{}@[]()<>#*_~", "\n", " ", "#tea", "#1", "https://example.org/x_(y)#z", ACME, "é", "👩‍💻"]),
    st.text(max_size=5),
)


@given(st.lists(PIECES, max_size=12).map("".join))
@example("#tea#coffee")
@example("@[a](urn:li:person:1")
@example(f"https://example.org/{ACME}")
def test_any_text_is_shown_and_found_again_as_it_was_written(text: str) -> None:
    """Nothing of it is cut, and what LinkedIn keeps is recognised when a lost answer makes us look for it."""
    sent = little_text(text)

    assert plain_text(sent) == text
    assert comparable(shown(sent)) == comparable(text)
    assert length_of(text) == len(shown(sent).encode("utf-16-le")) // 2


def test_linkedin_finds_mentions_and_hashtags_in_what_is_sent() -> None:
    sent = little_text(f"#Hi {ACME} #日本!")

    assert (hashtags(sent), mentions(sent)) == (["Hi", "日本"], ["urn:li:organization:2414183"])


@pytest.mark.parametrize("commentary", ["cut (here", "cut *", "cut {hashtag|x}", "cut @[Ann]"])
def test_what_is_not_escaped_ends_the_text_there(commentary: str) -> None:
    assert shown(commentary) == "cut "


def test_length_counts_utf16_and_mentions_by_their_names() -> None:
    assert [length_of(text) for text in ("abc", "ä👋", "#a_b (c)", ACME)] == [3, 3, 8, 11]


def test_texts_are_compared_without_blanks_and_addresses_of_mentions() -> None:
    assert comparable(f"a \n b {ACME}") == comparable("a b Acme (Inc.)")
    assert (has_mention(ACME), has_mention("@[Acme](x)"), has_mention("a@b.c")) == (True, False, False)
    assert not has_mention(f"https://example.org/{ACME}")
