"""Connected accounts for the tests of every app: rows by hand, or signed in at the simulator by real OAuth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, User, Workspace
from accounts.tests.factories import make_workspace
from integrations import registry
from integrations.models import Credential, OAuthState, PlatformHost, SocialAccount
from integrations.services import app_password, oauth_connect
from integrations.services.authorisations import Authorisation, save_accounts
from integrations.services.operator_apps import BY_PASSWORD
from integrations.states import AccountState
from tests.kit.asked_scopes import scopes_asked
from tests.kit.connector_contract import consent
from tests.world import Sandbox

_numbers = itertools.count(1)
# Platforms whose tokens end and whose refresh tokens work once, with what makes the simulator's do so.
ROTATING: dict[str, dict[str, Any]] = {
    slug: settings
    for slug, settings in {"mastodon": {"rotating_tokens": True}, "twitter": {}}.items()
    if registry.is_built(slug)
}
OF_HOST = ("platform", "sign_in", "host", "base_url", "client_id", "client_redirect_uri", "client_scopes", "info")
CONNECTED_AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def make_host(**overrides: Any) -> PlatformHost:
    """A server that we are registered at: mastodon.test, made once for a test."""
    fields = {
        "platform": "mastodon",
        "host": "mastodon.test",
        "base_url": "https://mastodon.test",
        "client_id": "client-id",
        "client_secret_enc": "client-secret",
        "info": {"limits": {"max_characters": 500, "characters_reserved_per_url": 23}},
        "info_at": timezone.now(),
        **overrides,
    }
    known = PlatformHost.objects.filter(platform=fields["platform"], host=fields["host"]).first()
    return known or PlatformHost.objects.create(**fields)


def make_credential(
    *, workspace: Workspace | None = None, platform_host: PlatformHost | None = None, **overrides: Any
) -> Credential:
    """A live grant; its tokens do not expire unless `expires_at` is given."""
    number = next(_numbers)
    fields: dict[str, Any] = {
        "subject": str(number),
        "access_enc": f"access-{number}",
        "scopes": ["read:statuses", "write:statuses"],
        **overrides,
    }
    return Credential.objects.create(
        workspace=workspace or make_workspace(), platform_host=platform_host or make_host(), **fields
    )


def make_account(*, workspace: Workspace | None = None, platform: str = "mastodon", **overrides: Any) -> SocialAccount:
    """An active account with a live grant; the first of its platform in the workspace is the default."""
    number, is_first = next(_numbers), workspace is None
    workspace = workspace or make_workspace()
    remote_id = str(overrides.pop("remote_id", number))
    platform_host = overrides.pop("platform_host", None) or make_host(platform=platform)
    credential = (
        overrides.pop("credential")
        if "credential" in overrides
        else make_credential(workspace=workspace, platform_host=platform_host, subject=remote_id)
    )
    has_default = not is_first and SocialAccount.objects.in_workspace(workspace).default_for(platform).exists()
    fields: dict[str, Any] = {
        "handle": f"@person{number}@{platform_host.host}",
        "display_name": f"Person {number}",
        "state": AccountState.ACTIVE,
        "is_default": not has_default,
        "connected_at": CONNECTED_AT,
        **overrides,
    }
    return SocialAccount.objects.create(
        workspace=workspace,
        credential=credential,
        platform_host=platform_host,
        platform=platform,
        remote_id=remote_id,
        **fields,
    )


def make_oauth_state(*, workspace: Workspace | None = None, user: User | None = None, **overrides: Any) -> OAuthState:
    """A sign-in under way. `state` is its text, as the browser carries it."""
    workspace = workspace or make_workspace()
    user = user or Membership.objects.filter(workspace=workspace).select_related("user").earliest("created_at").user
    fields: dict[str, Any] = {
        "platform_host": overrides.pop("platform_host", None) or make_host(),
        "sha256": oauth_connect.sha256_of(overrides.pop("state", f"state-{next(_numbers)}")),
        "verifier_enc": "verifier",
        "redirect_uri": "http://127.0.0.1/callback",
        "expires_at": timezone.now() + oauth_connect.STATE_LIFETIME,
        **overrides,
    }
    return OAuthState.objects.create(workspace=workspace, user=user, **fields)


def connect(
    sandbox: Sandbox,
    handle: str = "anna",
    *,
    platform: str = "mastodon",
    workspace: Workspace | None = None,
    user: User | None = None,
    instance: str | None = None,
    afresh: bool = False,
) -> SocialAccount:
    """Sign `handle` in at the simulator, as a browser would, and return the account; a new person, if need be.

    Who is signed in first, in a world where nothing has happened yet, has been there before (Sandbox.begin): what the
    platform answered then is stored, and nobody is asked; unless `afresh`.
    """
    workspace = workspace or make_workspace()
    user = user or Membership.objects.filter(workspace=workspace).select_related("user").earliest("created_at").user
    service = instance or f"{sandbox.url}/{platform}"
    accounts: list[SocialAccount] = []

    def sign_in() -> Authorisation:
        with heard() as authorisations:
            accounts.append(_signed_in(sandbox, handle, platform, workspace, user, service))
        return authorisations[0]

    if afresh or PlatformHost.objects.filter(platform=platform).exists():
        sign_in()
    else:
        authorisation = sandbox.begin(f"connected: {handle} at {service} {scopes_asked(platform)}", sign_in)
    return accounts[0] if accounts else _stored(authorisation, workspace, user)


@contextmanager
def heard() -> Iterator[list[Authorisation]]:
    """What platforms confirm within the block, besides being stored."""
    authorisations: list[Authorisation] = []

    def note(authorisation: Authorisation, *, at: datetime) -> list[SocialAccount]:
        authorisations.append(authorisation)
        return save_accounts(authorisation, at=at)

    with pytest.MonkeyPatch.context() as patch:
        for module in (oauth_connect, app_password):
            patch.setattr(module, "save_accounts", note)
        yield authorisations


def _signed_in(
    sandbox: Sandbox, handle: str, platform: str, workspace: Workspace, user: User, service: str
) -> SocialAccount:
    if platform in BY_PASSWORD:
        person = sandbox.person(platform, handle)
        return app_password.sign_in(
            workspace=workspace, user=user, platform=platform, handle=person["handle"],
            app_password=person["app_password"], service=service, at=timezone.now(),
        )  # fmt: skip
    started = oauth_connect.start_connect(
        workspace=workspace, user=user, platform=platform, instance=service, at=timezone.now()
    )
    query = consent(started.url, handle)
    accounts = oauth_connect.finish_connect(
        platform=platform, code=query["code"], state=query["state"], at=timezone.now()
    )
    return accounts[0]


def _stored(authorisation: Authorisation, workspace: Workspace, user: User) -> SocialAccount:
    """An account of what a platform confirmed earlier, at a host that is in this database for the first time."""
    at, seen = timezone.now(), authorisation.context.platform_host
    fields = {name: getattr(seen, name) for name in OF_HOST}
    host = PlatformHost.objects.create(**fields, client_secret_enc=seen.client_secret_enc, info_at=at)
    context = replace(authorisation.context, workspace_id=workspace.id, user_id=user.id, platform_host=host)
    with transaction.atomic():
        return save_accounts(replace(authorisation, context=context), at=at)[0]
