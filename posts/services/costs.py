"""What platforms charge for posts that are still to go out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from accounts.models import Workspace
from integrations import registry
from mastablasta.core.errors import Invalid
from posts.models import Delivery
from posts.services import media, post_content
from posts.states import DeliveryState

TO_COME = (DeliveryState.QUEUED, DeliveryState.HELD, DeliveryState.BLOCKED)
MOST_ESTIMATED = 5_000


def cost_to_come(workspace: Workspace, *, begin: datetime, end: datetime) -> Decimal:
    """Return an estimate, in US dollars, of what platforms charge for all that is promised from `begin` to before `end`
    and has not been sent. Two queries. Raises Invalid for more than MOST_ESTIMATED deliveries where they charge."""
    rows = (
        Delivery.objects.in_workspace(workspace)
        .filter(platform__in=_that_charge(), state__in=TO_COME, post__deleted_at=None)
        .filter(post__scheduled_at__gte=begin, post__scheduled_at__lt=end)
    )
    contents = [f"post__{name}" for name in post_content.CONTENT_FIELDS]
    found = list(rows.values("post_id", "platform", "account_id", *contents)[: MOST_ESTIMATED + 1])
    if len(found) > MOST_ESTIMATED:
        message = f"The cost of at most {MOST_ESTIMATED:,} posts is estimated at once; ask for fewer days."
        raise Invalid.field("to", "too_many", message, limit=MOST_ESTIMATED)
    files = media.read_files(row["post_id"] for row in found) if found else {}
    total = Decimal()
    for row in found:
        post = {name: row[f"post__{name}"] for name in post_content.CONTENT_FIELDS}
        content = post_content.content_for(
            post, platform=row["platform"], account_id=row["account_id"], files=files.get(row["post_id"], {})
        )
        total += registry.connector_class(row["platform"]).estimated_cost(content) or 0
    return total


def _that_charge() -> list[str]:
    return [slug for slug in registry.built() if registry.capabilities(slug).prices]
