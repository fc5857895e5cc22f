"""Connecting an account by a password that the person made for it: no redirect, one call."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction

from accounts.models import User, Workspace
from integrations import registry
from integrations.errors import CallFailed, ExchangeRefused
from integrations.models import SocialAccount
from integrations.services import hosts
from integrations.services.authorisations import AuthContext, Authorisation, save_accounts
from integrations.services.revocation import revoked_on_failure
from integrations.sign_in import PasswordSignIn
from mastablasta.core.errors import Invalid
from mastablasta.core.pasting import pasted

log = structlog.get_logger(__name__)

# Which field of the request a refused sign-in is about.
_FIELDS = {"wrong_password": "app_password", "app_password_needed": "app_password", "rate_limited": "app_password"}


def sign_in(
    *,
    workspace: Workspace,
    user: User,
    platform: str,
    handle: str,
    app_password: str,
    service: str | None,
    at: datetime,
) -> SocialAccount:
    """Connect the account for `user` in `workspace`; outside a transaction. The password is not kept.

    `service`: where it signs in, None = the platform's own. An account that was connected before keeps its row.
    Raises Invalid (naming the field), Unreachable.
    """
    _check_way_of(platform)
    _, base_url = hosts.named_host(platform, service, field="service")
    host, flow = hosts.reach(platform, base_url, at=at, field="service")
    assert isinstance(flow, PasswordSignIn)  # noqa: S101  the registry names one class a platform
    try:
        tokens, home = flow.sign_in(identifier=pasted(handle), password=pasted(app_password))
        with revoked_on_failure(host, hosts.app_of(host), tokens):
            owner = flow.who_am_i(hosts.app_of(host), access_token=tokens.access_token)
            if home and home != host.base_url:
                host, _ = hosts.reach(platform, home, at=at, field="service")
    except ExchangeRefused as refusal:
        log.info("sign_in_refused", platform=platform, host=host.host, code=refusal.code)
        field = _FIELDS.get(refusal.code, "handle")
        raise Invalid.field(field, refusal.code, f"{refusal.message.rstrip('.')}.") from refusal
    except CallFailed as failure:
        raise hosts.refused_host(failure, field="service") from failure
    with revoked_on_failure(host, hosts.app_of(host), tokens), transaction.atomic():
        [account] = save_accounts(Authorisation(AuthContext(workspace.id, user.id, host), tokens, owner), at=at)
    return account


def _check_way_of(platform: str) -> None:
    try:
        registry.password_sign_in(platform)
    except (registry.OtherSignIn, registry.NotBuilt):
        label = registry.PLATFORMS[platform].label
        sentence = f"{label} is connected by GET /api/v2/oauth/{platform}/authorize."
        raise Invalid.field("platform", "needs_redirect", sentence) from None
