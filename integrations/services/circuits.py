"""Whether a host can be called at all: one circuit a host, shared by all workers through its row.

A host that answers nobody opens its circuit: nobody calls it, nothing is charged for its silence, and one probe at a
time finds out when it is back. `limited_until` is the other reason: it answers, and wants no call of our app.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from integrations.errors import CallFailed
from integrations.models import PlatformHost
from mastablasta.core.time_scale import scaled

OPENS_AFTER = 3  # silent calls in a row; fewer than one post's tries, so that a lone post waits instead of failing
SHORTEST_PROBE_S = scaled(2)
LONGEST_PROBE_S = scaled(60)
# What the door says when nobody answers; a gateway's 502, 503, 504 says the same in the host's name.
SILENCES = frozenset(
    {"dns_failure", "connection_refused", "connect_timeout", "connection_reset", "timed_out", "tls_error"}
)
GATEWAY_STATUSES = frozenset({502, 503, 504})


def is_silence(failure: CallFailed | None) -> bool:
    """Whether a failure says that nobody is there, and nothing about the account or the content."""
    if failure is None:
        return False
    return failure.code in SILENCES or failure.http_status in GATEWAY_STATUSES


def next_probe_at(opened_at: datetime, *, at: datetime) -> datetime:
    """Half as long again as the circuit has been open, from 2 s to 60 s, with a tenth of chance in it."""
    wait_s = min(max((at - opened_at).total_seconds() / 2, SHORTEST_PROBE_S), LONGEST_PROBE_S)
    return at + timedelta(seconds=wait_s * random.uniform(0.9, 1.0))  # noqa: S311  spreads load, keeps no secret


def note_silence(host_id: UUID, *, calls: int, at: datetime) -> bool:
    """Count calls in a row that stayed without answer; True = this opened the circuit."""
    row = PlatformHost.objects.filter(id=host_id)
    row.update(failures=F("failures") + calls)
    return bool(
        row.filter(failures__gte=OPENS_AFTER, circuit_opened_at=None).update(
            circuit_opened_at=at, probe_at=next_probe_at(at, at=at), probe_account=None
        )
    )


def note_answer(host_id: UUID) -> bool:
    """The host answers: it starts anew. True = this closed its circuit; waiting accounts go on within seconds."""
    row = PlatformHost.objects.filter(id=host_id)
    if row.filter(circuit_opened_at__isnull=False).update(
        failures=0, circuit_opened_at=None, probe_at=None, probe_account=None
    ):
        return True
    row.filter(failures__gt=0).update(failures=0)
    return False


def limit_host(host_id: UUID, *, until: datetime) -> None:
    """Take no call of our app to this host before `until`."""
    is_longer = Q(limited_until=None) | Q(limited_until__lt=until)
    PlatformHost.objects.filter(is_longer, id=host_id).update(limited_until=until)


def hosts_to_probe(*, at: datetime) -> Sequence[PlatformHost]:
    """Hosts whose circuit is open and whose next probe is due."""
    return list(PlatformHost.objects.filter(circuit_opened_at__isnull=False, probe_at__lte=at).order_by("probe_at"))


def send_probe(host: PlatformHost, *, account: UUID, at: datetime) -> bool:
    """Let this one account through; False = somebody else sent a probe, or the circuit has closed."""
    assert host.circuit_opened_at is not None  # noqa: S101  hosts_to_probe gives no others
    return bool(
        PlatformHost.objects.filter(id=host.id, probe_at=host.probe_at, circuit_opened_at__isnull=False).update(
            probe_account=account, probe_at=next_probe_at(host.circuit_opened_at, at=at)
        )
    )
