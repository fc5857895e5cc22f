"""What ends an account of either sign-in, and what does not: Meta's grants are shared with Facebook Pages."""

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
from accounts.tests.factories import make_workspace, signed_in
from integrations.models import Credential, SocialAccount
from integrations.tests.factories import connect, make_credential, make_host
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def delete(account: SocialAccount) -> Any:
    return signed_in(account.workspace.memberships.get().user).delete(f"{ACCOUNTS}/{account.id}")


def revocations(sandbox: Sandbox) -> int:
    return sum(call["method"] == "DELETE" for call in sandbox.requests("instagram"))


def test_disconnecting_leaves_what_the_person_granted_for_their_pages(sandbox: Sandbox, workspace: Workspace) -> None:
    """Both platforms have one app, and Meta would take back all that was granted to it."""
    first = connect(sandbox, "anna", platform="instagram", workspace=workspace)
    second = connect(sandbox, "anna", platform="instagram", workspace=make_workspace())
    host = make_host(
        platform="facebook", host="graph.facebook.com", base_url="https://graph.facebook.com", client_id=""
    )
    pages = make_credential(platform_host=host, subject=first.credential.subject)

    statuses = [delete(account).status_code for account in (first, second)]

    assert (statuses, revocations(sandbox), list(Credential.objects.all())) == ([204, 204], 0, [pages])
    pages.delete()
    assert delete(connect(sandbox, "anna", platform="instagram", workspace=workspace)).status_code == 204
    assert (revocations(sandbox), Credential.objects.count()) == (1, 0)


def test_person_who_signed_in_at_instagram_is_told_where_to_end_it(sandbox: Sandbox, workspace: Workspace) -> None:
    ben = connect(sandbox, "ben", platform="instagram", workspace=workspace, instance="instagram")

    told = delete(ben).json()

    [warning] = told["warnings"]
    assert (warning["code"], "Website permissions" in warning["message"]) == ("not_revoked", True)
    assert Credential.objects.count() == 0


@pytest.mark.parametrize("login", ["facebook", "instagram"])
def test_person_who_removes_either_app_is_signed_out(sandbox: Sandbox, workspace: Workspace, login: str) -> None:
    accounts = {
        name: connect(sandbox, name, platform="instagram", workspace=workspace, instance=name)
        for name in ("facebook", "instagram")
    }
    subject = accounts[login].credential.subject

    answer = Client().post("/api/v2/oauth/instagram/deauthorize", {"signed_request": message(login, subject)})

    states = {account.handle: account.state for account in SocialAccount.objects.all()}
    wanted = {f"@{name}": "needs_reauth" if name == login else "active" for name in accounts}
    assert (answer.status_code, states) == (200, wanted)


def message(login: str, subject: str) -> str:
    """What Meta says of a person, signed with the secret of the app that they removed."""
    told = {"user_id": subject, "algorithm": "HMAC-SHA256", "issued_at": int(timezone.now().timestamp())}
    payload = urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=")
    signature = hmac.new(f"sandbox-{login}-secret".encode(), payload, hashlib.sha256).digest()
    return f"{urlsafe_b64encode(signature).rstrip(b'=').decode()}.{payload.decode()}"
