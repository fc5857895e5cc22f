"""What platforms with OAuth 2 share: a sign-in that is declared, and what a failure means when tokens are asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from integrations.errors import (
    CallFailed,
    ExchangeRefused,
    NeedsReconnect,
    OperatorProblem,
    RateLimited,
    Unavailable,
)
from integrations.protocols.values import text_in
from integrations.sign_in import ClientApp, OAuthFlow, Tokens
from mastablasta.core.outbound import OAuthSession, Response

# Our app's own fault, to the token endpoint: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 (read 2026-11-23)
APP_REFUSED = frozenset({"invalid_client", "unauthorized_client"})
LAST_S = 2**33  # since 1970: in the year 2242, after which no token ends


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
        return self.tokens_in(session.fetch_token(self.token_url, code=code, **pkce, **client))

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:
        session = OAuthSession(app.client_id, check=self.check_refresh)
        client: dict[str, Any] = {"client_id": app.client_id, "client_secret": app.client_secret}
        if self.client_auth == "basic":
            client = {"auth": (app.client_id, app.client_secret)}
        return self.tokens_in(session.refresh_token(self.token_url, refresh_token=refresh_token, **client))

    def tokens_in(self, token: Mapping[str, Any]) -> Tokens:
        """What the token endpoint gave, as RFC 6749 has it; a platform that says it otherwise overrides this."""
        return tokens_of(token)


class OperatorAppFlow(OAuth2Flow):
    """The same at a platform that has one host, which says nothing of itself, and where the operator registers our app.

    `label`, `default_host`: the platform's name, and its host's base URL. `console`: where apps are registered.
    `app_settings`: which settings hold ours, for people. `token_path`, `revoke_path`: below the base URL.
    Refusals are read as RFC 6749 and 7009 have them; where a platform says them otherwise it overrides the checks.
    """

    has_other_hosts = False
    label: ClassVar[str]
    console: ClassVar[str]
    app_settings: ClassVar[str]
    token_path: ClassVar[str]
    revoke_path: ClassVar[str] = ""

    @abstractmethod
    def meaning(self, answer: Response) -> CallFailed:
        """What any other call would mean by this refusal."""

    def is_ended(self, answer: Response) -> bool:
        """Whether a refused refresh says that the grant is dead."""
        return error_of(answer) == "invalid_grant"

    @property
    def token_url(self) -> str:
        return f"{self.http.base_url}{self.token_path}"

    def register(self, *, redirect_uri: str) -> ClientApp:  # noqa: ARG002  there is nothing to register
        sentence = f"The operator of this server has to register an app at {self.console} first."
        raise OperatorProblem(sentence, code="app_not_registered")

    def revoke(self, app: ClientApp, *, token: str) -> None:
        session = OAuthSession(app.client_id, check=self._check_revoke)
        url, app_keys = f"{self.http.base_url}{self.revoke_path}", (app.client_id, app.client_secret)
        session.post(url, data={"token": token}, auth=app_keys, withhold_token=True)

    def check_exchange(self, answer: Response) -> None:
        if answer.is_ok:
            return
        self._check_app(answer)
        if answer.status in {400, 401, 403}:
            sentence = f"{self.label} refused the sign-in: {_description(answer)}"
            raise ExchangeRefused(sentence, http_status=answer.status)
        raise self._for_now(answer)

    def check_refresh(self, answer: Response) -> None:
        if answer.is_ok:
            return
        self._check_app(answer)
        if self.is_ended(answer):
            sentence = f"{self.label} ended the account's sign-in."
            raise NeedsReconnect(sentence, code="invalid_grant", http_status=answer.status, can_refresh=False)
        raise self._for_now(answer)

    def _check_revoke(self, answer: Response) -> None:
        if answer.is_ok:
            return
        self._check_app(answer)
        if answer.status != 400:  # 400: it has ended already
            raise self._for_now(answer)

    def _check_app(self, answer: Response) -> None:
        error = error_of(answer)
        if answer.status in {400, 401, 403} and error in APP_REFUSED:
            sentence = f"{self.label} does not know this server's app by its keys; look at {self.app_settings}."
            raise OperatorProblem(sentence, code=error, http_status=answer.status)

    def _for_now(self, answer: Response) -> CallFailed:
        """What a refusal means that says nothing of the grant: it may be otherwise in a moment."""
        failure = for_tokens(self.meaning(answer))
        if answer.server_trouble or isinstance(failure, OperatorProblem | RateLimited):
            return failure
        sentence = f"{self.label} did not take our request for a token: {_description(answer)}"
        return Unavailable(sentence, code=error_of(answer) or "token_request_refused", http_status=answer.status)


def error_of(answer: Response) -> str:
    """The name of an error, as token endpoints give it."""
    return text_in(answer.fields(), "error")


def _description(answer: Response) -> str:
    return text_in(answer.fields(), "error_description")[:300] or f"status {answer.status}"


def tokens_of(token: Mapping[str, Any]) -> Tokens:
    """Return what a session's `fetch_token` or `refresh_token` gave; without what is odd about it."""
    scope = token.get("scope")
    scopes = scope.split() if isinstance(scope, str) else scope if isinstance(scope, list) else []
    return Tokens(
        access_token=str(token["access_token"]),
        refresh_token=text_in(token, "refresh_token"),
        expires_at=_moment(token.get("expires_at")),
        scopes=tuple(one for one in scopes if isinstance(one, str)),
    )


def _moment(timestamp: Any) -> datetime | None:
    """None for a time that is no token's: when such a token has ended, the platform says so."""
    is_time = isinstance(timestamp, int | float) and 0 <= timestamp < LAST_S
    return datetime.fromtimestamp(timestamp, UTC) if is_time else None


def for_tokens(failure: CallFailed) -> CallFailed:
    """What a content call would mean by this is not what a token call means: nobody can say now."""
    if isinstance(failure, Unavailable | RateLimited | OperatorProblem):
        return failure
    return Unavailable(failure.message, code=failure.code, http_status=failure.http_status)


def web_address(value: Any) -> str:
    """An http(s) address that a platform gave, "" for anything else."""
    return value[:1000] if isinstance(value, str) and urlsplit(value).scheme in {"https", "http"} else ""
