from __future__ import annotations

from django.urls import path

from media_library.api import upload_views

urlpatterns = [
    path("media/upload", upload_views.MediaUpload.as_view()),
    path("media/from-url", upload_views.MediaFromUrl.as_view()),
]
