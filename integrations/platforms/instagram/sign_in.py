"""Connecting Instagram accounts: by the Facebook Pages that they are linked to, or by Instagram itself.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-facebook-login/get-started and
…/docs/instagram-platform/instagram-api-with-instagram-login/business-login (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, OperatorProblem, Rejected, Unavailable
from integrations.platforms.instagram.connector import FACEBOOK_LOGIN, INSTAGRAM_LOGIN, LOGIN
from integrations.platforms.instagram.errors import error_from
from integrations.protocols.graph import VERSION, auth_of
from integrations.protocols.graph_sign_in import FacebookLogin
from integrations.protocols.oauth2 import OperatorAppFlow, for_tokens, web_address
from integrations.protocols.signed_requests import read_signed_request
from integrations.protocols.values import count_in, id_in, object_in, objects_in, text_in
from integrations.sign_in import ClientApp, EndedGrant, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, OAuthSession, Response

PROFESSIONAL = frozenset({"BUSINESS", "MEDIA_CREATOR"})
NOT_PROFESSIONAL = "Instagram lets programs publish for professional accounts only; make it one in its settings there."
NO_COMMENTS = "First comments are not published."
NO_INSIGHTS = "Views, reach, shares and what was saved are not counted."
# A young token is not renewed, and one that has ended neither.
# https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token (read 2026-11-23)
NOT_RENEWED_WITHIN = timedelta(hours=24)
LIFETIME_S = 60 * 86_400


class InstagramByFacebook(FacebookLogin):
    """Gives the accounts that are linked to the pages which the person ticked, each with its page's token."""

    label = "Instagram"
    needed_scopes = ("instagram_basic", "instagram_content_publish", "pages_show_list", "pages_read_engagement")
    scope_costs: ClassVar[Mapping[str, str]] = {
        "instagram_manage_comments": NO_COMMENTS,
        "instagram_manage_contents": "Posts are not taken back.",
        "instagram_manage_insights": NO_INSIGHTS,
        "business_management": "Accounts of pages that belong to a business portfolio are not offered.",
    }
    fields = "id,name,access_token,instagram_business_account{id,username,name,profile_picture_url}"

    @property
    def scopes(self) -> tuple[str, ...]:
        return (*self.needed_scopes, *self.scope_costs)

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        return [scope for scope in self.needed_scopes if tokens.scopes and scope not in tokens.scopes]

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:
        """Pages without a linked account are left out.

        Source: https://developers.facebook.com/docs/graph-api/reference/user/accounts (read 2026-11-23).
        """
        answer = self.http.with_auth(auth_of(access_token, app)).get(f"/{VERSION}/me", params={"fields": "id"})
        if not answer.is_ok:
            raise self.meaning(answer)
        person = id_in(answer.fields())
        if not person:
            raise Unavailable("Facebook does not say who it is.", code="unreadable")
        rows = self.rows(app, access_token, "/me/accounts", {"fields": self.fields, "limit": 100})
        linked = ((row, object_in(row, "instagram_business_account")) for row in rows)
        return GrantOwner(person, tuple(_linked(row, account) for row, account in linked if id_in(account)))


def _linked(page: Mapping[str, Any], account: Mapping[str, Any]) -> TargetIdentity:
    token = text_in(page, "access_token")
    unusable = "" if token else "You have no role on the page that it is linked to; ask somebody who has full control."
    facts = {LOGIN: FACEBOOK_LOGIN, "page": id_in(page)}
    return _identity(id_in(account), account, facts, token=token, unusable=unusable)


