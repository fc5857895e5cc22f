"""The sign-in at networks of many servers, where we make an app of our own at each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, OperatorProblem
from integrations.protocols.oauth2 import OAuth2Flow, error_of, for_tokens
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Response

CLIENT_NAME = "MastaBlasta"
GRANT_ENDED = frozenset({"invalid_grant", "unauthorized_client"})


class ServerFlow(OAuth2Flow):
    """The authorization code grant at a server that says in `info["oauth"]` where its endpoints are.

    `paths`: where they are at a server that does not say, by names as RFC 8414 has them, and the
    `app_registration_endpoint`. `app_unknown`: errors by which some server says that it does not know our app.
    """

    paths: ClassVar[Mapping[str, str]]
    app_unknown: ClassVar[frozenset[str]] = frozenset({"invalid_client"})

    @abstractmethod
    def meaning(self, answer: Response) -> CallFailed:
        """What any other call would mean by this refusal."""

    @abstractmethod
    def said(self, answer: Response) -> str:
        """What the server says is wrong, for people."""

    def is_app_refused(self, answer: Response) -> bool:
        """Whether the token endpoint says that it does not know our app, or not by this secret."""
        error = error_of(answer)
        return error == "invalid_client" and answer.status in {400, 401, 403}

    @property
    def consent_page(self) -> str:
        return self.endpoint("authorization_endpoint")

    @property
    def token_url(self) -> str:
        return self.endpoint("token_endpoint")

    def endpoint(self, name: str) -> str:
        """The address of this endpoint."""
        return str(self.info.get("oauth", {}).get(name) or f"{self.http.base_url}{self.paths[name]}")

    def register(self, *, redirect_uri: str) -> ClientApp:
        answer = self.http.post(
            self.endpoint("app_registration_endpoint"),
            data={"client_name": CLIENT_NAME, "redirect_uris": redirect_uri, "scopes": " ".join(self.scopes)},
        )
        if answer.status in {400, 422}:
            said = self.said(answer)
            code = "scopes_refused" if "scope" in said.lower() else "app_refused"
            raise OperatorProblem(f"The server does not take our app: {said}", code=code, http_status=answer.status)
        if not answer.is_ok:
            raise self.meaning(answer)
        fields = answer.fields()
        if not fields.get("client_id") or not fields.get("client_secret"):
            raise answer.in_doubt("names no client_id and client_secret", code="unreadable")
        return ClientApp(str(fields["client_id"]), str(fields["client_secret"]))

    def knows_app(self, app: ClientApp) -> bool:
        """Ask for a token of the app's own, which only a server that knows it gives. It is nobody's and not kept.

        Any server may begin from nothing, and the consent page would tell nobody but the person. A refusal that says
        nothing of the app counts as none.
        """
        form = {"grant_type": "client_credentials", "scope": self.scopes[0]}
        answer = self.http.post(
            self.token_url, data={**form, "client_id": app.client_id, "client_secret": app.client_secret}
        )
        if self.is_app_refused(answer):
            return False
        if answer.server_trouble or answer.status == 429:
            raise for_tokens(self.meaning(answer))
        return True

    def check_exchange(self, answer: Response) -> None:
        if answer.is_ok:
            return
        if answer.status in {400, 401, 403, 422}:
            sentence = f"The server refused the sign-in: {self.said(answer) or f'status {answer.status}'}"
            raise ExchangeRefused(sentence, http_status=answer.status, app_unknown=self.is_app_refused(answer))
        raise for_tokens(self.meaning(answer))

    def check_refresh(self, answer: Response) -> None:
        if answer.is_ok:
            return
        error = error_of(answer)
        if answer.status in {400, 401, 403} and error in GRANT_ENDED | self.app_unknown:
            sentence = "The server ended the account's sign-in."
            raise NeedsReconnect(sentence, code=error, http_status=answer.status, can_refresh=False)
        raise for_tokens(self.meaning(answer))

    def revoke(self, app: ClientApp, *, token: str) -> None:
        answer = self.http.post(
            self.endpoint("revocation_endpoint"),
            data={"client_id": app.client_id, "client_secret": app.client_secret, "token": token},
        )
        if not answer.is_ok and answer.status not in {400, 401, 403, 404}:
            raise self.meaning(answer)
