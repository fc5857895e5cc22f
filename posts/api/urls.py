from __future__ import annotations

from django.urls import path

from mastablasta.core.api.routers import ApiRouter
from posts.api import (
    bulk_job_views,
    bulk_views,
    calendar_views,
    import_export_views,
    media_views,
    search_views,
    views,
    workspace_views,
)

router = ApiRouter()
router.register("posts", import_export_views.PostExportViewSet, basename="posts-export")
router.register("posts", views.PostViewSet)
router.register("posts/<uuid:id>/attempts", views.AttemptViewSet)
router.register("deliveries", views.DeliveryViewSet)
router.register("media", media_views.MediaViewSet)
router.register("media/<uuid:id>/renditions", media_views.RenditionViewSet)
router.register("bulk/posts", bulk_views.BulkPostViewSet, basename="bulk-posts")
router.register("bulk/posts", import_export_views.PostImportViewSet, basename="bulk-posts-import")
router.register("bulk/jobs", bulk_job_views.BulkJobViewSet, basename="bulk-jobs")
router.register("search/posts", search_views.PostSearchViewSet, basename="search-posts")
router.register("calendar", calendar_views.CalendarViewSet, basename="calendar")
router.register("schedule", calendar_views.ScheduleViewSet, basename="schedule")

one_workspace = workspace_views.OneWorkspaceViewSet.as_view(
    {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
)

urlpatterns = [*router.urls, path("workspaces/<uuid:id>", one_workspace)]
