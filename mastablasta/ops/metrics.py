"""What /metrics says: read from the database at each scrape, so it is the same whichever web process answers.

Gauges are counted from the rows, up to MOST of a kind, by index: a scrape costs the same whatever is stored.
Counters are the tallies that drains and refreshes write; they start at 0 with the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from analytics.collection import queue as collection
from analytics.models import CollectionPlan
from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.querysets import PROMISED
from integrations.services.forecast import sign_ins_that_end
from integrations.services.tokens import ends_by
from integrations.states import CredentialState
from mastablasta.core import holds
from mastablasta.core.models import PROGRESS, Heartbeat, Mail, Tally
from mastablasta.ops import periodic
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import render_worker
from posts.models import Delivery, Lane
from posts.states import CLAIMABLE, COUNTED, DeliveryState
from webhooks import queue as webhook_queue
from webhooks.models import Endpoint, EndpointDelivery
from webhooks.states import EndpointDeliveryState, EndpointStatus

MOST = 10_000
MOST_HOSTS = 100
BEATING = timedelta(seconds=5)
EXPIRES_WITHIN = {"0s": timedelta(0), "1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7)}
ROLES = {"clock": "clock", "queue": "q2", "progress": PROGRESS}
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "attempts": ("Looks at deliveries that ended, by what came of them", ("platform", "kind", "outcome")),
    "deliveries": ("Deliveries that ended, by their state", ("platform", "outcome")),
    "token_refreshes": ("Refreshes of tokens: renewed, or why not", ("platform", "outcome")),
    "webhook_attempts": ("Requests to receivers of webhooks: taken, or failed", ("outcome",)),
    "collected_posts": ("Posts whose figures were asked for, by what came of it", ("platform", "outcome")),
    "lanes_repaired": ("Accounts that would have been looked at too late; each is a bug", ()),
}


def render() -> bytes:
    """Everything, in Prometheus' text format. Raises what the database raises when it is away."""
    return generate_latest(REGISTRY)


class Instance(Collector):
    """The whole instance: all hosts, all processes."""

    def collect(self) -> Iterator[Metric]:
        yield from _work()
        yield from _media()
        yield from _accounts()
        yield from _mail()
        yield from _webhooks()
        yield from _figures()
        yield from _heartbeats()
        yield from _counters()


REGISTRY = CollectorRegistry(auto_describe=False)
REGISTRY.register(Instance())


def _gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"mastablasta_{name}", text, labels=labels)
    for label_values, value in values.items():
        gauge.add_metric(label_values, value)
    return gauge


def _capped(rows: QuerySet[Any, Any]) -> int:
    return rows.order_by()[:MOST].count()


def _work() -> Iterator[Metric]:
    at = timezone.now()
    yield _gauge("held", "1 while this instance sends nothing until a person releases it", {(): float(holds.is_held())})
    due_at = periodic.next_work_at()
    lag_s = max(0.0, (at - due_at).total_seconds()) if due_at else 0.0
    yield _gauge("due_lag_seconds", "How long the oldest work that could be done waits for a worker", {(): lag_s})
    ready = Lane.objects.filter(lease_token=None, ready_at__lte=at)
    yield _gauge("due_accounts", f"Accounts with work that could be done now, up to {MOST}", {(): _capped(ready)})
    due = _capped(Delivery.objects.due(at))
    yield _gauge("due_deliveries", f"Deliveries whose time has come, up to {MOST}, whatever they wait for", {(): due})
    held = Lane.objects.filter(lease_token__isnull=False)
    yield _gauge("in_flight", "Deliveries in the hands of a worker", {(): _capped(held)})
    yield _gauge("open_deliveries", f"Deliveries that have not ended, by state, up to {MOST} each", _states(), "state")


def _states() -> dict[tuple[str, ...], float]:
    sending = Delivery.objects.filter(state=DeliveryState.SENDING, lease_token__isnull=False)
    counts: dict[str, int] = {DeliveryState.QUEUED: _queued(), DeliveryState.SENDING: _capped(sending)}
    for state in COUNTED:
        counts[state] = _capped(Delivery.objects.filter(state=state))
    return {(str(state),): count for state, count in counts.items()}


def _queued() -> int:
    """Told apart from the few others by counting those: asked for by its state, each row would have to be read."""
    free = Delivery.objects.filter(lease_token=None)
    others = _capped(free.filter(state__in=[state for state in CLAIMABLE if state != DeliveryState.QUEUED]))
    return min(MOST, free.filter(state__in=CLAIMABLE)[: MOST + others].count() - others)


def _media() -> Iterator[Metric]:
    """Files to be made: thumbnails with previews ("asset"), and what platforms take ("rendition")."""
    at = timezone.now()
    kinds: dict[str, QuerySet[Any]] = {
        "asset": Asset.objects.kept(),
        "rendition": Rendition.objects.filter(asset__deleted_at=None),
    }
    for status in (AssetStatus.PROCESSING, AssetStatus.FAILED):
        counts = {(kind,): _capped(rows.filter(status=status)) for kind, rows in kinds.items()}
        text = {"processing": "Files that wait to be made or are being made", "failed": "Files that could not be made"}
        yield _gauge(f"media_{status}", f"{text[status]}, up to {MOST}", counts, "kind")
    due_at = render_worker.next_due_at()
    lag_s = max(0.0, (at - due_at).total_seconds()) if due_at else 0.0
    yield _gauge("media_lag_seconds", "How long the file that waits longest for its maker has waited", {(): lag_s})


