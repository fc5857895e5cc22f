"""What the demo API is told of the platforms: the rules that API v2 holds posts to, asked without the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integrations import registry
from integrations.contract import Content, MediaUse, Part

MIME_TYPES = {"image": "image/jpeg", "video": "video/mp4"}


def preview(platform: str, *, content: str, post_type: str, media: Sequence[str]) -> dict[str, Any]:
    """What a post with this text would be there, and what the platform would refuse of it, as `/posts/validate` says.

    `media`: the kind of each file, image or video; of what they are nothing more is known, so sizes count for nothing.
    Where this version does not speak to the platform, nothing is refused, and `length` and `limit` are None.
    """
    files = tuple(
        MediaUse(str(number), "", MIME_TYPES[kind], 0, kind=kind, width=1080, height=1080)
        for number, kind in enumerate(media)
    )
    # A thread has several parts, and API v1 has one text.
    one = Content((Part(content, files),), post_type="standard" if post_type == "thread" else post_type)
    problems: list[dict[str, Any]] = []
    length = limit = None
    if registry.is_built(platform):
        connector = registry.connector_class(platform)
        measure = connector.measure(one, 0, None)
        length, limit = measure.length, measure.limit
        problems = [
            {"field": found.field, "code": found.code, "message": found.message, "params": dict(found.params)}
            for found in connector.validate(one, None)
        ]
    part = {"index": 0, "kind": "post", "text": content, "length": length, "limit": limit}
    return {"valid": not problems, "problems": problems, "parts": [part]}


def rate_limits(platform: str) -> list[dict[str, Any]]:
    """How often the platform may be called by us, as far as this version knows."""
    if not registry.is_built(platform):
        return []
    return [
        {"operation": rule.operation, "limit": rule.limit, "window_seconds": rule.window_s, "scope": rule.scope}
        for rule in registry.capabilities(platform).rates
    ]
