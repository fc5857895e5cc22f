"""Posts and comments as Facebook lists them.

Sources: https://developers.facebook.com/docs/graph-api/reference/post and …/reference/comment (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.protocols.lookback import OwnPost
from integrations.protocols.oauth2 import web_address
from integrations.protocols.values import id_in, moment_of, object_in, objects_in, text_in

SITE = "https://www.facebook.com"
# By whether it is comments that are listed.
POST_FIELDS = {
    False: "id,message,created_time,permalink_url,attachments{media_type,target{id},subattachments}",
    True: "id,message,created_time,permalink_url,from",
}
_OF_A_LINK = frozenset({"link", "event", "album_link"})


def own_post(row: Any) -> OwnPost | None:
    """A post or comment as it is listed; None for anything else. `shown["media"]`: the ids of what it carries."""
    remote_id = id_in(row)
    made_at = moment_of(row.get("created_time")) if remote_id else None
    if made_at is None:
        return None
    return OwnPost(remote_id, post_url(remote_id, row), made_at, {**row, "media": frozenset(_media_ids(row))})


def post_url(remote_id: str, row: Mapping[str, Any]) -> str:
    """Where people see it: as Facebook says, which names videos by a path, else where posts are."""
    said = text_in(row, "permalink_url")
    if said.startswith("/"):
        return f"{SITE}{said}"
    page, _, post = remote_id.partition("_")
    return web_address(said) or (f"{SITE}/{page}/posts/{post}" if post else f"{SITE}/{remote_id}")


def has_text(post: OwnPost, text: str) -> bool:
    """Whether it says that, apart from blanks, which Facebook trims and folds."""
    return _comparable(text_in(post.shown, "message")) == _comparable(text)


def _comparable(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _media_ids(row: Mapping[str, Any]) -> Iterator[str]:
    for attachment in objects_in(object_in(row, "attachments"), "data"):
        inner = objects_in(object_in(attachment, "subattachments"), "data")
        for one in inner or [attachment]:
            if text_in(one, "media_type") not in _OF_A_LINK and (found := id_in(object_in(one, "target"))):
                yield found
