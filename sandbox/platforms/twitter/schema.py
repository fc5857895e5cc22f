"""Bodies as their schemas have them, and the words of X's validator for what does not fit.

Source: CreatePostsRequest and the requests for media in https://api.x.com/2/openapi.json, 2.167 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from sandbox.platforms.twitter import problems

Check = Callable[[str, Any], Iterator[dict[str, Any]]]
"""Takes the path and the value of one place in the body; yields what is wrong with it."""

ID = re.compile(r"[0-9]{1,19}")
KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def wrong(path: str, value: Any, message: str) -> dict[str, Any]:
    shown = value if isinstance(value, str) else orjson.dumps(value).decode()
    return problems.error(f"{path}: {message}", path, shown)


def is_a(kind: type) -> Check:
    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if type(value) is not kind:
            yield wrong(path, value, f"{KINDS.get(type(value), 'null')} found, {KINDS[kind]} expected")

    return check


a_string, a_flag = is_a(str), is_a(bool)


def an_id(path: str, value: Any) -> Iterator[dict[str, Any]]:
    if type(value) is not str:
        yield from a_string(path, value)
    elif not ID.fullmatch(value):
        yield wrong(path, value, "does not match the regex pattern ^[0-9]{1,19}$")


def a_string_of(low: int, high: int) -> Check:
    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if type(value) is not str:
            yield from a_string(path, value)
        elif len(value) < low:
            yield wrong(path, value, f"must be at least {low} characters long")
        elif len(value) > high:
            yield wrong(path, value, f"may only be {high} characters long")

    return check


def a_number_of(low: int, high: int) -> Check:
    is_whole = is_a(int)

    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if type(value) is not int:
            yield from is_whole(path, value)
        elif value < low:
            yield wrong(path, value, f"must have a minimum value of {low}")
        elif value > high:
            yield wrong(path, value, f"must have a maximum value of {high}")

    return check


def one_of(*valid: str) -> Check:
    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if value not in valid:
            yield wrong(path, value, f"does not have a value in the enumeration [{', '.join(valid)}]")

    return check


def a_list_of(item: Check, low: int = 0, high: int | None = None) -> Check:
    is_list = is_a(list)

    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if type(value) is not list:
            yield from is_list(path, value)
            return
        if len(value) < low:
            yield wrong(path, value, f"there must be a minimum of {low} items in the array")
        if high is not None and len(value) > high:
            yield wrong(path, value, f"there must be a maximum of {high} items in the array")
        for place, member in enumerate(value):
            yield from item(f"{path}[{place}]", member)

    return check


def an_object(properties: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    is_object = is_a(dict)

    def check(path: str, value: Any) -> Iterator[dict[str, Any]]:
        if type(value) is not dict:
            yield from is_object(path, value)
            return
        for name, member in value.items():
            place = f"{path}.{name}"
            if name in properties:
                yield from properties[name](place, member)
            else:
                message = "is not defined in the schema and the schema does not allow additional properties"
                yield wrong(place, member, message)
        for name in required:
            if name not in value:
                message = f"{path}.{name}: is missing but it is required"
                yield problems.error(message, path, orjson.dumps(value).decode())

    return check


REPLY_SETTINGS = one_of("following", "mentionedUsers", "subscribers", "verified")
ADDRESS = an_object({"url": a_string}, required=("url",))
CALL_TO_ACTIONS = an_object(
    {
        "app_install": an_object({"app_store_id": a_string, "ipad_app_store_id": a_string, "play_store_id": a_string}),
        "visit_site": ADDRESS,
        "watch_now": ADDRESS,
    }
)
MEDIA = an_object(
    {
        "media_ids": a_list_of(an_id, 1, 4),
        "tagged_user_ids": a_list_of(an_id, 0, 10),
        "title": a_string,
        "description": a_string,
        "embeddable": a_flag,
        "preview_media_id": an_id,
        "call_to_actions": CALL_TO_ACTIONS,
    },
    required=("media_ids",),
)
POLL = an_object(
    {
        "options": a_list_of(a_string_of(1, 25), 2, 4),
        "duration_minutes": a_number_of(5, 10_080),
        "reply_settings": REPLY_SETTINGS,
    },
    required=("options", "duration_minutes"),
)
REPLY = an_object(
    {
        "in_reply_to_tweet_id": an_id,
        "exclude_reply_user_ids": a_list_of(a_string),
        "auto_populate_reply_metadata": a_flag,
    },
    required=("in_reply_to_tweet_id",),
)
CREATE_BODY = an_object(
    {
        "text": a_string,
        "reply": REPLY,
        "media": MEDIA,
        "poll": POLL,
        "reply_settings": REPLY_SETTINGS,
        "made_with_ai": a_flag,
        "paid_partnership": a_flag,
        "quote_tweet_id": an_id,
        "card_uri": a_string,
        "community_id": an_id,
        "direct_message_deep_link": a_string,
        "edit_options": an_object({"previous_post_id": an_id}, required=("previous_post_id",)),
        "for_super_followers_only": a_flag,
        "geo": an_object({"place_id": a_string}, required=("place_id",)),
        "nullcast": a_flag,
        "share_with_followers": a_flag,
    }
)
# What X works with beyond posts is not here: subtitles and direct messages are refused when the file is judged.
CATEGORY = one_of(
    "amplify_video", "tweet_gif", "tweet_image", "tweet_video", "dm_gif", "dm_image", "dm_video", "subtitles"
)
UPLOAD_BODY = an_object(
    {"media": a_string, "media_category": CATEGORY, "additional_owners": a_string},
    required=("media", "media_category"),
)
INITIALIZE_BODY = an_object(
    {
        "media_category": CATEGORY,
        "media_type": one_of(
            "video/mp4",
            "video/webm",
            "video/mp2t",
            "video/quicktime",
            "text/srt",
            "text/vtt",
            "image/jpeg",
            "image/gif",
            "image/bmp",
            "image/png",
            "image/webp",
            "image/pjpeg",
            "image/tiff",
            "model/gltf-binary",
            "model/vnd.usdz+zip",
        ),
        "total_bytes": a_number_of(0, 17_179_869_184),
        "shared": a_flag,
        "additional_owners": a_list_of(an_id),
    },
    required=("media_category", "media_type", "total_bytes"),
)
APPEND_BODY = an_object({"media": a_string, "segment_index": a_number_of(0, 999)}, required=("media", "segment_index"))
METADATA_BODY = an_object(
    {
        "id": an_id,
        "metadata": an_object({"alt_text": an_object({"text": a_string_of(0, 1000)}, required=("text",))}),
    },
    required=("id",),
)
