"""What Meta tells of people who removed the app or want to be forgotten: signed, over HTTP, for all workspaces."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from integrations.models import Credential, SocialAccount
from integrations.services.withdrawals import SECOND
from integrations.tests.factories import make_account, make_credential, make_host

pytestmark = pytest.mark.django_db

SECRET = "sandbox-facebook-secret"  # the simulator's app
PERSON = "10158"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(secret: str = SECRET, **told: Any) -> str:
    """A message about PERSON of this moment, unless told otherwise."""
    issued_at = int(timezone.now().timestamp())
    payload = encoded(
        json.dumps({"user_id": PERSON, "algorithm": "HMAC-SHA256", "issued_at": issued_at, **told}).encode()
    )
    return f"{encoded(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest())}.{payload}"


def tell(what: str, message: str, platform: str = "facebook") -> Any:
    return Client().post(f"/api/v2/oauth/{platform}/{what}", {"signed_request": message, "another": "field"})


def page_of(subject: str, workspace: Workspace | None = None, **more: Any) -> SocialAccount:
    host = make_host(
        platform="facebook", host="graph.facebook.com", base_url="https://graph.facebook.com", client_id=""
    )
    workspace = workspace or make_workspace()
    grant = make_credential(workspace=workspace, platform_host=host, subject=subject, **more)
    return make_account(
        workspace=workspace, platform="facebook", platform_host=host, credential=grant, target_token_enc="canary",
        avatar_url="https://example.com/a.png", handle="@page",
    )  # fmt: skip


def test_removing_the_app_signs_the_person_out_everywhere_and_nobody_else() -> None:
    here, there, other = page_of(PERSON), page_of(PERSON), page_of("2")
    mastodon = make_account(remote_id=PERSON)  # whose id happens to be the same

    assert [tell("deauthorize", signed()).status_code for _ in range(2)] == [200, 200]

    states = dict(SocialAccount.objects.values_list("id", "state"))
    assert [states[one.id] for one in (here, there, other, mastodon)] == ["needs_reauth"] * 2 + ["active"] * 2
    here.refresh_from_db()
    assert (here.state_reason, here.credential.state) == ("The person removed this app at Facebook.", "dead")


def test_deletion_leaves_neither_tokens_nor_names_and_says_so() -> None:
    here, other = page_of(PERSON), page_of("2")

    told = tell("data-deletion", signed()).json()

    here.refresh_from_db()
    other.refresh_from_db()
    assert (here.state, here.credential, here.target_token_enc) == ("needs_reauth", None, None)
    assert (here.display_name, here.avatar_url, here.handle) == ("", "", "@page")
    assert (other.state, other.target_token_enc, Credential.objects.get().subject) == ("active", "canary", "2")
    path = told["url"].partition("/api/")[2]
    assert path.endswith(told["confirmation_code"])
    assert Client().get(f"/api/{path}").json()["status"] == "deleted"
    assert Client().get(f"/api/{path[:-1]}").status_code == 404
    assert Client().get(f"/api/{path.replace('facebook', 'mastodon')}").status_code == 404


def test_message_ends_no_grant_that_is_younger() -> None:
    """One that was kept, or comes late, does not end what the person connected again after it."""
    now = timezone.now()
    page = page_of(PERSON, refreshed_at=now)

    tell("deauthorize", signed(issued_at=int((now - 2 * SECOND).timestamp())))
    page.refresh_from_db()
    assert page.state == "active"

    tell("deauthorize", signed(issued_at=int(now.timestamp())))
    page.refresh_from_db()
    assert page.state == "needs_reauth"


@pytest.mark.parametrize("what", ["deauthorize", "data-deletion"])
@pytest.mark.parametrize(
    ("message", "platform", "status"),
    [
        (signed("another secret"), "facebook", 400),
        (signed(""), "facebook", 400),
        (signed().replace(".", "x."), "facebook", 400),
        (f"{signed()}x", "facebook", 400),
        (signed(algorithm="none"), "facebook", 400),
        (signed(issued_at="today"), "facebook", 400),
        (signed(issued_at=10**30), "facebook", 400),
        (signed(user_id=["1"]), "facebook", 400),
        (encoded(b"x"), "facebook", 400),
        ("ü.ü", "facebook", 400),
        (".", "facebook", 400),
        ("", "facebook", 400),
        (signed(), "mastodon", 400),
        (signed(), "myspace", 404),
    ],
)
def test_what_our_secret_did_not_sign_ends_nothing(what: str, message: str, platform: str, status: int) -> None:
    page = page_of(PERSON)

    answer = tell(what, message, platform)

    page.refresh_from_db()
    assert (answer.status_code, page.state) == (status, "active")
