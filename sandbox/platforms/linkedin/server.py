"""LinkedIn itself: who is calling for whom, by which version, and how it says no.

Sources: https://learn.microsoft.com/en-us/linkedin/marketing/versioning, …/shared/api-guide/concepts/error-handling and
…/shared/authentication/authorization-code-flow (read 2026-11-23).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.consent import Asking, ConsentPage, redirected
from sandbox.json_platform import JsonPlatform
from sandbox.oauth import NO_STORE, OAuth, Policy, development_app, refusal
from sandbox.platforms.linkedin.settings import SETTING_CHECKS, Settings
from sandbox.records import App, Grant, Media, Person, Post, RefreshToken, Token
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Refused, Request, json_answer, retry_after
from sandbox.world import Site, Snowflakes

VERSIONS = ("202601", "202602", "202603", "202604", "202605", "202606", "202607", "202608", "202609", "202610")
ID_SHIFT = 22
TOKEN_S, GRANT_S = 5_184_000, 31_536_000
SELF_SERVE = ("openid", "profile", "email", "w_member_social")
COMMUNITY = (
    "r_member_postAnalytics",
    "r_member_social",
    "r_organization_social",
    "rw_organization_admin",
    "w_organization_social",
)
ORGANISATION = "urn:li:organization:"
ENDED = {
    "expired": (65602, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
    "revoked": (65601, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user"),
    "unknown": (65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
}
WRONG_GRANT = "Invalid grant type"
WRONG_CODE = (
    "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. "
    "Or authorization code expired."
)
ROUTES: Routes[LinkedIn] = Routes()


def problem(status: int, code: str, message: str, number: int = 0) -> Answer:
    """Return a refusal as LinkedIn writes it."""
    body: dict[str, Any] = {"status": status, "code": code, "message": message}
    if number:
        body["serviceErrorCode"] = number
    return json_answer(status, body, [(b"x-li-uuid", b"AAYAAAAAAAAAAAAA")])


def refused(status: int, code: str, message: str, number: int = 0) -> Refused:
    return Refused(problem(status, code, message, number))


def invalid(code: str, description: str, *, status: int = 422) -> Refused:
    """Return the refusal of an input."""
    details = {"inputErrors": [{"code": code, "description": description, "input": {"inputPath": {"fieldPath": ""}}}]}
    body = {
        "status": status,
        "message": f"ERROR :: {description}",
        "errorDetailType": "com.linkedin.common.error.BadRequest",
        "errorDetails": details,
    }
    return Refused(json_answer(status, body))


@dataclass(slots=True, eq=False)
class Organisation:
    id: str
    name: str
    owner: Person

    @property
    def urn(self) -> str:
        return f"{ORGANISATION}{self.id}"


@dataclass(slots=True, eq=False)
class UploadSession:
    """A file of an author's (`owner`, by URN): told of, sent, perhaps in parts, and put together (`media`)."""

    urn: str
    owner: str
    person: Person
    key: str
    begun_ms: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    parts: dict[int, bytes] = field(default_factory=dict)
    media: Media | None = None


@dataclass(slots=True, frozen=True)
class Caller:
    """Who calls, with which scopes."""

    person: Person
    scopes: tuple[str, ...]

    @property
    def urn(self) -> str:
        return f"urn:li:person:{self.person.id}"

    def needs(self, *scopes: str) -> None:
        """Raises Refused unless the person granted one of these."""
        if not set(scopes) & set(self.scopes):
            raise refused(403, "ACCESS_DENIED", f"Not enough permissions to access: {' or '.join(scopes)}", 100)


