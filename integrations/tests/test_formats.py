"""The formats of options: what platforms would refuse late is refused here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations import registry
from integrations.capabilities import Capabilities
from integrations.validation import option_problems


def chirp(schema: dict[str, Any]) -> Capabilities:
    """Bluesky with one option of this schema."""
    return replace(registry.capabilities("bluesky"), options={"properties": {"option": schema}})


@pytest.mark.parametrize(
    ("platform", "name", "value"),
    [
        ("bluesky", "langs", ["fr_FR"]),
        ("bluesky", "langs", ["en", "french!"]),
        ("bluesky", "langs", [""]),
        ("bluesky", "langs", ["en-"]),
        ("bluesky", "langs", ["de", " fr"]),
        ("bluesky", "langs", ["français"]),
        ("mastodon", "language", "fr_FR"),
        ("mastodon", "language", "français"),
        ("mastodon", "language", "EN"),
    ],
)
def test_language_that_is_no_tag_is_named_with_the_remedy(platform: str, name: str, value: Any) -> None:
    [problem] = option_problems({name: value}, registry.capabilities(platform))

    assert (problem.field, problem.code) == (f"post_options.{platform}.{name}", "invalid_format")
    wrong = value if isinstance(value, str) else value[-1]
    assert problem.message.startswith(f"{wrong!r} does not have the expected form; ")
    assert "en" in problem.message


@pytest.mark.parametrize("value", ["en", "pt-BR", "zh-Hant-TW", "de-CH-1996", "es-419", "sl-rozaj-biske", "x-klingon"])
def test_language_tags_of_every_form_are_fine(value: str) -> None:
    assert option_problems({"langs": [value]}, registry.capabilities("bluesky")) == []


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("uuid", ["0190a1b2-0000-7000-8000-000000000000"], ["1", "0190a1b2000070008000000000000000", "{}"]),
        ("numeric-id", ["1", "1346889436626259968"], ["", "-1", "1.0", "١٢", "1 ", "a"]),
        ("uri", ["https://example.com/a?b#c"], ["example.com", "ftp://example.com", "https://", "https://a b.com"]),
        ("date", ["2026-02-28"], ["2026-02-30", "28.02.2026", "2026-2-3", "20260228", "2026-W09-6"]),
        ("date-time", ["2026-02-28T09:00:00Z", "2026-02-28T09:00:00.5+01:00"],
         ["2026-02-28", "2026-02-28T09:00:00", "2026-02-28T25:00:00Z", "now"]),
    ],
)  # fmt: skip
def test_every_format_is_checked(form: str, right: list[str], wrong: list[str]) -> None:
    capabilities = chirp({"type": "string", "format": form, "description": "Something."})

    assert [option_problems({"option": value}, capabilities) for value in right] == [[]] * len(right)
    for value in wrong:
        [problem] = option_problems({"option": value}, capabilities)
        assert (problem.field, problem.code) == ("post_options.bluesky.option", "invalid_format"), value
        assert "write" in problem.message


def test_each_text_option_says_what_it_takes() -> None:
    """A new option has an enum, a format or a pattern, or is text for readers, named here."""
    for_readers = {("mastodon", "spoiler_text"), ("facebook", "title"), ("instagram", "audio_name")}
    texts = ("title", "link_title", "link_description", "poll_question", "poll_options")
    for_readers |= {("linkedin", name) for name in texts} | {("youtube", "title"), ("youtube", "tags")}
    for_readers |= {("twitter", "title"), ("twitter", "poll_options"), ("mastodon", "poll_options")}
    for_readers |= {("bluesky", "link_title"), ("bluesky", "link_description")}
    for slug in filter(registry.is_built, registry.PLATFORM_SLUGS):
        for name, schema in registry.capabilities(slug).options["properties"].items():
            inner = schema.get("items", schema)
            if inner["type"] == "string" and (slug, name) not in for_readers:
                assert inner.keys() & {"enum", "format", "pattern"}, (slug, name)
