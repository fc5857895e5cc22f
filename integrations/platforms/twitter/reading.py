"""Posts as X answers them, under the names of before and after August 2026 alike.

Sources: https://api.x.com/2/openapi.json, 2.166 of 2026-08-06 and 2.167 of 2026-08-22 (read 2026-11-23). In between
`tweet.fields` became `post.fields`, `referenced_tweets` `referenced_posts`, `note_tweet` `note_post`, without notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.contract import Step
from integrations.platforms.twitter.text import comparable_shown

# What a look-up asks for: by the old names first, and by the new ones of a server that refuses those.
QUERIES: tuple[Mapping[str, str], ...] = (
    {
        "tweet.fields": "attachments,conversation_id,entities,note_tweet,referenced_tweets",
        "expansions": "attachments.media_keys",
        "media.fields": "type",
    },
    {
        "post.fields": "attachments,conversation_id,entities,note_post",
        "expansions": "attachments.media_keys,referenced_posts",
        "media.fields": "type",
    },
)

EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_NUMBER_BITS = 22


def first_id_of(moment: datetime) -> int:
    """The id before all that are made from then on: its first bits count milliseconds.

    Source: https://docs.x.com/fundamentals/x-ids (read 2026-11-23).
    """
    return max(0, ((moment - EPOCH) // timedelta(milliseconds=1)) << _NUMBER_BITS)


def is_posts(read: Any) -> bool:
    return isinstance(read, list) and all(
        isinstance(post, dict)
        and isinstance(post.get("id"), str)
        and post["id"].isascii()
        and post["id"].isdigit()
        and isinstance(post.get("text"), str)
        for post in read
    )


def shown_text(post: Mapping[str, Any]) -> str:
    """The whole text of a post, to be compared with `comparable(…)` of ours; without the link to its media."""
    note = _either(post, "note_post", "note_tweet")
    whole = note if isinstance(note, Mapping) and isinstance(note.get("text"), str) else post
    links: dict[str, str] = {}
    for url in (*_urls(post), *_urls(whole)):
        leads_to = str(url.get("expanded_url") or url["url"])
        links[url["url"]] = "" if url.get("media_key") or _is_part_of(leads_to, post) else leads_to
    return comparable_shown(whole["text"], links)


def media_types(read: Mapping[str, Any]) -> dict[str, str]:
    """What each of the media is that the posts of an answer carry, by its key."""
    includes = read.get("includes")
    media = includes.get("media") if isinstance(includes, Mapping) else None
    return {
        str(item.get("media_key")): str(item.get("type"))
        for item in (media if isinstance(media, list) else ())
        if isinstance(item, Mapping)
    }


def media_keys(post: Mapping[str, Any]) -> list[str]:
    """The keys of what a post carries, in order; the part after `_` is the id of the upload."""
    attachments = post.get("attachments")
    keys = attachments.get("media_keys") if isinstance(attachments, Mapping) else None
    if not isinstance(keys, list):
        keys = [url.get("media_key") for url in _urls(post)]
    return list(dict.fromkeys(key for key in keys if isinstance(key, str)))


def is_upload_of(keys: Iterable[str], ids: Collection[str]) -> bool:
    return any(key.rpartition("_")[2] in ids for key in keys)


def _urls(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entities = holder.get("entities")
    urls = entities.get("urls") if isinstance(entities, Mapping) else None
    return [
        url
        for url in (urls if isinstance(urls, list) else ())
        if isinstance(url, Mapping) and isinstance(url.get("url"), str)
    ]


def _is_part_of(address: str, post: Mapping[str, Any]) -> bool:
    return f"/status/{post['id']}/" in address


def is_in_place(post: Mapping[str, Any], step: Step) -> bool:
    """Whether a post answers what this part is to answer; nothing, if it is the root."""
    replied_to = _replied_to(post)
    if replied_to is not None:
        return step.parent is not None and replied_to == step.parent.remote_id
    conversation = str(post.get("conversation_id") or post["id"])
    return conversation == (step.sent[0].remote_id if step.sent else post["id"])


def _replied_to(post: Mapping[str, Any]) -> str | None:
    references = _either(post, "referenced_posts", "referenced_tweets")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("type") == "replied_to":
            return str(reference.get("id"))
    return None


def _either(post: Mapping[str, Any], new: str, old: str) -> Any:
    return post[new] if new in post else post.get(old)
