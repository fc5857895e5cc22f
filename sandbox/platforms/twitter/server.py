"""X itself: who is calling, what they may, how often, and how it says no."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.consent import ConsentPage
from sandbox.oauth import OAuth, Policy, development_app, refusal
from sandbox.platform import Platform
from sandbox.platforms.twitter import problems, shapes
from sandbox.platforms.twitter.limits import CREATE, rate_headers
from sandbox.platforms.twitter.settings import OLD, SETTING_CHECKS, Settings
from sandbox.platforms.twitter.uploads import UploadSession
from sandbox.quotas import Meter, Quota, Reading
from sandbox.records import App, Media, Person, Post, Token
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Header, Refused, Request, UnreadableBody, json_answer
from sandbox.world import Site, Snowflakes

EPOCH_MS = 1_288_834_974_657
ID_SHIFT = 22
# https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code
SCOPES = (
    "block.read",
    "block.write",
    "bookmark.read",
    "bookmark.write",
    "broadcast.read",
    "broadcast.write",
    "dm.read",
    "dm.write",
    "follows.read",
    "follows.write",
    "like.read",
    "like.write",
    "list.read",
    "list.write",
    "media.write",
    "mute.read",
    "mute.write",
    "offline.access",
    "space.read",
    "timeline.read",
    "tweet.moderate.write",
    "tweet.read",
    "tweet.write",
    "users.email",
    "users.read",
)
WRONG_VALUE = {
    "code": "Value passed for the authorization code was invalid.",
    "redirect_uri": "Value passed for the redirect uri did not match the uri of the authorization code.",
    "code_verifier": "Value passed for the code verifier did not match the code challenge.",
    "refresh_token": "Value passed for the token was invalid.",
    "grant_type": "Value passed for the grant type was invalid.",
}
ROUTES: Routes[Twitter] = Routes()


class TwitterOAuth(OAuth):
    """A confidential client, by HTTP Basic only, and X's own words."""

    def client(self, request: Request, fields: dict[str, Any]) -> App:
        if request.basic() is None:
            raise self.wrong("client")
        return super().client(request, fields)

    def missing(self, name: str) -> Refused:
        return refusal(400, "invalid_request", f"Missing required parameter [{name}].")

    def wrong(self, what: str) -> Refused:
        if what == "client":
            return refusal(401, "unauthorized_client", "Missing valid authorization header")
        return refusal(400, "invalid_request", WRONG_VALUE[what])

    def token_body(self, token: Token) -> dict[str, Any]:
        return {
            "token_type": "bearer",
            "expires_in": self.policy.token_ttl_s,
            "access_token": token.access,
            "scope": " ".join(token.grant.scopes),
        }


@dataclass(slots=True, frozen=True)
class Caller:
    """Who calls, through which app, with which scopes."""

    person: Person
    app: App
    scopes: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Article:
    """An article as it was drafted; `post_id` once it is published."""

    id: str
    owner: Person
    body: dict[str, Any]
    media: tuple[Media, ...] = ()
    post_id: str = ""


Handler = Callable[["Twitter", Request, Caller], Answer]


