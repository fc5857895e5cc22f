"""drain() against Facebook Pages, which know no keys: several pages of one person, a comment, answers that are lost."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Workspace
from integrations.models import Credential, SocialAccount
from integrations.services.accounts import activate_account
from integrations.tests.factories import connect
from posts.models import Post
from posts.tests.factories import make_delivery
from posts.tests.test_publishing import outcomes, publish, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    sandbox.limits(duplicates=False)
    return connect(sandbox, "anna", platform="facebook", workspace=workspace)


def test_post_with_a_first_comment_is_out_once(sandbox: Sandbox, page: SocialAccount) -> None:
    delivery = make_delivery(page, due_at=timezone.now(), content="Grüße 👋", is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(first_comment="More at example.com")

    run_until_settled(delivery)

    post, comment = sandbox.posts("facebook")
    assert (delivery.state, delivery.remote_id, post["text"]) == ("published", post["id"], "Grüße 👋")
    assert (comment["text"], comment["reply_to"]) == ("More at example.com", post["id"])
    assert delivery.url == f"https://www.facebook.com/{page.remote_id}/posts/{post['id'].partition('_')[2]}"


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, page: SocialAccount, effect: str
) -> None:
    delivery = publish(page)
    sandbox.fault("facebook", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("facebook")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]


def test_what_never_arrived_is_sent_again_once_that_can_be_believed(
    sandbox: Sandbox, page: SocialAccount, settings: Settings
) -> None:
    settings.TIME_SCALE = 0.9 / 60
    delivery = publish(page)
    sandbox.fault("facebook", "publish", "reset_before")

    run_until_settled(delivery)

    assert (delivery.state, delivery.tries) == ("published", 1)
    assert [post["text"] for post in sandbox.posts("facebook")] == ["Hello"]


def test_page_that_loses_its_token_signs_out_alone(sandbox: Sandbox, workspace: Workspace) -> None:
    sandbox.accounts("facebook", "berta", pages=["Bakery", "Choir"])
    connect(sandbox, "berta", platform="facebook", workspace=workspace)
    bakery, choir = SocialAccount.objects.order_by("display_name")
    for one in (bakery, choir):
        activate_account(one, at=timezone.now())
    sandbox.instance("facebook", lost_pages=["Bakery"])
    lost, out = publish(bakery), publish(choir)

    run_until_settled(lost, out)

    bakery.refresh_from_db()
    choir.refresh_from_db()
    assert (lost.state, bakery.state, out.state, choir.state) == ("blocked", "needs_reauth", "published", "active")
    assert [credential.state for credential in Credential.objects.all()] == ["live"]
    assert [post["id"] for post in sandbox.posts("facebook")] == [out.remote_id]
