"""Connecting LinkedIn: a person signs in, and may publish as themselves and as the organisations that they administer.

Which permissions an app may ask for depends on what LinkedIn has approved; one too many, and nobody can sign in. So the
operator says it (`LINKEDIN_SCOPES`), and `info` holds it under "scopes".
Sources: https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow,
…/shared/authentication/programmatic-refresh-tokens and …/shared/authentication/token-introspection (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.errors import CallFailed, Unavailable
from integrations.platforms.linkedin.addresses import API, pages_of, urn_list, versioned
from integrations.platforms.linkedin.errors import error_from
from integrations.platforms.linkedin.rules import ORGANISATION
from integrations.protocols.oauth2 import OperatorAppFlow, error_of, web_address
from integrations.protocols.values import object_in, objects_in, text_in
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, Http, OAuthSession, Response

# Everything that there is use for. Without approval an app has the first three.
SCOPES = (
    "openid",
    "profile",
    "w_member_social",
    "r_member_social",
    "r_member_postAnalytics",
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
)
# Newer apps have permissions of their own for the feed beside these, or instead.
# https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/comments-api (read 2026-11-29)
WRITES_AS_PERSON = frozenset({"w_member_social", "w_member_social_feed"})
WRITES_AS_ORGANISATION = frozenset({"w_organization_social", "w_organization_social_feed"})
READS_OF_PERSON = frozenset({"r_member_social", "r_member_social_feed"})
READS_OF_ORGANISATION = frozenset({"r_organization_social", "r_organization_social_feed"})
WRITING = WRITES_AS_PERSON | WRITES_AS_ORGANISATION
FINDER = {"X-RestLi-Method": "FINDER"}
PAGE, MOST_PAGES = 100, 10
NAMES_A_CALL = 50
_ORGANISATION = re.compile(rf"{ORGANISATION}([0-9]{{1,25}})")


class LinkedInOAuth(OperatorAppFlow):
    """A confidential client, by its keys in the body; without PKCE, which LinkedIn has for native apps only."""

    revoke_ends = "person"
    has_pkce = False
    label = "LinkedIn"
    default_host = API
    console = "https://www.linkedin.com/developers/apps"
    app_settings = "LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET"
    token_path = "/oauth/v2/accessToken"  # noqa: S105  a path
    denials = frozenset({"access_denied", "user_cancelled_login", "user_cancelled_authorize"})

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.info.get("scopes") or SCOPES)

    @property
    def consent_page(self) -> str:
        return f"{pages_of(self.http.base_url)}/oauth/v2/authorization"

    @property
    def token_url(self) -> str:
        return f"{pages_of(self.http.base_url)}{self.token_path}"

    def meaning(self, answer: Response) -> CallFailed:
        return error_from(answer)

    def is_ended(self, answer: Response) -> bool:
        """LinkedIn says `invalid_request` of a refresh token that it does not know (any more)."""
        return error_of(answer) in {"invalid_grant", "invalid_request"}

    def tokens_in(self, token: Mapping[str, Any]) -> Tokens:
        """Scopes are apart by commas. A grant ends a year after the person gave it, however often it is renewed."""
        tokens = super().tokens_in(token)
        scopes = [scope for given in tokens.scopes for scope in given.split(",") if scope]
        left_s = token.get("refresh_token_expires_in")
        ends_at = datetime.now(UTC) + timedelta(seconds=left_s) if type(left_s) is int and 0 < left_s < 10**9 else None
        return replace(tokens, scopes=tuple(scopes), refresh_expires_at=ends_at)

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        """Any of the permissions to write is enough."""
        return () if not tokens.scopes or WRITING & set(tokens.scopes) else sorted(WRITING & set(self.scopes))

    def revoke(self, app: ClientApp, *, token: str) -> None:
        session = OAuthSession(app.client_id, check=self._check_revoke)
        keys = {"client_id": app.client_id, "client_secret": app.client_secret, "token": token}
        session.post(f"{pages_of(self.http.base_url)}/oauth/v2/revoke", data=keys, withhold_token=True)

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:
        """The person, and the organisations that they administer, as far as the permissions reach.

        Source: https://learn.microsoft.com/en-us/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
        (read 2026-11-23).
        """
        scopes = self._granted(app, access_token)
        http = versioned(self.http.with_auth(Auth(access_token)))
        said = self._asked(http, "/v2/userinfo")
        person = text_in(said, "sub")
        if not person:
            raise Unavailable("LinkedIn does not say who it is.", code="unreadable")
        targets = [_person(person, said, scopes)] if WRITES_AS_PERSON & scopes else []
        if WRITES_AS_ORGANISATION & scopes and "rw_organization_admin" in scopes:
            targets += self._organisations(http, scopes)
        return GrantOwner(person, tuple(targets))

    def _granted(self, app: ClientApp, access_token: str) -> frozenset[str]:
        """What the token is good for. Raises what `meaning` finds in a refusal."""
        keys = {"client_id": app.client_id, "client_secret": app.client_secret, "token": access_token}
        answer = self.http.post(f"{pages_of(self.http.base_url)}/oauth/v2/introspectToken", data=keys, may_repeat=True)
        if not answer.is_ok:
            self._check_app(answer)
            raise self.meaning(answer)
        return frozenset(re.split(r"[,\s]+", text_in(answer.fields(), "scope"))) - {""}

    def _organisations(self, http: Http, scopes: frozenset[str]) -> list[TargetIdentity]:
        """Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/
        organization-access-control-by-role (read 2026-11-23).
        """
        ids = self._administered(http)
        known: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), NAMES_A_CALL):
            wanted = urn_list(ids[start : start + NAMES_A_CALL])
            results = object_in(self._asked(http, f"/rest/organizationsLookup?ids={wanted}"), "results")
            known |= {number: object_in(results, number) for number in results}
        return [_organisation(number, known.get(number, {}), scopes) for number in ids]

    def _administered(self, http: Http) -> list[str]:
        ids: list[str] = []
        for number in range(MOST_PAGES):
            query = {
                "q": "roleAssignee",
                "role": "ADMINISTRATOR",
                "state": "APPROVED",
                "start": number * PAGE,
                "count": PAGE,
            }
            said = self._asked(http, "/rest/organizationAcls", params=query, headers=FINDER)
            if not isinstance(said.get("elements"), list):
                raise Unavailable("LinkedIn does not list the organisations.", code="unreadable")
            rows = objects_in(said, "elements")
            found = [_ORGANISATION.fullmatch(text_in(row, "organization", "organizationTarget")) for row in rows]
            ids += [one[1] for one in found if one]
            if len(rows) < PAGE:
                break
        return list(dict.fromkeys(ids))

    def _asked(self, http: Http, path: str, **how: Any) -> dict[str, Any]:
        answer = http.get(path, **how)
        if not answer.is_ok:
            raise self.meaning(answer)
        return answer.fields()


def _person(number: str, said: Mapping[str, Any], scopes: frozenset[str]) -> TargetIdentity:
    name = text_in(said, "name")[:255] or number
    return TargetIdentity(
        remote_id=f"urn:li:person:{number}",
        handle=name,
        name=name,
        avatar_url=web_address(said.get("picture")),
        facts={"can_read": bool(READS_OF_PERSON & scopes), "can_count": "r_member_postAnalytics" in scopes},
    )


def _organisation(number: str, said: Mapping[str, Any], scopes: frozenset[str]) -> TargetIdentity:
    name, vanity = text_in(said, "localizedName")[:255], text_in(said, "vanityName")
    return TargetIdentity(
        remote_id=f"{ORGANISATION}{number}",
        handle=(vanity or name or number)[:255],
        name=name or number,
        kind="organisation",
        facts={
            "url": f"https://www.linkedin.com/company/{vanity or number}",
            "can_read": bool(READS_OF_ORGANISATION & scopes),
            "can_count": "rw_organization_admin" in scopes,
        },
    )
