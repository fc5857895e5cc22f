"""Shapes of posts: what a request may say, and what an answer holds (presenting.py makes the answers)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField, utc_text
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import MOST_UNKNOWN, StrictSerializer
from mastablasta.core.errors import FieldProblem, Invalid
from media_library.api.serializers import UsedMediaSerializer
from media_library.models import LONGEST_ALT_TEXT
from posts.api import examples
from posts.models import PostMedia, PostType
from posts.services.drafts import MOST_MEDIA, Draft
from posts.services.media import MediaChoice, Place, role_of
from posts.states import PostStatus

DELIVERY_STATUSES = ("pending", "publishing", "published", "failed", "unconfirmed", "cancelled")
WAITS = ("retry", "rate_limit", "account", "platform", "person")


class ErrorSerializer(serializers.Serializer[Any]):
    """Why something is not out."""

    code = serializers.CharField(help_text="Stable, for programs.")
    kind = serializers.CharField(help_text="What to do next: rejected, needs_reconnect, rate_limited, unavailable …")
    message = serializers.CharField(help_text="For people.")
    retryable = serializers.BooleanField()


class PartSerializer(serializers.Serializer[Any]):
    """One visible post of a delivery."""

    index = serializers.IntegerField()
    kind = serializers.ChoiceField(["post", "reply", "comment"])
    status = serializers.ChoiceField(DELIVERY_STATUSES)
    platform_post_id = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    error = ErrorSerializer(allow_null=True)


class DeliverySerializer(serializers.Serializer[Any]):
    """One post for one account."""

    example = examples.PUBLISHED_DELIVERY

    id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    platform = serializers.CharField()
    status = serializers.ChoiceField(DELIVERY_STATUSES)
    waiting_for = serializers.ChoiceField(WAITS, allow_null=True)
    attempts = serializers.IntegerField(help_text="Calls that could have made it visible.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    platform_post_id = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    parts = PartSerializer(many=True)
    error = ErrorSerializer(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())
    published_at = serializers.DateTimeField(allow_null=True)


class PostWarningSerializer(serializers.Serializer[Any]):
    """What a platform would refuse (a draft may have it), or what may be meant otherwise.

    `duplicate_text` and `too_near` name the other post in `params`: `post_id`, `account_id` and `time`.
    """

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    params = serializers.DictField()


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


@extend_schema_field({"oneOf": [{"type": "string", "format": "uuid"}, {**MEDIA_USE, "additionalProperties": {}}]})
class ShownMediaField(serializers.JSONField):
    """An id, or an object where this use has its own alt text or fit; with expand=media the whole file."""


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


@extend_schema_field(THREAD_PART)
class ThreadPartField(serializers.JSONField):
    """A text, or an object where the part has files."""


class PostSerializer(serializers.Serializer[Any]):
    """One piece of content and what became of it."""

    example = examples.WAITING_POST

    id = serializers.UUIDField()
    content = serializers.CharField()
    platforms = serializers.ListField(child=serializers.CharField())
    accounts = serializers.ListField(child=serializers.UUIDField())
    post_type = serializers.ChoiceField(PostType.choices)
    status = serializers.ChoiceField(PostStatus.choices)
    scheduled_time = serializers.DateTimeField(allow_null=True)
    timezone = serializers.CharField()
    published_at = serializers.DateTimeField(allow_null=True)
    post_options = serializers.DictField(child=serializers.DictField())
    overrides = serializers.DictField(child=serializers.DictField())
    thread = serializers.ListField(
        child=ThreadPartField(), help_text="Texts, or {content, media} where a part has files."
    )
    media = serializers.ListField(child=ShownMediaField(), help_text="The files of the post, or of its first part.")
    first_comment = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    external_id = serializers.CharField(allow_null=True)
    author = serializers.UUIDField(allow_null=True)
    deliveries = DeliverySerializer(many=True)
    warnings = PostWarningSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


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


SHOWN_OF_MEDIA = frozenset(UsedMediaSerializer().fields)


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


class OverrideSerializer(StrictSerializer):
    """What one platform or account gets instead; what is left out stays as it is for all."""

    content = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    thread = ThreadField(required=False, max_length=100)
    media = MediaField(required=False, help_text="Instead of everybody's files, those of all parts; [] = none.")
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class OverridesField(serializers.DictField):
    """Overrides by platform slug or account id."""

    child = OverrideSerializer()


class AllowDuplicateField(serializers.BooleanField):
    """Whether a person means the same text again."""

    def __init__(self) -> None:
        says = "The same text again is meant: it is not refused, whatever the workspace says of duplicates."
        super().__init__(required=False, write_only=True, help_text=says)


class LocalTimeSerializer(StrictSerializer):
    """Has a `scheduled_time`, which may be local; of one that comes twice its checked body has a note in `notes`."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        field = self.fields["scheduled_time"]
        if isinstance(field, OffsetDateTimeField) and field.twice and "scheduled_time" in value:
            value["notes"] = (_comes_twice(data["scheduled_time"], data["timezone"], field.twice),)
        return value


