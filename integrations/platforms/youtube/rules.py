"""What YouTube does not take that its capabilities have no word for."""

from __future__ import annotations

from collections.abc import Iterator

from integrations.contract import Content
from integrations.platforms.youtube.capabilities import MAX_COMMENT, MAX_DESCRIPTION_BYTES, MAX_TAGS
from integrations.platforms.youtube.videos import PRIVATE, privacy_of, title_of
from integrations.protocols.captions import caption_problems
from mastablasta.core.errors import FieldProblem

_OPTION = "post_options.youtube"
_ANGLES = frozenset("<>")


def post_problems(content: Content) -> list[FieldProblem]:
    """What is wrong with a video, its texts, its captions and its first comment."""
    found = [*_in_title(content), *_in_texts(content), *_in_options(content), *_in_comment(content)]
    return [*found, *caption_problems(content, slug="youtube", where="YouTube")]


def _in_title(content: Content) -> Iterator[FieldProblem]:
    given = str(content.options.get("title") or "")
    if not title_of(content):
        message = "A video on YouTube needs a title; write one, or a text whose first line it is taken from."
        yield FieldProblem(f"{_OPTION}.title", "title_required", message)
    elif not _ANGLES.isdisjoint(given):
        yield _angles(f"{_OPTION}.title")


def _in_texts(content: Content) -> Iterator[FieldProblem]:
    root = content.parts[0]
    if not _ANGLES.isdisjoint(root.text):
        yield _angles(root.field)
    if (actual := len(root.text.encode())) > MAX_DESCRIPTION_BYTES:
        message = (
            f"YouTube takes at most {MAX_DESCRIPTION_BYTES} bytes of text, where a letter beyond ASCII has several; "
            f"this has {actual}."
        )
        yield FieldProblem(root.field, "too_many_bytes", message, {"limit": MAX_DESCRIPTION_BYTES, "actual": actual})
    for comment in content.parts[1:]:
        if (actual := len(comment.text)) > MAX_COMMENT:
            message = f"YouTube takes at most {MAX_COMMENT} characters in a comment; this has {actual}."
            yield FieldProblem(comment.field, "too_long", message, {"limit": MAX_COMMENT, "actual": actual})


def _in_options(content: Content) -> Iterator[FieldProblem]:
    options = content.options
    if options.get("publish_at") and options.get("privacy_status", PRIVATE) != PRIVATE:
        message = "A video that YouTube makes public by itself is private until then; leave privacy_status out."
        yield FieldProblem(f"{_OPTION}.publish_at", "contradiction", message)
    tags = options.get("tags")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return
    if any(not _ANGLES.isdisjoint(tag) for tag in tags):
        yield _angles(f"{_OPTION}.tags")
    if (actual := length_of(tags)) > MAX_TAGS:
        message = f"YouTube takes at most {MAX_TAGS} characters of tags; these count as {actual}."
        yield FieldProblem(f"{_OPTION}.tags", "too_long", message, {"limit": MAX_TAGS, "actual": actual})


def length_of(tags: list[str]) -> int:
    """How long tags are as YouTube counts: with commas between them, and quotation marks around those with a space.

    Source: https://developers.google.com/youtube/v3/docs/videos#snippet.tags[] (read 2026-11-23).
    """
    return sum(len(tag) + 2 * (" " in tag) for tag in tags) + max(0, len(tags) - 1)


def _in_comment(content: Content) -> Iterator[FieldProblem]:
    is_for_kids = content.options.get("made_for_kids") is True
    if len(content.parts) == 1 or not (is_for_kids or privacy_of(content.options) == PRIVATE):
        return
    which = "made for kids" if is_for_kids else "private"
    message = f"Nobody can comment on a video that is {which}; leave the comment out."
    yield FieldProblem(content.parts[1].field, "comment_not_supported", message)


def _angles(field: str) -> FieldProblem:
    return FieldProblem(field, "invalid_characters", "YouTube takes no < and > in titles, texts and tags; remove them.")
