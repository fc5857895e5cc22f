"""Connecting an account of Bluesky by an app password: a session that is kept and refreshed, never the password.

Sources: https://docs.bsky.app/docs/api/com-atproto-server-create-session and its neighbours (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.errors import ExchangeRefused, NeedsReconnect, RateLimited, Unavailable
from integrations.platforms.bluesky.addresses import SERVICE, identifier_of, pages_of
from integrations.platforms.bluesky.errors import TOKEN_REFUSED, error_from, error_name, said
from integrations.protocols.oauth2 import for_tokens, web_address
from integrations.protocols.values import object_in, objects_in, text_in
from integrations.sign_in import ClientApp, GrantOwner, PasswordSignIn, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, Response

CREATE = "/xrpc/com.atproto.server.createSession"
REFRESH = "/xrpc/com.atproto.server.refreshSession"
DELETE = "/xrpc/com.atproto.server.deleteSession"
SESSION = "/xrpc/com.atproto.server.getSession"
DESCRIBE = "/xrpc/com.atproto.server.describeServer"
PROFILE = "/xrpc/app.bsky.actor.getProfile"
_STATUSES = {
    "takendown": "The service has taken the account down.",
    "suspended": "The service has suspended the account.",
    "deactivated": "The account is deactivated; activate it in its app.",
    "deleted": "The account is deleted.",
}
ACCESS_LIVES = timedelta(hours=2)  # of the reference server; one that ends earlier is refreshed when it is refused


class BlueskySignIn(PasswordSignIn):
    """`info` holds what the service says of itself: `did`, and `blob_upload_limit` (bytes) where it names one."""

    default_host = SERVICE

    def host_info(self) -> Mapping[str, Any]:
        """Source: https://docs.bsky.app/docs/api/com-atproto-server-describe-server (read 2026-11-23)."""
        answer = self.http.get(DESCRIBE)
        did = text_in(answer.fields(), "did")
        if answer.server_trouble or answer.status == 429:
            raise for_tokens(error_from(answer))
        if not answer.is_ok or not did.startswith("did:"):
            sentence = "There is no Bluesky service at this address."
            raise Unavailable(sentence, code="not_this_platform", http_status=answer.status)
        limit = answer.fields().get("blobUploadLimit")
        is_told = isinstance(limit, int) and not isinstance(limit, bool) and limit > 0
        return {"did": did, "blob_upload_limit": limit} if is_told else {"did": did}

    def sign_in(self, *, identifier: str, password: str) -> tuple[Tokens, str]:
        name = identifier_of(identifier, self.http.base_url)
        if not name:
            sentence = "There is no handle in this; write it as ada.bsky.social"
            raise ExchangeRefused(sentence, code="invalid_handle")
        answer = self.http.post(CREATE, json={"identifier": name, "password": password})
        if not answer.is_ok:
            raise _refused_sign_in(answer)
        return _tokens(answer), _home_of(answer.fields())

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:  # noqa: ARG002  there is no app
        """Return the new pair; the old one gives the same successor for two hours, so a lost answer does no harm."""
        answer = self.http.with_auth(Auth(refresh_token)).post(REFRESH)
        if answer.is_ok:
            return _tokens(answer)
        if error_name(answer) in TOKEN_REFUSED:
            sentence = "The service ended the account's session; connect it again with an app password."
            raise NeedsReconnect(sentence, code="session_ended", http_status=answer.status, can_refresh=False)
        failure = error_from(answer)
        if isinstance(failure, NeedsReconnect) and failure.scope == "account":
            raise failure
        raise for_tokens(failure)

    def revoke(self, app: ClientApp, *, token: str) -> None:  # noqa: ARG002  there is no app
        """End the session by its refresh token; the access token ends with its time."""
        answer = self.http.with_auth(Auth(token)).post(DELETE)
        if not answer.is_ok and error_name(answer) not in TOKEN_REFUSED:
            raise for_tokens(error_from(answer))

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        http = self.http.with_auth(Auth(access_token))
        answer = http.get(SESSION)
        if not answer.is_ok:
            raise error_from(answer)
        session = answer.fields()
        did, handle = text_in(session, "did"), text_in(session, "handle")
        if not did.startswith("did:") or not handle:
            raise answer.in_doubt("names no account", code="unreadable")
        unusable = _unusable(session)
        profile = None if unusable else http.get(PROFILE, params={"actor": did})
        shown = profile.fields() if profile is not None and profile.is_ok else {}
        target = TargetIdentity(
            remote_id=did,
            handle=f"@{handle}"[:255],
            name=(text_in(shown, "displayName") or handle)[:255],
            avatar_url=web_address(shown.get("avatar")),
            facts={
                "url": f"{pages_of(self.http.base_url)}/profile/{did}",
                "active": not unusable,
            },
            unusable=unusable,
        )
        return GrantOwner(did, (target,))


def _refused_sign_in(answer: Response) -> Exception:
    name = error_name(answer)
    if name == "AuthFactorTokenRequired":
        sentence = "This is the account's main password; make an app password in its settings and give that"
        return ExchangeRefused(sentence, code="app_password_needed", http_status=answer.status)
    if name in {"AuthenticationRequired", "InvalidRequest", "InvalidToken"}:
        sentence = "The service knows no such handle with this app password"
        return ExchangeRefused(sentence, code="wrong_password", http_status=answer.status)
    failure = error_from(answer)
    if isinstance(failure, NeedsReconnect):
        return ExchangeRefused(failure.message.rstrip("."), code=failure.code, http_status=answer.status)
    if isinstance(failure, RateLimited):
        sentence = f"The service takes no more sign-ins of this account until {failure.until:%Y-%m-%d %H:%M} UTC"
        return ExchangeRefused(sentence, code="rate_limited", http_status=answer.status)
    return for_tokens(failure)


def _tokens(answer: Response) -> Tokens:
    fields = answer.fields()
    access, refresh = text_in(fields, "accessJwt"), text_in(fields, "refreshJwt")
    if not access or not refresh:
        raise Unavailable(f"the answer of {answer.url} holds no session: {said(answer)}", code="unreadable")
    return Tokens(
        access,
        refresh,
        answer.received_at + ACCESS_LIVES,
        ("com.atproto.appPass",),
        unusable=_unusable(fields),
    )


def _unusable(session: Mapping[str, Any]) -> str:
    """Why the service lets nobody post as this account, "" when it may be used.

    Source: `active` and `status` of https://docs.bsky.app/docs/api/com-atproto-server-get-session, the statuses of
    https://atproto.com/specs/account (read 2026-11-28).
    """
    if session.get("active") is not False:
        return ""
    status = session.get("status")
    if not isinstance(status, str) or not status:
        return "The service says that the account is not active."
    return _STATUSES.get(status, f"The service says that the account is not active: {status[:60]}.")


def _home_of(session: Mapping[str, Any]) -> str:
    """The address of the account's own server, where its document names one; "" = where it signed in."""
    for service in objects_in(object_in(session, "didDoc"), "service"):
        if text_in(service, "id").endswith("#atproto_pds"):
            return web_address(service.get("serviceEndpoint")).rstrip("/")
    return ""
