"""What platforms count: when to ask (CollectionPlan), each answer (MetricSample), the newest one (LatestMetrics), sums
of them (Rollup), what an account is as a whole (AccountSample), and who wants to be told of which (MetricAlert).

A figure that a platform does not tell is null, never 0. Totals are kept as they were told, also where one falls: people
take likes back, platforms correct themselves. What counts for a span of time is the gain: by how much a total has risen
since it was last told. It is kept with each sample, so that sums over any span need no look at the samples before it,
stay right when samples in between are thinned or old ones are removed, and add up to the total of now.

Rollups are by quarter hour: the offsets of all zones of today are whole quarters of an hour, so the days of any zone
are made of whole rows. They are by account: a row for each post and day would be as many rows as the samples are.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Workspace
from accounts.querysets import WorkspaceScopedQuerySet
from analytics.figures import FIGURES, LARGEST, WORDS
from analytics.querysets import (
    AccountSampleQuerySet,
    CollectionLaneQuerySet,
    CollectionPlanQuerySet,
    LatestMetricsQuerySet,
    MetricAlertHitQuerySet,
    MetricSampleQuerySet,
    RollupQuerySet,
)
from integrations import registry
from integrations.models import SocialAccount
from mastablasta.core.models import Row
from posts.models import Delivery

GRAIN = timedelta(minutes=15)


class Figures(models.Model):
    """Totals as a platform counts them; null = not told. `shares`: reposts and quotes together.

    `extra`: what else it tells, by name.
    """

    views = models.BigIntegerField(null=True, blank=True)
    likes = models.BigIntegerField(null=True, blank=True)
    shares = models.BigIntegerField(null=True, blank=True)
    comments = models.BigIntegerField(null=True, blank=True)
    reach = models.BigIntegerField(null=True, blank=True)
    clicks = models.BigIntegerField(null=True, blank=True)
    extra = models.JSONField(default=dict, blank=True)

    class Meta:
        abstract = True

    def figures(self) -> dict[str, int | None]:
        """Its figures by name, as they were told at `collected_at`."""
        return {name: getattr(self, name) for name in FIGURES}


class CollectionPlan(models.Model):
    """When the figures of a delivery are to be asked for.

    `next_at` null = it has ended. `asked_at`: a person asked for fresh ones. `collected_at`: the last answer.
    `failures`: looks in a row that the platform refused for this post. `gone_at`: since when it does not show the post.
    """

    delivery = models.OneToOneField(
        Delivery, primary_key=True, on_delete=models.CASCADE, related_name="collection_plan"
    )
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    next_at = models.DateTimeField(null=True, blank=True)
    collected_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = CollectionPlanQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "next_at", "delivery"],
                condition=Q(next_at__isnull=False),
                name="collection_plan_of_account",
            ),
            models.Index(fields=["next_at", "account"], condition=Q(next_at__isnull=False), name="collection_plan_due"),
        ]

    def __str__(self) -> str:
        return f"collection of {self.delivery_id} at {self.next_at}"


class CollectionLane(models.Model):
    """The collection of one account's figures: who holds it, and until when it rests.

    `next_at`: when its own figures (followers) are due. What is due of its posts stands in their plans. `ready_at`:
    when the first of all these is due, or earlier; null = nothing is (analytics/collection/lanes.py). `is_parked`: it
    is due and waits until the account or its host is usable again. `failures`: looks in a row that failed.
    """

    account = models.OneToOneField(
        SocialAccount, primary_key=True, on_delete=models.CASCADE, related_name="collection_lane"
    )
    next_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    is_parked = models.BooleanField(default=False, db_default=False)
    blocked_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    objects = CollectionLaneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease_token=None, lease_expires_at=None)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="collection_lane_lease_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ready_at", "account"],
                condition=Q(is_parked=False, ready_at__isnull=False),
                name="collection_lane_ready",
            ),
            models.Index(fields=["account"], condition=Q(is_parked=True), name="collection_lane_parked"),
            models.Index(fields=["lease_token"], condition=Q(lease_token__isnull=False), name="collection_lane_lease"),
        ]

    def __str__(self) -> str:
        return f"collection of {self.account_id}"


class MetricSample(Figures):
    """What a platform said of one part of a delivery (0 = the root) at `collected_at`; written once.

    Of samples in a row that say the same the first and the last are kept. Each `…_gain` is by how much the figure has
    risen since it was last told, at its first time all of it; null = not told. `has_fallen`: a total is lower than it
    was last told.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="samples", db_index=False)
    part = models.PositiveSmallIntegerField(default=0)
    collected_at = models.DateTimeField()
    views_gain = models.BigIntegerField(null=True, blank=True)
    likes_gain = models.BigIntegerField(null=True, blank=True)
    shares_gain = models.BigIntegerField(null=True, blank=True)
    comments_gain = models.BigIntegerField(null=True, blank=True)
    reach_gain = models.BigIntegerField(null=True, blank=True)
    clicks_gain = models.BigIntegerField(null=True, blank=True)
    has_fallen = models.BooleanField(default=False)

    objects = MetricSampleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "part", "collected_at"], name="metric_sample_once")]
        indexes = [models.Index(fields=["collected_at"], name="metric_sample_by_age")]

    def __str__(self) -> str:
        return f"sample of {self.delivery_id} at {self.collected_at}"


