"""Connecting a Mastodon account: discovery, our app at each server, sign-in, who it is.

Sources: https://docs.joinmastodon.org/methods/oauth/, …/methods/apps/, …/methods/instance/ (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from integrations.errors import CallFailed, Unavailable
from integrations.platforms.mastodon.errors import error_from, error_text
from integrations.platforms.mastodon.limits import limits_of, mastodon_version
from integrations.protocols.oauth2 import error_of, web_address
from integrations.protocols.server_discovery import (
    authorization_server,
    endpoints_in,
    handle_domain,
    moved_to,
    server_address,
)
from integrations.protocols.server_sign_in import ServerFlow
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, Response

SCOPES = ("read:statuses", "write:statuses", "write:media")
WIDE_SCOPES = ("read", "write")
# https://docs.joinmastodon.org/api/oauth-scopes/ (read 2026-11-28)
GRANULAR_SINCE = (2, 4, 3)
SCOPES_REFUSED = frozenset({"scope_missing", "scopes_refused"})

# Servers before 4.3 have no discovery document; these paths have always been there.
PATHS: dict[str, str] = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "revocation_endpoint": "/oauth/revoke",
    "app_registration_endpoint": "/api/v1/apps",
}
# https://www.rfc-editor.org/rfc/rfc6749#section-5.2 (read 2026-11-23); access_denied for a wrong secret: Takahe 0.11
APP_UNKNOWN = frozenset({"invalid_client", "invalid_client_id", "access_denied"})
# Pleroma and Akkoma, lib/pleroma/web/o_auth/o_auth_controller.ex (read 2026-11-29)
INVALID_CREDENTIALS = "invalid credentials"


class MastodonOAuth(ServerFlow):
    """`info`: limits {…}, oauth {endpoint: URL}, identity_scope, version, title, domain, base_url if moved.

    `has_granular_scopes`: whether it is known to have narrower scopes than `read` and `write`. In `learned`:
    `refused_granular_scopes`.

    Servers forget our app: Mastodon 3.5 to 4.2 removed those without a token after a day
    (app/lib/vacuum/applications_vacuum.rb), which the token that `knows_app` asks for spares ours. Takahe gives no such
    tokens, and its refusal says nothing of the app (https://docs.joinmastodon.org/client/token/#app, read 2026-11-28).
    Mastodon's tokens do not expire; some forks' do.
    """

    paths = PATHS
    app_unknown = APP_UNKNOWN

    @classmethod
    def address_of(cls, instance: str) -> str:
        return server_address(instance, example="mastodon.social")

    @property
    def scopes(self) -> tuple[str, ...]:
        if not self._asks_granular:
            return WIDE_SCOPES
        return (str(self.info.get("identity_scope") or "read:accounts"), *SCOPES)

    @property
    def _asks_granular(self) -> bool:
        has_refused = bool(self.info.get("learned", {}).get("refused_granular_scopes"))
        return not has_refused and self.info.get("has_granular_scopes") is not False

    def learned_from(self, refusal_code: str) -> Mapping[str, Any]:
        """A server that takes granular scopes may not know what they allow: it is asked for wide ones.

        Takahe 0.11 tells who somebody is to a token with `read` only (api/decorators.py, read 2026-11-29). Others may
        refuse the registration.
        """
        is_about_scopes = refusal_code in SCOPES_REFUSED and self._asks_granular
        return {"refused_granular_scopes": True} if is_about_scopes else {}

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        """A person or a server may grant less than was asked for; a wide scope covers the narrower ones."""
        granted = set(tokens.scopes)
        if not granted:
            return ()
        return [scope for scope in SCOPES if not granted & {scope, scope.partition(":")[0]}]

    def host_info(self) -> Mapping[str, Any]:
        try:
            return self._info()
        except Unavailable as unavailable:
            if unavailable.code not in {"not_this_platform", "redirected"}:
                raise
            base_url = moved_to(self.http)
            if not base_url:
                raise
        flow = MastodonOAuth(self.http.elsewhere(base_url), {})
        return {**flow._info(), "base_url": base_url}

    def meaning(self, answer: Response) -> CallFailed:
        return error_from(answer)

    def said(self, answer: Response) -> str:
        return error_text(answer)

    def is_app_refused(self, answer: Response) -> bool:
        error = error_of(answer)
        is_named = (answer.status == 401 and error in self.app_unknown) or error.lower() == INVALID_CREDENTIALS
        return super().is_app_refused(answer) or (is_named and answer.status in {400, 401, 403})

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        """One target: the account that signed in. Its own defaults are kept as facts, for the composer.

        A login that is disabled, an account that is suspended, and one that has moved are refused with 403 by Mastodon
        itself (`require_user!` in app/controllers/api/base_controller.rb); others answer with the account and say so in
        it. One that is `limited` may publish, for fewer to see.
        Source: https://docs.joinmastodon.org/methods/accounts/#verify_credentials (read 2026-11-23).
        """
        answer = self.http.with_auth(Auth(access_token)).get("/api/v1/accounts/verify_credentials")
        if not answer.is_ok:
            raise error_from(answer)
        account = answer.fields()
        if not account.get("id") or not account.get("username"):
            raise answer.in_doubt("is not an account", code="unreadable")
        source: Mapping[str, Any] = account["source"] if isinstance(account.get("source"), dict) else {}
        remote_id = str(account["id"])
        domain = handle_domain(self.http.base_url, str(self.info.get("domain") or ""))
        target = TargetIdentity(
            remote_id=remote_id,
            handle=f"@{account['username']}@{domain}"[:255],
            name=str(account.get("display_name") or account["username"])[:255],
            avatar_url=web_address(account.get("avatar")),
            facts={
                "url": web_address(account.get("url")),
                "visibility": str(source.get("privacy") or "public"),
                "language": str(source.get("language") or ""),
                "sensitive": source.get("sensitive") is True,
                **({"limited": True} if account.get("limited") is True else {}),
            },
            unusable=_unusable(account),
        )
        return GrantOwner(remote_id, (target,))

    def _info(self) -> Mapping[str, Any]:
        instance, discovered = self._instance(), authorization_server(self.http)
        return {
            "limits": limits_of(instance),
            "version": str(instance.get("version", ""))[:100],
            "title": str(instance.get("title", ""))[:200],
            "domain": str(instance.get("domain") or instance.get("uri") or "")[:255],
            "identity_scope": _identity_scope(discovered or {}),
            "has_granular_scopes": _has_granular_scopes(discovered, str(instance.get("version", ""))),
            "oauth": endpoints_in(discovered, PATHS, base_url=self.http.base_url),
        }

    def _instance(self) -> Mapping[str, Any]:
        """The instance document, v2 (4.0) or v1; a server whose v2 is broken may well give v1."""
        failure: CallFailed = Unavailable("the host does not speak Mastodon's API", code="not_this_platform")
        for path in ("/api/v2/instance", "/api/v1/instance"):
            answer = self.http.get(path)
            if answer.is_ok and "version" in (fields := answer.fields()):
                return fields
            if answer.status == 429 or 300 <= answer.status < 400:
                raise error_from(answer)
            if answer.server_trouble:
                failure = error_from(answer)
        raise failure


def _unusable(account: Mapping[str, Any]) -> str:
    """Why the server lets nobody publish as this account, "" when it may be used.

    Source: https://docs.joinmastodon.org/entities/Account/#suspended and its neighbours (read 2026-11-28).
    """
    if account.get("suspended") is True:
        return "The server has suspended the account."
    if account.get("memorial") is True:
        return "The account is a memorial; nobody can sign in to it."
    if moved := account.get("moved"):
        to = moved.get("acct") if isinstance(moved, Mapping) else None
        where = f" to @{to[:200]}" if isinstance(to, str) and to else ""
        return f"The account has moved{where}; connect that one."
    return ""


def _identity_scope(discovered: Mapping[str, Any]) -> str:
    """`profile` (4.3) tells who somebody is and nothing more; older servers know `read:accounts` only."""
    scopes = discovered.get("scopes_supported")
    return "profile" if isinstance(scopes, list) and "profile" in scopes else "read:accounts"


def _has_granular_scopes(discovered: Mapping[str, Any] | None, version: str) -> bool:
    """By the server's description where it has one, else by its version; one that does not say now may have them."""
    scopes = (discovered or {}).get("scopes_supported")
    if isinstance(scopes, list):
        return set(SCOPES) <= set(map(str, scopes))
    if discovered is not None:
        return True
    return mastodon_version(version) >= GRANULAR_SINCE
