"""The query of a look-up: which parameters there are, what they take, and what the caller wants to see.

Sources: https://api.x.com/2/openapi.json, 2.167 of 2026-08-22 and 2.166 of 2026-08-06 (read 2026-11-23). Between
them `tweet.fields` became `post.fields`, and what refers to another post or person moved to `expansions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.platforms.twitter.problems import error, invalid, refuse_value
from sandbox.platforms.twitter.schema import ID
from sandbox.platforms.twitter.settings import NEW, OLD, Settings
from sandbox.wire import Refused, Request

Read = Callable[[str, str], Any]
"""Takes a parameter's name and value; returns what it means. Raises Refused."""

DEFAULT_PAGE, MIN_PAGE, MAX_PAGE = 10, 5, 100
MAX_IDS = 100


def words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


BOTH_FIELDS = words(
    "article attachments card_uri community_id context_annotations conversation_id created_at display_text_range "
    "edit_controls entities geo id lang matched_media_notes media_metadata non_public_metrics "
    "note_request_suggestions organic_metrics paid_partnership possibly_sensitive promoted_metrics public_metrics "
    "reply_settings scopes source suggested_source_links suggested_source_links_with_counts text withheld"
)
NEW_FIELDS = BOTH_FIELDS | {"article_title", "note_post"}
OLD_FIELDS = BOTH_FIELDS | {
    "author_id",
    "edit_history_tweet_ids",
    "in_reply_to_user_id",
    "note_tweet",
    "referenced_tweets",
}
EXPANSIONS = words(
    "article.cover_media article.media_entities attachments.media_keys attachments.media_source_tweet "
    "attachments.poll_ids author_id edit_history_post_ids edit_history_tweet_ids entities.mentions.username "
    "entities.note.mentions.username geo.place_id in_reply_to_user_id referenced_posts referenced_tweets.id "
    "referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id username"
)
USER_FIELDS = words(
    "affiliation confirmed_email connection_status created_at description entities id is_identity_verified location "
    "most_recent_tweet_id name parody pinned_tweet_id profile_banner_url profile_image_url protected public_metrics "
    "receives_your_dm subscribes_to_you subscription subscription_type url username verified "
    "verified_followers_count verified_type withheld"
)
USER_EXPANSIONS = words(
    "affiliation affiliation.user_id most_recent_post_id most_recent_tweet_id pinned_post_id pinned_tweet_id"
)
MEDIA_FIELDS = words(
    "alt_text duration_ms height media_key non_public_metrics organic_metrics preview_image_url promoted_metrics "
    "public_metrics type url variants width"
)
NEW_NAMES = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "referenced_tweets.id": "referenced_posts",
}


@dataclass(slots=True, frozen=True)
class Wanted:
    """What a call asks for, in the new names; `values` holds its own parameters that were given."""

    fields: frozenset[str]
    expansions: frozenset[str]
    user_fields: frozenset[str]
    media_fields: frozenset[str]
    values: Mapping[str, Any]


def names_of(valid: frozenset[str]) -> Read:
    def read(name: str, value: str) -> frozenset[str]:
        given = value.split(",")
        for one in given:
            if one not in valid:
                known = ",".join(sorted(valid))
                raise refuse_value(f"The `{name}` query parameter value [{one}] is not one of [{known}]", name, value)
        return frozenset(NEW_NAMES.get(one, one) for one in given)

    return read


def anything(_name: str, value: str) -> str:
    return value


def an_id(name: str, value: str) -> int:
    if not ID.fullmatch(value):
        raise refuse_value(f"The `{name}` query parameter value [{value}] is not valid", name, value)
    return int(value)


def a_command(name: str, value: str) -> str:
    if value != "STATUS":
        raise refuse_value(f"The `{name}` query parameter value [{value}] is not one of [STATUS]", name, value)
    return value


def ids(name: str, value: str) -> list[str]:
    given = value.split(",")
    if len(given) > MAX_IDS:
        message = (
            f"The number of values in the `{name}` query parameter list [{len(given)}] is not between 1 and {MAX_IDS}"
        )
        raise refuse_value(message, name, value)
    for one in given:
        an_id(name, one)
    return list(dict.fromkeys(given))


def page_size(name: str, value: str) -> int:
    size = int(value) if value.isascii() and value.isdecimal() else -1
    if not MIN_PAGE <= size <= MAX_PAGE:
        message = f"The `{name}` query parameter value [{value}] is not between {MIN_PAGE} and {MAX_PAGE}"
        raise refuse_value(message, name, value)
    return size


def a_time(name: str, value: str) -> int:
    """Return milliseconds since the epoch."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in value:
        message = f"The `{name}` query parameter value [{value}] is not a date and time as in RFC 3339"
        raise refuse_value(message, name, value)
    return round(moment.astimezone(UTC).timestamp() * 1000)


OBJECT_PARAMETERS: Mapping[str, Read] = {
    "tweet.fields": names_of(OLD_FIELDS),
    "post.fields": names_of(NEW_FIELDS),
    "user.fields": names_of(USER_FIELDS),
    "media.fields": names_of(MEDIA_FIELDS),
    "poll.fields": anything,
    "place.fields": anything,
}
POST_PARAMETERS: Mapping[str, Read] = {**OBJECT_PARAMETERS, "expansions": names_of(EXPANSIONS)}
USER_PARAMETERS: Mapping[str, Read] = {
    **{name: OBJECT_PARAMETERS[name] for name in ("tweet.fields", "post.fields", "user.fields")},
    "expansions": names_of(USER_EXPANSIONS),
}
STATUS_PARAMETERS: Mapping[str, Read] = {"media_id": an_id, "command": a_command}
LIST_PARAMETERS: Mapping[str, Read] = {"ids": ids, **POST_PARAMETERS}
TIMELINE_PARAMETERS: Mapping[str, Read] = {
    "max_results": page_size,
    "pagination_token": anything,
    "start_time": a_time,
    "end_time": a_time,
    "since_id": an_id,
    "until_id": an_id,
    "exclude": names_of(frozenset({"replies", "retweets"})),
    **POST_PARAMETERS,
}
UNKNOWN_FIELDS = {NEW: "tweet.fields", OLD: "post.fields"}
"""Which spelling a server does not know that takes the other one only."""


def read_query(request: Request, parameters: Mapping[str, Read], options: Settings) -> Wanted:
    """Return what the query says. Raises Refused."""
    known = {name: read for name, read in parameters.items() if name != UNKNOWN_FIELDS.get(options.field_names)}
    values: dict[str, Any] = {}
    for name, value in parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            message = f"The query parameter [{name}] is not one of [{','.join(known)}]"
            raise Refused(invalid([error(message, name, value)]))
        values[name] = known[name](name, value)
    nothing: frozenset[str] = frozenset()
    return Wanted(
        fields=values.pop("tweet.fields", nothing) | values.pop("post.fields", nothing),
        expansions=values.pop("expansions", nothing),
        user_fields=values.pop("user.fields", nothing),
        media_fields=values.pop("media.fields", nothing),
        values=values,
    )
