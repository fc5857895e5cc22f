"""The half of `validate()` that is the same for every platform: it reads Capabilities and a MediaRule, no more."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.capabilities import Capabilities
from integrations.contract import Content, Part
from integrations.formats import FORMATS
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.pasting import is_blank

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "array": (list, "a list"),
    "object": (dict, "an object"),
}


_KINDS = {
    "image": ("picture", "pictures"),
    "animation": ("animation", "animations"),
    "video": ("video", "videos"),
    "document": ("document", "documents"),
    "captions": ("captions file", "captions files"),
}


def general_problems(content: Content, capabilities: Capabilities, rule: MediaRule | None) -> list[FieldProblem]:
    """Problems with the content whatever the platform: its type, empty parts, their media, its options.

    `rule`: what one part may carry there, as `media_rule` says; None = no media.
    """
    problems: list[FieldProblem] = []
    if content.post_type not in capabilities.post_types:
        valid = ", ".join(capabilities.post_types)
        problems.append(
            FieldProblem(
                "post_type",
                "post_type_not_supported",
                f"{capabilities.label} has no posts of type {content.post_type!r}; valid: {valid}.",
                {"valid": list(capabilities.post_types)},
            )
        )
    for part in content.parts:
        shows_files = any(use.role == "content" for use in part.media)
        if capabilities.needs_media and part.kind == "post" and not shows_files:
            message = f"{capabilities.label} has no posts without a picture or a video; add one."
            problems.append(FieldProblem(part.media_field, "media_required", message))
        elif is_blank(part.text) and not shows_files:
            remedy = "write something or add media" if rule else "write something"
            message = f"{capabilities.label} takes no empty post; {remedy}."
            problems.append(FieldProblem(part.field, "empty", message))
        problems += media_problems(part, rule, where=capabilities.label)
    return problems + option_problems(content.options, capabilities)


def media_problems(part: Part, rule: MediaRule | None, *, where: str) -> list[FieldProblem]:
    """Problems with the files of one part: their kinds, how many, which together, their alt texts.

    Sizes and forms do not count: renditions are made to fit, or the library says why it cannot. A rule that takes no
    alt texts refuses none; they are not sent.
    """
    if not part.media:
        return []
    field = part.media_field
    if rule is None:
        message = f"{where} takes no media here; remove the files."
        return [FieldProblem(field, "media_not_supported", message, {"valid": []})]
    most = {
        "image": rule.max_images if rule.images else 0,
        "animation": rule.max_animations if rule.animations else 0,
        "video": rule.max_videos if rule.videos else 0,
        "document": rule.max_documents if rule.documents else 0,
        "captions": 0,  # they are in a role of their own
    }
    problems = [*_caption_problems(part, rule, where=where)]
    covers = [index for index, use in enumerate(part.media) if use.role == "cover"]
    is_taken = rule.covers is not None and all(part.media[index].kind == "image" for index in covers)
    if covers and (not is_taken or len(covers) > 1):
        remedy = "give one picture as cover" if rule.covers is not None else "remove the cover"
        message = f"{where} takes {'one picture' if rule.covers is not None else 'nothing'} as cover here; {remedy}."
        problems.append(FieldProblem(f"{field}.{covers[-1]}", "cover_not_supported", message, {}))
    for index, use in enumerate(part.media):
        if use.role != "content":
            continue
        if not most[use.kind]:
            valid = [kind for kind in most if most[kind]]
            taken = " and ".join(_KINDS[kind][1] for kind in valid)
            if use.kind == "captions" and rule.captions is not None:
                message = f"{where} shows no captions by themselves; give this file the role captions, beside a video."
                problems.append(FieldProblem(f"{field}.{index}", "media_not_supported", message, {"valid": valid}))
                continue
            message = f"{where} takes {taken or 'no media'} here; remove this {_KINDS[use.kind][0]}."
            problems.append(FieldProblem(f"{field}.{index}", "media_not_supported", message, {"valid": valid}))
        limit, actual = rule.alt_text_limit, len(use.alt_text)
        if 0 < limit < actual:
            message = f"{where} takes at most {limit} characters of alt text; this has {actual}. Shorten it."
            params = {"limit": limit, "actual": actual}
            problems.append(FieldProblem(f"{field}.{index}", "alt_text_too_long", message, params))
    counts = Counter(use.kind for use in part.media if use.role == "content" and most[use.kind])
    for kind, actual in counts.items():
        if actual > (limit := most[kind]):
            message = f"{where} takes at most {limit} {_KINDS[kind][limit != 1]} in a post; this has {actual}."
            problems.append(
                FieldProblem(field, "too_many_media", message, {"kind": kind, "limit": limit, "actual": actual})
            )
    if len(counts) > 1 and not rule.may_mix:
        together = " and ".join(_KINDS[kind][1] for kind in counts)
        message = f"{where} takes no {together} in one post; keep one kind."
        problems.append(FieldProblem(field, "media_cannot_mix", message, {"kinds": list(counts)}))
    return problems


def _caption_problems(part: Part, rule: MediaRule, *, where: str) -> Iterator[FieldProblem]:
    """Problems with files in the role captions: the platform takes them, and there is a video that they belong to."""
    indexes = [index for index, use in enumerate(part.media) if use.role == "captions"]
    has_video = any(use.kind == "video" and use.role == "content" for use in part.media)
    for index in indexes:
        message = ""
        if rule.captions is None:
            message = f"{where} takes no captions here; remove the file, or give {where} media of its own."
        elif part.media[index].kind != "captions":
            message = "Captions are an SRT or WebVTT file; give this one another role, or use such a file."
        elif not has_video:
            message = "Captions belong to a video; add the video, or remove them."
        if message:
            yield FieldProblem(f"{part.media_field}.{index}", "captions_not_supported", message, {})
    if rule.captions is not None and len(indexes) > rule.max_captions:
        limit, actual = rule.max_captions, len(indexes)
        message = f"{where} takes at most {limit} captions files in a post; this has {actual}."
        params = {"kind": "captions", "limit": limit, "actual": actual}
        yield FieldProblem(part.media_field, "too_many_media", message, params)


def option_problems(options: Mapping[str, Any], capabilities: Capabilities) -> list[FieldProblem]:
    """Check `post_options.<slug>` against the platform's JSON schema: type, enum, format, bounds; no unknown names."""
    known: Mapping[str, Mapping[str, Any]] = capabilities.options.get("properties", {})
    problems = unknown_options(options, capabilities)
    for name, value in options.items():
        if name in known and (found := _fault(value, known[name])):
            code, message, params = found
            problems.append(FieldProblem(f"post_options.{capabilities.slug}.{name}", code, message, params))
    return problems


