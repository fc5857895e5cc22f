"""The switch that stops all publishing at once, at every host, and lets it go on again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from accounts.models import User
from integrations.models import GlobalPause, PlatformHost
from mastablasta.core.audit.recording import record, subject_of

log = structlog.get_logger(__name__)


def pause_everything(*, reason: str, by: User, at: datetime) -> bool:
    """Publish nothing more anywhere until `resume_everything`; False = everything is paused already.

    Workers notice within seconds; a call that has begun ends by itself. What is due waits. Hosts that are paused for
    another reason stay so. Outside a transaction: whoever adds a host looks for the pause after that, and this looks
    for hosts after the pause is there, so that none slips through.
    """
    told = {"reason": reason[:500], "paused_by": by, "paused_at": at}
    with transaction.atomic():
        pause, is_new = GlobalPause.objects.get_or_create(number=1, defaults=told)
        if not is_new:
            return False
        record("paused", [subject_of(pause, name="everything", changes={"reason": (None, reason)})], at=at)
    _pause(reason, at=at)
    log.warning("everything_paused", reason=reason[:500], by=str(by.pk))
    return True


def resume_everything(*, at: datetime) -> bool:
    """Let all hosts go on that are paused with everything; False = everything was not paused."""
    rows = GlobalPause.objects.all()
    with transaction.atomic():
        ending = [subject_of(pause, name="everything", changes={"reason": (pause.reason, None)}) for pause in rows]
        ended, _ = rows.delete()
        record("resumed", ending if ended else [], at=at)
        PlatformHost.objects.filter(is_paused_globally=True).update(
            paused_at=None, paused_reason="", is_paused_globally=False, updated_at=at
        )
    if ended:
        log.warning("everything_resumed")
    return bool(ended)


def global_pause() -> GlobalPause | None:
    """The pause of everything, with who began it; None = there is none."""
    return GlobalPause.objects.select_related("paused_by").first()


def pause_new_host(host_id: UUID) -> None:
    """Pause a host that was just added, if everything is paused."""
    pause = global_pause()
    if pause is not None:
        _pause(pause.reason, at=pause.paused_at, host_id=host_id)


def _pause(reason: str, *, at: datetime, host_id: UUID | None = None) -> None:
    hosts = PlatformHost.objects.filter(paused_at=None)
    hosts = hosts if host_id is None else hosts.filter(id=host_id)
    sentence = f"Everything is paused: {reason}"
    hosts.update(paused_at=at, paused_reason=sentence[:500], is_paused_globally=True, updated_at=at)
