"""The post that a post quotes: found by its address when it is sent, since it is named by its content, too.

Source: https://github.com/bluesky-social/atproto, lexicons/app/bsky/embed/record.json and recordWithMedia.json (read
2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations.contract import Progress, Step
from integrations.errors import Rejected
from integrations.platforms.bluesky.addresses import POST_ADDRESS, place_of
from integrations.platforms.bluesky.errors import error_from
from integrations.platforms.bluesky.metrics import POSTS
from integrations.protocols.values import object_in, objects_in, text_in
from mastablasta.core.outbound import Http

QUOTED = "quoted"  # what is kept of it in a step's progress
RECORD, WITH_MEDIA = "app.bsky.embed.record", "app.bsky.embed.recordWithMedia"


def has_quote(step: Step) -> bool:
    """Whether this part quotes: the root of a post does."""
    return not step.sent and bool(step.content.options.get("quote"))


def with_quote(
    http: Http, step: Step, progress: Progress, shown: dict[str, Any] | None, *, did_of: Callable[[str], str | None]
) -> dict[str, Any]:
    """The embed that quotes, around what the post shows beside. Raises Rejected: no such post, or it may not be."""
    quoted: Mapping[str, Any] = progress.data.get(QUOTED) or {}
    if not quoted:
        quoted = _found(http, step.content.options["quote"], did_of)
        progress.save(**{QUOTED: quoted})
    embed = {"record": dict(quoted)}
    return {"$type": WITH_MEDIA, "record": embed, "media": shown} if shown else {"$type": RECORD, **embed}


def _found(http: Http, address: str, did_of: Callable[[str], str | None]) -> dict[str, str]:
    """Source: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts (read 2026-11-23)."""
    whose, key = place_of(address, POST_ADDRESS)
    did = whose if whose.startswith("did:") else did_of(whose)
    if did is None:
        raise _gone(address)
    uri = f"at://{did}/app.bsky.feed.post/{key}"
    answer = http.get(POSTS, params={"uris": [uri]})
    if not answer.is_ok:
        raise error_from(answer)
    if not isinstance(answer.fields().get("posts"), list):
        raise answer.in_doubt("is not a list of posts", code="unreadable")
    post = next((one for one in objects_in(answer.fields(), "posts") if text_in(one, "uri") == uri), None)
    if post is None or not text_in(post, "cid"):
        raise _gone(address)
    if object_in(post, "viewer").get("embeddingDisabled") is True:
        sentence = f"The author of {address} lets nobody quote it; leave post_options.bluesky.quote out."
        raise Rejected(sentence, code="quote_not_allowed")
    return {"uri": uri, "cid": text_in(post, "cid")}


def _gone(address: str) -> Rejected:
    sentence = f"Bluesky shows no post at {address}; correct post_options.bluesky.quote, or leave it out."
    return Rejected(sentence, code="quote_not_found")
