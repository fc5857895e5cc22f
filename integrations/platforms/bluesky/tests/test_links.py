"""Where a link begins and ends, beside everything that people write around one."""

from __future__ import annotations

import pytest

from integrations.platforms.bluesky.links import find_links

A = "https://example.com/a"


def links_in(text: str) -> list[str]:
    return [text[link.start : link.end] for link in find_links(text)]


@pytest.mark.parametrize(
    ("text", "links"),
    [
        # --- hosts ---
        ("http://localhost:8000/a, http://LOCALHOST.", ["http://localhost:8000/a", "http://LOCALHOST"]),
        ("https://192.0.2.1:80/a https://192.0.2.256/a", ["https://192.0.2.1:80/a"]),
        ("http://[2001:db8::1]:80/a http://[2001:db8:::1]/", ["http://[2001:db8::1]:80/a"]),
        ("192.0.2.1 [2001:db8::1] localhost", []),
        ("https://host", []),
        ("https://example.quitenew/a", ["https://example.quitenew/a"]),  # a top-level domain that we do not know
        ("https://a.b1", []),
        ("https://example.com.", ["https://example.com"]),
        ("https://ada@example.com/a", ["https://ada@example.com/a"]),
        ("https://ada:pw@example.com", ["https://ada:pw@example.com"]),
        ("https://пример.рф/a пример.рф", ["https://пример.рф/a"]),
        (
            "https://xn--e1afmkfd.xn--p1ai/a xn--e1afmkfd.xn--p1ai",
            ["https://xn--e1afmkfd.xn--p1ai/a", "xn--e1afmkfd.xn--p1ai"],
        ),
        ("https://example.com:123456", ["https://example.com"]),
        # --- text that goes on without a space ---
        ("https://example.comです", ["https://example.com"]),
        ("example.comです", ["example.com"]),
        ("https://example.com1", []),
        ("example.community example.commu", ["example.community"]),
        ("日本https://example.com/a。", [A]),
        ("seehttps://example.com/a", []),
        ("1️⃣https://example.com/a 1️⃣example.com", [A, "example.com"]),
        ("é\u0301https://example.com/a", []),
        ("e\u0301xample.com", []),
        ("a\u200dexample.com", []),
        # --- what only looks like a domain ---
        ("array.map(one)", []),
        ("me.too@example.com", []),
        ("/example.com -example.com _example.com", []),
        ("$example.com #example.com", []),
        # --- brackets and quotes around it, and in it ---
        (f"({A}) [{A}] {{{A}}} <{A}>", 4 * [A]),
        (f"{A}_(b)_[c]", [f"{A}_(b)_[c]"]),
        (f"({A}_(b))", [f"{A}_(b)"]),
        (f'"{A}" “{A}” „{A}“ \u2018{A}\u2019 «{A}» »{A}« \u2039{A}\u203a `{A}`', 8 * [A]),
        (f"\u2018{A}?q=\u2018b\u2019\u2019 ", [f"{A}?q=\u2018b\u2019"]),
        (f"{A}?q=“b”", [f"{A}?q=“b”"]),
        (f"it was {A}”", [A]),
        (f"'{A}' *{A}* {A}'", [A, A, f"{A}'"]),
        # --- the end of a sentence ---
        (f"{A}. {A}, {A}! {A}?! {A}… {A}:", 6 * [A]),
        (f"{A}?b=c&d=e;f.", [f"{A}?b=c&d=e;f"]),
        (f"{A},{A}|{A}", 3 * [A]),
        (f"{A}、{A}」", 2 * [A]),
    ],
)
def test_links_are_found_as_people_mean_them(text: str, links: list[str]) -> None:
    assert links_in(text) == links
