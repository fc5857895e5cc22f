"""Published deliveries for tests of figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integrations.models import SocialAccount
from posts.models import Delivery
from posts.states import DeliveryState, PostStatus
from posts.tests.factories import NOON, make_delivery

__all__ = ["NOON", "make_published"]


def make_published(account: SocialAccount | None = None, *, published_at: Any = NOON, **overrides: Any) -> Delivery:
    """A delivery that is out since `published_at`, with its post."""
    wanted = {"state": DeliveryState.PUBLISHED, "published_at": published_at, "remote_id": "1", "url": "", **overrides}
    delivery = make_delivery(account, due_at=published_at - timedelta(seconds=1), next_attempt_at=None, **wanted)
    type(delivery.post).objects.filter(id=delivery.post_id).update(
        status=PostStatus.PUBLISHED, published_at=published_at
    )
    return delivery
