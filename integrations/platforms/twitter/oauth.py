"""Connecting an account of X: consent, tokens that rotate, who it is.

Sources: https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code and …/user-access-token
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.contract import ClientApp, GrantOwner, TargetIdentity, Tokens
from integrations.errors import (
    CallFailed,
    ExchangeRefused,
    NeedsReconnect,
    OperatorProblem,
    RateLimited,
    Unavailable,
)
from integrations.platforms.twitter.addresses import API, pages_of, profile_url
from integrations.platforms.twitter.errors import error_from, error_in
from integrations.protocols.oauth2 import OAuth2Flow, for_tokens, web_address
from mastablasta.core.outbound import Auth, OAuthSession, Refused, Response

SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
USER_FIELDS = "id,name,username,profile_image_url,subscription_type,protected,verified_type"

AUTHORIZE = "/i/oauth2/authorize"
TOKEN = "/2/oauth2/token"  # noqa: S105  a path
REVOKE = "/2/oauth2/revoke"

# Our app's own fault, to the token endpoint: https://www.rfc-editor.org/rfc/rfc6749#section-5.2 (read 2026-11-23)
APP_REFUSED = frozenset({"invalid_client", "unauthorized_client"})
# X says `invalid_request` of a dead refresh token, as of any bad request; its description tells them apart.
TOKEN_INVALID = "token was invalid"  # noqa: S105  words


class TwitterOAuth(OAuth2Flow):
    """A confidential client by HTTP Basic, registered by the operator; PKCE S256. `info` holds nothing."""

    client_auth = "basic"

    @classmethod
    def address_of(cls, instance: str) -> str:
        if instance.strip():
            raise Refused("X has one server; leave this out")
        return API

    @property
    def scopes(self) -> tuple[str, ...]:
        return SCOPES

    def host_info(self) -> Mapping[str, Any]:
        """X says nothing of itself."""
        return {}

    def register(self, *, redirect_uri: str) -> ClientApp:  # noqa: ARG002  there is nothing to register
        sentence = "The operator of this server has to register an app at https://developer.x.com first."
        raise OperatorProblem(sentence, code="app_not_registered")

    @property
    def consent_page(self) -> str:
        return f"{pages_of(self.http.base_url)}{AUTHORIZE}"

    @property
    def token_url(self) -> str:
        return f"{self.http.base_url}{TOKEN}"

    def exchange(self, app: ClientApp, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """The code lives 30 s. Raises ExchangeRefused also when the person's consent lacks a scope."""
        tokens = super().exchange(app, code=code, redirect_uri=redirect_uri, verifier=verifier)
        missing = [scope for scope in SCOPES if tokens.scopes and scope not in tokens.scopes]
        if missing:
            raise ExchangeRefused(f"X did not grant {', '.join(missing)}", code="scope_missing")
        return tokens

    def check_exchange(self, answer: Response) -> None:
        if answer.is_ok:
            return
        _check_app(answer)
        if answer.status in {400, 401, 403}:
            said = _description(answer) or f"status {answer.status}"
            raise ExchangeRefused(f"X refused the sign-in: {said}", http_status=answer.status)
        raise _for_now(answer)

    def check_refresh(self, answer: Response) -> None:
        """A refresh token is good once; used twice, it ends the whole grant."""
        if answer.is_ok:
            return
        _check_app(answer)
        error = _error(answer)
        if error == "invalid_grant" or (error == "invalid_request" and TOKEN_INVALID in _description(answer).lower()):
            sentence = "X ended the account's sign-in."
            raise NeedsReconnect(sentence, code="invalid_grant", http_status=answer.status, can_refresh=False)
        raise _for_now(answer)

    def revoke(self, app: ClientApp, *, token: str) -> None:
        session = OAuthSession(app.client_id, check=_check_revoke)
        app_keys = (app.client_id, app.client_secret)
        session.post(f"{self.http.base_url}{REVOKE}", data={"token": token}, auth=app_keys, withhold_token=True)

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        """One target: the account that signed in.

        Source: https://docs.x.com/x-api/users/get-my-user (read 2026-11-23).
        """
        answer = self.http.with_auth(Auth(access_token)).get("/2/users/me", params={"user.fields": USER_FIELDS})
        if not answer.is_ok:
            raise error_from(answer)
        user = answer.fields().get("data")
        if not isinstance(user, dict) or not user.get("id") or not user.get("username"):
            raise error_in(answer)
        remote_id, handle = str(user["id"]), f"@{user['username']}"[:255]
        target = TargetIdentity(
            remote_id=remote_id,
            handle=handle,
            name=str(user.get("name") or user["username"])[:255],
            avatar_url=web_address(user.get("profile_image_url")),
            facts={
                "url": profile_url(self.http.base_url, handle),
                "subscription_type": str(user.get("subscription_type") or "None"),
                "verified_type": str(user.get("verified_type") or "none"),
                "protected": user.get("protected") is True,
            },
        )
        return GrantOwner(remote_id, (target,))


def _check_revoke(answer: Response) -> None:
    if answer.is_ok:
        return
    _check_app(answer)
    if answer.status != 400:  # 400: it has ended already
        raise _for_now(answer)


def _check_app(answer: Response) -> None:
    error = _error(answer)
    if answer.status in {400, 401, 403} and error in APP_REFUSED:
        sentence = "X does not know this server's app by its keys; look at TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET."
        raise OperatorProblem(sentence, code=error, http_status=answer.status)


def _for_now(answer: Response) -> CallFailed:
    """What a refusal means that says nothing of the grant: it may be otherwise in a moment."""
    failure = for_tokens(error_from(answer))
    if answer.server_trouble or isinstance(failure, OperatorProblem | RateLimited):
        return failure
    said = _description(answer) or f"status {answer.status}"
    sentence = f"X did not take our request for a token: {said}"
    return Unavailable(sentence, code=_error(answer) or "token_request_refused", http_status=answer.status)


def _error(answer: Response) -> str:
    return str(answer.fields().get("error", ""))


def _description(answer: Response) -> str:
    said = answer.fields().get("error_description")
    return said[:300] if isinstance(said, str) else ""
