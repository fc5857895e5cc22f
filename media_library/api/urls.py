"""Paths of the library; `media/{id}` and its renditions stand with posts: they have a say in
deleting, and know for which platform a rendition is."""

from __future__ import annotations

from django.urls import path

from media_library.api import upload_views, views

urlpatterns = [
    path("media", views.MediaList.as_view()),
    path("media/upload", upload_views.MediaUpload.as_view()),
    path("media/from-url", upload_views.MediaFromUrl.as_view()),
    path("media/<uuid:id>/file", views.MediaFile.as_view()),
    path("media/<uuid:id>/thumbnail", views.MediaThumbnail.as_view()),
    path("media/links/renditions/<uuid:rendition>", views.LinkedRendition.as_view()),
    path("media/links/thumbnails/<uuid:asset>", views.LinkedThumbnail.as_view()),
]
