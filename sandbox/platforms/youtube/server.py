"""YouTube itself: who is calling, with which permission, what it costs of the quota, and how it says no.

Sources: https://developers.google.com/youtube/v3/docs/errors, …/youtube/v3/determine_quota_cost and
https://developers.google.com/identity/protocols/oauth2/web-server (read 2026-11-23).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.consent import ConsentPage
from sandbox.json_platform import JsonPlatform
from sandbox.oauth import OAuth, Policy, development_app, refusal
from sandbox.platforms.youtube.settings import SETTING_CHECKS, Settings
from sandbox.records import App, Grant, Media, Person, Post, Token
from sandbox.routing import Operation, Routes
from sandbox.wire import Answer, Refused, Request, json_answer
from sandbox.world import Site

ROUTES: Routes[YouTube] = Routes()
PACIFIC = ZoneInfo("America/Los_Angeles")
_AUTH = "https://www.googleapis.com/auth"
ALL, FORCE_SSL, UPLOAD, READ = (f"{_AUTH}/youtube{name}" for name in ("", ".force-ssl", ".upload", ".readonly"))
WRITING = frozenset({ALL, FORCE_SSL})
READING = WRITING | {READ}
UPLOADING = WRITING | {UPLOAD}
WORTH_A_WEEK_S = 604_799
UNITS, VIDEOS, STATISTICS = "units", "videos", "statistics"
DAILY_STATISTICS = 10_000


@dataclass(slots=True, eq=False)
class Video:
    """A video as it is: `resource` holds what its owner says of it, `draft_text` what its text was before others
    could see it."""

    id: str
    owner: Person
    resource: dict[str, Any]
    media: Media
    uploaded_ms: int
    ready_ms: int
    failure: str = ""
    rejection: str = ""
    published_ms: int = 0
    draft_text: str = ""
    thumbnail: str = ""
    captions: list[dict[str, str]] = field(default_factory=list)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.resource["status"]
        return status

    @property
    def snippet(self) -> dict[str, Any]:
        snippet: dict[str, Any] = self.resource["snippet"]
        return snippet


@dataclass(slots=True, eq=False)
class Session:
    """An upload that is under way; `video_id` once it is whole."""

    id: str
    owner: Person
    resource: dict[str, Any]
    mime_type: str
    size: int
    begun_ms: int
    data: bytearray = field(default_factory=bytearray)
    video_id: str = ""


@dataclass(slots=True, eq=False)
class CaptionSession:
    """Captions of a video that are to come."""

    id: str
    video_id: str
    snippet: dict[str, Any]


class GoogleOAuth(OAuth):
    """A refresh token comes with the first access token, and stays the same for good."""

    def wrong(self, what: str) -> Refused:
        if what == "client":
            return refusal(401, "invalid_client", "The OAuth client was not found.")
        if what == "grant_type":
            return refusal(400, "unsupported_grant_type", "Invalid grant_type.")
        said = "Token has been expired or revoked." if what == "refresh_token" else "Malformed auth code."
        return refusal(400, "invalid_grant", said)

    def token_body(self, token: Token) -> dict[str, Any]:
        body = {
            "access_token": token.access,
            "expires_in": self.policy.token_ttl_s,
            "scope": " ".join(token.grant.scopes),
            "token_type": "Bearer",
        }
        return body | ({"refresh_token_expires_in": WORTH_A_WEEK_S} if self.platform.options.is_testing else {})

    def _refreshed(self, app: App, fields: dict[str, Any]) -> Grant:
        known = self.site.refresh_tokens.get(str(fields.get("refresh_token") or ""))
        if known is None or known.grant.app is not app or known.grant.is_revoked:
            raise self.wrong("refresh_token")
        return known.grant

    def _may_refresh(self, grant: Grant) -> bool:
        return super()._may_refresh(grant) and all(one.grant is not grant for one in self.site.refresh_tokens.values())

    def end(self, request: Request) -> Answer:
        """Answer the revocation endpoint: all that the person granted to the app ends. It asks for no keys."""
        value = str(request.fields().get("token") or request.query().get("token") or "")
        found = self.site.tokens.get(value) or self.site.refresh_tokens.get(value)
        if found is None or found.grant.is_revoked:
            raise refusal(400, "invalid_token", "Token expired or revoked")
        grants = [token.grant for token in self.site.tokens.values()]
        for grant in (*grants, *(token.grant for token in self.site.refresh_tokens.values())):
            if grant.person is found.grant.person and grant.app is found.grant.app:
                grant.is_revoked = True
        return json_answer(200, {})


def error_body(status: int, reason: str, message: str, domain: str = "youtube") -> dict[str, Any]:
    named = {401: {"status": "UNAUTHENTICATED"}, 403: {"status": "PERMISSION_DENIED"}}.get(status, {})
    one = {"message": message, "domain": domain, "reason": reason}
    return {"error": {"code": status, "message": message, "errors": [one], **named}}


def refused(status: int, reason: str, message: str = "") -> Refused:
    return Refused(json_answer(status, error_body(status, reason, message or f"The request was refused: {reason}.")))


@dataclass(slots=True, frozen=True)
class Caller:
    """Whose channel calls, through which project."""

    person: Person
    app: App


Handler = Callable[["YouTube", Request, Caller], Any]


def endpoint(
    method: str,
    path: str,
    operation: Operation,
    *,
    scopes: Collection[str],
    units: int = 1,
    bucket: str = UNITS,
    can_process: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler for calls of a channel with any one of `scopes`; it returns a body, or an Answer."""

    def register(handler: Handler) -> Handler:
        def answer(server: YouTube, request: Request) -> Answer:
            caller = server.caller_of(request, scopes)
            server.spend(caller.app, bucket, units, request.at_ms)
            said = handler(server, request, caller)
            return said if isinstance(said, Answer) else json_answer(200, said)

        ROUTES.add(method, path, operation, can_process=can_process)(answer)
        return handler

    return register


