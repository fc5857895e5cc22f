"""The system of connected accounts, through the API: one sign-in at a platform, from consent to its end."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from integrations.models import Credential
from tests.kit.person import Person, do_now
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def stored_bytes() -> bytes:
    """Every column of every grant as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Credential._meta.db_table}")
        return b"|".join(
            bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for row in cursor for c in row
        )


def test_account_is_connected_renewed_lost_and_connected_again(sandbox: Sandbox, settings: Settings) -> None:
    settings.TIME_SCALE = 0.1
    sandbox.instance("mastodon", rotating_tokens=True)
    ada = Person("ada@example.test")

    # The person is sent to the platform with a secret of ours, and comes back with a code.
    begun = ada.get("oauth/mastodon/authorize")
    asked = parse_qs(urlsplit(begun["url"]).query)
    assert (asked["response_type"], asked["state"]) == (["code"], [begun["state"]])
    account = ada.connect(sandbox, "mastodon", "anna")
    shown = ada.get(f"accounts/{account}")
    assert (shown["platform"], shown["status"], shown["handle"].startswith("@anna@")) == ("mastodon", "active", True)

    # Its tokens are encrypted where they lie, and in no answer.
    first = Credential.objects.get()
    assert str(first.access_enc).encode() not in stored_bytes()
    assert str(first.access_enc) not in str(ada.get("accounts"))

    # They are renewed, and the account can be asked whether it still works.
    ada.post(f"accounts/{account}/refresh")
    assert Credential.objects.get().access_enc != first.access_enc
    assert ada.post(f"accounts/{account}/test")["status"] == "active"

    # The person withdraws the permission there: what is due waits, and says what to do.
    sandbox.fault("mastodon", "any", "revoke_token")
    post = ada.post("posts", {"content": "Waits", "accounts": [account], "publish": True}, status=201)
    do_now("publish_due")
    assert ada.get(f"accounts/{account}")["status"] == "needs_reauth"
    assert sandbox.posts("mastodon") == []

    # Connected again it is the same account, and what waited goes out, once.
    assert ada.connect(sandbox, "mastodon", "anna") == account
    ada.wait_published(post["id"])
    assert [one["text"] for one in sandbox.posts("mastodon")] == ["Waits"]

    # Disconnected it keeps no token, and the platform was told.
    ada.call("DELETE", f"accounts/{account}", status=204)
    assert not Credential.objects.filter(state="live").exists()
    assert any("revoke" in one["path"] for one in sandbox.requests("mastodon"))