def unknown_options(options: Mapping[str, Any], capabilities: Capabilities) -> list[FieldProblem]:
    """The names in `post_options.<slug>` that the platform does not have."""
    known = list(capabilities.options.get("properties", {}))
    return [
        FieldProblem(
            f"post_options.{capabilities.slug}.{name}",
            "unknown_option",
            f"{capabilities.label} has no option {name!r}; valid: {', '.join(known) or 'none'}.",
            {"valid": known},
        )
        for name in options
        if name not in known
    ]


def _fault(given: Any, schema: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    kind, words = _TYPES[schema["type"]]
    value: Any = given
    if not isinstance(given, kind) or (kind is not bool and isinstance(given, bool)):
        return "invalid_type", f"This has to be {words}.", {"type": schema["type"]}
    if "enum" in schema and value not in schema["enum"]:
        valid = ", ".join(map(str, schema["enum"]))
        return "invalid_choice", f"{value!r} is not known; valid: {valid}.", {"valid": list(schema["enum"])}
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return "invalid_format", f"{value!r} does not have the expected form; write: {schema['description']}", {}
    if "format" in schema and not FORMATS[schema["format"]].is_met(value):
        sentence = f"{value!r} does not have the expected form; {FORMATS[schema['format']].remedy}."
        return "invalid_format", sentence, {"format": schema["format"]}
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        limit = schema["maxLength"]
        return "too_long", f"At most {limit} characters.", {"limit": limit, "actual": len(value)}
    if "minItems" in schema and len(value) < schema["minItems"]:
        limit = schema["minItems"]
        return "too_few", f"At least {limit}.", {"limit": limit, "actual": len(value)}
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        limit = schema["maxItems"]
        return "too_many", f"At most {limit}.", {"limit": limit, "actual": len(value)}
    for item in value if "items" in schema else ():
        if fault := _fault(item, schema["items"]):
            return fault
    if "properties" in schema:
        return _fault_within(value, schema)
    if "minimum" in schema and value < schema["minimum"]:
        return "too_small", f"At least {schema['minimum']}.", {"limit": schema["minimum"], "actual": value}
    if "maximum" in schema and value > schema["maximum"]:
        return "too_large", f"At most {schema['maximum']}.", {"limit": schema["maximum"], "actual": value}
    return None


def _fault_within(value: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """The first fault in an object: a name that it does not have or lacks, or a value."""
    known = schema["properties"]
    valid = list(known)
    for name in value:
        if name not in known:
            return "unknown_option", f"There is no {name!r} in it; valid: {', '.join(valid)}.", {"valid": valid}
    for name in schema.get("required", ()):
        if name not in value:
            return "required", f"{name!r} is missing.", {}
    faults = ((name, _fault(item, known[name])) for name, item in value.items())
    return next(
        ((code, f"{name}: {said}", params) for name, fault in faults if fault for code, said, params in [fault]), None
    )
