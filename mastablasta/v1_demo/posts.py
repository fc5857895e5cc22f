"""/api/post, /api/schedule, /api/posts…: kept here, published nowhere.

Whether a post is out follows from its time and the clock alone, so nothing has to happen for it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from mastablasta.v1_demo.accounts import chosen_accounts
from mastablasta.v1_demo.calls import Answer, Call, Refusal, cut, stamp
from mastablasta.v1_demo.platforms import PLATFORMS
from mastablasta.v1_demo.state import Row, shown

TOO_NEAR = timedelta(minutes=5)
APART = timedelta(minutes=6)  # a suggestion is not a conflict
LONGEST_POST_TYPE = 20


# --- making ---
def publish(call: Call) -> Answer:
    return _add(call, None, "Post published (simulated)")


def schedule(call: Call) -> Answer:
    at = call.moment("scheduled_time")
    if at <= call.at:
        raise Refusal(400, "scheduled_time has to be in the future")
    return _add(call, stamp(at), f"Post scheduled for {stamp(at)} (simulated)")


def _add(call: Call, scheduled_for: str | None, message: str) -> Answer:
    row = {**_content(call), "created_at": call.now, "scheduled_for": scheduled_for}
    is_parallel = call.flag("parallel_execution", True)
    post_id = str(uuid4())
    call.state.posts[post_id] = row
    return 201, {
        "success": True,
        "post_id": post_id,
        "message": message,
        "parallel_execution": is_parallel,
        "post": _shown(post_id, row, call.now),
    }


def _content(call: Call) -> Row:
    content = call.body.get("content")
    if not call.text("content"):
        raise Refusal(400, "Content is required")
    accounts = chosen_accounts(call)
    named = [*call.texts("platforms"), *(row["platform"] for row in accounts.values())]
    platforms = list(dict.fromkeys(named))
    if not platforms:
        raise Refusal(400, "At least one account or platform is required")
    post_type = _post_type(call, platforms)
    return {
        "content": content,
        "media": call.media(),
        "platforms": platforms,
        "account_ids": list(accounts),
        "post_type": post_type,
        "post_options": call.options("post_options"),
    }


def _post_type(call: Call, platforms: Collection[str]) -> str:
    """The type, which all of these platforms have. Raises Refusal with what each says."""
    post_type = call.text("post_type") or "standard"
    faults = []
    for name in platforms:
        if name not in PLATFORMS:
            faults.append(f"Invalid platform: {cut(name)}")
        elif post_type not in PLATFORMS[name].post_types:
            valid = ", ".join(PLATFORMS[name].post_types)
            faults.append(f"{name} has no posts of the type {cut(post_type)!r}; valid: {valid}")
    if faults:
        raise Refusal(400, "The post cannot go to these platforms", faults)
    return post_type


# --- reading ---
def list_posts(call: Call) -> Answer:
    wanted = call.query.get("status")
    rows = reversed(call.state.posts.items())
    found = [_shown(key, row, call.now) for key, row in rows if not wanted or _status(row, call.now) == wanted]
    return 200, {"posts": found, "count": len(found)}


def get_post(call: Call, post_id: str) -> Answer:
    return 200, {"post": _shown(post_id, _post(call, post_id), call.now)}


def delete_post(call: Call, post_id: str) -> Answer:
    _post(call, post_id)
    del call.state.posts[post_id]
    return 200, {"success": True, "message": "Post deleted"}


def export(call: Call) -> Answer:
    """The posts, the oldest first, as `POST /api/v2/bulk/posts/create` takes them."""
    return 200, {"posts": [_exported(call, key, row) for key, row in call.state.posts.items()]}


def _exported(call: Call, post_id: str, row: Row) -> dict[str, Any]:
    """What waits for its time goes on doing so, where API v2 knows one of its platforms; all else is a draft."""
    platforms = [name for name in row["platforms"] if name in call.rules.exported]
    waits = _status(row, call.now) == "scheduled" and platforms
    return {
        "external_id": f"v1:{post_id}",
        "content": row["content"],
        "platforms": platforms,
        "post_type": row["post_type"],
        **({"scheduled_time": row["scheduled_for"]} if waits else {}),
    }


def _post(call: Call, post_id: str) -> Row:
    row = call.state.posts.get(post_id)
    if row is None:
        raise Refusal(404, "Post not found")
    return row


def _status(row: Row, now: str) -> str:
    return "scheduled" if row["scheduled_for"] and row["scheduled_for"] > now else "published"


def _shown(post_id: str, row: Row, now: str) -> dict[str, Any]:
    status = _status(row, now)
    found = {**shown(post_id, row), "status": status}
    if status == "published":
        published_at = row["scheduled_for"] or row["created_at"]
        found |= {"published_at": published_at, "results": _results(post_id, row, published_at)}
    return found


def _results(post_id: str, row: Row, published_at: str) -> dict[str, Any]:
    """By platform, the same each time they are asked for."""
    return {
        name: {
            "success": True,
            "platform_post_id": uuid5(NAMESPACE_URL, f"{post_id}/{name}").hex,
            "message": f"Published to {PLATFORMS[name].display_name} (simulated)",
            "published_at": published_at,
        }
        for name in row["platforms"]
    }


# --- trying out ---
def preview(call: Call) -> Answer:
    row = _content(call)
    kinds = [_kind(item) for item in row["media"]]
    found = [
        {
            "platform": name,
            **call.rules.preview(name, content=row["content"], post_type=row["post_type"], media=kinds),
        }
        for name in row["platforms"]
    ]
    return 200, {"previews": found, "count": len(found)}


def _kind(item: str | Mapping[str, Any]) -> str:
    """What a file is by the end of its address; image where that does not tell."""
    address = item if isinstance(item, str) else str(item.get("url", ""))
    try:
        path = urlsplit(address).path
    except ValueError:
        return "image"
    return "video" if (mimetypes.guess_type(path)[0] or "").startswith("video/") else "image"


def conflicts(call: Call) -> Answer:
    wanted, platforms = call.moment("scheduled_time"), call.texts("platforms")
    if not platforms:
        raise Refusal(400, "At least one platform is required")
    if unknown := [f"Invalid platform: {cut(name)}" for name in platforms if name not in PLATFORMS]:
        raise Refusal(400, unknown[0], unknown)
    found: list[dict[str, Any]] = []
    busy = []
    for post_id, row in call.state.posts.items():
        shared = [name for name in platforms if name in row["platforms"]]
        if not shared or _status(row, call.now) != "scheduled":
            continue
        at = datetime.fromisoformat(row["scheduled_for"])
        busy.append(at)
        if abs(at - wanted) <= TOO_NEAR:
            found.append(
                {
                    "post_id": post_id,
                    "scheduled_for": row["scheduled_for"],
                    "shared_platforms": shared,
                    "time_difference_seconds": int(abs(at - wanted).total_seconds()),
                }
            )
    return 200, {
        "has_conflicts": bool(found),
        "conflicts": found,
        "conflict_count": len(found),
        "suggestions": _suggestions(wanted, busy, call.at) if found else [],
    }


def _suggestions(wanted: datetime, busy: Collection[datetime], now: datetime) -> list[dict[str, str]]:
    """The nearest free times around `wanted` that are still to come."""
    after = before = wanted
    for at in sorted(busy):
        after = at + APART if abs(at - after) <= TOO_NEAR else after
    for at in sorted(busy, reverse=True):
        before = at - APART if abs(at - before) <= TOO_NEAR else before
    found = [(after, "The next free time"), (before, "The last free time before it")]
    return [{"time": stamp(at), "reason": reason} for at, reason in found if at > now]
