"""One request to a receiver: plain values and HTTP in, what came of it out. No database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from mastablasta.core.outbound import CallFailed, Http, Response
from mastablasta.core.time_scale import scaled
from webhooks.outcomes import Attempted
from webhooks.signing import signed_headers

log = structlog.get_logger(__name__)

TIMEOUT_S = scaled(10)
KEPT_BYTES = 1024  # of an answer's body
UNREADABLE = (
    "The secret that signs this was encrypted with a key that ENCRYPTION_KEY does not hold any more: whoever runs this "
    "server can put that key back; else give the endpoint another secret."
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent where. `secrets`: those that sign it, the newest first; none = they cannot be read."""

    event_id: UUID
    body: bytes = field(repr=False)
    url: str
    secrets: Sequence[str] = field(repr=False)


def send(message: Message) -> Attempted:
    """Send it once, signed as of now; never raises.

    Only a 2xx counts as taken: a redirect is not followed, since the address it names was not checked and the secret's
    owner did not name it.
    """
    started_at = timezone.now()
    if not message.secrets:
        return Attempted(started_at, started_at, message.url, {}, code="secret_unreadable", message=UNREADABLE)
    headers = signed_headers(message.body, message_id=str(message.event_id), at=started_at, secrets=message.secrets)
    headers["Content-Type"] = "application/json"
    begun = Attempted(started_at, started_at, message.url, headers)
    try:
        response = Http(message.url, purpose="webhook").post(
            message.url, data=message.body, headers=headers, timeout_s=TIMEOUT_S, cut_at=KEPT_BYTES, may_repeat=True
        )
        return replace(begun, ended_at=timezone.now(), **_meaning(response))
    except CallFailed as failure:
        return replace(begun, ended_at=timezone.now(), code=failure.code, message=failure.message)
    except Exception:
        log.exception("webhook_not_sent", event_id=str(message.event_id))
        sentence = "Something went wrong here while it was being sent."
        return replace(begun, ended_at=timezone.now(), code="internal_error", message=sentence)


def _meaning(response: Response) -> dict[str, Any]:
    told: dict[str, Any] = {"http_status": response.status, "answer": response.text}
    if response.is_ok:
        return told
    code, sentence = "bad_status", f"The receiver answered {response.status}."
    if 300 <= response.status < 400:
        code, sentence = "redirect_refused", f"The receiver answered {response.status}; redirects are not followed."
    return {**told, "code": code, "message": sentence, "retry_at": response.retry_after()}
