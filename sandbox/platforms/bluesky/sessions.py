"""Sessions by app password: begun, refreshed, read and ended.

Sources: https://docs.bsky.app/docs/api/com-atproto-server-create-session and its neighbours, and how the reference
server rotates refresh tokens (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from typing import Any

import orjson

from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Refresh
from sandbox.platforms.bluesky.identity import did_document
from sandbox.platforms.bluesky.limits import SIGN_INS
from sandbox.platforms.bluesky.queries import json_input, no_input
from sandbox.platforms.bluesky.server import ADDRESS, ROUTES, Bluesky, bearer
from sandbox.records import Grant, Token
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer

SECRET = b"nobody checks it: tokens are looked up"


# https://docs.bsky.app/docs/api/com-atproto-server-create-session
@ROUTES.add("POST", "/xrpc/com.atproto.server.createSession", Operation.TOKEN)
def create(server: Bluesky, request: Request) -> Answer:
    body = json_input(request, "identifier", "password")
    identifier, password = body["identifier"], body["password"]
    if not isinstance(identifier, str) or not isinstance(password, str):
        raise errors.invalid("Input/identifier must be a string")
    for quota in SIGN_INS:
        server.spend(f"{identifier.lower()} {ADDRESS}", quota, request.at_ms)
    account = server.account_called(identifier)
    if account is None or not hmac.compare_digest(password.encode(), account.person.app_password.encode()):
        raise errors.refuse(401, "AuthenticationRequired", "Invalid identifier or password")
    refuse_taken_down(server, account)
    return issued(server, account, Grant(None, account.person, ("com.atproto.appPass",)), new_jti(), request.at_ms)


# https://docs.bsky.app/docs/api/com-atproto-server-refresh-session
@ROUTES.add("POST", "/xrpc/com.atproto.server.refreshSession", Operation.TOKEN)
def refresh(server: Bluesky, request: Request) -> Answer:
    used = refresh_of(server, request)
    refuse_taken_down(server, used.account)
    grace_ends_ms = request.at_ms + server.options.refresh_grace_s * 1000
    used.expires_ms = min(used.expires_ms, grace_ends_ms)
    used.next_jti = used.next_jti or new_jti()
    return issued(server, used.account, used.grant, used.next_jti, request.at_ms)


# https://docs.bsky.app/docs/api/com-atproto-server-get-session
@ROUTES.add("GET", "/xrpc/com.atproto.server.getSession", Operation.OTHER)
def show(server: Bluesky, request: Request) -> Answer:
    return json_answer(200, session(server, server.caller(request)))


# https://docs.bsky.app/docs/api/com-atproto-server-delete-session
@ROUTES.add("POST", "/xrpc/com.atproto.server.deleteSession", Operation.TOKEN)
def delete(server: Bluesky, request: Request) -> Answer:
    """End the session: it cannot be refreshed any more, but its access token lives out its time."""
    del server.refreshes[refresh_of(server, request).jti]
    return Answer(200, b"")


def refresh_of(server: Bluesky, request: Request) -> Refresh:
    """Return what the refresh token that came stands for. Raises Refused."""
    no_input(request)
    jti = server.refresh_jtis.get(bearer(request))
    if jti is None:
        raise errors.invalid_token()
    found = server.refreshes.get(jti)
    if found is None or found.grant.is_revoked:
        raise errors.revoked()
    if request.at_ms >= found.expires_ms:
        raise errors.revoked() if found.next_jti else errors.expired()
    return found


def refuse_taken_down(server: Bluesky, account: Account) -> None:
    if server.status(account) == "takendown":
        raise errors.refuse(401, "AccountTakedown", errors.TAKEN_DOWN)


def issued(server: Bluesky, account: Account, grant: Grant, jti: str, at_ms: int) -> Answer:
    """Return a session with two new tokens; what there is already for the jti stays."""
    access_ends_ms = at_ms + server.options.access_ttl_s * 1000
    refresh_ends_ms = at_ms + server.options.refresh_ttl_s * 1000
    kept = server.refreshes.setdefault(jti, Refresh(account, grant, jti, refresh_ends_ms))
    about = {"sub": account.did, "aud": server.did, "iat": at_ms // 1000}
    access = jwt("at+jwt", {"scope": grant.scopes[0], **about, "exp": access_ends_ms // 1000, "jti": new_jti()})
    refreshing = {"scope": "com.atproto.refresh", **about, "exp": kept.expires_ms // 1000, "jti": jti}
    refresh_token = jwt("refresh+jwt", refreshing)
    server.site.tokens[access] = Token(access, grant, at_ms, access_ends_ms)
    server.refresh_jtis[refresh_token] = jti
    return json_answer(200, {"accessJwt": access, "refreshJwt": refresh_token, **session(server, account)})


def session(server: Bluesky, account: Account) -> dict[str, Any]:
    status = server.status(account)
    return {
        "did": account.did,
        "didDoc": did_document(server, account),
        "handle": account.person.handle,
        "email": f"{account.person.handle}@example.com",
        "emailConfirmed": True,
        "emailAuthFactor": False,
        "active": status is None,
        **({"status": status} if status else {}),
    }


def new_jti() -> str:
    return secrets.token_urlsafe(24)


def jwt(kind: str, claims: dict[str, Any]) -> str:
    """Return a signed token that looks like the real ones."""
    parts = [encoded(orjson.dumps(part)) for part in ({"typ": kind, "alg": "HS256"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{encoded(hmac.digest(SECRET, signed.encode(), hashlib.sha256))}"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
