"""Ending at the platform what a sign-in gave and nobody keeps, so that no token lives on that nobody knows of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db.models import BinaryField, ExpressionWrapper, F

from integrations.errors import CallFailed
from integrations.models import Credential, PlatformHost
from integrations.services.connectors import sign_in_for
from integrations.services.hosts import app_of
from integrations.sign_in import ClientApp, Tokens
from integrations.states import CredentialState
from mastablasta.core.crypto import Undecryptable, decrypt

log = structlog.get_logger(__name__)


@contextmanager
def revoked_on_failure(host: PlatformHost, app: ClientApp, tokens: Tokens) -> Iterator[None]:
    """End these tokens at the platform when the block raises: they are stored nowhere then. Outside a transaction."""
    try:
        yield
    except Exception:
        give_back(host, app, tokens)
        raise


def give_back(host: PlatformHost, app: ClientApp, tokens: Tokens) -> None:
    """End tokens at the platform that are not to be used; a platform that does not take them back is logged.

    Nothing is revoked that a stored grant lives by. Outside a transaction.
    """
    flow = sign_in_for(host.platform, host.base_url, host.info, name=host.sign_in)
    if flow.revoke_ends == "person" and _has_live_grant(app):
        log.info("revoke_withheld", platform=host.platform, host=host.host)
        return
    try:
        # The refresh token first: with it, an access token could be had again.
        for token in filter(None, (tokens.refresh_token, tokens.access_token)):
            if not is_token_in_use(host, token):
                flow.revoke(app, token=token)
    except CallFailed as failure:
        log.warning("revoke_failed", platform=host.platform, host=host.host, code=failure.code)


def _has_live_grant(app: ClientApp) -> bool:
    """Whether anybody's stored grant is of this app, at any host: it is not known whose the tokens are."""
    hosts = PlatformHost.objects.filter(credentials__state=CredentialState.LIVE).distinct()
    return any(app_of(host).client_id == app.client_id for host in hosts)


def is_token_in_use(host: PlatformHost, token: str, *, subject: str = "") -> bool:
    """Whether a live grant at this host (of this person, if named) has this very token.

    Mastodon gives the same person the same token again, whichever workspace they connect to (`reuse_access_token` in
    config/initializers/doorkeeper.rb of mastodon/mastodon).
    """
    live = Credential.objects.filter(platform_host=host, state=CredentialState.LIVE)
    if subject:
        live = live.filter(subject=subject)
    stored = [ExpressionWrapper(F(name), output_field=BinaryField()) for name in ("access_enc", "refresh_enc")]
    return any(_is(token, value) for pair in live.values_list(*stored).iterator() for value in pair)


def _is(token: str, stored: bytes | None) -> bool:
    try:
        return bool(stored) and decrypt(bytes(stored or b"")) == token
    except Undecryptable:
        return False  # of a key that was lost: nobody can use it
