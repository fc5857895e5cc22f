"""How people took posts, videos and comments of a page, as far as a call asks for it.

Sources: https://developers.facebook.com/docs/graph-api/reference/insights, …/reference/post, …/reference/video and
…/reference/comment (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.graph import Caller, check_scopes, refused
from sandbox.platforms.facebook.server import Facebook
from sandbox.records import Post

NO_INSIGHT = "(#100) The value must be a valid insights metric"
INSIGHTS = {"post_media_view": "views", "post_total_media_view_unique": "reach", "post_clicks": "clicks"}
SUMMARIES = {"reactions": "likes", "likes": "likes", "comments": "comments"}
PLAIN = {"views": "views", "like_count": "likes", "comment_count": "comments"}
# By what kind of thing has them.
POST_FIGURES = frozenset({"shares", "reactions", "comments", "insights"})
VIDEO_FIGURES = frozenset({"views", "likes", "comments"})
COMMENT_FIGURES = frozenset({"like_count", "comment_count"})


def figures(server: Facebook, caller: Caller, post: Post, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures among the fields that are asked for. Raises Refused: one that is not told costs all."""
    told: dict[str, Any] = {}
    for name, rest in asked.items():
        if name in server.options.refused_fields:
            raise refused(f"(#100) Tried accessing nonexisting field ({name})", 100)
        if name == "shares" and (count := counter(post, "shares")):
            told[name] = {"count": count}
        elif name == "insights":
            told[name] = {"data": insights(server, caller, post, rest)}
        elif name in SUMMARIES:
            check_scopes(caller, ("pages_read_user_content",))
            told[name] = {"data": [], "summary": {"total_count": counter(post, SUMMARIES[name])}}
        elif name in PLAIN:
            told[name] = counter(post, PLAIN[name])
    return told


def insights(server: Facebook, caller: Caller, post: Post, rest: str) -> list[dict[str, Any]]:
    check_scopes(caller, ("read_insights",))
    found = re.fullmatch(r"\.metric\(([a-z_,]+)\)", rest)
    names = found[1].split(",") if found else []
    if not names or any(name not in INSIGHTS or name in server.options.refused_fields for name in names):
        raise refused(NO_INSIGHT, 100)
    return [
        {
            "name": name,
            "period": "lifetime",
            "values": [{"value": counter(post, INSIGHTS[name])}],
            "id": f"{post.id}/insights/{name}/lifetime",
        }
        for name in names
    ]


def counter(post: Post, name: str) -> int:
    default = post.replies if name == "comments" else 0
    return (post.metrics or {}).get(name, default)
