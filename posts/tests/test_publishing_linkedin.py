"""drain() against LinkedIn: a person and an organisation of one sign-in, a comment, answers that are lost."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from integrations.models import Credential, SocialAccount
from integrations.services import oauth_connect
from integrations.states import AccountState
from integrations.tests.factories import connect
from mastablasta.core.errors import Invalid
from mastablasta.ops import tasks
from media_library.tests.factories import make_asset, pdf
from posts.models import Delivery, Post
from posts.services import resolution, retries
from posts.tests.factories import make_delivery
from posts.tests.test_publishing import outcomes, publish, run_until_settled
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bakery(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    """An organisation, chosen among what the person may publish to."""
    sandbox.accounts("linkedin", "anna", organisations=["Bakery"])
    connect(sandbox, "anna", platform="linkedin", workspace=workspace)
    accounts = SocialAccount.objects.filter(platform="linkedin")
    assert set(accounts.values_list("kind", "state")) == {("person", "pending"), ("organisation", "pending")}
    accounts.update(state=AccountState.ACTIVE)
    return accounts.get(kind="organisation")


def test_post_with_a_first_comment_is_out_once(sandbox: Sandbox, bakery: SocialAccount) -> None:
    delivery = make_delivery(bakery, due_at=timezone.now(), content="Grüße (an alle) 👋", is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(first_comment="More at example.com")

    run_until_settled(delivery)

    post, comment = sandbox.posts("linkedin")
    assert (delivery.state, delivery.remote_id, post["text"]) == ("published", post["id"], "Grüße (an alle) 👋")
    assert (comment["text"], comment["reply_to"]) == ("More at example.com", post["id"])
    assert delivery.url.endswith(f"/feed/update/{post['id']}/")


@pytest.mark.parametrize("effect", ["accept_then_reset", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, bakery: SocialAccount, effect: str
) -> None:
    delivery = publish(bakery)
    sandbox.fault("linkedin", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("linkedin")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]


def test_what_linkedin_calls_a_duplicate_of_what_was_lost_is_out(
    sandbox: Sandbox, bakery: SocialAccount, settings: Settings
) -> None:
    """Its list lags, so that absence is believed; when it is sent again LinkedIn names the first one."""
    settings.TIME_SCALE = 0.2 / 30
    sandbox.limits(lookup_lag_ms=600_000)
    delivery = publish(bakery)
    sandbox.fault("linkedin", "publish", "accept_then_reset")

    run_until_settled(delivery)

    [seen] = sandbox.posts("linkedin")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery)[-2:] == [("send", "unknown"), ("reconcile", "published")]


def test_person_whose_posts_nobody_may_read_is_unconfirmed_and_nothing_is_sent_again(
    sandbox: Sandbox, workspace: Workspace, settings: Settings
) -> None:
    settings.LINKEDIN_SCOPES = "openid profile w_member_social"
    delivery = publish(connect(sandbox, "berta", platform="linkedin", workspace=workspace))
    sandbox.fault("linkedin", "publish", "reset_before")

    run_until_settled(delivery)

    assert (delivery.state, sandbox.posts("linkedin")) == ("unconfirmed", [])
    assert "say whether it is out" in delivery.error_message


def test_retry_of_what_was_out_after_all_is_not_a_second_post(
    sandbox: Sandbox, workspace: Workspace, settings: Settings
) -> None:
    """The person looked in vain; LinkedIn calls the second one a duplicate, and names the first."""
    settings.LINKEDIN_SCOPES = "openid profile w_member_social"
    delivery = publish(connect(sandbox, "berta", platform="linkedin", workspace=workspace))
    sandbox.fault("linkedin", "publish", "accept_then_reset")
    run_until_settled(delivery)
    assert delivery.state == "unconfirmed"
    user, at = Membership.objects.get(workspace=workspace).user, timezone.now()
    resolution.resolve_delivery(delivery, is_published=False, by=user, at=at)
    retries.retry_post(delivery.post, at=at)

    run_until_settled(delivery)

    [seen] = sandbox.posts("linkedin")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])


def test_organisation_whose_role_ended_signs_out_alone(sandbox: Sandbox, bakery: SocialAccount) -> None:
    sandbox.instance("linkedin", lost_organisations=["Bakery"])
    delivery = publish(bakery)

    run_until_settled(delivery)

    bakery.refresh_from_db()
    assert (delivery.state, bakery.state) == ("blocked", "needs_reauth")
    assert delivery.attempts.get().request_id == "AAYAAAAAAAAAAAAA"  # what LinkedIn's support asks for
    assert Credential.objects.get(id=bakery.credential_id).state == "live"
    assert SocialAccount.objects.get(kind="person").state == "active"


def test_person_who_says_no_is_told_so(sandbox: Sandbox, workspace: Workspace) -> None:
    user = Membership.objects.get(workspace=workspace).user
    at = timezone.now()
    started = oauth_connect.start_connect(
        workspace=workspace, user=user, platform="linkedin", instance=f"{sandbox.url}/linkedin", at=at
    )
    query = consent(started.url, "deny")

    with pytest.raises(Invalid) as caught:
        oauth_connect.finish_connect(platform="linkedin", code="", state=query["state"], error=query["error"], at=at)

    assert caught.value.code == "access_denied"


def test_pdf_is_out_once_as_a_document_under_its_title(sandbox: Sandbox, bakery: SocialAccount) -> None:
    """By the API, with the engine and the worker of files between; also where its answer is lost."""
    sandbox.instance("linkedin", processing_ms=100)
    asset = make_asset(workspace=bakery.workspace, data=pdf(2))
    client = signed_in(Membership.objects.get(workspace=bakery.workspace).user)
    body = {"content": "Read", "accounts": [str(bakery.id)], "media": [str(asset.id)], "publish": True}
    refused = client.post("/api/v2/posts", body, format="json")
    options = {"linkedin": {"title": "Our year"}}
    answer = client.post("/api/v2/posts", {**body, "post_options": options}, format="json")
    assert (refused.status_code, answer.status_code) == (400, 201)
    tasks.work_on_media()
    sandbox.fault("linkedin", "publish", "accept_then_reset")
    delivery = Delivery.objects.get()

    run_until_settled(delivery)

    [seen] = sandbox.posts("linkedin")
    assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [
        ("post_options.linkedin.title", "title_required")
    ]
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert [(one["mime_type"], one["sha256"]) for one in seen["media"]] == [("application/pdf", asset.sha256)]
