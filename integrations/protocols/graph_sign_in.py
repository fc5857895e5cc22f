"""Signing in by Facebook Login, as Facebook and Instagram share it: short and long-lived tokens, what was granted.

Sources: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived and
…/docs/facebook-login/guides/advanced/manual-flow (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from integrations.errors import (
    CallFailed,
    ExchangeRefused,
    NeedsReconnect,
    OperatorProblem,
    Rejected,
    SignInEnded,
    Unavailable,
)
from integrations.protocols.graph import HOST, TOKEN_EXPIRED, VERSION, auth_of, error_from, error_table
from integrations.protocols.oauth2 import OperatorAppFlow, for_tokens, tokens_of
from integrations.protocols.signed_requests import read_signed_request
from integrations.protocols.values import object_in, text_in
from integrations.sign_in import ClientApp, EndedGrant, Tokens
from mastablasta.core.outbound import Auth, OAuthSession, Response

CONSENT_ORIGIN = "https://www.facebook.com"
MOST_PAGES = 20
ENDED = (
    "The sign-in at {label} is over after sixty days, so that it cannot be asked. Its accounts go on publishing; "
    "connect it again to bring it up to date."
)
_SECRET_WORDS = ("client secret", "validating application")


class FacebookLogin(OperatorAppFlow):
    """Gives the person's long-lived token. What calls are made with are the tokens of their pages.

    Those do not end by themselves, so the grant has no end that we would have to wait for: the person's token is asked
    for again only when the account is looked at, and Meta refuses it then.
    """

    revoke_ends = "person"
    has_pkce = False
    scope_separator = ","
    default_host = HOST
    console = "https://developers.facebook.com/apps"
    app_settings = "META_APP_ID and META_APP_SECRET"
    token_path = f"/{VERSION}/oauth/access_token"
    needed_scopes: ClassVar[tuple[str, ...]] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.needed_scopes

    @property
    def consent_page(self) -> str:
        """The pages for people are at another address than the API, but at the simulator."""
        base = CONSENT_ORIGIN if self.http.base_url == HOST else self.http.base_url
        return f"{base}/{VERSION}/dialog/oauth"

    @classmethod
    def ended_grant(cls, app: ClientApp, signed: str) -> EndedGrant | None:
        return read_signed_request(signed, app)

    def meaning(self, answer: Response) -> CallFailed:
        """A refused token is the person's own here, so that all of their pages are concerned. One whose sixty days are
        over leaves them as they are.
        """
        failure = error_from(error_table(self.label), answer)
        if failure.code == TOKEN_EXPIRED:
            return SignInEnded(ENDED.format(label=self.label), http_status=failure.http_status)
        if isinstance(failure, NeedsReconnect) and failure.scope == "account":
            status = failure.http_status
            return NeedsReconnect(failure.message, code=failure.code, http_status=status, can_refresh=False)
        return failure

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        return [scope for scope in self.scopes if tokens.scopes and scope not in tokens.scopes]

    def exchange(self, app: ClientApp, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
        """Turn the code into a token for an hour, that into one for sixty days, and ask what it is good for."""
        short = super().exchange(app, code=code, redirect_uri=redirect_uri, verifier=verifier)
        long_lived = self._long_lived(app, short.access_token)
        about = self.debug_token(app, long_lived.access_token)
        scopes = about.get("scopes")
        granted = tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else ()
        return replace(long_lived, refresh_token="", expires_at=None, scopes=granted)

    def debug_token(self, app: ClientApp, token: str) -> Mapping[str, Any]:
        """What Meta says of a token: `scopes`, `granular_scopes`, `user_id`, `data_access_expires_at`.

        Source: https://developers.facebook.com/docs/graph-api/reference/debug_token (read 2026-11-23).
        """
        as_app = self.http.with_auth(Auth(f"{app.client_id}|{app.client_secret}"))
        answer = as_app.get(f"/{VERSION}/debug_token", params={"input_token": token})
        if not answer.is_ok:
            raise for_tokens(self.meaning(answer))
        return object_in(answer.fields(), "data")

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:  # noqa: ARG002
        raise NeedsReconnect(f"{self.label} renews no sign-in.", code="no_refresh_token", can_refresh=False)

    def revoke(self, app: ClientApp, *, token: str) -> None:
        """Take back all that the person ever granted to our app.

        Source: https://developers.facebook.com/docs/facebook-login/guides/permissions/request-revoke (read 2026-11-23).
        """
        answer = self.http.with_auth(auth_of(token, app)).delete(f"/{VERSION}/me/permissions")
        if not answer.is_ok:
            failure = self.meaning(answer)
            if not isinstance(failure, NeedsReconnect | SignInEnded):  # which means: it has ended already
                raise for_tokens(failure)

    def check_exchange(self, answer: Response) -> None:
        if answer.is_ok:
            return
        self._check_our_app(answer)
        failure = self.meaning(answer)
        if isinstance(failure, Rejected | NeedsReconnect | SignInEnded):
            raise ExchangeRefused(f"{self.label} refused the sign-in: {failure.message}", http_status=answer.status)
        raise for_tokens(failure)

    def rows(self, app: ClientApp, token: str, path: str, params: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Every row of a list that Meta gives page by page. Raises Unavailable where it is not a list."""
        http, after = self.http.with_auth(auth_of(token, app)), ""
        for _ in range(MOST_PAGES):
            answer = http.get(f"/{VERSION}{path}", params={**params, **({"after": after} if after else {})})
            if not answer.is_ok:
                raise self.meaning(answer)
            fields = answer.fields()
            listed = fields.get("data")
            if not isinstance(listed, list):
                raise Unavailable(f"{self.label} did not answer with a list.", code="unreadable")
            yield from (row for row in listed if isinstance(row, Mapping))
            paging = object_in(fields, "paging")
            after = text_in(paging.get("cursors"), "after") if paging.get("next") else ""
            if not after:
                return

    def _long_lived(self, app: ClientApp, token: str) -> Tokens:
        session = OAuthSession(app.client_id, check=self.check_exchange)
        answer = session.post(
            self.token_url,
            data={
                "grant_type": "fb_exchange_token",
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "fb_exchange_token": token,
            },
            withhold_token=True,
        )
        try:
            read = answer.json()
        except ValueError:
            read = {}
        if not text_in(read, "access_token"):
            raise Unavailable("the answer holds no access token", code="unreadable")
        return tokens_of(read)

    def _check_our_app(self, answer: Response) -> None:
        said = text_in(object_in(answer.fields(), "error"), "message")
        if any(words in said.lower() for words in _SECRET_WORDS):
            sentence = f"{self.label} does not know this server's app by its keys; look at {self.app_settings}."
            raise OperatorProblem(sentence, code="invalid_client", http_status=answer.status)