class InstagramLogin(OperatorAppFlow):
    """Gives the one account that the person signs in with, at Instagram's own host, by an app of its own.

    The token lives for 60 days and is renewed by itself. Nothing ends it but the person, in Instagram's settings.
    """

    label = "Instagram"
    default_host = "https://graph.instagram.com"
    console = "https://developers.facebook.com/apps"
    app_settings = "INSTAGRAM_APP_ID and INSTAGRAM_APP_SECRET"
    has_pkce = False
    scope_separator = ","
    token_path = "/oauth/access_token"  # noqa: S105
    needed_scopes = ("instagram_business_basic", "instagram_business_content_publish")
    scope_costs: ClassVar[Mapping[str, str]] = {
        "instagram_business_manage_comments": NO_COMMENTS,
        "instagram_business_manage_insights": NO_INSIGHTS,
    }

    @property
    def scopes(self) -> tuple[str, ...]:
        return (*self.needed_scopes, *self.scope_costs)

    @classmethod
    def ended_grant(cls, app: ClientApp, signed: str) -> EndedGrant | None:
        return read_signed_request(signed, app)

    @property
    def consent_page(self) -> str:
        """The pages for people are at another address than the API, but at the simulator."""
        return f"{self._at('https://www.instagram.com')}/oauth/authorize"

    @property
    def token_url(self) -> str:
        return f"{self._at('https://api.instagram.com')}{self.token_path}"

    def _at(self, origin: str) -> str:
        return origin if self.http.base_url == self.default_host else self.http.base_url

    def meaning(self, answer: Response) -> CallFailed:
        """A refused token is the grant's, which has no other."""
        failure = error_from(answer)
        if isinstance(failure, NeedsReconnect) and failure.scope == "account":
            return NeedsReconnect(failure.message, code=failure.code, http_status=failure.http_status)
        return failure

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        return [scope for scope in self.needed_scopes if tokens.scopes and scope not in tokens.scopes]

    def exchange(self, app: ClientApp, *, code: str, redirect_uri: str, verifier: str) -> Tokens:  # noqa: ARG002
        """Turn the code into a token for an hour, and that into one for sixty days."""
        session = OAuthSession(app.client_id, check=self.check_exchange)
        keys = {"client_id": app.client_id, "client_secret": app.client_secret}
        asked = {"grant_type": "authorization_code", "redirect_uri": redirect_uri, "code": code.removesuffix("#_")}
        answer = session.post(self.token_url, data=keys | asked, withhold_token=True)
        told = _token_in(_json(answer))
        short = text_in(told, "access_token")
        if not short:
            raise Unavailable("the answer holds no access token", code="unreadable")
        asked = {"grant_type": "ig_exchange_token", "client_secret": app.client_secret, "access_token": short}
        return self._tokens("/access_token", asked, scopes=_scopes_in(told))

    def refresh(self, app: ClientApp, *, refresh_token: str) -> Tokens:  # noqa: ARG002
        """Renew the token by itself: for another sixty days from now."""
        asked = {"grant_type": "ig_refresh_token", "access_token": refresh_token}
        return self._tokens("/refresh_access_token", asked, scopes=())

    def revoke(self, app: ClientApp, *, token: str) -> None:  # noqa: ARG002
        raise Rejected("only the person can end it, in Instagram's settings under Website permissions")

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        """Source: https://developers.facebook.com/docs/instagram-platform/reference/me (read 2026-11-23)."""
        fields = {"fields": "user_id,username,name,account_type,profile_picture_url"}
        answer = self.http.with_auth(Auth(access_token)).get(f"/{VERSION}/me", params=fields)
        if not answer.is_ok:
            raise self.meaning(answer)
        me = next(iter(objects_in(answer.fields(), "data")), answer.fields())
        own_id = id_in(me, "user_id")
        if not own_id:
            raise Unavailable("Instagram does not say who it is.", code="unreadable")
        unusable = "" if text_in(me, "account_type") in PROFESSIONAL else NOT_PROFESSIONAL
        return GrantOwner(own_id, (_identity(own_id, me, {LOGIN: INSTAGRAM_LOGIN}, unusable=unusable),))

    def check_exchange(self, answer: Response) -> None:
        """Raise what a refused code means, in either of the two shapes that this endpoint has for it."""
        if answer.is_ok:
            return
        said = text_in(answer.fields(), "error_message") or text_in(object_in(answer.fields(), "error"), "message")
        if answer.status in {400, 401, 403} and said:
            if any(words in said.lower() for words in ("client_secret", "client secret", "platform app")):
                sentence = f"{self.label} does not know this server's app by its keys; look at {self.app_settings}."
                raise OperatorProblem(sentence, code="invalid_client", http_status=answer.status)
            raise ExchangeRefused(f"{self.label} refused the sign-in: {said[:300]}", http_status=answer.status)
        raise for_tokens(self.meaning(answer))

    def _tokens(self, path: str, asked: Mapping[str, str], *, scopes: tuple[str, ...]) -> Tokens:
        answer = self.http.get(path, params=asked)
        if not answer.is_ok:
            failure = self.meaning(answer)
            raise failure if isinstance(failure, NeedsReconnect) else for_tokens(failure)
        told = _token_in(answer.fields())
        token, now = text_in(told, "access_token"), datetime.now(UTC)
        if not token:
            raise Unavailable("the answer holds no access token", code="unreadable")
        lifetime = count_in(told, "expires_in") or LIFETIME_S
        return Tokens(
            token,
            refresh_token=token,
            expires_at=now + timedelta(seconds=min(lifetime, 10 * LIFETIME_S)),
            scopes=scopes or _scopes_in(told),
            not_before=now + NOT_RENEWED_WITHIN,
        )


def _identity(
    remote_id: str, row: Mapping[str, Any], facts: Mapping[str, Any], *, token: str = "", unusable: str = ""
) -> TargetIdentity:
    username = text_in(row, "username")[:200]
    return TargetIdentity(
        remote_id=remote_id,
        handle=f"@{username}" if username else remote_id[:255],
        name=text_in(row, "name")[:255],
        avatar_url=web_address(row.get("profile_picture_url")),
        facts=facts,
        token=token,
        unusable=unusable,
    )


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}


def _token_in(told: Any) -> Mapping[str, Any]:
    """What is said of a token: at the top, or as the only item of a list, as both stand in Meta's own pages."""
    return next(iter(objects_in(told, "data")), told if isinstance(told, Mapping) else {})


def _scopes_in(told: Mapping[str, Any]) -> tuple[str, ...]:
    """What was granted, which is a list or a text with commas."""
    said = told.get("permissions")
    names = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    return tuple(str(name).strip() for name in names if str(name).strip())
