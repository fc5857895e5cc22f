"""Shapes of posts: what a request may say, and what an answer holds (presenting.py makes the answers)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rest_framework import serializers

from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import StrictSerializer
from posts.api import examples
from posts.models import PostType
from posts.services.writing import Draft
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
    """What a platform would refuse; a draft may have it."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    params = serializers.DictField()


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
    thread = serializers.ListField(child=serializers.CharField())
    first_comment = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())
    author = serializers.UUIDField(allow_null=True)
    deliveries = DeliverySerializer(many=True)
    warnings = PostWarningSerializer(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ThreadField(serializers.ListField):
    """The parts of a thread: texts, or objects `{content}`; texts out."""

    child = serializers.JSONField()

    def to_internal_value(self, data: Any) -> list[str]:
        return [self._text(number, part) for number, part in enumerate(super().to_internal_value(data))]

    @staticmethod
    def _text(number: int, part: Any) -> str:
        if isinstance(part, dict) and part.keys() == {"content"}:
            part = part["content"]
        if not isinstance(part, str):
            sentence = "Each part of a thread is text, or an object with `content`."
            raise serializers.ValidationError({number: [fault("wrong_type", sentence)]})
        if "\x00" in part:
            raise serializers.ValidationError({number: [fault("nul_character", "NUL characters cannot be published.")]})
        return part


class OverrideSerializer(StrictSerializer):
    """What one platform or account gets instead; what is left out stays as it is for all."""

    content = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    thread = ThreadField(required=False, max_length=100)
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class OverridesField(serializers.DictField):
    """Overrides by platform slug or account id."""

    child = OverrideSerializer()


class EditedPostSerializer(StrictSerializer):
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
    overrides = OverridesField(required=False, help_text="By platform or account id: content, thread, first_comment.")
    thread = ThreadField(required=False, max_length=100, help_text="The parts, in order; content may be left out.")
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=50)

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
    def draft(body: dict[str, Any], *, onto: Draft | None = None) -> Draft:
        """What the checked body asks for, in the service's words; what it leaves out is as in `onto`."""
        fields = {name: value for name, value in body.items() if name not in {"publish", "scheduled_time"}}
        if "scheduled_time" in body:
            fields["scheduled_at"] = body["scheduled_time"]
        if onto is None:
            return Draft(**fields)
        if "content" in fields and "thread" not in fields:
            fields["thread"] = []
        if "platforms" in fields and "accounts" not in fields:
            fields["accounts"] = []
        if "accounts" in fields and "platforms" not in fields:
            fields["platforms"] = []
        return replace(onto, **fields)


class NewPostSerializer(EditedPostSerializer):
    """A post to be created. Without `scheduled_time` and `publish` it is a draft."""

    publish = serializers.BooleanField(required=False, help_text="Publish it now.")


class RescheduleSerializer(StrictSerializer):
    """Another time for a post."""

    request_example = examples.ANOTHER_TIME

    scheduled_time = OffsetDateTimeField()
    timezone = ZoneNameField(required=False, allow_blank=True)


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

    id = serializers.IntegerField()
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
