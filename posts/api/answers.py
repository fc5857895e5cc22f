"""What answers hold of posts, their deliveries and attempts (presenting.py makes them)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from posts.api import examples
from posts.api.fields import ShownMediaField, ThreadPartField
from posts.models import PostType
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
