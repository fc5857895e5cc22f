"""Addresses of bytes. The library's resources are registered with posts (posts/api/urls.py): posts have a say in
deleting a file, and know for which platform a rendition is."""

from __future__ import annotations

from django.urls import path

from media_library.api import upload_views, views

urlpatterns = [
    path("media/upload", upload_views.MediaUpload.as_view()),
    path("media/<uuid:id>/file", views.MediaFile.as_view()),
    path("media/<uuid:id>/thumbnail", views.MediaThumbnail.as_view()),
    path("media/links/renditions/<uuid:rendition>", views.LinkedRendition.as_view()),
    path("media/links/thumbnails/<uuid:asset>", views.LinkedThumbnail.as_view()),
]