class YouTube(JsonPlatform):
    slug = "youtube"
    label = "YouTube"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9_.-]{1,30}")
    setting_checks = SETTING_CHECKS
    kept_names = (*JsonPlatform.kept_names, "videos", "in_playlists", "spent")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.options: Settings = Settings()
        self.oauth = GoogleOAuth(self, self._policy())
        self.consent = ConsentPage(self.oauth, unknown_client_status=400, default_scope="")
        self.videos: dict[str, Video] = {}
        self.sessions: dict[str, Session] = {}
        self.caption_sessions: dict[str, CaptionSession] = {}
        self.in_playlists: list[tuple[str, str]] = []
        """(playlist's id, video's id), in their order."""
        self.spent: dict[tuple[str, str], tuple[str, int]] = {}
        """(project, bucket) -> (day of the Pacific, what of the quota was spent on it)."""
        development_app(site, (ALL, FORCE_SSL, UPLOAD, READ))

    def _policy(self) -> Policy:
        return Policy(token_ttl_s=self.options.token_ttl_s, has_refresh=True, has_app_tokens=False)

    def change_settings(self, changes: dict[str, Any]) -> None:
        super().change_settings(changes)
        self.oauth.policy = self._policy()

    # --- who calls ---

    def caller_of(self, request: Request, scopes: Collection[str]) -> Caller:
        """Return whose channel calls. Raises Refused."""
        grant = self.token(request).grant
        if grant.person is None or grant.app is None:
            raise refused(401, "authError", "Invalid Credentials")
        if not set(scopes) & set(grant.scopes):
            raise refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        return Caller(grant.person, grant.app)

    def token(self, request: Request) -> Token:
        token = self.site.tokens.get(request.bearer() or "")
        if token is None or token.fault(request.at_ms) is not None:
            raise refused(401, "authError", "Invalid Credentials")
        return token

    def channel_id(self, person: Person) -> str:
        """Return the id of somebody's channel. Raises Refused where they have none."""
        if not person.channels:
            raise refused(401, "youtubeSignupRequired", "Unauthorized")
        return f"UC{person.id[-22:]:0>22}"

    # --- what it costs ---

    def spend(self, app: App, bucket: str, units: int, at_ms: int) -> None:
        """Count what a call costs, on the day that it is in California. Raises Refused when there is too little."""
        if not self.world.limits.quotas:
            return
        limits = {UNITS: self.options.daily_units, VIDEOS: self.options.daily_videos, STATISTICS: DAILY_STATISTICS}
        day = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(PACIFIC).date().isoformat()
        spent_on, spent = self.spent.get((app.client_id, bucket), (day, 0))
        spent = units + (spent if spent_on == day else 0)
        if spent > limits[bucket]:
            message = "The request cannot be completed because you have exceeded your quota."
            raise Refused(json_answer(403, error_body(403, "quotaExceeded", message, "youtube.quota")))
        self.spent[app.client_id, bucket] = day, spent

    # --- videos ---

    def new_id(self) -> str:
        """Return eleven characters that no video has."""
        while (video_id := secrets.token_urlsafe(8)) in self.videos:
            continue
        return video_id

    def own_video(self, caller: Caller, video_id: str) -> Video:
        """Return a video of the caller's. Raises Refused."""
        video = self.videos.get(video_id)
        if video is None:
            raise refused(404, "videoNotFound", "The video that you have requested cannot be found.")
        if video.owner is not caller.person:
            raise refused(403, "forbidden", "Forbidden")
        return video

    def post_url(self, post: Post) -> str:
        if post.reply_to:
            return f"https://www.youtube.com/watch?v={post.reply_to}&lc={post.id}"
        return f"https://www.youtube.com/watch?v={post.id}"

    # --- refusals ---

    def error(self, status: int, name: str, message: str) -> Answer:
        return json_answer(status, error_body(status, name, message, "global"))

    def no_such_route(self) -> Answer:
        return self.error(404, "notFound", "Not Found")

    def unreadable(self, reason: str) -> Answer:
        return self.error(400, "parseError", reason)

    def too_large(self) -> Answer:
        return self.error(413, "uploadTooLarge", "The body is too large")

    def server_error(self, status: int) -> Answer:
        return self.error(status, "backendError", "Backend Error")

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        answer = super().too_many(until_ms=until_ms, at_ms=at_ms)
        body = error_body(429, "rateLimitExceeded", "Too many requests", "usageLimits")
        return Answer(429, json_answer(429, body).body, headers=answer.headers)

    def rejected(self, operation: Operation) -> Answer:
        reason = "invalidVideoMetadata" if operation is Operation.UPLOAD else "invalidDescription"
        return self.error(400, reason, "The request metadata is invalid.")


