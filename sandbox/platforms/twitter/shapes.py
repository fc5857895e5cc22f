"""Posts and people as JSON values, written with the names of the OpenAPI document 2.167.

Source: Post and User in https://api.x.com/2/openapi.json (read 2026-11-23).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sandbox.clock import rfc3339
from sandbox.platforms.twitter.counting import MAX_WEIGHTED, normal, weighted_length
from sandbox.platforms.twitter.links import find_links
from sandbox.platforms.twitter.settings import BOTH, NEW
from sandbox.records import Person, Post

if TYPE_CHECKING:
    from sandbox.platforms.twitter.server import Twitter
    from sandbox.platforms.twitter.uploads import UploadSession

OLD_NAMES = {
    "edit_history_post_ids": "edit_history_tweet_ids",
    "note_post": "note_tweet",
    "post_count": "tweet_count",
    "posts": "tweets",
    "referenced_posts": "referenced_tweets",
    "repost_count": "retweet_count",
}
PRIVATE_FIELDS = ("non_public_metrics", "organic_metrics", "promoted_metrics")
PROTOCOL = re.compile(r"https?://", re.IGNORECASE)
ELLIPSIS = "…"
MAX_CUT = 1000
SHOWN_URL = 27
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SLUG = 10
EDIT_WINDOW_MS = 3_600_000


def under_names(value: Any, names: str) -> Any:
    """Return the value with its keys under the `names` of the settings."""
    if names == NEW:
        return value
    if isinstance(value, list):
        return [under_names(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, Any] = {}
    for key, item in value.items():
        inner = under_names(item, names)
        if key not in OLD_NAMES or names == BOTH:
            renamed[key] = inner
        if key in OLD_NAMES:
            renamed[OLD_NAMES[key]] = inner
    return renamed


def user(person: Person, server: Twitter, fields: frozenset[str]) -> dict[str, Any]:
    is_subscribed = server.is_subscribed(person)
    known: dict[str, Any] = {
        "created_at": to_the_second(person.created_ms),
        "description": "",
        "location": "",
        "profile_image_url": f"{server.site.url}/profile_images/default_normal.png",
        "protected": False,
        "public_metrics": {
            "followers_count": person.followers,
            "following_count": person.following,
            "post_count": len(person.posts),
            "listed_count": 0,
            "like_count": 0,
            "media_count": 0,
        },
        "subscription_type": "Premium" if is_subscribed else "None",
        "url": "",
        "verified": is_subscribed,
        "verified_type": "blue" if is_subscribed else "none",
    }
    return {
        "id": person.id,
        "name": person.name,
        "username": person.handle,
        **{name: value for name, value in known.items() if name in fields},
    }


def post(item: Post, server: Twitter, fields: frozenset[str]) -> dict[str, Any]:
    """Return the post; of `fields` what it has, private ones only where the caller has checked that they may go."""
    text, entities = short_text(item, server)
    shape: dict[str, Any] = {"id": item.id, "text": text, "edit_history_post_ids": [item.id]}
    if fields:
        extra = item.extra or {}
        known = {
            "author_id": item.person.id,
            "username": item.person.handle,
            "created_at": to_the_second(item.created_ms),
            "conversation_id": extra.get("conversation_id", item.id),
            "in_reply_to_user_id": extra.get("in_reply_to_user_id"),
            "referenced_posts": references(item),
            "community_id": extra.get("community_id"),
            "entities": entities,
            "note_post": note(item) if "note_post" in fields else None,
            "attachments": attachments(item, server),
            "display_text_range": [0, shown_length(text, item)],
            "edit_controls": edit_controls(item, is_eligible=server.is_subscribed(item.person)),
            "lang": "en",
            "paid_partnership": extra.get("paid_partnership", False),
            "possibly_sensitive": False,
            "reply_settings": extra.get("reply_settings", "everyone"),
            "source": item.app.name if item.app else "",
            **metrics(item),
        }
        shape.update({name: value for name, value in known.items() if name in fields and value is not None})
    return shape


def references(item: Post) -> list[dict[str, str]] | None:
    referred = {"quoted": (item.extra or {}).get("quoted"), "replied_to": item.reply_to}
    return [{"type": kind, "id": post_id} for kind, post_id in referred.items() if post_id] or None


def to_the_second(ms: int) -> str:
    """Return the time as X has it: with milliseconds that are always 0."""
    return rfc3339(ms - ms % 1000)


def edit_controls(item: Post, *, is_eligible: bool) -> dict[str, Any]:
    return {
        "edits_remaining": 5,
        "is_edit_eligible": is_eligible,
        "editable_until": to_the_second(item.created_ms + EDIT_WINDOW_MS),
    }


def metrics(item: Post) -> dict[str, Any]:
    counters = item.metrics or {}
    seen = counters.get("impressions", counters.get("views", 0))
    engagement = {
        "repost_count": counters.get("shares", 0),
        "reply_count": counters.get("comments", item.replies),
        "like_count": counters.get("likes", 0),
    }
    clicks = {
        "url_link_clicks": counters.get("clicks", 0),
        "user_profile_clicks": counters.get("profile_clicks", 0),
    }
    return {
        "public_metrics": {
            **engagement,
            "quote_count": counters.get("quotes", 0),
            "bookmark_count": counters.get("bookmarks", 0),
            "impression_count": seen,
        },
        "non_public_metrics": {**clicks, "engagements": counters.get("engagements", 0), "impression_count": seen},
        "organic_metrics": {**engagement, **clicks, "impression_count": seen},
    }


def shown_length(text: str, item: Post) -> int:
    """Return how much of the text is not the link that stands for media."""
    return max(0, text.rfind("https://") - 1) if item.media else len(text)


def attachments(item: Post, server: Twitter) -> dict[str, Any] | None:
    attached: dict[str, Any] = {}
    if item.media:
        attached["media_keys"] = [server.uploads[one.id].media_key for one in item.media]
    if item.extra and "poll_id" in item.extra:
        attached["poll_ids"] = [item.extra["poll_id"]]
    return attached or None


def poll(item: Post) -> dict[str, Any]:
    """Return what a post asks, as `includes.polls` has it."""
    extra = item.extra or {}
    return {
        "id": extra["poll_id"],
        "options": [
            {"position": place, "label": label, "votes": 0} for place, label in enumerate(extra["poll"]["options"], 1)
        ],
        "duration_minutes": extra["poll"]["duration_minutes"],
        "end_datetime": to_the_second(item.created_ms + extra["poll"]["duration_minutes"] * 60_000),
        "voting_status": "open",
    }


def media(session: UploadSession, server: Twitter, fields: frozenset[str]) -> dict[str, Any]:
    """Return what a post carries, as `includes.media` has it."""
    item = session.media
    assert item is not None  # noqa: S101 - it is attached
    url = f"{server.site.url}/media/{item.id}"
    known: dict[str, Any] = {"alt_text": item.alt_text, "width": item.width, "height": item.height}
    if item.kind == "photo":
        known["url"] = url
    else:
        known |= {"preview_image_url": url, "variants": [{"content_type": item.mime_type, "url": url}]}
    if item.kind == "video":
        seen = item.post.metrics if item.post and item.post.metrics else {}
        known |= {"duration_ms": session.duration_ms, "public_metrics": {"view_count": seen.get("views", 0)}}
    shown = {name: value for name, value in known.items() if name in fields and value is not None}
    return {"media_key": session.media_key, "type": item.kind, **shown}


def short_text(item: Post, server: Twitter) -> tuple[str, dict[str, Any] | None]:
    """Return the text that every answer has, cut off where it is a long one, and its entities.

    A link stands behind it for the post that it quotes, and one for all of its media, with an entity for each.
    """
    text, entities = with_quoted(item, *words(item))
    if not item.media:
        return text, entities
    url, kind = short_url(item.id, "media"), "photo" if item.media[0].kind == "photo" else "video"
    text += f" {url}" if text else url
    links = [
        {
            "start": len(text) - len(url),
            "end": len(text),
            "url": url,
            "expanded_url": f"{server.post_url(item)}/{kind}/{place}",
            "display_url": f"pic.x.com/{url.rpartition('/')[2]}",
            "media_key": server.uploads[one.id].media_key,
        }
        for place, one in enumerate(item.media, 1)
    ]
    return text, {**(entities or {}), "urls": [*(entities or {}).get("urls", ()), *links]}


def with_quoted(item: Post, text: str, entities: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    address = (item.extra or {}).get("quoted_url")
    if address is None:
        return text, entities
    url = short_url(item.id, "quoted")
    text += f" {url}" if text else url
    link = {"start": len(text) - len(url), "end": len(text), "url": url, **expanded(address)}
    return text, {**(entities or {}), "urls": [*(entities or {}).get("urls", ()), link]}


def words(item: Post) -> tuple[str, dict[str, Any] | None]:
    if is_short(item.text):
        return item.text, None
    text = normal(item.text)
    if weighted_length(text) <= MAX_WEIGHTED:
        return shortened(item.id, text)
    ends = range(min(len(text), MAX_CUT))
    fitting = bisect_right(ends, MAX_WEIGHTED - weighted_length(ELLIPSIS), key=lambda end: weighted_length(text[:end]))
    return shortened(item.id, text[: fitting - 1] + ELLIPSIS)


def is_short(text: str) -> bool:
    """Return whether a text is surely within the usual limit and without anything that is written differently."""
    return len(text) <= MAX_WEIGHTED and text.isascii() and not any(mark in text for mark in ".&<>")


def note(item: Post) -> dict[str, Any] | None:
    """Return the whole text of a long post, None for others."""
    text = normal(item.text)
    if weighted_length(text) <= MAX_WEIGHTED:
        return None
    whole, entities = shortened(item.id, text)
    return {"text": whole, **({"entities": entities} if entities else {})}


def shortened(post_id: str, text: str) -> tuple[str, dict[str, Any] | None]:
    """Return the text with t.co for every link and HTML's three characters escaped, and where the links stand."""
    shown, urls, at = "", [], 0
    for place, (start, end) in enumerate(find_links(text)):
        url = short_url(post_id, place)
        shown += escaped(text[at:start]) + url
        urls.append({"start": len(shown) - len(url), "end": len(shown), "url": url, **expanded(text[start:end])})
        at = end
    return shown + escaped(text[at:]), {"urls": urls} if urls else None


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def expanded(link: str) -> dict[str, str]:
    """Return the address as X resolves it: a bare domain gets a protocol."""
    protocol = PROTOCOL.match(link)
    display = link[protocol.end() :] if protocol else link
    return {
        "expanded_url": link if protocol else f"http://{link}",
        "display_url": display if len(display) <= SHOWN_URL else display[:SHOWN_URL] + ELLIPSIS,
    }


def short_url(post_id: str, place: int | str) -> str:
    number = int.from_bytes(blake2b(f"{post_id}/{place}".encode(), digest_size=8).digest())
    slug = ""
    for _ in range(SLUG):
        number, digit = divmod(number, len(BASE62))
        slug += BASE62[digit]
    return f"https://t.co/{slug}"
