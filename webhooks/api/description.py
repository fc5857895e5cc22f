"""The events in the API's description: as `x-webhooks`, since only OpenAPI 3.1 has a word of its own for them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from webhooks.event_types import CATALOGUE, EventType

WHEN = "2030-01-31T09:00:03Z"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
HEADERS = {
    "webhook-id": "The event's id, the same each time that it is sent.",
    "webhook-timestamp": "When it was signed, in whole seconds since 1970.",
    "webhook-signature": "`v1,<base64>` of `<id>.<timestamp>.<body>`; two, with a blank between, in a rotation.",
    "X-Webhook-Signature": "The hex HMAC-SHA256 of the body, keyed with the whole secret.",
}


def describe_events(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add every event to the description; one of drf-spectacular's POSTPROCESSING_HOOKS."""
    return {**result, "x-webhooks": {one.name: {"post": _operation(one)} for one in CATALOGUE.values()}}


def _operation(event: EventType) -> dict[str, Any]:
    body = {"event": event.name, "data": dict(event.example), "timestamp": WHEN}
    schema = schema_of(body)
    schema["properties"]["event"] = {"type": "string", "enum": [event.name]}
    return {
        "operationId": f"event_{event.name.replace('.', '_')}",
        "summary": event.summary,
        "tags": ["webhooks"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": says}
            for name, says in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": {event.name: {"value": body}}}},
        },
        "responses": {"2XX": {"description": "Taken. Whatever else is answered, it is sent again."}},
    }


def schema_of(value: Any) -> dict[str, Any]:
    """The schema that an example stands for: all of its names, and of each the kind of its value; null = any."""
    if isinstance(value, dict):
        fields = {name: schema_of(one) for name, one in value.items()}
        return {"type": "object", "required": list(fields), "properties": fields}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0]) if value else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    return {"type": "string", **_format_of(value)} if isinstance(value, str) else {}


def _format_of(text: str) -> dict[str, str]:
    if _TIME.fullmatch(text):
        return {"format": "date-time"}
    try:
        UUID(text)
    except ValueError:
        return {}
    return {"format": "uuid"}
