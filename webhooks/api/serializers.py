"""Webhooks as the API shows them; a secret only when it is made."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from mastablasta.core.api.fields import OffsetDateTimeField
from mastablasta.core.api.serializers import StrictModelSerializer, StrictSerializer
from webhooks.api import examples
from webhooks.event_types import NAMES
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery
from webhooks.signing import LONGEST_OWN
from webhooks.states import EndpointDeliveryState, EndpointStatus

OWN_SECRET = "One of your own, of 16 characters or more; left out: one is made."  # noqa: S105  a sentence
LONGEST_OVERLAP_H = 168


class EventsField(serializers.ListField):
    """Types of events, at least one."""

    def __init__(self, **options: Any) -> None:
        least_and_most = {"allow_empty": False, "min_length": 1, "max_length": 50}  # the description knows lengths only
        super().__init__(child=serializers.ChoiceField(NAMES), **{**least_and_most, **options})


class WebhookSerializer(StrictModelSerializer):
    """A server that is told of events."""

    example: ClassVar[Any] = examples.WEBHOOK

    events = EventsField()
    status = serializers.ChoiceField(EndpointStatus.choices, read_only=True)
    disabled_reason = serializers.SerializerMethodField(help_text="Why it was switched off; null = it was not.")
    disabled_at = OffsetDateTimeField(read_only=True, allow_null=True)
    old_secret_until = OffsetDateTimeField(
        read_only=True, allow_null=True, help_text="Until when the secret before this one signs too."
    )

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = (
            "id", "url", "events", "status", "disabled_reason", "disabled_at", "old_secret_until", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    def get_disabled_reason(self, endpoint: Endpoint) -> str | None:
        return endpoint.disabled_reason or None


class NewWebhookSerializer(StrictSerializer):
    """A webhook to be registered."""

    request_example = examples.NEW_WEBHOOK

    url = serializers.CharField(max_length=2000, help_text="An https address that the whole internet can reach.")
    events = EventsField(help_text="What it is to be told of.")
    secret = serializers.CharField(max_length=LONGEST_OWN, required=False, trim_whitespace=False, help_text=OWN_SECRET)


class WebhookWithSecretSerializer(WebhookSerializer):
    """A webhook and its secret."""

    example = examples.WITH_SECRET

    secret = serializers.CharField(read_only=True, help_text="What signs its events; shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields


class WebhookChangeSerializer(WebhookSerializer):
    """What may be changed; the rest of what GET gave may come with it and is ignored."""

    url = serializers.CharField(max_length=2000)
    events = EventsField()
    status = serializers.ChoiceField(
        [(one.value, one.label) for one in (EndpointStatus.ACTIVE, EndpointStatus.PAUSED)],
        help_text="`paused`: what happens is kept and goes out when it goes on. `active`: it goes on, or is switched "
        "on again.",
    )

    class Meta(WebhookSerializer.Meta):
        read_only_fields = ("id", "disabled_at", "old_secret_until", "created_at", "updated_at")


class RotateSecretSerializer(StrictSerializer):
    """How the secret is to be changed."""

    secret = serializers.CharField(max_length=LONGEST_OWN, required=False, trim_whitespace=False, help_text=OWN_SECRET)
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP_H,
        required=False,
        default=24,
        help_text="How long the old secret signs too, in `webhook-signature`; 0 = it ends at once.",
    )


class TestSerializer(StrictSerializer):
    """What is to be sent."""

    event = serializers.ChoiceField(
        NAMES, required=False, help_text="With the data of its example; left out: `webhook.test`."
    )


class RedeliverSerializer(StrictSerializer):
    """Which events are to be sent again."""

    status = serializers.ListField(
        child=serializers.ChoiceField([EndpointDeliveryState.MISSED, EndpointDeliveryState.FAILED, "delivered"]),
        required=False,
        allow_empty=False,
        min_length=1,
        help_text="Left out: what was missed or failed.",
    )
    event = EventsField(required=False, help_text="Of which types; left out: all.")
    since = OffsetDateTimeField(required=False, zone_field=None, help_text="What happened from then on.")
    until = OffsetDateTimeField(required=False, zone_field=None, help_text="What happened before then.")


class QueuedSerializer(serializers.Serializer[Any]):
    """How many events are sent again."""

    example = examples.QUEUED

    queued = serializers.IntegerField()


class WebhookErrorSerializer(serializers.Serializer[Any]):
    """Why a try failed."""

    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people.")

    def to_representation(self, delivery: EndpointDelivery) -> Any:
        return _error(delivery.error_code, delivery.error_message)


class WebhookRequestSerializer(serializers.Serializer[Any]):
    """What was sent, without the body, which is the same in each try."""

    url = serializers.CharField()
    headers = serializers.DictField(child=serializers.CharField())


class WebhookResponseSerializer(serializers.Serializer[Any]):
    """What the receiver answered."""

    status = serializers.IntegerField()
    body = serializers.CharField(help_text="Its first kilobyte.")


class WebhookAttemptSerializer(serializers.Serializer[Any]):
    """One try."""

    number = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    request = WebhookRequestSerializer()
    response = WebhookResponseSerializer(allow_null=True, help_text="null = there was none.")
    error = WebhookErrorSerializer(allow_null=True)

    def to_representation(self, attempt: EndpointAttempt) -> dict[str, Any]:
        return {
            "number": attempt.number,
            "started_at": OffsetDateTimeField().to_representation(attempt.started_at),
            "duration_ms": attempt.duration_ms,
            "request": {"url": attempt.url, "headers": attempt.headers},
            "response": None if attempt.http_status is None else _response(attempt),
            "error": _error(attempt.code, attempt.message),
        }


class WebhookDeliverySerializer(serializers.ModelSerializer[EndpointDelivery]):
    """One event for one webhook."""

    example: ClassVar[Any] = examples.DELIVERY

    event_id = serializers.UUIDField(help_text="The `webhook-id`, the same in each try.")
    event = serializers.CharField(source="event.type", help_text="Its type.")
    status = serializers.ChoiceField(EndpointDeliveryState.choices, source="state")
    next_attempt_at = OffsetDateTimeField(allow_null=True)
    delivered_at = OffsetDateTimeField(allow_null=True)
    http_status = serializers.IntegerField(allow_null=True, help_text="What the last try was answered with.")
    error = WebhookErrorSerializer(source="*", allow_null=True, help_text="Why the last try failed.")
    created_at = OffsetDateTimeField(source="event.created_at", help_text="When it happened.")

    class Meta:
        model = EndpointDelivery
        fields: tuple[str, ...] = (
            "id", "event_id", "event", "status", "attempt_count", "next_attempt_at", "delivered_at", "http_status",
            "error", "created_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields


class WebhookDeliveryWithAttemptsSerializer(WebhookDeliverySerializer):
    """One event for one webhook, with each try."""

    example = examples.DELIVERY_WITH_ATTEMPTS

    body = serializers.CharField(source="event.body", help_text="What is sent, byte for byte.")
    attempts = WebhookAttemptSerializer(many=True)

    class Meta(WebhookDeliverySerializer.Meta):
        fields = (*WebhookDeliverySerializer.Meta.fields, "body", "attempts")
        read_only_fields = fields


def _response(attempt: EndpointAttempt) -> dict[str, Any]:
    return {"status": attempt.http_status, "body": attempt.answer}


def _error(code: str, message: str) -> dict[str, str] | None:
    return {"code": code, "message": message} if code else None
