"""Publishing with an account's own token, and what its refusal means for the accounts beside it."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import NeedsReconnect
from integrations.models import Credential, SocialAccount
from integrations.platforms.mastodon.connector import MastodonConnector
from posts.services.remote_deletion import retract_post
from posts.tests.conftest import Connect
from posts.tests.test_publishing import publish, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(connected: Connect) -> SocialAccount:
    """An account whose own token is good while its grant's would be refused."""
    account = connected("anna")
    grant = Credential.objects.get(id=account.credential_id)
    account.target_token_enc = grant.access_enc
    account.save()
    Credential.objects.filter(id=grant.id).update(access_enc="of-the-person", refresh_enc="also-of-the-person")
    return account


def test_calls_are_made_with_the_targets_own_token(sandbox: Sandbox, page: SocialAccount) -> None:
    delivery = publish(page)

    run_until_settled(delivery)

    assert (delivery.state, [post["text"] for post in sandbox.posts("mastodon")]) == ("published", ["Hello"])
    retract_post(delivery.post, at=timezone.now())
    assert sandbox.posts("mastodon") == []


def test_end_of_the_persons_token_is_nothing_to_it(sandbox: Sandbox, page: SocialAccount) -> None:
    Credential.objects.update(expires_at=timezone.now())
    before = len(sandbox.requests("mastodon"))
    delivery = publish(page)

    run_until_settled(delivery)

    assert delivery.state == "published"
    assert [call["operation"] for call in sandbox.requests("mastodon")[before:]] == ["publish"]


def test_refused_target_signs_out_that_account_alone(
    sandbox: Sandbox, page: SocialAccount, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    sibling = connected("bert", workspace=page.workspace)
    real = MastodonConnector.publish

    def refuse_anna(self: MastodonConnector, *args: Any, **kwargs: Any) -> Any:
        if self.target.remote_id == page.remote_id:
            raise NeedsReconnect("The page's token has ended.", can_refresh=False, scope="account")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(MastodonConnector, "publish", refuse_anna)
    SocialAccount.objects.filter(id=sibling.id).update(target_token_enc=sibling.credential.access_enc)
    SocialAccount.objects.filter(id=sibling.id).update(credential=page.credential_id)
    refused, sent = publish(page), publish(sibling)

    run_until_settled(refused, sent)

    page.refresh_from_db()
    sibling.refresh_from_db()
    assert (refused.state, sent.state) == ("blocked", "published")
    assert (page.state, page.state_reason, sibling.state) == ("needs_reauth", "The page's token has ended.", "active")
    assert Credential.objects.get(id=page.credential_id).state == "live"
