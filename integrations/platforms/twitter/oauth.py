"""Connecting an account of X: consent, tokens that rotate, who it is.

Sources: https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code and …/user-access-token
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Sequence

from integrations.errors import CallFailed
from integrations.platforms.twitter.addresses import API, pages_of, profile_url
from integrations.platforms.twitter.errors import error_from, error_in
from integrations.protocols.oauth2 import OperatorAppFlow, error_of, web_address
from integrations.protocols.values import id_in, object_in, text_in
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, Response

SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
USER_FIELDS = "id,name,username,profile_image_url,subscription_type,protected,verified_type"

# X says `invalid_request` of a dead refresh token, as of any bad request; its description tells them apart.
TOKEN_INVALID = "token was invalid"  # noqa: S105  words


class TwitterOAuth(OperatorAppFlow):
    """A confidential client by HTTP Basic; PKCE S256."""

    client_auth = "basic"
    label = "X"
    default_host = API
    console = "https://developer.x.com"
    app_settings = "TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET"
    token_path = "/2/oauth2/token"  # noqa: S105  a path
    revoke_path = "/2/oauth2/revoke"

    @property
    def scopes(self) -> tuple[str, ...]:
        return SCOPES

    @property
    def consent_page(self) -> str:
        return f"{pages_of(self.http.base_url)}/i/oauth2/authorize"

    def meaning(self, answer: Response) -> CallFailed:
        return error_from(answer)

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        return [scope for scope in SCOPES if tokens.scopes and scope not in tokens.scopes]

    def is_ended(self, answer: Response) -> bool:
        """A refresh token is good once; used twice, it ends the whole grant."""
        is_invalid = TOKEN_INVALID in text_in(answer.fields(), "error_description").lower()
        return super().is_ended(answer) or (error_of(answer) == "invalid_request" and is_invalid)

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        """One target: the account that signed in.

        Source: https://docs.x.com/x-api/users/get-my-user (read 2026-11-23).
        """
        answer = self.http.with_auth(Auth(access_token)).get("/2/users/me", params={"user.fields": USER_FIELDS})
        if not answer.is_ok:
            raise error_from(answer)
        user = object_in(answer.fields(), "data")
        remote_id, name = id_in(user), text_in(user, "username")
        if not remote_id or not name:
            raise error_in(answer)
        handle = f"@{name}"[:255]
        target = TargetIdentity(
            remote_id=remote_id,
            handle=handle,
            name=text_in(user, "name", "username")[:255],
            avatar_url=web_address(user.get("profile_image_url")),
            facts={
                "url": profile_url(self.http.base_url, handle),
                "subscription_type": text_in(user, "subscription_type") or "None",
                "verified_type": text_in(user, "verified_type") or "none",
                "protected": user.get("protected") is True,
            },
        )
        return GrantOwner(remote_id, (target,))
