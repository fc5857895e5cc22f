"""Posts as X answers them, under the names of before and after August 2026 alike.

Sources: https://api.x.com/2/openapi.json, 2.166 of 2026-08-06 and 2.167 of 2026-08-22 (read 2026-11-23). In between
`tweet.fields` became `post.fields`, `referenced_tweets` `referenced_posts`, `note_tweet` `note_post`, without notice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.contract import Part, Step
from integrations.platforms.twitter.addresses import POST_ID
from integrations.platforms.twitter.text import comparable, comparable_shown
from integrations.platforms.twitter.uploads import type_of
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


def made_at(remote_id: str) -> datetime:
    """When the post of this id was made; of digits only, 19 at most."""
    return EPOCH + timedelta(milliseconds=int(remote_id) >> _NUMBER_BITS)


def own_post(post: Any, *, types: Mapping[str, str], url: str) -> OwnPost | None:
    """A post as it is listed; None for anything else.

    `types`: what each of the media is, by its key. `url`: of a post, without its id.
    """
    remote_id = text_in(post, "id")
    if not POST_ID.fullmatch(remote_id) or not isinstance(post.get("text"), str):
        return None
    return OwnPost(
        remote_id,
        f"{url}{remote_id}",
        made_at(remote_id),
        {**post, "media": {key: types.get(key) for key in _keys(post)}},
    )


def is_in_place(post: OwnPost, step: Step) -> bool:
    """Whether it answers what this part is to answer; nothing, if it is the root."""
    shown = post.shown
    for reference in objects_in(shown, "referenced_posts" if "referenced_posts" in shown else "referenced_tweets"):
        if reference.get("type") == "replied_to":
            return step.parent is not None and id_in(reference) == step.parent.remote_id
    conversation = id_in(shown, "conversation_id") or post.remote_id
    return conversation == (step.sent[0].remote_id if step.sent else post.remote_id)


def has_upload(post: OwnPost, ids: Collection[str]) -> bool:
    """Whether it carries one of these uploads: the part after `_` of a key is the upload's id."""
    return any(key.rpartition("_")[2] in ids for key in post.shown["media"])


def is_made_of(post: OwnPost, part: Part, quoted: str = "") -> bool:
    """Whether it has the part's text, and as many media of the same types, as far as X tells them.

    `quoted`: the id of the post that it is to quote, "" = none. X adds a link to that to the text.
    """
    wanted, shown = [type_of(use) for use in part.media], post.shown["media"].values()
    is_alike = len(wanted) == len(shown) and all(seen in {None, ours} for ours, seen in zip(wanted, shown, strict=True))
    if not is_alike or (quoted and _quoted_by(post.shown) not in {"", quoted}):
        return False
    return comparable(part.text) in {_text_of(post.shown), _text_of(post.shown, without_link_to=quoted)}


def media_types(read: Mapping[str, Any]) -> dict[str, str]:
    """What each of the media is that the posts of an answer carry, by its key."""
    media = objects_in(object_in(read, "includes"), "media")
    return {str(item.get("media_key")): str(item.get("type")) for item in media}


def _quoted_by(post: Mapping[str, Any]) -> str:
    """The id of the post that it quotes, "" where X names none."""
    references = objects_in(post, "referenced_posts" if "referenced_posts" in post else "referenced_tweets")
    return next((id_in(one) for one in references if one.get("type") == "quoted"), "")


def _text_of(post: Mapping[str, Any], *, without_link_to: str = "") -> str:
    """The whole text, to be compared with `comparable(…)` of ours; without the link to its media.

    `without_link_to`: the id of a post to which a link is left out as well, "" = none.
    """
    note = post.get("note_post") or object_in(post, "note_tweet")
    whole = note if text_in(note, "text") else post
    links: dict[str, str] = {}
    for url in (*_urls(post), *_urls(whole)):
        leads_to = str(url.get("expanded_url") or url["url"])
        is_of_media = url.get("media_key") or f"/status/{post['id']}/" in leads_to
        is_of_quoted = bool(without_link_to) and leads_to.partition("?")[0].endswith(f"/status/{without_link_to}")
        links[url["url"]] = "" if is_of_media or is_of_quoted else leads_to
    return comparable_shown(whole["text"], links)


def _keys(post: Mapping[str, Any]) -> list[str]:
    """The keys of the media that a post carries, in order."""
    keys = object_in(post, "attachments").get("media_keys")
    if not isinstance(keys, list):
        keys = [url.get("media_key") for url in _urls(post)]
    return [key for key in keys if isinstance(key, str)]


def _urls(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [url for url in objects_in(object_in(holder, "entities"), "urls") if isinstance(url.get("url"), str)]
