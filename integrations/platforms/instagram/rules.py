"""What Instagram does not take that its capabilities have no word for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.contract import Content, MediaUse, Part
from integrations.platforms.instagram.capabilities import MOST_FILES, MOST_HASHTAGS, MOST_MENTIONS
from mastablasta.core.errors import FieldProblem

# What it counts in a caption: its own app takes letters, digits and _ of any script.
_HASHTAG = re.compile(r"(?<![\w&])#\w*[^\W\d_]\w*")
_MENTION = re.compile(r"(?<![\w.])@[A-Za-z0-9._]+")
_OF_REELS = ("share_to_feed", "thumb_offset", "audio_name")
_NOT_OF_STORIES = ("collaborators", "location_id")


def post_problems(content: Content, *, by_instagram_login: bool) -> list[FieldProblem]:
    """What is wrong with a post as a whole, by its type and by how its account is connected."""
    root = content.parts[0]
    found = [*_in_files(content, root), *_in_caption(root), *_in_options(content, root)]
    if content.post_type == "story":
        found += _in_story(content, root)
    if by_instagram_login and content.options.get("location_id"):
        message = "Accounts that are connected by Instagram Login take no place; leave it out."
        found.append(_of_option("location_id", "option_not_supported", message))
    return found


def shown(part: Part) -> list[MediaUse]:
    """The files that people see, without a cover."""
    return [use for use in part.media if use.role == "content"]


def is_film(content: Content, part: Part) -> bool:
    """Whether it is one video, which Instagram shows as a reel unless it is a story."""
    files = shown(part)
    return content.post_type != "story" and len(files) == 1 and files[0].kind == "video"


def _in_files(content: Content, root: Part) -> Iterator[FieldProblem]:
    files = shown(root)
    if len(files) > MOST_FILES:
        message = f"Instagram takes at most {MOST_FILES} files in a post; this has {len(files)}."
        yield FieldProblem(root.media_field, "too_many_media", message, {"limit": MOST_FILES, "actual": len(files)})
    if content.post_type == "carousel" and len(files) == 1:
        yield FieldProblem(root.media_field, "media_required", "A carousel on Instagram has 2 files at least; add one.")
    if len(files) < len(root.media) and not is_film(content, root) and content.post_type != "story":
        yield FieldProblem(root.media_field, "cover_not_supported", "Only a reel on Instagram has a cover; remove it.")


def _in_caption(root: Part) -> Iterator[FieldProblem]:
    for pattern, most, what in ((_HASHTAG, MOST_HASHTAGS, "hashtags"), (_MENTION, MOST_MENTIONS, "mentions")):
        actual = len(pattern.findall(root.text))
        if actual > most:
            message = f"Instagram takes at most {most} {what} in a caption; this has {actual}."
            yield FieldProblem(root.field, f"too_many_{what}", message, {"limit": most, "actual": actual})


def _in_story(content: Content, root: Part) -> Iterator[FieldProblem]:
    if root.text.strip():
        message = "A story on Instagram has no text of its own; leave it out, or write it into the picture."
        yield FieldProblem(root.field, "text_not_supported", message)
    if len(content.parts) > 1:
        message = "A story on Instagram has no comments; leave it out."
        yield FieldProblem(content.parts[1].field, "comment_not_supported", message)
    for name in _NOT_OF_STORIES:
        if content.options.get(name):
            yield _of_option(name, "option_not_supported", "A story on Instagram does not have this; leave it out.")


def _in_options(content: Content, root: Part) -> Iterator[FieldProblem]:
    film = is_film(content, root)
    for name in _OF_REELS:
        if content.options.get(name) is not None and not film:
            yield _of_option(name, "option_not_supported", "Only a reel on Instagram has this; leave it out.")
    offset = content.options.get("thumb_offset")
    if film and type(offset) is int and (duration_s := shown(root)[0].duration_s) and offset > duration_s * 1000:
        longest = int(duration_s * 1000)
        message = f"The thumbnail has to be within the video, which lasts {longest} ms."
        yield _of_option("thumb_offset", "too_large", message, {"limit": longest, "actual": offset})
    tags = content.options.get("user_tags")
    for index, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, Mapping) and (problem := _in_tag(tag, shown(root), index)):
            yield problem


def _in_tag(tag: Mapping[str, Any], files: list[MediaUse], index: int) -> FieldProblem | None:
    position = tag.get("media_index", 0)
    if type(position) is not int or not files:
        return None  # the schema says so, or the missing file is said
    name = f"user_tags.{index}"
    if position >= len(files):
        message = f"The post has {len(files)} files, counted from 0; name one of them."
        return _of_option(name, "too_large", message, {"limit": len(files) - 1, "actual": position})
    has_place = "x" in tag and "y" in tag
    if files[position].kind == "image" and not has_place:
        return _of_option(name, "required", "Say where in the picture it is, by x and y from 0 to 1.")
    if files[position].kind == "video" and ("x" in tag or "y" in tag):
        return _of_option(name, "option_not_supported", "A video has no place for a tag; leave x and y out.")
    return None


def _of_option(name: str, code: str, message: str, params: Mapping[str, Any] | None = None) -> FieldProblem:
    return FieldProblem(f"post_options.instagram.{name}", code, message, dict(params or {}))
