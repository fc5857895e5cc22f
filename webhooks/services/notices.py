"""Telling people that an endpoint was switched off: by e-mail, where this instance sends any."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings

from accounts.roles import Role
from mastablasta.core import mail
from webhooks.models import Endpoint

TRIED_FOR = timedelta(days=3)


def write_notice(endpoint: Endpoint, *, at: datetime) -> None:
    """Write to who registered it, or else to the workspace's owners; it goes out once the transaction commits.

    Nothing is written where no e-mail is sent; `disabled_reason` says the same.
    """
    if not mail.is_on():
        return
    context = {"endpoint": endpoint, "host": urlsplit(endpoint.url).netloc, "address": settings.PUBLIC_URL}
    for recipient in _addresses(endpoint):
        mail.write(recipient, "webhook_disabled", context, at=at, expires_at=at + TRIED_FOR)


def _addresses(endpoint: Endpoint) -> list[str]:
    members = endpoint.workspace.memberships.filter(user__is_active=True)
    registered_by = members.filter(user=endpoint.created_by_id).values_list("user__email", flat=True)
    return list(registered_by) or list(members.filter(role=Role.OWNER).values_list("user__email", flat=True))
