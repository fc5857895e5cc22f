"""Filters over figures: by workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.querysets import WorkspaceScopedQuerySet

if TYPE_CHECKING:
    from accounts.models import Workspace
    from analytics.models import (  # noqa: F401  named in a base's type
        AccountSample,
        CollectionLane,
        CollectionPlan,
        LatestMetrics,
        MetricAlertHit,
        MetricSample,
        Rollup,
    )


class CollectionPlanQuerySet(WorkspaceScopedQuerySet["CollectionPlan"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"delivery__workspace": workspace}


class CollectionLaneQuerySet(WorkspaceScopedQuerySet["CollectionLane"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"account__workspace": workspace}


class MetricSampleQuerySet(WorkspaceScopedQuerySet["MetricSample"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"delivery__workspace": workspace}


class LatestMetricsQuerySet(WorkspaceScopedQuerySet["LatestMetrics"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"delivery__workspace": workspace}


class RollupQuerySet(WorkspaceScopedQuerySet["Rollup"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"account__workspace": workspace}


class AccountSampleQuerySet(WorkspaceScopedQuerySet["AccountSample"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"account__workspace": workspace}


class MetricAlertHitQuerySet(WorkspaceScopedQuerySet["MetricAlertHit"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"alert__workspace": workspace}
