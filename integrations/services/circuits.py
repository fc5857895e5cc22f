"""Whether a host can be called at all: one circuit a host, shared by all workers through its row.

A host that answers nobody opens its circuit: nobody calls it, nothing is charged for its silence, and one probe at a
time finds out when it is back. A host whose sends find nobody while its look-ups are answered opens it for sends only:
sends are counted by themselves, and only the answer to a visible call says that they get through again. All accounts
of a host count together; the price: three unanswered calls of one account, while nobody else posts there, close the
host for seconds.
`limited_until` is the other reason: it answers, and wants no call of our app.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q

from integrations.errors import CallFailed
from integrations.models import PlatformHost
from mastablasta.core.compiled_queries import CompiledQuery
from mastablasta.core.time_scale import scaled

OPENS_AFTER = 3  # silent calls in a row; fewer than one post's tries, so that a lone post waits instead of failing
SHORTEST_PROBE_S = scaled(2)
LONGEST_PROBE_S = scaled(60)
# What the door says when nobody answers; a gateway's 502, 503, 504 says the same in the host's name. A 500 is the
# host's own, and may be about one post.
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


def takes_look_ups(host: PlatformHost) -> bool:
    """Whether somebody answers there, if only to those who ask; a host that takes sends takes them too."""
    return host.circuit_opened_at is None or (host.failed_sends >= OPENS_AFTER and host.failures < OPENS_AFTER)


def note_silence(host_id: UUID, *, calls: int, sends: int, accounts: Collection[UUID], at: datetime) -> bool:
    """Count calls in a row that stayed without answer, and sends in a row; True = this opened the circuit.

    `accounts`: those whose calls they were. One that was the probe has had its turn.
    """
    row = PlatformHost.objects.filter(id=host_id)
    row.update(failures=F("failures") + calls, failed_sends=F("failed_sends") + sends)
    row.filter(probe_account__in=accounts).update(probe_account=None)
    is_too_much = Q(failures__gte=OPENS_AFTER) | Q(failed_sends__gte=OPENS_AFTER)
    return bool(
        row.filter(is_too_much, circuit_opened_at=None).update(
            circuit_opened_at=at, probe_at=next_probe_at(at, at=at), probe_account=None, answers_again_at=None
        )
    )


def note_answer(host_id: UUID, *, took_send: bool, at: datetime) -> bool:
    """The host answers. True = this closed its circuit; what waits for it goes on within seconds.

    What was no visible call (`took_send`) does not close it after failed sends; then look-ups go on, and a send is
    tried at once.
    """
    row = PlatformHost.objects.filter(id=host_id)
    if took_send:
        row.filter(failed_sends__gt=0).update(failed_sends=0)
    else:
        half = row.filter(circuit_opened_at__isnull=False, failed_sends__gte=OPENS_AFTER, failures__gte=OPENS_AFTER)
        half.update(probe_at=at, answers_again_at=at)
        row.filter(failed_sends__gte=OPENS_AFTER, failures__gt=0).update(failures=0)
        row = row.filter(failed_sends__lt=OPENS_AFTER)
    if row.filter(circuit_opened_at__isnull=False).update(
        failures=0, circuit_opened_at=None, probe_at=None, probe_account=None, answers_again_at=at
    ):
        return True
    row.filter(failures__gt=0).update(failures=0)
    return False


def answering_again() -> Mapping[UUID, datetime]:
    """Hosts that answer after a silence, and since when; what waits for them has not been woken yet."""
    rows = PlatformHost.objects.filter(answers_again_at__isnull=False)
    return {host.id: host.answers_again_at for host in rows if host.answers_again_at and takes_look_ups(host)}


def something_answers_again() -> bool:
    """Whether `answering_again` may name any."""
    return _ANSWERING_AGAIN.first() is not None


_ANSWERING_AGAIN = CompiledQuery(
    lambda: PlatformHost.objects.filter(answers_again_at__isnull=False).order_by().values_list("id")[:1]
)


def have_woken(hosts: Mapping[UUID, datetime]) -> None:
    """All that waited for these hosts, as `answering_again` gave them, goes on."""
    for host_id, since in sorted(hosts.items()):
        PlatformHost.objects.filter(id=host_id, answers_again_at=since).update(answers_again_at=None)


def only_looked_up() -> list[UUID]:
    """Hosts that take look-ups and no sends."""
    return [host.id for host in PlatformHost.objects.filter(circuit_opened_at__isnull=False) if takes_look_ups(host)]


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
