"""A secret that no configured key decrypts: whose it is waits for a person, and nobody else notices."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.services import disconnection, tokens
from integrations.sign_in import Tokens
from integrations.tests.factories import make_account, make_credential
from mastablasta.core import crypto
from posts.engine import publisher
from posts.models import Delivery, Lane
from posts.queue import claims
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.world import Sandbox

LOST = crypto.Unreadable(b"gAAAAABlost")  # as if it had been encrypted with a key that nobody has any more
pytestmark = pytest.mark.django_db(transaction=True)


def let_it_be_looked_at(account: SocialAccount) -> None:
    """As if the wait were over."""
    Delivery.objects.update(next_attempt_at=timezone.now())
    Lane.objects.update(blocked_until=None)
    with transaction.atomic():
        claims.lock_lanes([account.id])
        claims.recompute_lanes([account.id])


def test_account_whose_token_cannot_be_read_holds_up_no_other(sandbox: Sandbox, connected: Connect) -> None:
    lost, well = connected(handle="alice"), connected(handle="bob")
    now = timezone.now()
    for account in (lost, well):
        make_delivery(account, due_at=now, content=f"By {account.handle}")
    Credential.objects.filter(id=lost.credential_id).update(access_enc=LOST)

    publisher.drain(worker="w", at_most_s=3)

    assert [post["text"] for post in sandbox.posts()] == [f"By {well.handle}"]
    assert dict(Delivery.objects.values_list("account", "state")) == {lost.id: "queued", well.id: "published"}


def test_what_waits_for_a_key_goes_out_when_the_account_is_connected_again(
    sandbox: Sandbox, connected: Connect
) -> None:
    account = connected(handle="alice")
    delivery = make_delivery(account, due_at=timezone.now(), content="Late")
    Credential.objects.filter(id=account.credential_id).update(access_enc=LOST)
    publisher.drain(worker="w", at_most_s=2)
    waiting = Delivery.objects.get()

    again = connected(handle="alice", afresh=True, workspace=account.workspace)
    let_it_be_looked_at(account)
    publisher.drain(worker="w", at_most_s=3)

    assert (waiting.state, waiting.error_code) == ("queued", "secret_unreadable")
    assert "ENCRYPTION_KEY" in waiting.error_message
    assert again.id == account.id
    assert Delivery.objects.get(id=delivery.id).state == "published"


def test_account_whose_token_cannot_be_read_is_disconnected(sandbox: Sandbox, connected: Connect) -> None:
    account = connected(handle="alice")
    Credential.objects.filter(id=account.credential_id).update(access_enc=LOST)

    told = disconnection.disconnect(account, at=timezone.now())

    account.refresh_from_db()
    assert (account.state, account.credential_id, told) == ("disconnected", None, [])


def test_what_cannot_be_read_is_kept_when_its_row_is_saved(sandbox: Sandbox, connected: Connect) -> None:
    account = connected(handle="alice")
    Credential.objects.filter(id=account.credential_id).update(access_enc=LOST)
    grant = Credential.objects.get()

    grant.save()

    with connection.cursor() as cursor:
        cursor.execute("SELECT access_enc FROM integrations_credential")
        assert bytes(cursor.fetchone()[0]) == LOST.stored
    assert "gAAAA" not in repr(grant.__dict__)
    with pytest.raises(crypto.Undecryptable):
        str(grant.access_enc)


def test_grant_that_cannot_be_read_or_is_not_understood_keeps_no_other_from_being_renewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of four the first is lost, the second meets a bug; each is left alone for a while then."""
    asked: list[str] = []

    def perform(turn: tokens.RefreshTurn) -> Tokens:
        asked.append(turn.refresh_token)
        if turn.refresh_token == "odd":
            raise KeyError("a bug")
        return Tokens("new", "next", timezone.now() + timedelta(days=30))

    monkeypatch.setattr(tokens, "perform_refresh", perform)
    ends_at = timezone.now() + timedelta(minutes=1)
    grants = [
        make_account(credential=make_credential(refresh_enc=name, expires_at=ends_at)).credential
        for name in ("lost", "odd", "well")
    ]
    Credential.objects.filter(id=grants[0].id).update(refresh_enc=LOST)

    assert [tokens.refresh_expiring(at=timezone.now()), tokens.refresh_expiring(at=timezone.now())] == [1, 0]

    assert asked == ["odd", "well"]
    told = {grant.id: (grant.error, grant.refresh_lease) for grant in Credential.objects.all()}
    assert "ENCRYPTION_KEY" in told[grants[0].id][0]
    assert told[grants[1].id] == ("Something went wrong here.", None)
    assert told[grants[2].id] == ("", None)


def test_app_whose_secret_cannot_be_read_renews_nothing_and_signs_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server may say of a good grant that it is none when it is asked without the secret."""
    monkeypatch.setattr(tokens, "perform_refresh", lambda _: pytest.fail("the platform was asked"))
    ends_at = timezone.now() + timedelta(minutes=1)
    account = make_account(credential=make_credential(refresh_enc="next", expires_at=ends_at))
    PlatformHost.objects.update(client_secret_enc=LOST)

    assert tokens.refresh_expiring(at=timezone.now()) == 0

    account.refresh_from_db()
    grant = Credential.objects.get()
    assert (account.state, grant.state, grant.refresh_lease) == ("active", "live", None)
    assert "ENCRYPTION_KEY" in grant.error
