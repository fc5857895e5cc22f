"""drain() against Instagram, which fetches pictures from this server by their signed links, at both of its hosts."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.models import Credential, SocialAccount
from integrations.tests.factories import connect
from mastablasta.ops import tasks
from media_library.models import Rendition
from media_library.tests.factories import make_asset, still
from posts.models import Delivery
from posts.tests.test_publishing import outcomes, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workspace(live_server: LiveServer, settings: Settings) -> Workspace:
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    return make_workspace()


@pytest.fixture
def account(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    return connect(sandbox, "anna", platform="instagram", workspace=workspace)


def scheduled(workspace: Workspace, **more: Any) -> Delivery:
    """A post that is due now, with a PNG that has to become a JPEG."""
    asset = make_asset(workspace=workspace, data=still("PNG", (400, 400)), alt_text="A cat")
    body = {"content": "Grüße 👋", "platforms": ["instagram"], "media": [str(asset.id)], "publish": True, **more}
    client = signed_in(Membership.objects.get(workspace=workspace).user)
    answer = client.post("/api/v2/posts", body, format="json")
    assert answer.status_code == 201, answer.json()
    tasks.work_on_media()
    return Delivery.objects.get()


def test_picture_is_fetched_as_it_was_made_and_commented_on(
    sandbox: Sandbox, workspace: Workspace, account: SocialAccount
) -> None:
    delivery = scheduled(workspace, first_comment="More at example.com")

    run_until_settled(delivery)

    post, comment = sandbox.posts("instagram")
    rendition = Rendition.objects.get()
    assert (delivery.state, delivery.remote_id, delivery.url) == ("published", post["id"], post["url"])
    [seen] = post["media"]
    assert (post["text"], seen["mime_type"], seen["size"], seen["alt_text"]) == (
        "Grüße 👋",
        "image/jpeg",
        rendition.size,
        "A cat",
    )
    assert (comment["text"], comment["reply_to"]) == ("More at example.com", post["id"])


@pytest.mark.parametrize("effect", ["accept_then_reset", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_published_again(
    sandbox: Sandbox, workspace: Workspace, account: SocialAccount, effect: str
) -> None:
    delivery = scheduled(workspace)
    sandbox.fault("instagram", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("instagram")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    first, *_, last = outcomes(delivery)
    assert (first, last) == (("send", "unknown"), ("reconcile", "published"))
    assert [call["operation"] for call in sandbox.requests("instagram")].count("publish") == 1


def test_what_never_arrived_is_published_from_the_same_container(
    sandbox: Sandbox, workspace: Workspace, account: SocialAccount, settings: Settings
) -> None:
    settings.TIME_SCALE = 0.9 / 60
    delivery = scheduled(workspace)
    sandbox.fault("instagram", "publish", "reset_before")

    run_until_settled(delivery)

    uploads = [call for call in sandbox.requests("instagram") if call["operation"] == "upload"]
    assert (delivery.state, delivery.tries, len(uploads)) == ("published", 1, 1)
    assert len(sandbox.posts("instagram")) == 1


def test_account_remembers_the_host_that_it_was_connected_at(sandbox: Sandbox, workspace: Workspace) -> None:
    """By Instagram Login: its own host, its own app, a token that is renewed, and nothing is taken back."""
    ben = connect(sandbox, "ben", platform="instagram", workspace=workspace, instance="instagram")
    delivery = scheduled(workspace)

    run_until_settled(delivery)

    grant = Credential.objects.get(id=ben.credential_id)
    assert (delivery.state, ben.platform_host.sign_in, ben.target_token_enc) == ("published", "instagram", None)
    assert (grant.expires_at is not None, grant.refresh_enc) == (True, grant.access_enc)
    paths = {call["path"].split("/")[2] for call in sandbox.requests("instagram")}
    client = signed_in(Membership.objects.get(workspace=workspace).user)
    answer = client.delete(f"/api/v2/posts/{delivery.post_id}?remote=true")
    assert (paths, answer.status_code, answer.json()["errors"][0]["code"]) == ({"instagram"}, 409, "cannot_delete")
    assert len(sandbox.posts("instagram")) == 1


def test_text_alone_is_refused_with_the_remedy(workspace: Workspace, account: SocialAccount) -> None:
    client = signed_in(Membership.objects.get(workspace=workspace).user)

    answer = client.post("/api/v2/posts", {"content": "Words", "platforms": ["instagram"], "publish": True}, "json")

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("media", "media_required")]
