"""Posts and people as /_control shows them."""

from __future__ import annotations

from typing import Any

from sandbox.clock import rfc3339
from sandbox.platform import Platform
from sandbox.records import Media, Person, Post


def is_account(person: Person, handle: str | None) -> bool:
    return handle is None or person.handle.lower() == handle.removeprefix("@").lower()


def post_row(post: Post, platform: Platform) -> dict[str, Any]:
    return {
        "id": post.id,
        "platform": post.slug,
        "instance": post.site,
        "account": post.person.handle,
        "text": post.text,
        "media": [media_row(item) for item in post.media],
        "reply_to": post.reply_to,
        "created_at": rfc3339(post.created_ms),
        "url": platform.post_url(post),
        "visibility": post.visibility,
        "spoiler_text": post.spoiler_text,
        "language": post.language,
    }


def media_row(item: Media) -> dict[str, Any]:
    return {
        "mime_type": item.mime_type,
        "size": item.size,
        "sha256": item.sha256,
        "alt_text": item.alt_text,
    }


def person_row(person: Person, platform: Platform) -> dict[str, Any]:
    return {
        "id": person.id,
        "platform": platform.slug,
        "instance": platform.site.name,
        "handle": person.handle,
        "name": person.name,
        "pages": person.pages,
        "channels": person.channels,
        "organisations": person.organisations,
        **platform.person_extras(person),
    }
