"""A connector for the made-up platform: page tokens, signed calls, fetching by URL, polling, resumable uploads.

It proves that the contract holds what the built platforms do not need; it is in no registry but a test's.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from integrations.capabilities import LONGEST_HOLD_S, Capabilities, RateRule, Source, TextLimit
from integrations.contract import (
    Absent,
    CannotTell,
    Connector,
    Content,
    Found,
    MediaUse,
    Pending,
    Progress,
    Published,
    Step,
    Target,
)
from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, RateLimited, Rejected
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.lookback import OwnPost, Page, first_match, own_posts, posts_in
from integrations.protocols.oauth2 import OperatorAppFlow
from integrations.protocols.uploads import Uploads, ids_in
from integrations.protocols.values import id_in, moment_of, object_in, text_in
from integrations.registry import Entry, SignInEntry
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity
from integrations.validation import general_problems
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from mastablasta.core.outbound import Auth, File, Response

SOURCE = Source("https://example.com/docs", "2026-11-28")
SIDE_HOST = "https://side.example.com"
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
_TABLE = ErrorTable(
    label="Example",
    by_code={
        190: ErrorRule(NeedsReconnect, "token_refused", "Example no longer accepts the page's token.", scope="account"),
        200: ErrorRule(OperatorProblem, "proof_refused", "Example does not know this server's app: {said}"),
    },
    by_status={
        404: ErrorRule(Rejected, "not_found", "Example does not have it: {said}"),
        429: ErrorRule(RateLimited, "rate_limited", "Example asks to wait."),
    },
    otherwise=ErrorRule(Rejected, "rejected", "Example refused it: {said}"),
)


def auth_of(token: str, app: ClientApp) -> Auth:
    def sign(token: str) -> dict[str, str]:
        return {"proof": hmac.new(app.client_secret.encode(), token.encode(), hashlib.sha256).hexdigest()}

    return Auth(token, origins=tuple(UPLOAD_ORIGINS), sign=sign)


def error_from(answer: Response) -> CallFailed:
    """What to raise for an answer other than 2xx."""
    error = object_in(answer.fields(), "error")
    return _TABLE.failure(answer, codes=[error.get("code", 0)], said=text_in(error, "message"))


class ExampleConnector(Connector):
    capabilities: ClassVar[Capabilities] = Capabilities(
        slug="example",
        label="Example",
        post_types=("standard", "thread"),
        text=TextLimit(500, "characters", SOURCE),
        reconcile="best_effort",
        way="look_up",
        settle_s=2,
        hold_s=LONGEST_HOLD_S,
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
    def capabilities_at(cls, target: Target | None) -> Capabilities:
        """Accounts of the side host write less and have no threads."""
        if target is None or target.base_url != SIDE_HOST:
            return cls.capabilities
        return replace(cls.capabilities, post_types=("standard",), text=TextLimit(200, "characters", SOURCE))

    @classmethod
    def validate(cls, content: Content, target: Target | None) -> list[FieldProblem]:
        rule = cls.media_rule(content.post_type, target)
        problems = general_problems(content, cls.capabilities_at(target), rule)
        return problems + cls.length_problems(content, target, where="Example")

    def publish(self, step: Step, *, progress: Progress) -> Published | Pending:
        """Bring its files up, wait for them, and make the post: the only visible call."""
        media = ExampleMedia(self.http, self.target, step.part.media, progress)
        if waits := media.go_on():
            return waits
        body: dict[str, Any] = {"text": step.part.text, "media": ids_in(progress.data)}
        if step.parent is not None:
            body["reply_to"] = step.parent.remote_id
        answer = self.http.post(f"/{self.target.remote_id}/posts", json=body, visible=True)
        if not answer.is_ok:
            raise error_from(answer)
        remote_id = id_in(answer.fields())
        if not remote_id:
            raise answer.in_doubt("names no post", code="no_id")
        return Published(remote_id, f"https://example.com/{remote_id}")

    def reconcile(
        self, step: Step, *, progress: Progress, since: datetime, known: frozenset[str]
    ) -> Found | Absent | CannotTell:
        """The oldest post of the page that has this text in this place; a person's own posts cannot be looked up."""
        if self.target.facts.get("kind") == "person":
            return CannotTell("Example shows nobody a person's posts")
        posts = own_posts(self._page, since=since, known=known, most_pages=1)
        if isinstance(posts, CannotTell):
            return posts
        wanted = (step.part.text, step.parent.remote_id if step.parent else None, len(step.part.media))
        found = first_match(
            posts, lambda post: (post.shown["text"], post.shown["reply_to"], len(post.shown["media"])) == wanted
        )
        return found.found if found else Absent()

    def _page(self, cursor: str | None) -> Page:
        """All posts at once."""
        answer = self.http.get(f"/{self.target.remote_id}/posts")
        if not answer.is_ok:
            raise error_from(answer)
        return posts_in(answer, answer.fields().get("data"), _own_post), None

    def delete(self, remote_id: str) -> None:
        answer = self.http.delete(f"/posts/{remote_id}")
        if not answer.is_ok and answer.status != 404:
            raise error_from(answer)