class LinkedInOAuth(OAuth):
    """Keys in the body only; tokens of sixty days, and one refresh token a year long that stays the same."""

    def client(self, request: Request, fields: dict[str, Any]) -> App:
        if request.basic() is not None:
            raise self.wrong("client")
        return super().client(request, fields)

    def missing(self, name: str) -> Refused:
        return refusal(400, "invalid_request", f'A required parameter "{name}" is missing')

    def wrong(self, what: str) -> Refused:
        if what == "client":
            return Refused(
                json_answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
            )
        if what == "refresh_token":
            return refusal(400, "invalid_grant", "The provided authorization grant is invalid")
        return refusal(400, "invalid_request", WRONG_GRANT if what == "grant_type" else WRONG_CODE)

    def token(self, request: Request) -> Answer:
        fields = request.fields()
        if fields.get("grant_type") != "refresh_token" or not self.policy.has_refresh:
            return super().token(request)
        app = self.client(request, fields)
        if not fields.get("refresh_token"):
            raise self.missing("refresh_token")
        known = self.site.refresh_tokens.get(str(fields["refresh_token"]))
        if known is None or known.grant.app is not app or known.grant.is_revoked:
            raise self.wrong("refresh_token")
        return self._given(known.grant, known, request.at_ms)

    def _issued(self, grant: Grant, at_ms: int) -> Answer:
        fresh = RefreshToken(secrets.token_urlsafe(32), grant) if self.policy.has_refresh else None
        if fresh is not None:
            self.site.refresh_tokens[fresh.value] = fresh
        return self._given(grant, fresh, at_ms)

    def _given(self, grant: Grant, refresh: RefreshToken | None, at_ms: int) -> Answer:
        token = Token(secrets.token_urlsafe(120), grant, at_ms, at_ms + TOKEN_S * 1000)
        self.site.tokens[token.access] = token
        body: dict[str, Any] = {
            "access_token": token.access,
            "expires_in": TOKEN_S,
            "scope": ",".join(grant.scopes),
            "token_type": "Bearer",
        }
        if refresh is not None:
            body |= {"refresh_token": refresh.value, "refresh_token_expires_in": GRANT_S}
        return json_answer(200, body, list(NO_STORE))


class LinkedInConsent(ConsentPage):
    def _decided(self, asking: Asking, *, is_allowed: bool, handle: str) -> Answer:
        if is_allowed:
            return super()._decided(asking, is_allowed=True, handle=handle)
        said = "The user cancelled the authorization"
        return redirected(asking, {"error": "user_cancelled_authorize", "error_description": said})

    def _problem(self, asking: Asking) -> tuple[str, str] | None:
        found = super()._problem(asking)
        if found is None or found[0] != "invalid_scope":
            return found
        missing = sorted(set(asking.scopes) - set(asking.app.scopes))
        return "unauthorized_scope_error", f'Scope "{" ".join(missing)}" is not authorized for your application'


