"""What platforms with OAuth 2 share: a sign-in that is declared, and what a failure means when tokens are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from integrations.contract import ClientApp, OAuthFlow, Tokens
from integrations.errors import CallFailed, OperatorProblem, RateLimited, Unavailable
from mastablasta.core.outbound import OAuthSession, Response


class OAuth2Flow(OAuthFlow):
    """The authorization code grant, as a platform declares it.

    `client_auth`: how our app shows itself to the token endpoint, by HTTP Basic or in the body. `has_pkce`: whether
    the platform takes a challenge. `scope_separator`: what stands between scopes in the address of the consent page.
    `authorize_params`: what else that address needs. Whatever else differs is a method to override.
    """

    client_auth: ClassVar[Literal["basic", "body"]] = "body"
    has_pkce: ClassVar[bool] = True
    scope_separator: ClassVar[str] = " "
    authorize_params: ClassVar[Mapping[str, str]] = {}

    @property
    @abstractmethod
    def consent_page(self) -> str:
        """The address of the consent page, without a query."""

    @property
    @abstractmethod
    def token_url(self) -> str:
        """The address of the token endpoint."""

    @abstractmethod
    def check_exchange(self, answer: Response) -> None:
        """Raise what the token endpoint means when it does not take a code; as `exchange` does."""

    @abstractmethod
    def check_refresh(self, answer: Response) -> None:
        """Raise what it means when it gives no new token; as `refresh` does."""

    def authorize_url(self, app: ClientApp, *, redirect_uri: str, state: str, challenge: str) -> str:
        session = OAuthSession(app.client_id, redirect_uri=redirect_uri, scope=self.scope_separator.join(self.scopes))
        pkce = {"code_challenge": challenge, "code_challenge_method": "S256"} if self.has_pkce else {}
        url, _ = session.authorization_url(self.consent_page, state=state, **pkce, **self.authorize_params)
        return str(url)

    def exchange(self, app: ClientApp, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
        session = OAuthSession(app.client_id, redirect_uri=redirect_uri, check=self.check_exchange)
        pkce = {"code_verifier": verifier} if self.has_pkce else {}
        client: dict[str, Any] = {"client_secret": app.client_secret, "include_client_id": True}
        if self.client_auth == "basic":
            client = {"auth": (app.client_id, app.client_secret)}
        return tokens_of(session.fetch_token(self.token_url, code=code, **pkce, **client))

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:
        session = OAuthSession(app.client_id, check=self.check_refresh)
        client: dict[str, Any] = {"client_id": app.client_id, "client_secret": app.client_secret}
        if self.client_auth == "basic":
            client = {"auth": (app.client_id, app.client_secret)}
        return tokens_of(session.refresh_token(self.token_url, refresh_token=refresh_token, **client))


def tokens_of(token: Mapping[str, Any]) -> Tokens:
    """Return what a session's `fetch_token` or `refresh_token` gave."""
    expires_at = token.get("expires_at")
    scope = token.get("scope") or ()
    return Tokens(
        access_token=str(token["access_token"]),
        refresh_token=str(token.get("refresh_token") or ""),
        expires_at=datetime.fromtimestamp(expires_at, UTC) if isinstance(expires_at, int | float) else None,
        scopes=tuple(scope.split() if isinstance(scope, str) else scope),
    )


def for_tokens(failure: CallFailed) -> CallFailed:
    """What a content call would mean by this is not what a token call means: nobody can say now."""
    if isinstance(failure, Unavailable | RateLimited | OperatorProblem):
        return failure
    return Unavailable(failure.message, code=failure.code, http_status=failure.http_status)


def web_address(value: Any) -> str:
    """An http(s) address that a platform gave, "" for anything else."""
    return value[:1000] if isinstance(value, str) and urlsplit(value).scheme in {"https", "http"} else ""