def _mail() -> Iterator[Metric]:
    waiting = Mail.objects.filter(next_try_at__isnull=False).exclude(recipient="")
    failed = Mail.objects.filter(next_try_at=None, sent_at=None)
    counts = {("waiting",): _capped(waiting), ("failed",): _capped(failed)}
    yield _gauge("mail", f"E-mail that is not sent: waiting for a try, or given up, up to {MOST}", counts, "state")


def _accounts() -> Iterator[Metric]:
    yield _gauge("accounts", "Connected accounts by state", _account_states(), "platform", "state")
    at = timezone.now()
    live = Credential.objects.filter(state=CredentialState.LIVE)
    expiring = {(name,): _capped(live.filter(ends_by(at + ahead))) for name, ahead in EXPIRES_WITHIN.items()}
    yield _gauge(
        "grants_expiring", f"Live grants that end within this, or whose token does, up to {MOST}", expiring, "within"
    )
    text = f"Scheduled posts that are due after the sign-in of their account has ended, up to {MOST}"
    yield _gauge("posts_after_sign_in", text, _posts_after_sign_in(), "platform")
    silent = PlatformHost.objects.filter(circuit_opened_at__isnull=False)
    text = f"Hosts that answer nobody and are not called, up to {MOST_HOSTS}"
    yield _gauge("circuit_open", text, _hosts(silent), "platform", "host")
    paused = PlatformHost.objects.filter(paused_at__isnull=False)
    text = f"Hosts where our own app is in trouble, up to {MOST_HOSTS}"
    yield _gauge("platform_paused", text, _hosts(paused), "platform", "host")


def _posts_after_sign_in() -> dict[tuple[str, ...], float]:
    ends = sign_ins_that_end()
    if not ends:
        return {}
    later = reduce(or_, (Q(account=account, due_at__gte=ends_at) for account, ends_at in ends))
    promised = Delivery.objects.filter(later, state__in=PROMISED).of_kept_posts()
    counts = Counter(promised.values_list("platform", flat=True)[:MOST])
    return {(platform,): count for platform, count in counts.items()}


def _account_states() -> dict[tuple[str, ...], float]:
    rows = SocialAccount.objects.connected().order_by("platform", "state").values_list("platform", "state")
    return {(platform, state): count for platform, state, count in rows.annotate(Count("pk"))}


def _hosts(hosts: QuerySet[PlatformHost]) -> dict[tuple[str, ...], float]:
    return dict.fromkeys(hosts.order_by("platform", "host").values_list("platform", "host")[:MOST_HOSTS], 1)


def _webhooks() -> Iterator[Metric]:
    due_at = webhook_queue.next_due_at()
    lag_s = max(0.0, (timezone.now() - due_at).total_seconds()) if due_at else 0.0
    yield _gauge("webhook_lag_seconds", "How long the event that waits longest for a sender has waited", {(): lag_s})
    pending = _capped(EndpointDelivery.objects.filter(state=EndpointDeliveryState.PENDING))
    text = f"Events that wait to be sent to an endpoint, for a retry too, up to {MOST}"
    yield _gauge("webhook_deliveries_pending", text, {(): pending})
    disabled = _capped(Endpoint.objects.filter(status=EndpointStatus.DISABLED))
    yield _gauge(
        "webhooks_disabled", f"Endpoints that were switched off after a day of failures, up to {MOST}", {(): disabled}
    )


def _figures() -> Iterator[Metric]:
    at = timezone.now()
    due_at = collection.next_due_at(at)
    lag_s = max(0.0, (at - due_at).total_seconds()) if due_at else 0.0
    yield _gauge("collection_lag_seconds", "How long the figures that wait longest to be read have waited", {(): lag_s})
    due = _capped(CollectionPlan.objects.filter(next_at__lte=at))
    yield _gauge("collection_due", f"Posts whose figures are due, up to {MOST}, whatever they wait for", {(): due})


def _heartbeats() -> Iterator[Metric]:
    at = timezone.now()
    last = dict(Heartbeat.objects.filter(name__in=ROLES.values()).values_list("name", "at"))
    ages = {(role,): (at - last[name]).total_seconds() for role, name in ROLES.items() if name in last}
    text = "Since the last beat of the clock, of the queue, and since a result was last written"
    yield _gauge("heartbeat_age_seconds", text, ages, "of")
    drains = Heartbeat.objects.alive("drain:", at=at, within=BEATING)
    yield _gauge("drains", "Drains at work", {(): drains})


def _counters() -> Iterator[Metric]:
    for name, (text, labels) in COUNTERS.items():
        counter = CounterMetricFamily(f"mastablasta_{name}", text, labels=labels)
        rows = Tally.objects.filter(name=name).order_by("platform", "kind", "outcome")
        for *values, count in rows.values_list(*labels, "count"):
            counter.add_metric(values, count)
        if not labels and not counter.samples:
            counter.add_metric((), 0)
        yield counter
