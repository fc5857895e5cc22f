"""Posts, stories and comments as Instagram lists them.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-media and
…/reference/ig-comment (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.contract import Step, Target
from integrations.platforms.instagram.rules import is_film, shown
from integrations.protocols.lookback import OwnPost
from integrations.protocols.oauth2 import web_address
from integrations.protocols.values import id_in, moment_of, text_in

SITE = "https://www.instagram.com"
POST_FIELDS = "id,caption,timestamp,permalink,media_type,media_product_type"
COMMENT_FIELDS = "id,text,timestamp,username"
CAROUSEL, VIDEO = "CAROUSEL_ALBUM", "VIDEO"


def own_post(row: Any) -> OwnPost | None:
    """A post or comment as it is listed; None for anything else."""
    remote_id = id_in(row)
    made_at = moment_of(row.get("timestamp")) if remote_id else None
    return OwnPost(remote_id, web_address(row.get("permalink")), made_at, row) if made_at is not None else None


def profile_url(target: Target) -> str:
    """Where people see the account, for a post whose own address Instagram does not tell."""
    return f"{SITE}/{target.handle.removeprefix('@')}/"


def is_alike(post: OwnPost, step: Step, target: Target) -> bool:
    """Whether it says what the step says, in the same form; of a comment, whether the account wrote it."""
    if step.part.kind == "comment":
        writer = text_in(post.shown, "username")
        is_own = not writer or writer.lower() == target.handle.removeprefix("@").lower()
        return is_own and _comparable(text_in(post.shown, "text")) == _comparable(step.part.text)
    is_story = step.content.post_type == "story"
    says_the_same = is_story or _comparable(text_in(post.shown, "caption")) == _comparable(step.part.text)
    return says_the_same and _has_form(post.shown, step)


def _has_form(row: Mapping[str, Any], step: Step) -> bool:
    """Whether it is a picture, a video or several files, as the step is; what Instagram does not say fits anything."""
    said = text_in(row, "media_type")
    if len(shown(step.part)) > 1:
        return said in {"", CAROUSEL}
    if said == CAROUSEL:
        return False
    is_video = is_film(step.content, step.part) or any(use.kind == "video" for use in step.part.media)
    return not said or (said == VIDEO) == is_video


def _comparable(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