def endpoint(
    method: str,
    path: str,
    operation: Operation,
    *,
    scopes: tuple[str, ...],
    quota: Quota,
    app_quota: Quota | None = None,
    can_process: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler for calls with a person's token; every one of `scopes` is needed."""

    def register(handler: Handler) -> Handler:
        def answer(server: Twitter, request: Request) -> Answer:
            caller = server.caller(request)
            headers = server.spend(caller, quota, app_quota, request.at_ms)
            answer = server.attempt(handler, request, caller, scopes)
            answer.headers.extend(headers)
            return answer

        ROUTES.add(method, path, operation, can_process=can_process)(answer)
        return handler

    return register


class Twitter(Platform):
    slug = "twitter"
    label = "X"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9_]{1,15}")
    setting_checks = SETTING_CHECKS
    vendor_effects = problems.EFFECTS
    kept_names = (*Platform.kept_names, "sent_ms")
    max_body_bytes = 5_000_000

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        site.ids = Snowflakes(site.name, ID_SHIFT, EPOCH_MS)
        self.options: Settings = Settings()
        self.meter = Meter()
        self.oauth = TwitterOAuth(self, self._policy())
        self.consent = ConsentPage(self.oauth, unknown_client_status=400, default_scope="")
        self.sent_ms: dict[tuple[str, str], int] = {}
        """(person's id, text as compared) -> when they last posted it."""
        self.uploads: dict[str, UploadSession] = {}
        self.articles: dict[str, Article] = {}
        development_app(site, SCOPES)

    def _policy(self) -> Policy:
        return Policy(
            code_ttl_s=self.options.code_ttl_s,
            token_ttl_s=self.options.token_ttl_s,
            has_refresh=True,
            refresh_scope="offline.access",
            is_pkce_required=True,
            has_app_tokens=False,
        )

    def change_settings(self, changes: dict[str, Any]) -> None:
        super().change_settings(changes)
        self.oauth.policy = self._policy()

    def kept(self) -> dict[str, Any]:
        """Uploads that are not complete end with the process, as those that take too long do."""
        complete = {media_id: session for media_id, session in self.uploads.items() if session.media is not None}
        return {**super().kept(), "uploads": complete}

    def carry_out(self, route: Route[Any] | None, request: Request) -> Answer:
        answer = super().carry_out(route, request)
        if self.options.names == OLD:
            answer.body = answer.body.replace(problems.TYPES.encode(), problems.TYPES_BEFORE_RENAME.encode())
        return answer

    def caller(self, request: Request) -> Caller:
        """Return who calls. Raises Refused."""
        token = self.site.tokens.get(request.bearer() or "")
        if token is None or token.fault(request.at_ms) is not None:
            raise Refused(problems.plain(401, "Unauthorized"))
        grant = token.grant
        if grant.person is None or grant.app is None:
            raise Refused(problems.problem(403, "Unsupported Authentication", "", "unsupported-authentication"))
        return Caller(grant.person, grant.app, grant.scopes)

    def spend(self, caller: Caller, quota: Quota, app_quota: Quota | None, at_ms: int) -> list[Header]:
        """Count one call and return the headers that say what is left. Raises Refused when nothing was."""
        if not self.world.limits.quotas:
            return []
        reading = self.meter.read(caller.person.id, quota, at_ms, spend=1)
        headers, left = rate_headers(reading), reading.remaining
        if app_quota is not None:
            by_app = self.meter.read(caller.app.id, app_quota, at_ms, spend=1)
            headers += rate_headers(by_app, b"x-app-limit-24hour")
            left = min(left, by_app.remaining)
        if left < 0:
            raise Refused(problems.too_many(headers))
        return headers

    def attempt(self, handler: Handler, request: Request, caller: Caller, scopes: tuple[str, ...]) -> Answer:
        if any(scope not in caller.scopes for scope in scopes):
            return problems.forbidden("You are not permitted to perform this action.")
        try:
            return handler(self, request, caller)
        except Refused as refusal:
            return refusal.answer
        except UnreadableBody as exc:
            return self.unreadable(str(exc))

    def answer(self, value: dict[str, Any], status: int = 200) -> Answer:
        """Return what is written with the new names under the names that are set."""
        return json_answer(status, shapes.under_names(value, self.options.names))

    def is_subscribed(self, person: Person) -> bool:
        return person.handle.lower() in self.options.subscribed

    def post_url(self, post: Post) -> str:
        return f"{self.site.url}/{post.person.handle}/status/{post.id}"

    def no_such_route(self) -> Answer:
        return problems.plain(404, "Not Found")

    def unreadable(self, reason: str) -> Answer:
        return problems.invalid([problems.error(f"Your request body could not be parsed: {reason}")])

    def too_large(self) -> Answer:
        return Answer(413, b"")

    def server_error(self, status: int) -> Answer:
        return Answer(503, b"") if status == 503 else problems.internal_error()

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:  # noqa: ARG002 - it names the moment only
        return problems.too_many(rate_headers(Reading(CREATE.limit, 0, until_ms)))

    def rejected(self, operation: Operation) -> Answer:
        if operation is Operation.UPLOAD:
            return problems.invalid([problems.error("media type unrecognized.")])
        return problems.invalid([problems.error("Your text was refused.", "text")])

    def without_id(self) -> Answer:
        detail = "The post could not be read back."
        return json_answer(200, {"errors": [{"title": "Internal Error", "detail": detail, "type": "about:blank"}]})
