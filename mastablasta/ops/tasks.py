"""Tasks that concern several apps; the clock has them run through the queue."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from mastablasta.core import jobs, mail
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.models import Heartbeat, IdempotencyKey, RequestCount

KEEP_HEARTBEATS = timedelta(days=1)


def refresh_host_info() -> None:
    """Ask hosts again what they allow, before what is known of them is a day old."""
    from integrations.services.hosts import refresh_host_info

    refresh_host_info(at=timezone.now(), most=5)  # a dead host takes 10 s, a task may take 120


def work_on_media() -> None:
    """Make thumbnails, previews and renditions that are due; tell the posts that wait for them."""
    from media_library.services import render_worker
    from posts.services import post_renditions

    def tell(assets: set[UUID]) -> None:  # after the commit: nothing that posts do can undo what was made
        transaction.on_commit(lambda: post_renditions.on_renditions_finished(assets, at=timezone.now()), robust=True)

    render_worker.work(should_stop=jobs.stop_requested, on_settled=tell)


def tidy() -> None:
    """Remove what nobody needs: beats of processes that are no more, sign-ins never finished, lost bells, old work."""
    from accounts.services.pruning import prune_sign_ins
    from analytics.services.pruning import prune_samples
    from integrations.services.oauth_connect import prune_states
    from posts.models import BulkJob
    from webhooks.services.pruning import prune_events

    at = timezone.now()
    Heartbeat.objects.filter(at__lt=at - KEEP_HEARTBEATS).exclude(name__startswith="chore:").delete()
    prune_states(at=at)
    IdempotencyKey.objects.prune(at=at)
    RequestCount.objects.prune(at=at)
    AuditEntry.objects.prune(at=at)
    mail.prune(at=at)
    BulkJob.objects.prune(at=at)
    jobs.forget_stale()
    jobs.forget_failures(at=at)
    prune_sign_ins(at=at)
    prune_events(at=at)
    prune_samples(at=at)
