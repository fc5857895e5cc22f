"""The half of `validate()` that is the same for every platform: it reads Capabilities and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.capabilities import Capabilities
from integrations.contract import Content
from mastablasta.core.errors import FieldProblem

_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "array": (list, "a list"),
    "object": (dict, "an object"),
}


def general_problems(content: Content, capabilities: Capabilities) -> list[FieldProblem]:
    """What stands against the content whatever the platform: its type, empty parts, its options."""
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
        if not part.text.strip() and not part.media:
            message = f"{capabilities.label} takes no empty post; write something."
            problems.append(FieldProblem(part.field, "empty", message))
    return problems + option_problems(content.options, capabilities)


def too_long(content: Content, index: int, *, limit: int, actual: int, where: str) -> FieldProblem:
    return FieldProblem(
        content.parts[index].field,
        "too_long",
        f"{where} takes at most {limit} characters; this counts as {actual}.",
        {"limit": limit, "actual": actual},
    )


def option_problems(options: Mapping[str, Any], capabilities: Capabilities) -> list[FieldProblem]:
    """Check `post_options.<slug>` against the platform's JSON schema: type, enum, pattern, bounds; no unknown names."""
    known: Mapping[str, Mapping[str, Any]] = capabilities.options.get("properties", {})
    problems = []
    for name, value in options.items():
        field = f"post_options.{capabilities.slug}.{name}"
        if name not in known:
            valid = ", ".join(known) or "none"
            message = f"{capabilities.label} has no option {name!r}; valid: {valid}."
            problems.append(FieldProblem(field, "unknown_option", message, {"valid": list(known)}))
        else:
            problem = _fault(value, known[name])
            if problem:
                code, message, params = problem
                problems.append(FieldProblem(field, code, message, params))
    return problems


def _fault(given: Any, schema: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    kind, words = _TYPES[schema["type"]]
    value: Any = given
    if not isinstance(given, kind) or (kind is int and isinstance(given, bool)):
        return "invalid_type", f"This has to be {words}.", {"type": schema["type"]}
    if "enum" in schema and value not in schema["enum"]:
        valid = ", ".join(map(str, schema["enum"]))
        return "invalid_choice", f"{value!r} is not known; valid: {valid}.", {"valid": list(schema["enum"])}
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        return "invalid_format", f"{value!r} has not the form that is expected: {schema['description']}", {}
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        limit = schema["maxLength"]
        return "too_long", f"At most {limit} characters.", {"limit": limit, "actual": len(value)}
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        limit = schema["maxItems"]
        return "too_many", f"At most {limit}.", {"limit": limit, "actual": len(value)}
    for item in value if "items" in schema else ():
        if fault := _fault(item, schema["items"]):
            return fault
    if "minimum" in schema and value < schema["minimum"]:
        return "too_small", f"At least {schema['minimum']}.", {"limit": schema["minimum"], "actual": value}
    if "maximum" in schema and value > schema["maximum"]:
        return "too_large", f"At most {schema['maximum']}.", {"limit": schema["maximum"], "actual": value}
    return None
