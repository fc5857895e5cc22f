"""Tokens by which another service may act in an account's name.

Source: https://docs.bsky.app/docs/api/com-atproto-server-get-service-auth and the reference server (read 2026-11-23).
"""

from __future__ import annotations

from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import ServiceToken
from sandbox.platforms.bluesky.queries import params
from sandbox.platforms.bluesky.server import ROUTES, Bluesky
from sandbox.platforms.bluesky.sessions import jwt, new_jti
from sandbox.platforms.bluesky.syntax import is_did, is_nsid
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer

DEFAULT_S, LONGEST_S, LONGEST_FOR_ANY_S = 60, 3_600, 60


# https://docs.bsky.app/docs/api/com-atproto-server-get-service-auth
@ROUTES.add("GET", "/xrpc/com.atproto.server.getServiceAuth", Operation.OTHER)
def service_auth(server: Bluesky, request: Request) -> Answer:
    account = server.writer(request)
    query = params(request, "aud")
    audience, method = query["aud"].partition("#")[0], query.get("lxm")
    if not is_did(audience):
        raise errors.invalid("Error: aud must be a valid did")
    if method is not None and not is_nsid(method):
        raise errors.invalid("Error: lxm must be a valid nsid")
    expires_s = expiry(query.get("exp"), method, request.at_ms)
    claims = {"iat": request.at_ms // 1000, "iss": account.did, "aud": audience, "exp": expires_s, "jti": new_jti()}
    token = jwt("JWT", {**claims, "lxm": method} if method else claims)
    server.service_tokens[token] = ServiceToken(account, audience, method, expires_s * 1000)
    return json_answer(200, {"token": token})


def expiry(given: str | None, method: str | None, at_ms: int) -> int:
    """Return when the token ends, in seconds since the epoch. Raises Refused."""
    if given is None:
        return at_ms // 1000 + DEFAULT_S
    if not (given.isascii() and given.isdecimal()):
        raise errors.invalid("Error: exp must be an integer")
    ahead_ms = int(given) * 1000 - at_ms
    if ahead_ms < 0:
        raise errors.refuse(400, "BadExpiration", "expiration is in past")
    if ahead_ms > LONGEST_S * 1000:
        message = "cannot request a token with an expiration more than an hour in the future"
        raise errors.refuse(400, "BadExpiration", message)
    if method is None and ahead_ms > LONGEST_FOR_ANY_S * 1000:
        message = "cannot request a method-less token with an expiration more than a minute in the future"
        raise errors.refuse(400, "BadExpiration", message)
    return int(given)
