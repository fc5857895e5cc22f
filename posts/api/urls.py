from __future__ import annotations

from django.urls import path

from posts.api import calendar_views, media_views, validation_views, views

urlpatterns = [
    path("posts", views.PostList.as_view()),
    path("posts/<uuid:id>", views.PostDetail.as_view()),
    path("posts/<uuid:id>/publish", views.PostPublish.as_view()),
    path("posts/<uuid:id>/cancel", views.PostCancel.as_view()),
    path("posts/<uuid:id>/reschedule", views.PostReschedule.as_view()),
    path("posts/<uuid:id>/duplicate", views.PostDuplicate.as_view()),
    path("posts/<uuid:id>/retry", views.PostRetry.as_view()),
    path("posts/<uuid:id>/attempts", views.PostAttempts.as_view()),
    path("posts/validate", validation_views.PostValidate.as_view()),
    path("posts/retry-failed", views.RetryFailed.as_view()),
    path("deliveries/<uuid:id>/resolve", views.DeliveryResolve.as_view()),
    path("media/<uuid:id>", media_views.MediaDetail.as_view()),
    path("media/<uuid:id>/renditions", media_views.MediaRenditions.as_view()),
    path("calendar", calendar_views.Calendar.as_view()),
    path("schedule/conflicts", calendar_views.ScheduleConflicts.as_view()),
]
