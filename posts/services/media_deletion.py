"""Taking a file out of the library, and out of what waits to be sent."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import Conflict
from media_library.models import Asset
from media_library.services import deletion
from posts import audit
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import edits
from posts.states import IN_FLIGHT_OR_UNCERTAIN, DeliveryState

WAITS = (DeliveryState.QUEUED, DeliveryState.BLOCKED, DeliveryState.HELD)
NAMED = 5  # posts in the sentence


def delete_file(asset: Asset, *, is_forced: bool = False, at: datetime) -> None:
    """Delete a file. Posts that are out, failed or drafts keep saying that they had it.

    Raises Conflict `in_use` while a scheduled post uses it; forced, those posts become drafts again, with a warning.
    While one is under way or in doubt nothing deletes it.
    """
    with transaction.atomic():
        using = Delivery.objects.filter(post__media_uses__asset=asset, post__deleted_at=None)
        claims.lock_lanes(using.values_list("account", flat=True))
        deliveries = list(using.distinct().order_by("id").only("id", "state", "post_id"))
        if any(d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
            raise Conflict("in_use", "A post with this file is being published, or in doubt; wait for its outcome.")
        waiting = sorted({d.post_id for d in deliveries if d.state in WAITS})
        if waiting and not is_forced:
            posts = ", ".join(map(str, waiting[:NAMED])) + (" …" if len(waiting) > NAMED else "")
            message = (
                f"{len(waiting)} scheduled {'post uses' if len(waiting) == 1 else 'posts use'} this file ({posts}); "
                "change them first, or delete it with force=true, which makes them drafts."
            )
            raise Conflict("in_use", message)
        using_it = list(Post.objects.filter(id__in=waiting).select_for_update(of=("self",)).order_by("id"))
        for post in using_it:
            _back_to_draft(post, asset, at=at)
        deletion.remove(asset, at=at)
        audit.record_posts("made a draft", using_it, at=at)
        record("deleted", [subject_of(asset, name=asset.filename)], at=at)


def _back_to_draft(post: Post, asset: Asset, *, at: datetime) -> None:
    edits.unschedule(post, at=at)
    message = f"{asset.filename} was deleted; choose another file."
    post.warnings.append(
        {"field": "media", "code": "media_deleted", "message": message, "params": {"media_id": str(asset.id)}}
    )
    Post.objects.filter(id=post.id).update(warnings=post.warnings)
