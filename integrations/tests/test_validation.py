"""The generic half of validation, on a platform made up for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.capabilities import Capabilities, Source, TextLimit
from integrations.contract import Content, MediaUse, Part
from integrations.validation import general_problems, option_problems

SOURCE = Source("https://example.com", "2026-11-23")
CAPABILITIES = Capabilities(
    slug="chirp",
    label="Chirp",
    post_types=("standard",),
    text=TextLimit(10, "characters", SOURCE),
    reconcile="exact",
    way="native_key",
    settle_s=0,
    options={
        "type": "object",
        "properties": {
            "mood": {"type": "string", "enum": ["glad", "sad"]},
            "code": {"type": "string", "pattern": "^[a-z]{2}$", "description": "Two letters."},
            "title": {"type": "string", "maxLength": 5},
            "loud": {"type": "boolean"},
            "count": {"type": "integer", "minimum": 1, "maximum": 3},
            "tags": {"type": "array", "maxLength": 2},
            "poll": {"type": "object"},
        },
    },
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mood": "glad", "code": "de", "title": "abcde", "loud": False, "count": 3, "tags": [1], "poll": {}},
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


def test_empty_parts_are_found_by_their_field() -> None:
    picture = MediaUse("1", "/a.png", "image/png", 1)
    parts = (Part("", field="content"), Part("", media=(picture,), field="thread.1"), Part(" \n", field="thread.2"))

    assert [(one.field, one.code) for one in general_problems(Content(parts), CAPABILITIES)] == [
        ("content", "empty"),
        ("thread.2", "empty"),
    ]


def test_type_that_is_not_taken_is_found() -> None:
    [problem] = general_problems(Content((Part("a"),), post_type="reel"), CAPABILITIES)

    assert (problem.field, problem.code, problem.params) == (
        "post_type",
        "post_type_not_supported",
        {"valid": ["standard"]},
    )
