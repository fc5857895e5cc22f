from __future__ import annotations

from analytics.api import alert_views, views
from mastablasta.core.api.routers import ApiRouter

router = ApiRouter(under="analytics/")
router.register("posts", views.PostAnalyticsViewSet, basename="analytics-posts")
router.register("accounts", views.AccountAnalyticsViewSet, basename="analytics-accounts")
router.register("overview", views.OverviewViewSet, basename="analytics-overview")
router.register("best-times", views.BestTimesViewSet, basename="analytics-best-times")
router.register("alerts", alert_views.AlertViewSet, basename="analytics-alerts")
router.register("", views.ExportViewSet, basename="analytics-export")
router.register("", views.RefreshViewSet, basename="analytics")

urlpatterns = router.urls