def _own_post(row: Any) -> OwnPost | None:
    made_at = moment_of(row.get("made_at")) if id_in(row) else None
    return OwnPost(id_in(row), f"https://example.com/{row['id']}", made_at, row) if made_at else None


class ExampleMedia(Uploads):
    """Each file is kept as {id, whole, ready}; the addresses of upload sessions beside them, as secrets."""

    chunk_bytes = at_once_bytes = CHUNK
    shortest_wait = longest_wait = timedelta(milliseconds=10)

    def is_uploaded(self, position: int, use: MediaUse) -> bool:
        return bool(self.kept.get(position, {}).get("whole"))

    def send(self, position: int, use: MediaUse) -> None:
        """Name the file to the platform, by where it can fetch it or how large it will be; then send it."""
        if position in self.kept:
            self._send_stretch(position, use)
            return
        said = {"url": use.url} if use.url else {"size": use.size}
        said |= {"mime_type": use.mime_type, "alt_text": use.alt_text}
        answer = self.http.post(f"/{self.target.remote_id}/media", json=said)
        if not answer.is_ok:
            raise error_from(answer)
        fields = answer.fields()
        if not id_in(fields):
            raise answer.in_doubt("names no file", code="unreadable")
        if "upload_url" in fields:
            self.progress.save_secret(**{f"session_{position}": _checked(str(fields["upload_url"]))})
        self.keep(position, id=id_in(fields), begun_at=datetime.now(UTC).isoformat(), whole=bool(use.url))

    def poll(self, position: int, use: MediaUse) -> Pending | None:
        kept = self.kept[position]
        if kept.get("ready"):
            return None
        answer = self.http.get(f"/media/{kept['id']}")
        if not answer.is_ok:
            raise error_from(answer)
        if answer.fields().get("status") != "finished":
            return self.wait(since=datetime.fromisoformat(kept["begun_at"]))
        self.keep(position, ready=True)
        return None

    def _send_stretch(self, position: int, use: MediaUse) -> None:
        """Send one stretch from where the platform says that it stands."""
        http, session = self.http.with_scheme("OAuth"), str(self.progress.data[f"session_{position}"])
        answer = http.put(session, data=b"", headers={"Content-Range": f"bytes */{use.size}"})
        if answer.status == 308:
            arrived = answer.headers.get("range", "")  # bytes=0-999; none = nothing has arrived
            offset = int(arrived.rpartition("-")[2]) + 1 if arrived else 0
            file = File("video.mp4", use.mime_type, path=use.path, offset=offset, length=CHUNK)
            span = {"Content-Range": f"bytes {offset}-{offset + file.size - 1}/{use.size}"}
            answer = self.transfer(file.size, session, http=http, method="PUT", data=file, headers=span)
        if answer.status not in {201, 308}:
            raise error_from(answer)
        self.keep(position, whole=answer.status == 201)


def _checked(url: str) -> str:
    """The session's address, which has to be one that the token may go to."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" not in UPLOAD_ORIGINS:
        raise OperatorProblem("Example names a strange address to upload to.", code="strange_origin")
    return url


class ExampleOAuth(OperatorAppFlow):
    """Gives one page, with a token of its own; a revocation ends all that a person granted."""

    revoke_ends = "person"
    scope_separator = ","
    label = "Example"
    default_host = "https://graph.example.com"
    console = "https://example.com/apps"
    app_settings = "EXAMPLE_ID and EXAMPLE_SECRET"
    token_path = "/oauth/token"

    @property
    def scopes(self) -> tuple[str, ...]:
        return ("pages", "posts")

    @property
    def consent_page(self) -> str:
        return f"{self.http.base_url}/oauth/authorize"

    def meaning(self, answer: Response) -> CallFailed:
        return error_from(answer)

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

    default_host = SIDE_HOST
    app_settings = "EXAMPLE_SIDE_ID and EXAMPLE_SIDE_SECRET"
