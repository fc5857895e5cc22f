"""Captions of videos: files of a post in the role `captions`, and the option that says the language of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from integrations.contract import Content, MediaUse
from mastablasta.core.errors import FieldProblem

OPTION = "captions"
MOST = 20
_LANGUAGE = {"type": "string", "format": "bcp47", "description": "The language of the captions, as a BCP 47 tag."}


def caption_option(name_of_language: str, **more: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of the option: an object for each file. `more`: what a platform is told beside its language."""
    return {
        "type": "array",
        "maxItems": MOST,
        "items": {
            "type": "object",
            "required": [name_of_language],
            "properties": {name_of_language: _LANGUAGE, **more},
        },
        "description": "The languages of the captions: one object for each file in the role captions, in their order.",
    }


def captions_of(content: Content, part: int) -> list[tuple[MediaUse, Mapping[str, Any]]]:
    """The captions of a part's video, each with what the option says of it, as far as it names them."""
    said = content.options.get(OPTION) or []
    before = sum(len(_files(content, earlier)) for earlier in range(part))
    return list(zip(_files(content, part), said[before:], strict=False))


def caption_problems(content: Content, *, slug: str, where: str) -> Iterator[FieldProblem]:
    """What is wrong with the captions of a post that the JSON schema cannot say: a file without a language, a language
    without a file, and two of the same for one video.
    """
    field, said = f"post_options.{slug}.{OPTION}", content.options.get(OPTION) or []
    if not isinstance(said, list):
        return
    files = sum(len(_files(content, part)) for part in range(len(content.parts)))
    params = {"files": files, "named": len(said)}
    if len(said) < files:
        message = f"Say the language of each captions file: {where} gets {files}, and {len(said)} are named."
        yield FieldProblem(field, "required", message, params)
    elif len(said) > files:
        message = f"This names {len(said)} captions, and the post has {files} in the role captions; add or remove some."
        yield FieldProblem(field, "contradiction", message, params)
    for part in range(len(content.parts)):
        told = [tuple(sorted(one.items())) for _, one in captions_of(content, part) if isinstance(one, dict)]
        if len({*map(repr, told)}) < len(told):
            message = "Two captions of one video say the same of themselves; they differ in language or name."
            yield FieldProblem(field, "duplicate_text", message)


def _files(content: Content, part: int) -> list[MediaUse]:
    return [use for use in content.parts[part].media if use.role == "captions"]
