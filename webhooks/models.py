"""Customers' servers (Endpoint), what happened (Event), who is told (EndpointDelivery), each try (EndpointAttempt).

An Event is written in the transaction of what it tells, so that it is there exactly when that is. The sender gives it a
delivery for each endpoint that wants it, and sends an endpoint's deliveries in the order of their events.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Workspace
from accounts.querysets import WorkspaceScopedQuerySet
from mastablasta.core.fields import EncryptedTextField
from mastablasta.core.ids import new_id
from mastablasta.core.models import Row
from webhooks.querysets import EndpointDeliveryQuerySet
from webhooks.states import EndpointDeliveryState, EndpointStatus


class Endpoint(Row):
    """A server that wants to be told of some types of events.

    `old_secret_enc` signs too until `old_secret_until`: the time to change the receiver's secret.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhooks", db_index=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    url = models.CharField(max_length=2000)
    events = models.JSONField(default=list)
    status = models.CharField(max_length=10, choices=EndpointStatus.choices, default=EndpointStatus.ACTIVE)
    disabled_reason = models.CharField(max_length=500, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    secret_enc = EncryptedTextField()
    old_secret_enc = EncryptedTextField(null=True, blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceScopedQuerySet["Endpoint"].as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(status__in=EndpointStatus.values), name="endpoint_known")]
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="endpoint_oldest")]

    def __str__(self) -> str:
        return self.url


class EndpointLane(models.Model):
    """The queue of one endpoint: when to look at it again, and who holds it. Claims touch nothing else first.

    `ready_at` null = nothing waits. `is_open` false = paused or switched off. `blocked_until`: no call before it.
    `failures`: calls that failed since the last that did not; `failing_since`: when the first of them ended.
    """

    endpoint = models.OneToOneField(Endpoint, primary_key=True, on_delete=models.CASCADE, related_name="lane")
    is_open = models.BooleanField(default=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    blocked_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease_token=None, lease_expires_at=None)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="endpoint_lane_lease_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ready_at", "endpoint"],
                condition=Q(lease_token=None, ready_at__isnull=False),
                name="endpoint_lane_ready",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(lease_token__isnull=False), name="endpoint_lane_lease"
            ),
        ]

    def __str__(self) -> str:
        return f"lane of {self.endpoint_id}"


class Event(models.Model):
    """Something that happened in a workspace. Its id is the `webhook-id`, whoever is told and however often.

    `body`: what every receiver gets, byte for byte, and what is signed. `is_fanned_out`: its deliveries are there.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=40)
    body = models.TextField()
    is_fanned_out = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(is_fanned_out=False), name="event_to_fan_out"),
            models.Index(fields=["created_at"], name="event_by_age"),
            models.Index(fields=["workspace"], name="event_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class EndpointDelivery(Row):
    """One event for one endpoint. `failures`: tries that failed since it was last to be sent."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    state = models.CharField(
        max_length=10, choices=EndpointDeliveryState.choices, default=EndpointDeliveryState.PENDING
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    attempt_count = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    objects = EndpointDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "endpoint deliveries"
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="endpoint_delivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=EndpointDeliveryState.values), name="endpoint_delivery_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(next_attempt_at__isnull=False),
                name="endpoint_delivery_pending_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "event"], condition=Q(state="pending"), name="endpoint_delivery_head"),
            models.Index(
                fields=["endpoint", "next_attempt_at"], condition=Q(state="pending"), name="endpoint_delivery_due"
            ),
            models.Index("endpoint", F("event").desc(), name="endpoint_delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} for {self.endpoint_id} ({self.state})"


class EndpointAttempt(models.Model):
    """One request to an endpoint and what came of it. `answer`: the first kilobyte of the answer's body."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey(EndpointDelivery, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    url = models.CharField(max_length=2000)
    headers = models.JSONField(default=dict)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=500, blank=True)
    answer = models.CharField(max_length=1024, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="endpoint_attempt_once")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}: {self.http_status or self.code}"
