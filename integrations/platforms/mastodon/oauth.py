"""Connecting a Mastodon account: discovery, our app at each server, sign-in, who it is.

Sources: https://docs.joinmastodon.org/methods/oauth/, …/methods/apps/, …/methods/instance/ (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from integrations.contract import ClientApp, GrantOwner, TargetIdentity, Tokens
from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, OperatorProblem, Unavailable
from integrations.platforms.mastodon.errors import error_from, error_text
from integrations.platforms.mastodon.limits import limits_of, mastodon_version
from integrations.protocols.oauth2 import OAuth2Flow, for_tokens, web_address
from mastablasta.core.outbound import Auth, Refused, Response, split_url

CLIENT_NAME = "MastaBlasta"
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
APP_UNKNOWN = {"invalid_client", "invalid_client_id", "access_denied"}
# Pleroma and Akkoma, lib/pleroma/web/o_auth/o_auth_controller.ex (read 2026-11-29)
INVALID_CREDENTIALS = "invalid credentials"
GRANT_ENDED = {"invalid_grant", "unauthorized_client"}


class MastodonOAuth(OAuth2Flow):
    """`info`: limits {…}, oauth {endpoint: URL}, identity_scope, version, title, domain, base_url if moved.

    `has_granular_scopes`: whether it is known to have narrower scopes than `read` and `write`. In `learned`:
    `refused_granular_scopes`.
    """

    @classmethod
    def address_of(cls, instance: str) -> str:
        """Take `@user@host`, `host` or any URL of the server; the answer is https and has neither path nor user."""
        text = instance.strip()
        if not text:
            raise Refused("name your server, as mastodon.social or @you@mastodon.social")
        if "://" in text:
            scheme, _, rest = text.partition("://")
            if scheme.lower() not in {"http", "https"}:
                raise Refused("the address is not an http(s) URL")
            text = rest.partition("/")[0].partition("?")[0].partition("#")[0]
        else:
            text = text.rpartition("@")[2].partition("/")[0]
        origin, _ = split_url(f"https://{text}")
        if "." not in origin.host and ":" not in origin.host:
            raise Refused("the host is not a full name; write it as mastodon.social")
        return str(origin)

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
            moved_to = self._moved_to()
            if not moved_to:
                raise
        flow = MastodonOAuth(self.http.elsewhere(moved_to), {})
        return {**flow._info(), "base_url": moved_to}

    def register(self, *, redirect_uri: str) -> ClientApp:
        answer = self.http.post(
            self._url("app_registration_endpoint"),
            data={"client_name": CLIENT_NAME, "redirect_uris": redirect_uri, "scopes": " ".join(self.scopes)},
        )
        if answer.status in {400, 422}:
            said = error_text(answer)
            code = "scopes_refused" if "scope" in said.lower() else "app_refused"
            raise OperatorProblem(f"The server does not take our app: {said}", code=code, http_status=answer.status)
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        if not fields.get("client_id") or not fields.get("client_secret"):
            raise answer.in_doubt("names no client_id and client_secret", code="unreadable")
        return ClientApp(str(fields["client_id"]), str(fields["client_secret"]))

    def knows_app(self, app: ClientApp) -> bool:
        """Ask for a token of the app's own, which only a server that knows it gives. It is nobody's and not kept.

        Servers forget apps: Mastodon 3.5 to 4.2 removed those without a token after a day
        (app/lib/vacuum/applications_vacuum.rb; this token spares ours), and any server may begin anew. The consent page
        would tell nobody but the person. Takahe gives no such tokens, and its refusal says nothing of the app.
        Source: https://docs.joinmastodon.org/client/token/#app (read 2026-11-28).
        """
        form = {"grant_type": "client_credentials", "scope": self.scopes[0]}
        answer = self.http.post(
            self.token_url, data={**form, "client_id": app.client_id, "client_secret": app.client_secret}
        )
        if _is_client_refused(answer):
            return False
        if answer.server_trouble or answer.status == 429:
            raise for_tokens(error_from(answer))
        return True

    @property
    def consent_page(self) -> str:
        return self._url("authorization_endpoint")

    @property
    def token_url(self) -> str:
        return self._url("token_endpoint")

    def check_exchange(self, answer: Response) -> None:
        if answer.is_ok:
            return
        if answer.status in {400, 401, 403, 422}:
            said = error_text(answer) or f"status {answer.status}"
            sentence = f"The server refused the sign-in: {said}"
            raise ExchangeRefused(sentence, http_status=answer.status, app_unknown=_is_client_refused(answer))
        raise for_tokens(error_from(answer))

    def check_refresh(self, answer: Response) -> None:
        """Mastodon's tokens do not expire; some forks' do."""
        if answer.is_ok:
            return
        error = str(answer.fields().get("error", ""))
        if answer.status in {400, 401, 403} and error in GRANT_ENDED | APP_UNKNOWN:
            sentence = "The server ended the account's sign-in."
            raise NeedsReconnect(sentence, code=error, http_status=answer.status, can_refresh=False)
        raise for_tokens(error_from(answer))

    def revoke(self, app: ClientApp, *, token: str) -> None:
        answer = self.http.post(
            self._url("revocation_endpoint"),
            data={"client_id": app.client_id, "client_secret": app.client_secret, "token": token},
        )
        if not answer.is_ok and answer.status not in {400, 401, 403, 404}:
            raise error_from(answer)

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
        target = TargetIdentity(
            remote_id=remote_id,
            handle=f"@{account['username']}@{self._handle_domain()}"[:255],
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
        instance, discovered = self._instance(), self._discovered()
        return {
            "limits": limits_of(instance),
            "version": str(instance.get("version", ""))[:100],
            "title": str(instance.get("title", ""))[:200],
            "domain": str(instance.get("domain") or instance.get("uri") or "")[:255],
            "identity_scope": _identity_scope(discovered or {}),
            "has_granular_scopes": _has_granular_scopes(discovered, str(instance.get("version", ""))),
            "oauth": {name: url for name in PATHS if self._is_ours(url := (discovered or {}).get(name))},
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

    def _discovered(self) -> Mapping[str, Any] | None:
        """The authorization server's own description (4.3); None = it has none, {} = it does not say now."""
        answer = self.http.get("/.well-known/oauth-authorization-server")
        if answer.is_ok:
            return answer.fields()
        return None if 400 <= answer.status < 500 and answer.status != 429 else {}

    def _moved_to(self) -> str:
        """The base URL of the server behind a domain that only names its accounts; "" = there is none.

        Such domains redirect WebFinger to the server, https://docs.joinmastodon.org/spec/webfinger/ (read 2026-11-23).
        """
        host = urlsplit(self.http.base_url).netloc
        answer = self.http.get("/.well-known/webfinger", params={"resource": f"acct:{host}@{host}"})
        if not 300 <= answer.status < 400:
            return ""
        try:
            origin, _ = split_url(answer.headers.get("location", ""))
        except Refused:
            return ""
        return str(origin) if origin.scheme == "https" and origin.netloc != host else ""

    def _is_ours(self, url: Any) -> bool:
        """A document may name only addresses below its own host: our secret and the code go there."""
        return isinstance(url, str) and url.startswith(f"{self.http.base_url}/")

    def _url(self, name: str) -> str:
        return str(self.info.get("oauth", {}).get(name) or f"{self.http.base_url}{PATHS[name]}")

    def _handle_domain(self) -> str:
        """The domain in its accounts' names: the server's own or one above it, as it says; never a stranger's."""
        host = urlsplit(self.http.base_url).netloc
        said = str(self.info.get("domain") or "").lower()
        return said if said and (host == said or host.endswith(f".{said}")) else host


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


def _is_client_refused(answer: Response) -> bool:
    """Whether the token endpoint says that it does not know our app, or not by this secret."""
    error = str(answer.fields().get("error", ""))
    return answer.status in {400, 401, 403} and (
        error == "invalid_client"
        or (answer.status == 401 and error in APP_UNKNOWN)
        or error.lower() == INVALID_CREDENTIALS
    )


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
