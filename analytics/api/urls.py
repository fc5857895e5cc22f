from __future__ import annotations

from analytics.api import alert_views, views
from mastablasta.core.api.routers import ApiRouter

router = ApiRouter()
router.register("analytics/posts", views.PostAnalyticsViewSet, basename="analytics-posts")
router.register("analytics/accounts", views.AccountAnalyticsViewSet, basename="analytics-accounts")
router.register("analytics/overview", views.OverviewViewSet, basename="analytics-overview")
router.register("analytics/best-times", views.BestTimesViewSet, basename="analytics-best-times")
router.register("analytics/alerts", alert_views.AlertViewSet, basename="analytics-alerts")
router.register("analytics", views.ExportViewSet, basename="analytics-export")
router.register("analytics", views.RefreshViewSet, basename="analytics")

urlpatterns = router.urls