def _comes_twice(local: str, zone: str, moments: tuple[datetime, datetime]) -> FieldProblem:
    earlier, later = map(utc_text, moments)
    sentence = (
        f"{local} comes twice in {zone}, at {earlier} and {later}; the earlier is taken. "
        "Send the time with an offset to choose."
    )
    return FieldProblem("scheduled_time", "time_comes_twice", sentence, {"moments": [earlier, later]})


class EditedPostSerializer(LocalTimeSerializer):
    """What a post says, where and when it goes; without `scheduled_time` it is a draft."""

    content = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The text; each platform counts its own way.",
    )
    platforms = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=20,
        help_text="Each stands for that platform's default account.",
    )
    accounts = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    post_type = serializers.ChoiceField(PostType.choices, required=False)
    scheduled_time = OffsetDateTimeField(required=False, allow_null=True)
    timezone = ZoneNameField(required=False, allow_blank=True)
    post_options = serializers.DictField(
        child=serializers.DictField(),
        required=False,
        help_text="By platform; names are the vendor's, in snake_case.",
    )
    overrides = OverridesField(
        required=False, help_text="By platform or account id: content, thread, media, first_comment."
    )
    thread = ThreadField(required=False, max_length=100, help_text="The parts, in order; content may be left out.")
    media = MediaField(
        required=False, help_text="The files of the post, in order; of a thread those of its first part."
    )
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=50)
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="What your own system calls it; no other post of the workspace has it. Empty or null = none.",
    )
    allow_duplicate = AllowDuplicateField()

    # what GET gave may come back
    id = serializers.UUIDField(read_only=True)
    status = serializers.CharField(read_only=True)
    published_at = serializers.DateTimeField(read_only=True)
    author = serializers.UUIDField(read_only=True)
    deliveries = DeliverySerializer(many=True, read_only=True)
    warnings = PostWarningSerializer(many=True, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @staticmethod
    def draft(body: dict[str, Any], *, onto: Draft | None = None, platforms: Collection[str] = ()) -> Draft:
        """What the checked body asks for, in the service's words; what it leaves out is as in `onto`.

        `platforms`: those that the post of `onto` goes to.
        """
        if onto is not None:
            body = _changes(body, onto, platforms)
        own = {"id", "publish", "scheduled_time", "media", "thread", "overrides"}
        fields = {name: value for name, value in body.items() if name not in own}
        if "scheduled_time" in body:
            fields["scheduled_at"] = body["scheduled_time"]
        if "external_id" in body:
            fields["external_id"] = body["external_id"] or ""
        if "thread" in body:
            fields["thread"] = [part.text for part in body["thread"]]
        if "overrides" in body:
            fields["overrides"] = {key: _texts(override) for key, override in body["overrides"].items()}
        fields["named_in_thread"] = _named_in_thread(body)
        if onto is None:
            return Draft(**fields, media=_chosen(body))
        if "content" in fields and "thread" not in fields:
            fields["thread"] = []
        if fields.get("thread") and "content" not in fields:
            fields["content"] = ""
        if "platforms" in fields and "accounts" not in fields:
            fields["accounts"] = []
        if "accounts" in fields and "platforms" not in fields:
            fields["platforms"] = []
        return replace(onto, **fields, media={**_left(onto, body), **_chosen(body)})


def _changes(body: dict[str, Any], onto: Draft, platforms: Collection[str]) -> dict[str, Any]:
    """A partial edit without what is so already, where saying it anew would take away what goes with it.

    A text takes the place of a thread and a thread that of a text, platforms that of accounts and accounts theirs.
    """
    same = set()
    if "thread" not in body and onto.thread and body.get("content") == onto.thread[0]:
        same.add("content")
    if "accounts" not in body and set(body.get("platforms", ())) == set(platforms):
        same.add("platforms")
    if "platforms" not in body and set(body.get("accounts", ())) == set(onto.accounts):
        same.add("accounts")
    return {name: value for name, value in body.items() if name not in same}


def _texts(override: dict[str, Any]) -> dict[str, Any]:
    texts = {name: value for name, value in override.items() if name != "media"}
    if "thread" in texts:
        texts["thread"] = [part.text for part in texts["thread"]]
    return texts


def _chosen(body: dict[str, Any]) -> dict[Place, tuple[MediaChoice, ...]]:
    """The files that a checked body names, by place. What is said twice of a first part must be the same."""
    found: dict[Place, tuple[MediaChoice, ...]] = {}
    for scope, said in (("", body), *body.get("overrides", {}).items()):
        own = {n: tuple(p.media) for n, p in enumerate(said.get("thread", ())) if p.media is not None}
        if "media" in said:
            first = tuple(said["media"])
            if own.get(0, first) != first:
                name = f"overrides.{scope}.media" if scope else "media"
                sentence = "media are those of the thread's first part, which names others; leave one of the two out."
                raise Invalid.field(name, "contradiction", sentence)
            own[0] = first
        found |= {(scope, part): chosen for part, chosen in own.items() if chosen}
        if scope and own:  # an override that names media has its own, maybe none
            found.setdefault((scope, 0), ())
    return found


def _named_in_thread(body: dict[str, Any]) -> list[str]:
    """The scopes whose first files are named as those of a thread's first part, and there alone."""
    return [
        scope
        for scope, said in (("", body), *body.get("overrides", {}).items())
        if "media" not in said and any(part.media for part in said.get("thread", ())[:1])
    ]


def _left(onto: Draft, body: dict[str, Any]) -> dict[Place, tuple[MediaChoice, ...]]:
    """What a partial edit leaves of the files: those of texts and overrides that it does not name."""
    left = dict(onto.media)
    if "overrides" in body:
        left = {place: chosen for place, chosen in left.items() if not place[0]}
    if "thread" in body or "content" in body:  # another text has no further parts, or its own
        left = {place: chosen for place, chosen in left.items() if place[0] or not place[1]}
    says_first = "media" in body or any(part.media is not None for part in body.get("thread", ())[:1])
    return {place: chosen for place, chosen in left.items() if not (says_first and place == ("", 0))}


class NewPostSerializer(EditedPostSerializer):
    """A post to be created. Without `scheduled_time` and `publish` it is a draft."""

    publish = serializers.BooleanField(required=False, help_text="Publish it now.")


class TriedPostSerializer(NewPostSerializer):
    """A post to be tried out."""

    id = serializers.UUIDField(required=False, help_text="The post that this would replace: it is no duplicate of it.")


class RescheduleSerializer(LocalTimeSerializer):
    """Another time for a post."""

    request_example = examples.ANOTHER_TIME

    scheduled_time = OffsetDateTimeField()
    timezone = ZoneNameField(required=False, allow_blank=True)
    allow_duplicate = AllowDuplicateField()


class PublishSerializer(StrictSerializer):
    """How to publish a post; nothing has to be said."""

    request_example = examples.PUBLISH_AGAIN

    allow_duplicate = AllowDuplicateField()


class ResolveSerializer(StrictSerializer):
    """What a person found out."""

    request_example = examples.FOUND_OUT

    outcome = serializers.ChoiceField(["published", "not_published"])
    url = serializers.CharField(required=False, allow_blank=True, max_length=1000, help_text="Where it is out.")


class MessageSerializer(serializers.Serializer[Any]):
    """A sentence for people."""

    example = examples.RETRIED_ONE

    message = serializers.CharField()


class StillFailedSerializer(serializers.Serializer[Any]):
    """A post that trying again cannot help until somebody acts."""

    id = serializers.UUIDField()
    error = serializers.CharField()


class RetriedSerializer(serializers.Serializer[Any]):
    """What was retried, and what waits for a person."""

    example = examples.RETRIED

    retried = serializers.ListField(child=serializers.UUIDField())
    still_failed = StillFailedSerializer(many=True)


class PublishedSerializer(serializers.Serializer[Any]):
    """The answer to a request to publish."""

    post = PostSerializer()
    message = serializers.CharField()


class AttemptSerializer(serializers.Serializer[Any]):
    """One look at a delivery: a send, a poll or a question whether it is out."""

    example = examples.ATTEMPT

    id = serializers.UUIDField()
    delivery_id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    platform = serializers.CharField()
    number = serializers.IntegerField()
    kind = serializers.ChoiceField(["send", "poll", "reconcile"])
    started_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True, help_text="When a visible call began.")
    ended_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.CharField(allow_null=True)
    http_status = serializers.IntegerField(allow_null=True)
    error = serializers.DictField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)