# --- signing in ---
@ROUTES.add("GET", "/o/oauth2/v2/auth", Operation.OTHER)
def show_consent(server: YouTube, request: Request) -> Answer:
    return server.consent.show(request)


@ROUTES.add("POST", "/o/oauth2/v2/auth", Operation.OTHER)
def decide_consent(server: YouTube, request: Request) -> Answer:
    return server.consent.decide(request)


@ROUTES.add("POST", "/token", Operation.TOKEN)
def give_token(server: YouTube, request: Request) -> Answer:
    return server.oauth.token(request)


@ROUTES.add("POST", "/revoke", Operation.TOKEN)
def end_grant(server: YouTube, request: Request) -> Answer:
    return server.oauth.end(request)


def part_names(request: Request, known: Collection[str]) -> set[str]:
    """Return what `part` names. Raises Refused for none, and for a name that is not in `known`."""
    asked = {name for name in str(request.query().get("part") or "").split(",") if name}
    if not asked:
        raise refused(400, "missingRequiredParameter", "No filter selected. Expected: part")
    for name in asked - set(known):
        raise refused(400, "unknownPart", f"'{name}'")
    return asked


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def listing(request: Request, items: list[dict[str, Any]], *, most: int, usual: int = 5) -> dict[str, Any]:
    """Return one page of a list, and where the next begins."""
    query = request.query()
    start, size = int(query.get("pageToken") or 0), min(int(query.get("maxResults") or usual), most)
    page: dict[str, Any] = {
        "items": items[start : start + size],
        "pageInfo": {"totalResults": len(items), "resultsPerPage": size},
    }
    return page | ({"nextPageToken": str(start + size)} if start + size < len(items) else {})
