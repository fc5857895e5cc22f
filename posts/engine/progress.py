"""What one thread makes durable for its delivery while it talks to the platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from integrations.contract import SentPart, Step
from mastablasta.core import crypto
from posts.engine.mailbox import Mailbox
from posts.engine.outcomes import Visible
from posts.engine.send_jobs import SendJob
from posts.queue.types import Save

SECRETS = "_secrets"  # what stands under it in a delivery's progress is a Fernet text of JSON
log = structlog.get_logger(__name__)


def _opened(stored: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was saved, and what was saved as secret; {} for secrets that no configured key decrypts."""
    plain = {name: value for name, value in stored.items() if name != SECRETS}
    if SECRETS not in stored:
        return plain, {}
    try:
        return plain, dict(json.loads(crypto.decrypt(str(stored[SECRETS]).encode())))
    except crypto.Undecryptable:
        log.warning("progress_secrets_lost")  # the step begins again where it has to
        return plain, {}


class DeliveryProgress:
    """What one thread makes durable for its delivery: the mark before a visible call, progress, and parts that are out.

    This is the Progress that a connector gets; `mark` is what the door calls before the first byte of a visible
    request leaves. `parts` are those that are out, in order, also from earlier attempts.
    """

    def __init__(
        self, job: SendJob, mailbox: Mailbox, *, premarked_until: float, monotonic: Callable[[], float]
    ) -> None:
        self._job = job
        self._mailbox = mailbox
        self._premarked_until = premarked_until
        self._monotonic = monotonic
        self._plain, self._secret = _opened(job.progress)
        self.parts: list[dict[str, Any]] = [dict(part) for part in job.parts]
        self.visible = Visible()
        self.grant_version = job.grant.version if job.grant else None

    @property
    def data(self) -> Mapping[str, Any]:
        return {**self._plain, **self._secret}

    @property
    def stored(self) -> Mapping[str, Any]:
        """What the delivery's row holds: the secrets among it as one encrypted text."""
        if not self._secret:
            return dict(self._plain)
        return {**self._plain, SECRETS: crypto.encrypt(json.dumps(self._secret)).decode("ascii")}

    @property
    def delivery_id(self) -> UUID:
        return self._job.claimed.delivery_id

    def save(self, **values: Any) -> None:
        self._plain |= values
        self._secret = {name: value for name, value in self._secret.items() if name not in values}
        self._save()

    def save_secret(self, **values: Any) -> None:
        self._secret |= values
        self._plain = {name: value for name, value in self._plain.items() if name not in values}
        self._save()

    def _save(self) -> None:
        self._mailbox.save(Save(self.delivery_id, self._job.claimed.token, progress=self.stored))

    def mark(self) -> None:
        """Say durably that a visible step begins. Raises LeaseLost: then nothing may be sent.

        A claim that was committed moments ago has said so already, for deliveries of one step.
        """
        at = self._job.sent_at
        is_premarked = self._job.is_one_step and at is not None and not self.visible.calls
        if not (is_premarked and self._monotonic() < self._premarked_until):
            at = timezone.now()
            self._mailbox.save(Save(self.delivery_id, self._job.claimed.token, sent_at=at))
        self.visible = Visible(self.visible.calls + 1, self.visible.first_at or at, at)

    def record_part(self, part: SentPart, *, is_result_next: bool = False) -> None:
        """Keep a part that is out, durably unless the result comes right after it, as it does for the last one."""
        number = len(self.parts)
        kind = self._job.content.parts[number].kind
        noted = {"index": number, "kind": kind, "remote_id": part.remote_id, "url": part.url}
        self.parts.append({**noted, "facts": dict(part.facts), "at": timezone.now().isoformat()})
        self._plain, self._secret = {}, {}
        self.visible = replace(self.visible, open_since=None)
        if not is_result_next and len(self.parts) < len(self._job.content.parts):
            token = self._job.claimed.token
            self._mailbox.save(Save(self.delivery_id, token, parts=list(self.parts), closes_mark=True))

    def step(self) -> Step:
        """The part that is to be made next."""
        sent = tuple(SentPart(part["remote_id"], part["url"], part.get("facts", {})) for part in self.parts)
        return Step(self._job.content, f"{self._job.key}.{len(sent)}", sent)
