"""The generic half of validation, on a platform made up for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.capabilities import Capabilities, Source, TextLimit
from integrations.contract import Content, MediaUse, Part
from integrations.validation import general_problems, media_problems, option_problems
from mastablasta.core.media_rules import DocumentRule, ImageRule, MediaRule, VideoRule

SOURCE = Source("https://example.com", "2026-11-23")
CAPABILITIES = Capabilities(
    slug="chirp",
    label="Chirp",
    post_types=("standard",),
    text=TextLimit(10, "characters", SOURCE),
    reconcile="exact",
    way="native_key",
    settle_s=0,
    hold_s=0,
    options={
        "type": "object",
        "properties": {
            "mood": {"type": "string", "enum": ["glad", "sad"]},
            "code": {"type": "string", "pattern": "^[a-z]{2}$", "description": "Two letters."},
            "title": {"type": "string", "maxLength": 5},
            "loud": {"type": "boolean"},
            "count": {"type": "integer", "minimum": 1, "maximum": 3},
            "tags": {"type": "array", "maxLength": 2},
            "pair": {"type": "array", "minItems": 2},
            "poll": {"type": "object"},
        },
    },
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "mood": "glad",
            "code": "de",
            "title": "abcde",
            "loud": False,
            "count": 3,
            "tags": [1],
            "pair": [1, 2],
            "poll": {},
        },
    ],
)
def test_options_that_fit_are_fine(options: dict[str, Any]) -> None:
    assert option_problems(options, CAPABILITIES) == []


@pytest.mark.parametrize(
    ("name", "value", "code", "params"),
    [
        ("mood", "angry", "invalid_choice", {"valid": ["glad", "sad"]}),
        ("mood", None, "invalid_type", {"type": "string"}),
        ("mood", ["glad"], "invalid_type", {"type": "string"}),
        ("code", "DE", "invalid_format", {}),
        ("code", "de\n", "invalid_format", {}),
        ("title", "abcdef", "too_long", {"limit": 5, "actual": 6}),
        ("loud", 1, "invalid_type", {"type": "boolean"}),
        ("loud", "true", "invalid_type", {"type": "boolean"}),
        ("count", True, "invalid_type", {"type": "integer"}),
        ("count", 1.0, "invalid_type", {"type": "integer"}),
        ("count", 0, "too_small", {"limit": 1, "actual": 0}),
        ("count", 4, "too_large", {"limit": 3, "actual": 4}),
        ("tags", {}, "invalid_type", {"type": "array"}),
        ("tags", [1, 2, 3], "too_long", {"limit": 2, "actual": 3}),
        ("pair", [1], "too_few", {"limit": 2, "actual": 1}),
        ("poll", [], "invalid_type", {"type": "object"}),
        ("colour", "red", "unknown_option", {"valid": list(CAPABILITIES.options["properties"])}),
    ],
)
def test_option_that_does_not_fit_is_named(name: str, value: Any, code: str, params: dict[str, Any]) -> None:
    [problem] = option_problems({name: value}, CAPABILITIES)

    assert (problem.field, problem.code, dict(problem.params)) == (f"post_options.chirp.{name}", code, params)
    assert problem.message


def test_platform_without_options_names_none() -> None:
    [problem] = option_problems({"mood": "glad"}, replace(CAPABILITIES, options={}))

    assert "valid: none" in problem.message


RULE = MediaRule(
    url="https://example.com",
    read="2026-11-23",
    images=ImageRule(("image/png",), 1_000),
    animations=ImageRule(("image/gif",), 1_000),
    videos=VideoRule(("video/mp4",), 1_000),
    max_images=2,
    alt_text_limit=5,
)
PICTURES_ONLY = replace(RULE, animations=None, videos=None)


def use(kind: str = "image", alt_text: str = "") -> MediaUse:
    return MediaUse("1", "", "image/png", 1, alt_text, kind=kind)


def test_empty_parts_are_found_by_their_field() -> None:
    parts = (Part("", field="content"), Part("", media=(use(),), field="thread.1"), Part(" \n", field="thread.2"))

    problems = general_problems(Content(parts), CAPABILITIES, RULE)

    assert [(one.field, one.code) for one in problems] == [("content", "empty"), ("thread.2", "empty")]


def test_type_that_is_not_taken_is_found() -> None:
    [problem] = general_problems(Content((Part("a"),), post_type="reel"), CAPABILITIES, None)

    assert (problem.field, problem.code, problem.params) == (
        "post_type",
        "post_type_not_supported",
        {"valid": ["standard"]},
    )


@pytest.mark.parametrize("kinds", [[], ["image", "image"], ["animation"], ["video"]])
def test_media_that_fit_are_fine(kinds: list[str]) -> None:
    part = Part("a", media=tuple(use(kind, "12345") for kind in kinds))

    assert media_problems(part, RULE, where="Chirp") == []


@pytest.mark.parametrize(
    ("rule", "kinds", "expected"),
    [
        (None, ["image", "video"], [("media", "media_not_supported", {"valid": []})]),
        (
            PICTURES_ONLY,
            ["image", "video", "animation"],
            [(f"media.{index}", "media_not_supported", {"valid": ["image"]}) for index in (1, 2)],
        ),
        (
            replace(RULE, max_videos=0),
            ["video"],
            [("media.0", "media_not_supported", {"valid": ["image", "animation"]})],
        ),
        (RULE, ["image"] * 3, [("media", "too_many_media", {"kind": "image", "limit": 2, "actual": 3})]),
        (RULE, ["video"] * 2, [("media", "too_many_media", {"kind": "video", "limit": 1, "actual": 2})]),
        (RULE, ["image", "video"], [("media", "media_cannot_mix", {"kinds": ["image", "video"]})]),
        (replace(RULE, may_mix=True), ["image", "video"], []),
        (replace(PICTURES_ONLY, max_images=0), ["image"], [("media.0", "media_not_supported", {"valid": []})]),
    ],
)
def test_media_that_do_not_fit_are_named(
    rule: MediaRule | None, kinds: list[str], expected: list[tuple[str, str, dict[str, Any]]]
) -> None:
    problems = media_problems(Part("a", media=tuple(use(kind) for kind in kinds)), rule, where="Chirp")

    assert [(one.field, one.code, dict(one.params)) for one in problems] == expected
    assert all(one.message.startswith("Chirp takes ") for one in problems)


def test_alt_text_that_is_too_long_is_named_by_its_file() -> None:
    part = Part("a", media=(use(alt_text="Short"), use(alt_text="Longer")))

    [problem] = media_problems(part, RULE, where="Chirp")

    assert (problem.field, problem.code, problem.params) == ("media.1", "alt_text_too_long", {"limit": 5, "actual": 6})
    assert media_problems(part, replace(RULE, alt_text_limit=0), where="Chirp") == []


def test_problem_of_media_stands_where_they_were_chosen() -> None:
    content = Content((Part("a", media=(use(),), media_field="overrides.twitter.media"),))

    [problem] = general_problems(content, CAPABILITIES, None)

    assert problem.field == "overrides.twitter.media"


# --- covers and documents ---

PICTURE = ImageRule(("image/png",), 1_000)
PAGES = MediaRule("https://example.com", "2026-11-28", documents=DocumentRule(("application/pdf",), 10_000))


def codes_of(rule: MediaRule, *uses: MediaUse) -> list[tuple[str, str]]:
    return [(one.field, one.code) for one in media_problems(Part("", uses), rule, where="Chirp")]


def use_of(kind: str, role: Any = "content") -> MediaUse:
    return MediaUse("1", "", "image/png", 10, kind=kind, role=role)


def test_document_is_taken_where_the_rule_has_documents() -> None:
    pictures = MediaRule("https://example.com", "2026-11-28", images=PICTURE)

    assert codes_of(PAGES, use_of("document")) == []
    assert codes_of(PAGES, use_of("document"), use_of("document")) == [("media", "too_many_media")]
    assert codes_of(pictures, use_of("document")) == [("media.0", "media_not_supported")]


def test_cover_is_one_picture_that_does_not_count_as_content() -> None:
    rule = replace(PAGES, covers=PICTURE)

    assert codes_of(rule, use_of("document"), use_of("image", "cover")) == []
    assert codes_of(PAGES, use_of("document"), use_of("image", "cover")) == [("media.1", "cover_not_supported")]
    two = (use_of("image", "cover"), use_of("image", "cover"))
    assert codes_of(rule, use_of("document"), *two) == [("media.2", "cover_not_supported")]
    assert codes_of(rule, use_of("document"), use_of("video", "cover")) == [("media.1", "cover_not_supported")]
