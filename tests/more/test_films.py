"""Films and animations through the API to every platform: each form is really encoded, which takes seconds."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.models import Workspace
from media_library.tests.factories import clip, make_asset, moving
from posts.tests.conftest import client, workspace  # noqa: F401  fixtures
from posts.tests.test_media import everywhere, publish, seen
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_video_and_an_animation_arrive_in_the_form_of_each_platform(
    sandbox: Sandbox,
    client: APIClient,  # noqa: F811
    workspace: Workspace,  # noqa: F811
) -> None:
    everywhere(sandbox, workspace)
    film = make_asset(workspace=workspace, data=clip("avi", duration_s=1), alt_text="A film")
    moves = make_asset(workspace=workspace, data=moving(), alt_text="It moves")

    assert publish(client, content="Film", media=[str(film.id)])["status"] == "published"
    assert publish(client, content="Moves", media=[str(moves.id)])["status"] == "published"

    assert seen(sandbox, "twitter") == [[("video/mp4", "A film")], [("image/gif", "It moves")]]
    assert seen(sandbox, "mastodon") == [[("video/mp4", "A film")], [("image/gif", "It moves")]]
    assert seen(sandbox, "bluesky") == [[("video/mp4", "A film")], [("video/mp4", "It moves")]]
