"""OAuth 2 as the platforms share it: consent, single-use codes, PKCE, tokens, rotation, revocation.

What differs from platform to platform is a Policy. Every refusal to a program is the JSON of RFC 6749 §5.2;
the pages for people are HTML, and only a known client's registered redirect URI is ever redirected to.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from sandbox.clock import now_ms
from sandbox.platform import Platform
from sandbox.records import App, Code, Grant, Person, RefreshToken, Token
from sandbox.wire import Answer, Refused, Request, json_answer
from sandbox.world import Site

INVALID_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, or unsupported "
    "authentication method."
)
INVALID_GRANT = (
    "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used "
    "in the authorization request, or was issued to another client."
)
WRONG = {
    "client": (401, "invalid_client", INVALID_CLIENT),
    "grant_type": (
        400,
        "unsupported_grant_type",
        "The authorization grant type is not supported by the authorization server.",
    ),
}
NO_STORE = [(b"cache-control", b"no-store"), (b"pragma", b"no-cache")]


@dataclass(slots=True)
class Policy:
    """How one platform does it; times in seconds, `token_ttl_s` None: tokens do not end by themselves."""

    code_ttl_s: int = 600
    token_ttl_s: int | None = None
    has_refresh: bool = False
    refresh_scope: str | None = None
    is_pkce_required: bool = False
    has_app_tokens: bool = True


def refusal(status: int, error: str, description: str) -> Refused:
    headers = [(b"www-authenticate", b'Bearer realm="Doorkeeper", error="invalid_client"')] if status == 401 else []
    body = {"error": error, "error_description": description}
    return Refused(json_answer(status, body, headers + NO_STORE))


def s256(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class OAuth:
    """The token side of one site."""

    def __init__(self, platform: Platform, policy: Policy) -> None:
        self.platform = platform
        self.site = platform.site
        self.policy = policy

    def grant_code(
        self, app: App, person: Person, *, scopes: tuple[str, ...], redirect_uri: str, challenge: str | None
    ) -> str:
        """Return a code for this consent; it can be exchanged once, until the policy's time is over."""
        code = Code(
            code=secrets.token_urlsafe(32),
            grant=Grant(app, person, scopes),
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_ms=now_ms() + self.policy.code_ttl_s * 1000,
        )
        self.site.codes[code.code] = code
        return code.code

    def token(self, request: Request) -> Answer:
        """Answer the token endpoint. Raises Refused."""
        fields = request.fields()
        app = self.client(request, fields)
        kind = fields.get("grant_type")
        if not kind:
            raise self.missing("grant_type")
        if kind == "authorization_code":
            return self._issued(self._exchanged(app, fields, request.at_ms), request.at_ms)
        if kind == "refresh_token" and self.policy.has_refresh:
            return self._issued(self._refreshed(app, fields), request.at_ms)
        if kind == "client_credentials" and self.policy.has_app_tokens:
            return self._issued(self._for_app(app, fields), request.at_ms)
        raise self.wrong("grant_type")

    def client(self, request: Request, fields: dict[str, Any]) -> App:
        """Return the client that authenticates itself by Basic or in the body. Raises Refused."""
        client_id, secret = request.basic() or (fields.get("client_id"), fields.get("client_secret"))
        app = self.site.apps.get(client_id) if isinstance(client_id, str) else None
        if (
            app is None
            or not isinstance(secret, str)
            or not hmac.compare_digest(secret.encode(), app.client_secret.encode())
        ):
            raise self.wrong("client")
        return app

    def revoke(self, request: Request) -> None:
        """Take back a token and all that came of the same consent; unknown is fine. Raises Refused."""
        fields = request.fields()
        value = fields.get("token")
        found = self.site.tokens.get(value) or self.site.refresh_tokens.get(value) if isinstance(value, str) else None
        if found is None:
            return
        try:
            app = self.client(request, fields)
        except Refused:
            app = None
        if app is not found.grant.app:
            raise refusal(403, "unauthorized_client", "You are not authorized to revoke this token")
        found.grant.is_revoked = True

    def missing(self, name: str) -> Refused:
        return refusal(400, "invalid_request", f"Missing required parameter: {name}.")

    def wrong(self, what: str) -> Refused:
        """Refuse `client`, `grant_type`, `code`, `redirect_uri`, `code_verifier` or `refresh_token`."""
        return refusal(*WRONG.get(what, (400, "invalid_grant", INVALID_GRANT)))

    def _exchanged(self, app: App, fields: dict[str, Any], at_ms: int) -> Grant:
        for name in ("code", "redirect_uri"):
            if not fields.get(name):
                raise self.missing(name)
        code = self.site.codes.get(str(fields["code"]))
        if code is None or code.grant.app is not app:
            raise self.wrong("code")
        if code.is_used:
            code.grant.is_revoked = True  # RFC 6749 §4.1.2: what came of a replayed code is not trusted any more
            raise self.wrong("code")
        if at_ms >= code.expires_ms:
            raise self.wrong("code")
        if code.redirect_uri != fields["redirect_uri"]:
            raise self.wrong("redirect_uri")
        self._check_verifier(code, fields.get("code_verifier"))
        code.is_used = True
        return code.grant

    def _check_verifier(self, code: Code, verifier: Any) -> None:
        if code.challenge is None and not verifier:
            return
        if not verifier:
            raise self.missing("code_verifier")
        if code.challenge is None or not hmac.compare_digest(s256(str(verifier)), code.challenge):
            raise self.wrong("code_verifier")

    def _refreshed(self, app: App, fields: dict[str, Any]) -> Grant:
        if not fields.get("refresh_token"):
            raise self.missing("refresh_token")
        old = self.site.refresh_tokens.get(str(fields["refresh_token"]))
        if old is None or old.grant.app is not app or old.grant.is_revoked:
            raise self.wrong("refresh_token")
        if old.is_used:
            old.grant.is_revoked = True
            raise self.wrong("refresh_token")
        old.is_used = True
        return old.grant

    def _for_app(self, app: App, fields: dict[str, Any]) -> Grant:
        scopes = tuple(str(fields.get("scope") or "read").split())
        if not set(scopes) <= set(app.scopes):
            raise refusal(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        return Grant(app, None, scopes)

    def _issued(self, grant: Grant, at_ms: int) -> Answer:
        ttl_s = self.policy.token_ttl_s
        expires_ms = None if ttl_s is None else at_ms + ttl_s * 1000
        token = Token(secrets.token_urlsafe(32), grant, at_ms, expires_ms)
        self.site.tokens[token.access] = token
        body = self.token_body(token)
        if self._may_refresh(grant):
            fresh = RefreshToken(secrets.token_urlsafe(32), grant)
            self.site.refresh_tokens[fresh.value] = fresh
            body["refresh_token"] = fresh.value
        return json_answer(200, body, list(NO_STORE))

    def token_body(self, token: Token) -> dict[str, Any]:
        """Return the answer to a good request, without its refresh token."""
        body = {
            "access_token": token.access,
            "token_type": "Bearer",
            "scope": " ".join(token.grant.scopes),
            "created_at": token.created_ms // 1000,
        }
        if token.expires_ms is not None:
            body["expires_in"] = (token.expires_ms - token.created_ms) // 1000
        return body

    def _may_refresh(self, grant: Grant) -> bool:
        scope = self.policy.refresh_scope
        return self.policy.has_refresh and grant.person is not None and (scope is None or scope in grant.scopes)


def development_app(site: Site, scopes: tuple[str, ...], *, name: str = "") -> App:
    """Return the client that our app is in development, where people register theirs on the vendor's pages.

    It is `sandbox-<name>` with the secret `sandbox-<name>-secret`, and may send people back to any port here; its name
    is the site's slug unless the vendor has one registration for several platforms.
    """
    client_id = f"sandbox-{name or site.slug}"
    app = App(
        id=site.ids.next_at(now_ms()),
        name="MastaBlasta",
        website=None,
        redirect_uris=(),
        scopes=scopes,
        client_id=client_id,
        client_secret=f"{client_id}-secret",
        created_ms=now_ms(),
        takes_loopback=True,
    )
    site.apps[client_id] = app
    return app
