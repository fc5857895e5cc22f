"""Connecting a channel: consent at Google, where the person also chooses the channel, and tokens that are renewed.

Source: https://developers.google.com/youtube/v3/guides/auth/server-side-web-apps (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from integrations.errors import CallFailed, NeedsReconnect
from integrations.platforms.youtube.addresses import API, PAGES, consent_at, tokens_at
from integrations.platforms.youtube.errors import error_from
from integrations.protocols.oauth2 import OperatorAppFlow, web_address
from integrations.protocols.values import id_in, object_in, objects_in, text_in
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Auth, OAuthSession, Response

# It covers uploading, reading, showing, commenting and deleting; narrower ones cover one of these each.
# https://developers.google.com/identity/protocols/oauth2/scopes#youtube (read 2026-11-23)
SCOPES = ("https://www.googleapis.com/auth/youtube.force-ssl",)
PARTS = "snippet,contentDetails,status"
NO_CHANNEL = "This Google account has no channel; create one at YouTube, then connect it."


class YouTubeOAuth(OperatorAppFlow):
    """A token is good for the one channel that the person chose at Google; another channel is another sign-in.

    Google gives a refresh token only where `access_type` and `prompt` ask for it, and takes back all that a person
    granted to our project when one of their tokens is revoked.
    """

    revoke_ends = "person"
    label = "YouTube"
    default_host = API
    console = "https://console.cloud.google.com/apis/credentials"
    app_settings = "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET"
    authorize_params: ClassVar[Mapping[str, str]] = {"access_type": "offline", "prompt": "select_account consent"}

    @property
    def scopes(self) -> tuple[str, ...]:
        return SCOPES

    @property
    def consent_page(self) -> str:
        return f"{consent_at(self.http.base_url)}/o/oauth2/v2/auth"

    @property
    def token_url(self) -> str:
        return f"{tokens_at(self.http.base_url)}/token"

    def meaning(self, answer: Response) -> CallFailed:
        return error_from(answer)

    def missing_scopes(self, tokens: Tokens) -> Sequence[str]:
        return [scope for scope in SCOPES if tokens.scopes and scope not in tokens.scopes]

    def tokens_in(self, token: Mapping[str, Any]) -> Tokens:
        """With the day on which the grant ends, where the project is in testing: after a week."""
        tokens = super().tokens_in(token)
        seconds = token.get("refresh_token_expires_in")
        if type(seconds) is not int or seconds <= 0:
            return tokens
        return replace(tokens, refresh_expires_at=datetime.now(UTC) + timedelta(seconds=min(seconds, 10**9)))

    def revoke(self, app: ClientApp, *, token: str) -> None:
        """Google wants no keys of the app here.

        Source: https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke (read 2026-11-23).
        """
        session = OAuthSession(app.client_id, check=self._check_revoke)
        url = f"{tokens_at(self.http.base_url)}/revoke"
        session.post(url, data={"token": token}, withhold_token=True)

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:  # noqa: ARG002
        """One target: the channel of the token. Raises NeedsReconnect (no_channel) for an account that has none.

        Source: https://developers.google.com/youtube/v3/docs/channels/list (read 2026-11-23).
        """
        http = self.http.with_auth(Auth(access_token))
        answer = http.get("/youtube/v3/channels", params={"part": PARTS, "mine": "true"})
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        channel = next((one for one in objects_in(fields, "items") if id_in(one)), None)
        if channel is not None:
            return GrantOwner(id_in(channel), (_target(channel),))
        if "items" not in fields and "pageInfo" not in fields:
            raise answer.in_doubt("is not a list of channels", code="unreadable")
        raise NeedsReconnect(NO_CHANNEL, code="no_channel", http_status=answer.status, can_refresh=False)


def _target(channel: Mapping[str, Any]) -> TargetIdentity:
    remote_id, snippet = id_in(channel), object_in(channel, "snippet")
    name, handle = text_in(snippet, "title")[:255], text_in(snippet, "customUrl")
    thumbnails = object_in(snippet, "thumbnails")
    return TargetIdentity(
        remote_id=remote_id,
        handle=(handle or name or remote_id)[:255],
        name=name,
        avatar_url=web_address(object_in(thumbnails, "default").get("url")),
        kind="channel",
        facts={
            "url": f"{PAGES}/channel/{remote_id}",
            "uploads": text_in(object_in(object_in(channel, "contentDetails"), "relatedPlaylists"), "uploads"),
            "long_uploads": text_in(object_in(channel, "status"), "longUploadsStatus"),
        },
    )
