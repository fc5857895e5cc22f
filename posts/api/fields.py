"""How posts name files and parts of threads, in requests and in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import MOST_UNKNOWN
from media_library.api.serializers import UsedMediaSerializer
from media_library.models import LONGEST_ALT_TEXT
from posts.models import PostMedia
from posts.services.drafts import MOST_MEDIA
from posts.services.media import MediaChoice, role_of

MEDIA_USE: Mapping[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "alt_text": {
            "type": "string",
            "maxLength": LONGEST_ALT_TEXT,
            "nullable": True,
            "description": "Instead of the file's own.",
        },
        "fit": {"type": "string", "enum": PostMedia.Fit.values, "description": "How it is brought into form."},
        "role": {
            "type": "string",
            "enum": PostMedia.Role.values,
            "description": "`cover`: a picture that stands for the post's video, where a platform has covers; "
            "`captions`: an SRT or WebVTT file of the video, whose language `post_options` say.",
        },
    },
}
MEDIA_ITEM = {"oneOf": [{"type": "string", "format": "uuid"}, MEDIA_USE]}
THREAD_PART = {
    "oneOf": [
        {"type": "string"},
        {
            "type": "object",
            "required": ["content"],
            "properties": {"content": {"type": "string"}, "media": {"type": "array", "items": MEDIA_ITEM}},
        },
    ]
}
SHOWN_OF_MEDIA = frozenset(UsedMediaSerializer().fields)


@extend_schema_field({"oneOf": [{"type": "string", "format": "uuid"}, {**MEDIA_USE, "additionalProperties": {}}]})
class ShownMediaField(serializers.JSONField):
    """An id, or an object where this use has its own alt text or fit; with expand=media the whole file."""


@extend_schema_field(THREAD_PART)
class ThreadPartField(serializers.JSONField):
    """A text, or an object where the part has files."""


@extend_schema_field({"type": "array", "items": MEDIA_ITEM, "maxItems": MOST_MEDIA})
class MediaField(serializers.ListField):
    """Files in order: ids, or objects `{id, alt_text?, fit?}`; what expand=media gives beyond that is ignored."""

    child = serializers.JSONField()

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": MOST_MEDIA, **options})

    def to_internal_value(self, data: Any) -> list[MediaChoice]:
        chosen: list[MediaChoice] = []
        faults: dict[str, Any] = {}
        for number, item in enumerate(super().to_internal_value(data)):
            try:
                chosen.append(_choice(item))
            except serializers.ValidationError as error:
                faults[str(number)] = error.detail
        if faults:
            raise serializers.ValidationError(faults)
        return chosen


def _unknown(names: Iterable[str], *, valid: Sequence[str]) -> serializers.ValidationError:
    sentence = f"This name is not known here; valid names: {', '.join(valid)}."
    return serializers.ValidationError({name[:100]: [fault("unknown", sentence, valid=list(valid))] for name in names})


def _choice(item: Any) -> MediaChoice:
    given = item if isinstance(item, dict) else {"id": item}
    if unknown := sorted(given.keys() - SHOWN_OF_MEDIA - MEDIA_USE["properties"].keys()):
        raise _unknown(unknown[:MOST_UNKNOWN], valid=list(MEDIA_USE["properties"]))
    try:
        asset_id = UUID(given["id"]) if isinstance(given.get("id"), str) else None
    except ValueError:
        asset_id = None
    if asset_id is None:
        sentence = "Each is the id of a file, a UUID as text, or an object {id, alt_text, fit, role}."
        raise serializers.ValidationError([fault("invalid_media", sentence)])
    alt_text, fit = given.get("alt_text"), given.get("fit", PostMedia.Fit.FIT)
    if alt_text is not None and not isinstance(alt_text, str):
        raise serializers.ValidationError({"alt_text": [fault("wrong_type", "alt_text is text.")]})
    if alt_text is not None and "\x00" in alt_text:
        raise serializers.ValidationError({"alt_text": [fault("nul_character", "NUL characters cannot be published.")]})
    if alt_text is not None and len(alt_text) > LONGEST_ALT_TEXT:
        sentence = f"At most {LONGEST_ALT_TEXT} characters."
        params = {"limit": LONGEST_ALT_TEXT, "actual": len(alt_text)}
        raise serializers.ValidationError({"alt_text": [fault("max_length", sentence, **params)]})
    if fit not in PostMedia.Fit.values:
        sentence = f"This is not one of: {', '.join(PostMedia.Fit.values)}."
        raise serializers.ValidationError({"fit": [fault("invalid_choice", sentence, valid=PostMedia.Fit.values)]})
    role = given.get("role", PostMedia.Role.CONTENT)
    if role not in PostMedia.Role.values:
        sentence = f"This is not one of: {', '.join(PostMedia.Role.values)}."
        raise serializers.ValidationError({"role": [fault("invalid_choice", sentence, valid=PostMedia.Role.values)]})
    return MediaChoice(asset_id, alt_text, str(fit), role_of(role))


@dataclass(frozen=True, slots=True)
class ThreadPart:
    """One part of a thread as it came; `media` None = nothing is said of its files."""

    text: str
    media: list[MediaChoice] | None = None


@extend_schema_field({"type": "array", "items": THREAD_PART, "maxItems": 100})
class ThreadField(serializers.ListField):
    """The parts of a thread: texts, or objects `{content, media}`."""

    child = serializers.JSONField()

    def to_internal_value(self, data: Any) -> list[ThreadPart]:
        return [self._part(number, part) for number, part in enumerate(super().to_internal_value(data))]

    @staticmethod
    def _part(number: int, part: Any) -> ThreadPart:
        text, media = part, None
        if isinstance(part, dict) and "content" in part:
            if unknown := sorted(part.keys() - {"content", "media"}):
                faults = _unknown(unknown[:MOST_UNKNOWN], valid=("content", "media"))
                raise serializers.ValidationError({str(number): faults.detail})
            text = part["content"]
            if "media" in part:
                try:
                    media = MediaField().run_validation(part["media"])
                except serializers.ValidationError as error:
                    raise serializers.ValidationError({str(number): {"media": error.detail}}) from error
        if not isinstance(text, str):
            sentence = "Each part of a thread is text, or an object with `content`, and maybe `media`."
            raise serializers.ValidationError({str(number): [fault("wrong_type", sentence)]})
        if "\x00" in text:
            raise serializers.ValidationError(
                {str(number): [fault("nul_character", "NUL characters cannot be published.")]}
            )
        return ThreadPart(text, media)
