"""Nothing that opens an account at a platform is anywhere to be read: tables, logs, admin, API, attempts, progress."""

from __future__ import annotations

import logging.config
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import make_user, make_workspace, signed_in
from integrations import registry
from integrations.models import Credential, OAuthState, SocialAccount
from integrations.services import oauth_connect
from integrations.services.account_check import check_account
from integrations.services.hosts import app_of
from integrations.tests.factories import BY_PASSWORD, connect
from mastablasta.core.logs import logging_config
from mastablasta.ops import tasks
from media_library.tests.factories import clip, make_asset, still
from posts.models import Delivery
from posts.tests.test_publishing import run_until_settled
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

SHORTEST = 12  # of what counts as a secret: all that platforms give are longer


@pytest.fixture
def workspace(live_server: LiveServer, settings: Settings) -> Workspace:
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    return make_workspace()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file that everything is logged into."""
    file = tmp_path / "app.log"
    logging.config.dictConfig(logging_config("json", str(file)))
    yield file
    logging.config.dictConfig(django_settings.LOGGING)


def sign_in(sandbox: Sandbox, platform: str, workspace: Workspace, owner: User) -> set[str]:
    """Connect an account; what the way there knew that nobody else may."""
    if platform in BY_PASSWORD:
        connect(sandbox, "anna", platform=platform, workspace=workspace)
        return {sandbox.person(platform, "anna")["app_password"]}
    started = oauth_connect.start_connect(
        workspace=workspace, user=owner, platform=platform, instance=None, at=timezone.now()
    )
    begun = OAuthState.objects.get()
    known = {started.state, str(begun.verifier_enc), app_of(begun.platform_host).client_secret}
    back = consent(started.url, "anna")
    oauth_connect.finish_connect(platform=platform, code=back["code"], state=back["state"], at=timezone.now())
    return known | {back["code"]}


def secrets_held() -> set[str]:
    grants = Credential.objects.values_list("access_enc", "refresh_enc")
    of_targets = SocialAccount.objects.values_list("target_token_enc", flat=True)
    return {str(one) for one in [*(one for grant in grants for one in grant), *of_targets] if one}


def stored() -> Iterator[tuple[str, str]]:
    """Every value of every table, as it stands there."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    is_bytes = isinstance(value, bytes | memoryview)
                    yield table, bytes(value).decode("latin-1") if is_bytes else str(value)


def answers(delivery: Delivery, account: SocialAccount, owner: User) -> Iterator[tuple[str, str]]:
    """What the API and the admin show of the account, its grant and the post."""
    api: APIClient = signed_in(owner)
    for path in ("accounts", f"accounts/{account.id}", f"posts/{delivery.post_id}", "posts", "platforms", "status"):
        yield path, api.get(f"/api/v2/{path}").content.decode()
    staff = Client()
    staff.force_login(make_user(site_role=SiteRole.ADMIN), backend="django.contrib.auth.backends.ModelBackend")
    for path in (
        f"integrations/socialaccount/{account.id}/change/",
        f"integrations/credential/{account.credential_id}/change/",
        f"integrations/platformhost/{account.platform_host_id}/change/",
        "integrations/oauthstate/",
        f"posts/post/{delivery.post_id}/change/",
        f"posts/delivery/{delivery.id}/change/",
        f"posts/attempt/{delivery.attempts.latest('number').id}/change/",
    ):
        answer = staff.get(f"/admin/{path}")
        assert answer.status_code == 200, path
        yield path, answer.content.decode()


@pytest.mark.parametrize("platform", registry.built())
def test_no_secret_is_to_be_read_anywhere(sandbox: Sandbox, workspace: Workspace, platform: str, log: Path) -> None:
    owner = workspace.memberships.get().user
    sandbox.instance(platform, **({"video_processing_ms": 0} if platform == "youtube" else {}))
    secrets = sign_in(sandbox, platform, workspace, owner)
    account = SocialAccount.objects.earliest("created_at")
    secrets |= secrets_held()
    data = clip(duration_s=0.5) if platform == "youtube" else still("JPEG", (400, 400))
    asset = make_asset(workspace=workspace, data=data)
    body = {"content": "Grüße", "accounts": [str(account.id)], "media": [str(asset.id)], "publish": True}
    made = signed_in(owner).post("/api/v2/posts", body, format="json")
    assert made.status_code == 201, made.json()
    tasks.work_on_media()
    delivery = Delivery.objects.get()
    sandbox.fault(platform, "publish", "garbage_200")
    run_until_settled(delivery)
    check_account(account, at=timezone.now())
    secrets = {one for one in secrets | secrets_held() if len(one) >= SHORTEST}
    seen = [*stored(), *answers(delivery, account, owner), ("log", log.read_text())]

    assert len(secrets) >= 2
    assert [(place, text[:200]) for place, text in seen if any(one in text for one in secrets)] == []
    assert {"posts_post", f"posts/{delivery.post_id}"} <= {place for place, text in seen if "Grüße" in text}
    assert "request_finished" in seen[-1][1]
