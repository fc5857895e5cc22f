"""drain() against YouTube: a video that goes up in stretches, is worked on and then shown, with a comment below it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from integrations.models import RateBudget, SocialAccount
from integrations.tests.factories import connect
from mastablasta.ops import tasks
from media_library.tests.factories import SRT, clip, make_asset, photo
from posts.models import Attempt, Delivery
from posts.services import resolution, retries
from posts.tests.test_publishing import outcomes, run_until_settled, shown_to_author
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def channel(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    sandbox.instance("youtube", video_processing_ms=0)
    return connect(sandbox, "anna", platform="youtube", workspace=workspace)


def post(workspace: Workspace, **more: Any) -> Any:
    client = signed_in(Membership.objects.get(workspace=workspace).user)
    return client.post("/api/v2/posts", {"platforms": ["youtube"], "publish": True, **more}, format="json")


def scheduled(workspace: Workspace, **more: Any) -> Delivery:
    """A post with a video that is due now."""
    film, cover = (make_asset(workspace=workspace, data=data) for data in (clip(duration_s=0.5), photo((1280, 720))))
    media = [str(film.id), {"id": str(cover.id), "role": "cover"}]
    answer = post(workspace, content="Grüße 👋", media=media, **more)
    assert answer.status_code == 201, answer.json()
    tasks.work_on_media()
    return Delivery.objects.get()


def test_video_with_its_comment_is_out_once_and_the_session_is_nobodys_to_read(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount
) -> None:
    delivery = scheduled(workspace, first_comment="More at example.com", post_options={"youtube": {"title": "A film"}})

    run_until_settled(delivery)

    video, comment = sandbox.posts("youtube")
    assert (delivery.state, delivery.remote_id, video["text"]) == ("published", video["id"], "Grüße 👋")
    assert (comment["text"], comment["reply_to"]) == ("More at example.com", video["id"])
    assert delivery.url == video["url"]
    assert [file["mime_type"] for file in video["media"]] == ["video/mp4"]
    thumbnails = [call for call in sandbox.requests("youtube") if call["path"].endswith("/thumbnails/set")]
    assert [call["status"] for call in thumbnails] == [200]
    told = json.dumps(list(Delivery.objects.values("progress")) + list(Attempt.objects.values()), default=str)
    assert "upload_id" not in told
    [day] = RateBudget.objects.filter(key__contains="America/Los_Angeles")
    assert (day.limit, day.remaining) == (95, 94)  # a post is counted when it is begun


@pytest.mark.parametrize("effect", ["accept_then_reset", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount, effect: str
) -> None:
    delivery = scheduled(workspace)
    sandbox.fault("youtube", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("youtube")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery)[-2:] == [("send", "unknown"), ("reconcile", "published")]


def test_what_never_arrived_is_shown_from_the_same_upload(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount, settings: Settings
) -> None:
    settings.TIME_SCALE = 0.3 / 60
    delivery = scheduled(workspace)
    sandbox.fault("youtube", "publish", "reset_before")

    run_until_settled(delivery)

    begun = [call for call in sandbox.requests("youtube") if call["path"].endswith("/upload/youtube/v3/videos")]
    assert (delivery.state, len(sandbox.posts("youtube"))) == ("published", 1)
    assert [call["method"] for call in begun] == ["POST", "PUT"]


def test_comment_that_youtube_does_not_take_is_a_warning(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount
) -> None:
    sandbox.instance("youtube", comments_off=True)
    delivery = scheduled(workspace, first_comment="More")

    run_until_settled(delivery)

    assert (delivery.state, len(sandbox.posts("youtube")), len(delivery.warnings)) == ("published", 1, 1)


@pytest.mark.parametrize(
    ("data", "field", "code"), [(b"", "media", "media_required"), (photo(), "media.0", "media_not_supported")]
)
def test_post_without_a_video_is_refused_with_the_remedy(
    workspace: Workspace, channel: SocialAccount, data: bytes, field: str, code: str
) -> None:
    media = [str(make_asset(workspace=workspace, data=data).id)] if data else []

    answer = post(workspace, content="Words", media=media)

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


# --- captions ---


def captioned(workspace: Workspace) -> Delivery:
    film, english = (make_asset(workspace=workspace, data=data) for data in (clip(duration_s=0.5), SRT.encode()))
    media = [str(film.id), {"id": str(english.id), "role": "captions"}]
    options = {"youtube": {"captions": [{"language": "en-GB", "name": "English"}]}}
    answer = post(workspace, content="Grüße", media=media, post_options=options)
    assert answer.status_code == 201, answer.json()
    tasks.work_on_media()
    return Delivery.objects.get()


def captions_at(sandbox: Sandbox, channel: SocialAccount, video_id: str) -> list[tuple[str, str]]:
    found = shown_to_author(sandbox, channel, f"/youtube/v3/captions?part=snippet&videoId={video_id}")
    return [(one["snippet"]["language"], one["snippet"]["name"]) for one in found["items"]]


def begun(sandbox: Sandbox) -> list[str]:
    """The methods of the calls that brought videos."""
    calls = sandbox.requests("youtube")
    return [call["method"] for call in calls if call["path"].endswith("/upload/youtube/v3/videos")]


def test_captions_whose_answer_is_lost_are_there_once_and_so_is_the_video(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount
) -> None:
    delivery = captioned(workspace)
    sandbox.fault("youtube", "other", "accept_then_reset")

    run_until_settled(delivery)

    [video] = sandbox.posts("youtube")
    assert (delivery.state, delivery.remote_id) == ("published", video["id"])
    assert captions_at(sandbox, channel, video["id"]) == [("en-GB", "English")]
    assert outcomes(delivery)[-2:] == [("send", "unknown"), ("reconcile", "published")]
    assert begun(sandbox) == ["POST", "PUT"]


def test_captions_that_are_refused_are_explained_and_a_retry_makes_no_second_video(
    sandbox: Sandbox, workspace: Workspace, channel: SocialAccount
) -> None:
    delivery = captioned(workspace)
    sandbox.fault("youtube", "other", "reject_content", times=2)

    run_until_settled(delivery)
    refused, said = delivery.state, delivery.error_message
    owner = Membership.objects.get(workspace=workspace).user
    resolution.resolve_delivery(delivery, is_published=False, by=owner, at=timezone.now())
    retries.retry_post(delivery.post, at=timezone.now())
    run_until_settled(delivery)

    assert refused == "unconfirmed"
    assert "the video is out, but without its captions (Captions (en-GB): " in said
    [video] = sandbox.posts("youtube")
    assert (delivery.state, delivery.remote_id) == ("published", video["id"])
    assert captions_at(sandbox, channel, video["id"]) == [("en-GB", "English")]
    assert begun(sandbox) == ["POST", "PUT"]
