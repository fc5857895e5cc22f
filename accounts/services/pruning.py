"""Forgetting sign-ins and invitations that ended long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.db.models import Q

from accounts.models import Invitation, Session

KEPT_FOR = timedelta(days=90)  # so long somebody can still ask where a person was signed in
AT_ONCE = 5_000


def prune_sign_ins(*, at: datetime) -> int:
    """Remove sign-ins and invitations that ended KEPT_FOR ago, and browsers' sessions that are over; returns how many.

    At most AT_ONCE of each: what is left is for the next time.
    """
    limit = at - KEPT_FOR
    old = (
        # No sign-in was to end later than that after it was revoked, and by their ends an index holds them.
        Session.objects.filter(expires_at__lt=limit + settings.REFRESH_TOKEN_LIFETIME).filter(
            Q(expires_at__lt=limit) | Q(revoked_at__lt=limit)
        ),
        Invitation.objects.filter(
            Q(accepted_at__lt=limit) | Q(withdrawn_at__lt=limit) | Q(accepted_at=None, expires_at__lt=limit)
        ),
        BrowserSession.objects.filter(expire_date__lt=at),
    )
    removed = 0
    for rows in old:
        ids = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        removed += rows.model._default_manager.filter(pk__in=ids).delete()[0] if ids else 0
    return removed
