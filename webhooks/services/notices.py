"""Telling people that an endpoint was switched off: by e-mail, where this instance sends any."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import send_mail

from accounts.roles import Role
from webhooks.models import Endpoint
from webhooks.states import EndpointStatus

log = structlog.get_logger(__name__)

SUBJECT = "A webhook was switched off"
TEXT = """\
Your webhook to {host} was switched off.

{reason}

Nothing is sent there until somebody switches it on again, and nothing of what happens meanwhile is lost for 30 days:

    POST {public_url}/api/v2/webhooks/{id}/redeliver

switches it on and sends what it missed, in order. PATCH it to "status": "active" to go on without that.
"""


def tell_owner(endpoint_id: UUID) -> bool:
    """Tell who registered it, or else the workspace's owners; False = it is on again, or there is no e-mail here.

    Raises OSError or smtplib's errors when the mail server does not take the message; `disabled_reason` says the same.
    """
    endpoint = Endpoint.objects.select_related("created_by").filter(id=endpoint_id).first()
    if endpoint is None or endpoint.status != EndpointStatus.DISABLED or not getattr(settings, "EMAIL_URL", ""):
        return False
    text = TEXT.format(
        host=endpoint.url.split("/")[2], reason=endpoint.disabled_reason, public_url=settings.PUBLIC_URL, id=endpoint.id
    )
    sent = send_mail(SUBJECT, text, None, _addresses(endpoint))
    log.info("webhook_owner_told", endpoint=str(endpoint.id), sent=sent)
    return bool(sent)


def _addresses(endpoint: Endpoint) -> list[str]:
    if endpoint.created_by is not None and endpoint.created_by.is_active:
        return [endpoint.created_by.email]
    owners = endpoint.workspace.memberships.filter(role=Role.OWNER, user__is_active=True)
    return list(owners.values_list("user__email", flat=True))
