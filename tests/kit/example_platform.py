"""A connector for the made-up platform: page tokens, signed calls, fetching by URL, polling, resumable uploads.

It proves that the contract holds what the built platforms do not need; it is in no registry but a test's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from integrations.capabilities import Capabilities, RateRule, Source, TextLimit
from integrations.contract import (
    Absent,
    CannotTell,
    ClientApp,
    Connector,
    Content,
    Found,
    GrantOwner,
    MediaUse,
    Pending,
    Progress,
    Published,
    Step,
    Target,
    TargetIdentity,
)
from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, OperatorProblem, RateLimited, Rejected
from integrations.protocols.error_rules import ErrorRule, common_failure
from integrations.protocols.oauth2 import OAuth2Flow
from integrations.protocols.rate_headers import retry_at
from integrations.registry import Entry, SignInEntry
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from mastablasta.core.outbound import Auth, File, Response

SOURCE = Source("https://example.com/docs", "2026-11-28")
CHUNK = 1_000
UPLOAD_ORIGINS: list[str] = []  # of the server that a test runs

HERE = "tests.kit.example_platform"
ENTRY = Entry(
    "Example",
    f"{HERE}.ExampleConnector",
    (
        SignInEntry(f"{HERE}.ExampleOAuth", app_settings=("EXAMPLE_ID", "EXAMPLE_SECRET")),
        SignInEntry(f"{HERE}.ExampleSideOAuth", app_settings=("EXAMPLE_SIDE_ID", "EXAMPLE_SIDE_SECRET"), name="side"),
    ),
)
MEDIA = MediaRule(
    SOURCE.url,
    SOURCE.read,
    images=ImageRule(("image/jpeg",), 8_000_000),
    videos=VideoRule(("video/mp4",), 1_000_000_000),
    by_url=("image",),
)
_RULES: Mapping[int, ErrorRule] = {
    100: ErrorRule(Rejected, "rejected", "Example refused it: {said}"),
    190: ErrorRule(NeedsReconnect, "token_refused", "Example no longer accepts the page's token.", scope="account"),
    200: ErrorRule(OperatorProblem, "proof_refused", "Example does not know this server's app: {said}"),
    404: ErrorRule(Rejected, "not_found", "Example does not have it: {said}"),
    429: ErrorRule(RateLimited, "rate_limited", "Example asks to wait."),
}


def auth_of(token: str, app: ClientApp) -> Auth:
    def sign(token: str) -> dict[str, str]:
        return {"proof": hmac.new(app.client_secret.encode(), token.encode(), hashlib.sha256).hexdigest()}

    return Auth(token, origins=tuple(UPLOAD_ORIGINS), sign=sign)


def error_from(answer: Response) -> CallFailed:
    """What to raise for an answer other than 2xx."""
    if common := common_failure(answer, label="Example"):
        return common
    error = answer.fields().get("error")
    error = error if isinstance(error, dict) else {}
    rule = _RULES.get(error.get("code", answer.status)) or _RULES.get(answer.status) or _RULES[100]
    return rule.failure(answer, said=str(error.get("message") or ""), until=retry_at(answer))


class ExampleConnector(Connector):
    capabilities: ClassVar[Capabilities] = Capabilities(
        slug="example",
        label="Example",
        post_types=("standard", "thread"),
        text=TextLimit(500, "characters", SOURCE),
        reconcile="best_effort",
        way="look_up",
        settle_s=2,
        options={"type": "object", "properties": {}},
        rates=(
            RateRule("publish", 25, 86_400, "account", SOURCE),
            RateRule("publish", 100, 86_400, "app", SOURCE, resets_in="America/Los_Angeles"),
        ),
        media={"standard": MEDIA},
    )

    @classmethod
    def auth(cls, token: str, app: ClientApp) -> Auth:
        return auth_of(token, app)

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        problems = general_problems(content, cls.capabilities, cls.media_rule(content.post_type, target))
        return problems + cls.length_problems(content, target, where="Example")

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Bring its files up, wait for them, and make the post: the only visible call."""
        media = list(enumerate(step.part.media))
        for position, use in media:
            self._begin(f"media_{position}", use, progress)
        if not all(self._is_ready(f"media_{position}", use, progress) for position, use in media):
            return Pending(datetime.now(UTC) + timedelta(milliseconds=10))
        body: dict[str, Any] = {"text": step.part.text}
        if step.parent is not None:
            body["reply_to"] = step.parent.remote_id
        if step.part.media:
            body["media"] = [progress.data[f"media_{position}"] for position in range(len(step.part.media))]
        answer = self.http.post(f"/{self.target.remote_id}/posts", json=body, visible=True)
        if not answer.is_ok:
            raise error_from(answer)
        remote_id = answer.fields().get("id")
        if not isinstance(remote_id, str):
            raise answer.in_doubt("names no post", code="no_id")
        return Published(remote_id, f"https://example.com/{remote_id}")

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """The oldest post of the page that has this text in this place; a person's own posts cannot be looked up."""
        if self.target.facts.get("kind") == "person":
            return CannotTell("Example shows nobody a person's posts")
        answer = self.http.get(f"/{self.target.remote_id}/posts")
        if not answer.is_ok:
            raise error_from(answer)
        rows = answer.fields().get("data")
        if not isinstance(rows, list):
            raise answer.in_doubt("is no list of posts", code="unreadable")
        parent = step.parent.remote_id if step.parent else None
        for row in reversed(rows):
            is_place = row["reply_to"] == parent and row["id"] not in known
            is_alike = is_place and len(row["media"]) == len(step.part.media)
            if is_alike and row["text"] == step.part.text and datetime.fromisoformat(row["made_at"]) >= since:
                return Found(row["id"], f"https://example.com/{row['id']}")
        return Absent()

    def delete(self, remote_id: str) -> None:
        answer = self.http.delete(f"/posts/{remote_id}")
        if not answer.is_ok and answer.status != 404:
            raise error_from(answer)

    # --- files ---
    def _begin(self, name: str, use: MediaUse, progress: Progress) -> None:
        """Name one file to the platform: where it can fetch it, or how large it will be."""
        if name in progress.data:
            return
        said = {"url": use.url} if use.url else {"size": use.size}
        said |= {"mime_type": use.mime_type, "alt_text": use.alt_text}
        answer = self.http.post(f"/{self.target.remote_id}/media", json=said)
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        if not fields.get("id"):
            raise answer.in_doubt("names no file", code="unreadable")
        if "upload_url" in fields:
            progress.save_secret(**{f"{name}_session": self._checked(str(fields["upload_url"]))})
        progress.save(**{name: str(fields["id"])})

    def _is_ready(self, name: str, use: MediaUse, progress: Progress) -> bool:
        """Bring one file further; True = the platform has it, and has finished with it."""
        if progress.data.get(f"{name}_ready"):
            return True
        if not use.url and not self._is_uploaded(name, use, progress):
            return False
        answer = self.http.get(f"/media/{progress.data[name]}")
        if not answer.is_ok:
            raise error_from(answer)
        if answer.fields().get("status") != "finished":
            return False
        progress.save(**{f"{name}_ready": True})
        return True

    def _is_uploaded(self, name: str, use: MediaUse, progress: Progress) -> bool:
        """Send one stretch from where the platform says that it stands."""
        http, session = self.http.with_scheme("OAuth"), str(progress.data[f"{name}_session"])
        asked = http.put(session, data=b"", headers={"Content-Range": f"bytes */{use.size}"})
        if asked.status == 308:
            arrived = asked.headers.get("range", "")  # bytes=0-999; none = nothing has arrived
            offset = int(arrived.rpartition("-")[2]) + 1 if arrived else 0
            length = min(CHUNK, use.size - offset)
            span = f"bytes {offset}-{offset + length - 1}/{use.size}"
            file = File("video.mp4", use.mime_type, path=use.path, offset=offset, length=length)
            asked = http.put(session, data=file, headers={"Content-Range": span})
        if asked.status not in {201, 308}:
            raise error_from(asked)
        return asked.status == 201

    def _checked(self, url: str) -> str:
        """The session's address, which has to be one that the token may go to."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" not in UPLOAD_ORIGINS:
            raise OperatorProblem("Example names a strange address to upload to.", code="strange_origin")
        return url


class ExampleOAuth(OAuth2Flow):
    """Gives one page, with a token of its own; a revocation ends all that a person granted."""

    revoke_ends = "person"
    scope_separator = ","

    @classmethod
    def address_of(cls, instance: str) -> str:
        return "https://graph.example.com"

    @property
    def scopes(self) -> tuple[str, ...]:
        return ("pages", "posts")

    @property
    def consent_page(self) -> str:
        return f"{self.http.base_url}/oauth/authorize"

    @property
    def token_url(self) -> str:
        return f"{self.http.base_url}/oauth/token"

    def host_info(self) -> Mapping[str, Any]:
        return {}

    def register(self, *, redirect_uri: str) -> ClientApp:
        raise OperatorProblem("The operator registers the app.", code="app_not_registered")

    def check_exchange(self, answer: Response) -> None:
        if not answer.is_ok:
            raise ExchangeRefused("Example refused the sign-in.", http_status=answer.status)

    def check_refresh(self, answer: Response) -> None:
        if not answer.is_ok:
            raise NeedsReconnect("Example ended the sign-in.", http_status=answer.status, can_refresh=False)

    def revoke(self, app: ClientApp, *, token: str) -> None:
        answer = self.http.with_auth(auth_of(token, app)).delete("/me/permissions")
        if not answer.is_ok and answer.status not in {401, 404}:
            raise error_from(answer)

    def who_am_i(self, app: ClientApp, *, access_token: str) -> GrantOwner:
        answer = self.http.with_auth(auth_of(access_token, app)).get("/me")
        if not answer.is_ok:
            raise error_from(answer)
        me = answer.fields()
        pages = [TargetIdentity(p["id"], p["name"], kind="page", token=p["access_token"]) for p in me["pages"]]
        return GrantOwner(me["id"], tuple(pages))


class ExampleSideOAuth(ExampleOAuth):
    """Another app, at another host."""

    @classmethod
    def address_of(cls, instance: str) -> str:
        return "https://side.example.com"
