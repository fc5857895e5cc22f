"""Posts whose files are in S3: fetched for the call, sent whole, and no copy left behind."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.tests.factories import connect
from mastablasta.ops import tasks
from media_library.models import Rendition
from media_library.tests.factories import clip
from media_library.tests.test_s3 import bucket, server, storage  # noqa: F401  fixtures
from posts.models import Delivery
from posts.tests.conftest import client, workspace  # noqa: F401  fixtures
from posts.tests.test_publishing import run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_film_goes_from_the_bucket_to_every_platform(
    sandbox: Sandbox,
    bucket: Any,  # noqa: F811
    client: APIClient,  # noqa: F811
    workspace: Workspace,  # noqa: F811
) -> None:
    platforms = ["twitter", "mastodon", "bluesky"]
    for platform in platforms:
        connect(sandbox, "anna", platform=platform, workspace=workspace)
    film = SimpleUploadedFile("film.mov", clip("mov", duration_s=1))
    uploaded = client.post("/api/v2/media/upload", {"file": film, "alt_text": "A film"}, format="multipart").json()
    body = {"content": "Watch", "media": [uploaded["id"]], "platforms": platforms, "publish": True}
    post = client.post("/api/v2/posts", body, format="json").json()
    tasks.work_on_media()

    run_until_settled(*Delivery.objects.filter(post=post["id"]))

    assert client.get(f"/api/v2/posts/{post['id']}").json()["status"] == "published"
    made = {one.sha256: one.size for one in Rendition.objects.exclude(recipe_key="web")}
    for platform in platforms:
        [[arrived]] = [row["media"] for row in sandbox.posts(platform)]
        assert (arrived["mime_type"], arrived["alt_text"]) == ("video/mp4", "A film")
        assert made[arrived["sha256"]] == arrived["size"]
    assert list(settings.MEDIA_INCOMING.iterdir()) == []
    kept = {one.key for one in bucket.objects.all() if not one.key.endswith("/")}
    assert {f"media/{one.stored_name}" for one in Rendition.objects.all()} <= kept