class LatestMetrics(Figures):
    """The newest figures of one part of a delivery, so that lists and sums need not look for them among samples.

    A figure is what was told last, maybe earlier than `collected_at`: `untold` names those that the newest sample does
    not tell, which answers show as null. Their sum is the sum of all gains. `is_repeat`: the newest sample says what
    the one before said, so the next may take its place. `collected_at` null = nothing was told yet. `answer`: the
    numbers of the newest answer as the platform named them, without any text.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="latest_metrics", db_index=False)
    part = models.PositiveSmallIntegerField(default=0)
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    published_at = models.DateTimeField()
    collected_at = models.DateTimeField(null=True, blank=True)
    untold = models.JSONField(default=list, blank=True)
    is_repeat = models.BooleanField(default=False)
    answer = models.JSONField(default=dict, blank=True)

    objects = LatestMetricsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "latest metrics"
        constraints = [models.UniqueConstraint(fields=["delivery", "part"], name="latest_metrics_once")]
        indexes = [
            models.Index(fields=["account", "published_at"], condition=Q(part=0), name="latest_metrics_published"),
        ]

    def __str__(self) -> str:
        return f"newest figures of {self.delivery_id}"

    def figures(self) -> dict[str, int | None]:
        return {name: None if name in self.untold else getattr(self, name) for name in FIGURES}


class Rollup(models.Model):
    """What the posts of an account gained in the quarter of an hour that begins at `starts_at`; roots of threads only.

    null = no sample of it told the figure.
    """

    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    starts_at = models.DateTimeField()
    views = models.BigIntegerField(null=True, blank=True)
    likes = models.BigIntegerField(null=True, blank=True)
    shares = models.BigIntegerField(null=True, blank=True)
    comments = models.BigIntegerField(null=True, blank=True)
    reach = models.BigIntegerField(null=True, blank=True)
    clicks = models.BigIntegerField(null=True, blank=True)

    objects = RollupQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "starts_at"], name="rollup_once")]
        indexes = [models.Index(fields=["starts_at"], name="rollup_by_age")]

    def __str__(self) -> str:
        return f"{self.account_id} from {self.starts_at}"


class AccountSample(models.Model):
    """What a platform said of an account as a whole; once a day. `posts`: how many it has there, whoever sent them."""

    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="samples", db_index=False)
    collected_at = models.DateTimeField()
    followers = models.BigIntegerField(null=True, blank=True)
    following = models.BigIntegerField(null=True, blank=True)
    posts = models.BigIntegerField(null=True, blank=True)
    extra = models.JSONField(default=dict, blank=True)

    objects = AccountSampleQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "collected_at"], name="account_sample_once")]
        indexes = [models.Index(fields=["collected_at"], name="account_sample_by_age")]

    def __str__(self) -> str:
        return f"{self.account_id} at {self.collected_at}"


class MetricAlert(Row):
    """A figure that somebody wants to be told of when it rises above `threshold`; `analytics/alerts.py`.

    `platform` "" and `account` null = of all.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="metric_alerts", db_index=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    figure = models.CharField(max_length=10, choices=[(name, WORDS[name]) for name in FIGURES])
    threshold = models.BigIntegerField()
    platform = models.CharField(max_length=20, choices=registry.choices, blank=True)
    account = models.ForeignKey(SocialAccount, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    objects = WorkspaceScopedQuerySet["MetricAlert"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(figure__in=FIGURES), name="metric_alert_figure_known"),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lt=LARGEST), name="metric_alert_threshold_in_range"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "created_at", "id"], name="metric_alert_oldest")]

    def __str__(self) -> str:
        return f"{self.figure} > {self.threshold}"


class MetricAlertHit(models.Model):
    """An alert that a delivery has hit, which is told once."""

    alert = models.ForeignKey(MetricAlert, on_delete=models.CASCADE, related_name="hits", db_index=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="+")
    value = models.BigIntegerField()
    at = models.DateTimeField()

    objects = MetricAlertHitQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "delivery"], name="metric_alert_hit_once")]

    def __str__(self) -> str:
        return f"{self.alert_id} by {self.delivery_id}"
