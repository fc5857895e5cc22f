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
from integrations.protocols.lookback import OwnPost
from integrations.protocols.values import id_in, object_in, objects_in, text_in

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


def own_post(post: Any, *, types: Mapping[str, str], url: str) -> OwnPost | None:
    """A post as it is listed, with the types of its media, in order, as `media_types`; None for anything else.

    `types`: by the media's keys; `url`: of a post, without its id.
    """
    remote_id = text_in(post, "id")
    if not (remote_id.isascii() and remote_id.isdigit()) or not isinstance(post.get("text"), str):
        return None
    made_at = EPOCH + timedelta(milliseconds=int(remote_id) >> _NUMBER_BITS)
    shown = {**post, "media_types": [types.get(key) for key in media_keys(post)]}
    return OwnPost(remote_id, f"{url}{remote_id}", made_at, shown)


def shown_text(post: Mapping[str, Any]) -> str:
    """The whole text of a post, to be compared with `comparable(…)` of ours; without the link to its media."""
    note = post.get("note_post") or object_in(post, "note_tweet")
    whole = note if text_in(note, "text") else post
    links: dict[str, str] = {}
    for url in (*_urls(post), *_urls(whole)):
        leads_to = str(url.get("expanded_url") or url["url"])
        is_of_media = url.get("media_key") or f"/status/{post['id']}/" in leads_to
        links[url["url"]] = "" if is_of_media else leads_to
    return comparable_shown(whole["text"], links)


def media_types(read: Mapping[str, Any]) -> dict[str, str]:
    """What each of the media is that the posts of an answer carry, by its key."""
    media = objects_in(object_in(read, "includes"), "media")
    return {str(item.get("media_key")): str(item.get("type")) for item in media}


def media_keys(post: Mapping[str, Any]) -> list[str]:
    """The keys of what a post carries, in order; the part after `_` is the id of the upload."""
    keys = object_in(post, "attachments").get("media_keys")
    if not isinstance(keys, list):
        keys = [url.get("media_key") for url in _urls(post)]
    return list(dict.fromkeys(key for key in keys if isinstance(key, str)))


def is_upload_of(keys: Iterable[str], ids: Collection[str]) -> bool:
    return any(key.rpartition("_")[2] in ids for key in keys)


def is_in_place(post: Mapping[str, Any], step: Step) -> bool:
    """Whether a post answers what this part is to answer; nothing, if it is the root."""
    references = objects_in(post, "referenced_posts" if "referenced_posts" in post else "referenced_tweets")
    for reference in references:
        if reference.get("type") == "replied_to":
            return step.parent is not None and id_in(reference) == step.parent.remote_id
    conversation = id_in(post, "conversation_id") or post["id"]
    return conversation == (step.sent[0].remote_id if step.sent else post["id"])


def _urls(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [url for url in objects_in(object_in(holder, "entities"), "urls") if isinstance(url.get("url"), str)]
