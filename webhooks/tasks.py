"""What the queue rings: each calls one service. Lost, doubled or late, a bell changes nothing."""

from __future__ import annotations

from uuid import UUID

from mastablasta.core import jobs
from webhooks import sender
from webhooks.services import notices


def drain() -> None:
    sender.drain(worker=jobs.process_name(), should_stop=jobs.stop_requested)


def tell_owner(endpoint_id: str) -> None:
    notices.tell_owner(UUID(endpoint_id))