class LinkedIn(JsonPlatform):
    slug = "linkedin"
    label = "LinkedIn"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9._-]{1,60}")
    setting_checks = SETTING_CHECKS
    kept_names = (*JsonPlatform.kept_names, "organisations", "sent")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        site.ids = Snowflakes(site.name, ID_SHIFT)
        self.options: Settings = Settings()
        self.organisations: dict[str, Organisation] = {}
        self.sent: dict[tuple[str, str], str] = {}
        """(author, text) -> the post that had it first; it is not forgotten when that is deleted."""
        self.uploads: dict[str, UploadSession] = {}
        self.oauth = LinkedInOAuth(self, self._policy())
        self.consent = LinkedInConsent(self.oauth, unknown_client_status=400, default_scope="openid")
        development_app(site, (*SELF_SERVE, *COMMUNITY))

    def _policy(self) -> Policy:
        return Policy(code_ttl_s=1_800, token_ttl_s=TOKEN_S, has_refresh=self.options.has_refresh, has_app_tokens=False)

    def change_settings(self, changes: dict[str, Any]) -> None:
        super().change_settings(changes)
        self.oauth.policy = self._policy()
        for app in self.site.apps.values():
            app.scopes = (*SELF_SERVE, *(COMMUNITY if self.options.community else ()))

    def kept(self) -> dict[str, Any]:
        """Uploads that are not whole end with the process."""
        whole = {urn: session for urn, session in self.uploads.items() if session.media is not None}
        return {**super().kept(), "uploads": whole}

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route; what a call to a collection is for stands in its query."""
        route, args = super().route_of(request)
        if route is None or request.path != "/rest/videos":
            return route, args
        return replace(route, can_process=request.query().get("action") == "finalizeUpload"), args

    def post_url(self, post: Post) -> str:
        return f"https://www.linkedin.com/feed/update/{post.id}/"

    # --- who calls for whom ---

    def caller_of(self, request: Request) -> Caller:
        """Return who calls. Raises Refused for a token that is not good."""
        token = self.site.tokens.get(request.bearer() or "")
        fault = token.fault(request.at_ms) if token else "unknown"
        if token is None or fault is not None or token.grant.person is None:
            number, code, message = ENDED[fault or "unknown"]
            raise refused(401, code, message, number)
        return Caller(token.grant.person, token.grant.scopes)

    def check_version(self, request: Request) -> None:
        """Raises Refused for a call that does not say which living version it is written for."""
        version = request.header(b"linkedin-version")
        if not version:
            raise refused(400, "VERSION_MISSING", "A version must be present. Please specify a version")
        if version not in VERSIONS or version in self.options.dead_versions:
            raise refused(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
        if request.header(b"x-restli-protocol-version") != "2.0.0":
            raise refused(400, "BAD_REQUEST", "Invalid Rest.li protocol version")

    def organisations_of(self, person: Person) -> list[Organisation]:
        """Return what a person administers, making what was not asked for yet."""
        known = {one.name: one for one in self.organisations.values() if one.owner is person}
        for name in person.organisations:
            if name not in known:
                made = known[name] = Organisation(self.site.ids.next_at(person.created_ms), name, person)
                self.organisations[made.id] = made
        lost = self.options.lost_organisations
        return [known[name] for name in person.organisations if name not in lost]

    def check_author(self, caller: Caller, author: object, *, writes: bool) -> str:
        """Return the URN of whom a call is made for: the person, or an organisation of theirs. Raises Refused."""
        if author == caller.urn:
            caller.needs("w_member_social" if writes else "r_member_social")
            return caller.urn
        caller.needs("w_organization_social" if writes else "r_organization_social")
        if author not in {one.urn for one in self.organisations_of(caller.person)}:
            raise refused(403, "ACCESS_DENIED", f"Not enough permissions to access: author {author}", 100)
        return str(author)

    # --- refusals ---

    def error(self, status: int, name: str, message: str) -> Answer:
        return problem(status, name.upper(), message)

    def no_such_route(self) -> Answer:
        return problem(404, "RESOURCE_NOT_FOUND", "No virtual resource found")

    def unreadable(self, reason: str) -> Answer:
        return problem(400, "BAD_REQUEST", f"Cannot parse request entity: {reason}")

    def server_error(self, status: int) -> Answer:
        return problem(status, "INTERNAL_SERVER_ERROR", "Internal Server Error")

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        """Return the refusal with the seconds of a front that a test can wait for; LinkedIn itself names no moment."""
        answer = day_is_over("APPLICATION_AND_MEMBER")
        answer.headers.append(retry_after(until_ms, at_ms))
        return answer

    def rejected(self, operation: Operation) -> Answer:
        if operation is Operation.UPLOAD:
            return problem(400, "BAD_REQUEST", "The file cannot be used")
        return invalid("INVALID_VALUE", "The text is not acceptable").answer


def day_is_over(whose: str) -> Answer:
    message = f"Resource level throttle {whose} DAY limit for calls to this resource is reached."
    return problem(429, "TOO_MANY_REQUESTS", message, 101)


Handler = Callable[["LinkedIn", Request, Caller], Any]


def endpoint(
    method: str, path: str, operation: Operation, *, scopes: Sequence[str] = (), can_process: bool = False
) -> Callable[[Handler], Handler]:
    """Register a handler of versioned calls, which need one of `scopes`; it returns an answer or the body of one."""

    def register(handler: Handler) -> Handler:
        def answer(server: LinkedIn, request: Request) -> Answer:
            caller = server.caller_of(request)
            if path.startswith("/rest/"):
                server.check_version(request)
            if scopes:
                caller.needs(*scopes)
            said = handler(server, request, caller)
            return said if isinstance(said, Answer) else json_answer(200, said)

        ROUTES.add(method, path, operation, can_process=can_process)(answer)
        return handler

    return register


def restli_list(text: object) -> list[str]:
    """Return what stands in `List(a,b)`. Raises Refused."""
    found = re.fullmatch(r"List\((.*)\)", str(text or ""))
    if found is None:
        raise refused(400, "BAD_REQUEST", f"Invalid query parameters: {text}")
    return [item for item in found[1].split(",") if item]


def paged(request: Request, rows: list[Any]) -> dict[str, Any]:
    """Return some of these rows, by `start` and `count`."""
    query = request.query()
    start, count = int(query.get("start") or 0), min(int(query.get("count") or 10), 100)
    return {
        "paging": {"start": start, "count": count, "links": [], "total": len(rows)},
        "elements": rows[start : start + count],
    }
