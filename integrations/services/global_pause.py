"""The switch that stops all publishing at once, at every host, and lets it go on again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from integrations.models import GlobalPause, PlatformHost
from mastablasta.core.audit.recording import record, subject_of

log = structlog.get_logger(__name__)


def pause_everything(*, reason: str, by: User, at: datetime) -> bool:
    """Publish nothing more anywhere until `resume_everything`; False = everything is paused already.

    Workers notice within seconds; a call that has begun ends by itself. What is due waits. Hosts that are paused for
    another reason stay so. Outside a transaction: whoever adds a host looks for the pause after that, and this looks
    for hosts once more after the pause is there, so that none slips through.
    """
    told = {"reason": reason[:500], "paused_by": by, "paused_at": at}
    with transaction.atomic():  # nothing is said to be paused that goes on
        pause, is_new = GlobalPause.objects.get_or_create(number=1, defaults=told)
        if is_new:
            record("paused", [subject_of(pause, name="everything", changes={"reason": (None, reason)})], at=at)
            _pause(PlatformHost.objects.all())
    _pause(PlatformHost.objects.all())
    if is_new:
        log.warning("everything_paused", reason=pause.reason, by=str(by.pk))
    return is_new


def resume_everything(*, at: datetime) -> bool:
    """Let all hosts go on that are paused with everything; False = everything was not paused."""
    rows = GlobalPause.objects.all()
    with transaction.atomic():
        ending = [subject_of(pause, name="everything", changes={"reason": (pause.reason, None)}) for pause in rows]
        ended, _ = rows.delete()
        record("resumed", ending if ended else [], at=at)
        paused = _locked(PlatformHost.objects.filter(is_paused_globally=True))
        paused.update(paused_at=None, paused_reason="", is_paused_globally=False, updated_at=at)
    if ended:
        log.warning("everything_resumed")
    return bool(ended)


def global_pause() -> GlobalPause | None:
    """The pause of everything, with who began it; None = there is none."""
    return GlobalPause.objects.select_related("paused_by").first()


def pause_new_host(host_id: UUID) -> None:
    """Pause a host that was just added, if everything is paused."""
    _pause(PlatformHost.objects.filter(id=host_id))


def _pause(hosts: QuerySet[PlatformHost]) -> None:
    """Pause these, if everything is paused and as long as nobody lets it go on."""
    with transaction.atomic():
        pause = GlobalPause.objects.select_for_update().first()
        if pause is not None:
            sentence = f"Everything is paused: {pause.reason}"[:500]
            _locked(hosts.filter(paused_at=None)).update(
                paused_at=pause.paused_at, paused_reason=sentence, is_paused_globally=True, updated_at=pause.paused_at
            )


def _locked(hosts: QuerySet[PlatformHost]) -> QuerySet[PlatformHost]:
    """These hosts, whose rows are locked in the order in which drains lock what they write of several."""
    ids = list(hosts.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    return PlatformHost.objects.filter(id__in=ids)
