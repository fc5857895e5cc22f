"""What can become of a delivery and of a post. Read this first.

A Delivery is one post for one account. Its state is the truth; the status that the API shows, and the status of the
whole post, are read off it here and nowhere else.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mastablasta.core.state_words import StateChoices
from mastablasta.core.transitions import StateTable


class DeliveryState(StateChoices):
    DRAFT = "draft", _("draft"), _("Draft")
    QUEUED = "queued", _("queued"), _("Waits for its time, or for another try")
    BLOCKED = "blocked", _("blocked"), _("Waits for its account or platform to be usable")
    HELD = "held", _("held"), _("Too late by the missed-post rule; waits for a person")
    SENDING = "sending", _("sending"), _("Being sent")
    PROCESSING = "processing", _("processing"), _("The platform still works on it")
    UNKNOWN = "unknown", _("unknown"), _("Sent without a trustworthy answer; the platform is being asked")
    UNCONFIRMED = "unconfirmed", _("unconfirmed"), _("Nobody can say whether it is out; waits for a person")
    PUBLISHED = "published", _("published"), _("Out")
    FAILED = "failed", _("failed"), _("Not out; may be retried")
    REJECTED = "rejected", _("rejected"), _("Refused by the platform as it is; has to be edited")
    CANCELLED = "cancelled", _("cancelled"), _("Cancelled")
    RETRACTED = "retracted", _("retracted"), _("Was out, and was taken back")


S = DeliveryState

DELIVERY_MOVES = StateTable(
    {
        S.DRAFT: {S.QUEUED},
        # unconfirmed, from these, sending and processing: a backup was restored that shows it begun
        S.QUEUED: {S.SENDING, S.BLOCKED, S.HELD, S.DRAFT, S.CANCELLED, S.UNCONFIRMED},
        S.BLOCKED: {S.QUEUED, S.HELD, S.DRAFT, S.CANCELLED, S.UNCONFIRMED},
        S.HELD: {S.QUEUED, S.DRAFT, S.CANCELLED},
        # held, blocked: the claim found it so, before any call
        S.SENDING: {
            S.PUBLISHED,
            S.PROCESSING,
            S.QUEUED,
            S.REJECTED,
            S.FAILED,
            S.BLOCKED,
            S.HELD,
            S.UNKNOWN,
            S.UNCONFIRMED,
        },
        S.PROCESSING: {S.PROCESSING, S.PUBLISHED, S.REJECTED, S.FAILED, S.UNKNOWN, S.UNCONFIRMED},
        # never blocked or cancelled: an account in trouble only keeps it from being claimed
        S.UNKNOWN: {S.UNKNOWN, S.PUBLISHED, S.QUEUED, S.UNCONFIRMED, S.FAILED},
        S.UNCONFIRMED: {S.PUBLISHED, S.FAILED},
        S.FAILED: {S.QUEUED, S.CANCELLED},
        S.REJECTED: {S.QUEUED, S.CANCELLED},
        S.CANCELLED: {S.QUEUED},
        S.PUBLISHED: {S.RETRACTED},
        S.RETRACTED: set(),
    }
)

CLAIMABLE = (S.QUEUED, S.PROCESSING, S.UNKNOWN)
WAITING = (S.DRAFT, S.QUEUED, S.HELD)  # a new promise moves these
IN_FLIGHT_OR_UNCERTAIN = (S.SENDING, S.PROCESSING, S.UNKNOWN, S.UNCONFIRMED)
COUNTED = (S.BLOCKED, S.HELD, S.PROCESSING, S.UNKNOWN, S.UNCONFIRMED)  # few, and what an operator asks for
OUT = (S.PUBLISHED, S.RETRACTED)
TAKEN = (S.QUEUED, S.BLOCKED, *IN_FLIGHT_OR_UNCERTAIN, S.PUBLISHED)  # an account's time: promised, under way, or out
NOT_OUT = (S.FAILED, S.REJECTED)
ENDED = (*OUT, *NOT_OUT, S.CANCELLED, S.UNCONFIRMED)

API_STATUS: dict[str, str] = {
    S.DRAFT: "pending",
    S.QUEUED: "pending",
    S.BLOCKED: "pending",
    S.HELD: "pending",
    S.SENDING: "publishing",
    S.PROCESSING: "publishing",
    S.UNKNOWN: "publishing",
    S.UNCONFIRMED: "unconfirmed",
    S.PUBLISHED: "published",
    S.FAILED: "failed",
    S.REJECTED: "failed",
    S.CANCELLED: "cancelled",
    S.RETRACTED: "published",
}


class PostStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    PUBLISHING = "publishing", _("Publishing")
    PUBLISHED = "published", _("Published")
    PARTIALLY_PUBLISHED = "partially_published", _("Partially published")
    UNCONFIRMED = "unconfirmed", _("Unconfirmed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class AttemptKind(models.TextChoices):
    """Every call is an attempt and shows in the audit trail; the API's `attempts` counts those that may be visible."""

    SEND = "send", _("Send")
    POLL = "poll", _("Ask whether the platform has finished")
    RECONCILE = "reconcile", _("Ask whether it is out")


ATTEMPT_KIND: dict[str, str] = {
    S.SENDING: AttemptKind.SEND,
    S.PROCESSING: AttemptKind.POLL,
    S.UNKNOWN: AttemptKind.RECONCILE,
}


class AttemptOutcome(models.TextChoices):
    PUBLISHED = "published", _("Out")
    PENDING = "pending", _("The platform still works on it")
    REJECTED = "rejected", _("This content is refused")
    NEEDS_RECONNECT = "needs_reconnect", _("The account has to be connected again")
    RATE_LIMITED = "rate_limited", _("Asked to come back later")
    UNAVAILABLE = "unavailable", _("Certainly nothing was done")
    UNKNOWN = "unknown", _("No trustworthy answer")
    OPERATOR_PROBLEM = "operator_problem", _("Our own app at the platform is in trouble")
    ABSENT = "absent", _("The platform does not have it")
    CANNOT_TELL = "cannot_tell", _("The platform cannot say whether it has it")
    ABANDONED = "abandoned", _("Ended before anything was sent")
