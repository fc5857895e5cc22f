"""Instagram itself: its professional accounts, and the two hosts at which programs speak to it.

`/v26.0/…` stands for graph.facebook.com, with the tokens of the pages that accounts are linked to; `/instagram/…` for
graph.instagram.com, api.instagram.com and www.instagram.com, with the accounts' own.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.consent import ConsentPage
from sandbox.graph import (
    SHORT_S,
    Caller,
    GraphOAuth,
    GraphPlatform,
    Page,
    add_batch,
    add_sign_in,
    business_usage,
    graph_error,
    refused,
    token_refused,
)
from sandbox.oauth import NO_STORE, development_app
from sandbox.platforms.instagram.settings import SETTING_CHECKS, Settings
from sandbox.records import App, Media, Person, Post, Token
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Refused, Request, UnreadableBody, json_answer, retry_after
from sandbox.world import Site

ROUTES: Routes[Instagram] = Routes()
OWN_HOST = re.compile(r"/instagram/v[0-9]+\.0(/.*)")
META_APP, OWN_APP = "facebook", "instagram"
PERMISSIONS = ("basic", "content_publish", "manage_comments", "manage_insights")
FACEBOOK_SCOPES = (
    "business_management",
    *(f"instagram_{name}" for name in PERMISSIONS),
    "instagram_manage_contents",
    "pages_read_engagement",
    "pages_show_list",
    "public_profile",
)
OWN_SCOPES = tuple(f"instagram_business_{name}" for name in PERMISSIONS)
FETCHED = ("image_url", "video_url", "cover_url")


@dataclass(slots=True, eq=False)
class Account:
    """A professional account; it is linked to a page of the same person."""

    id: str
    username: str
    person: Person
    page: str


@dataclass(slots=True, eq=False)
class Container:
    """What becomes a post: of one file (`media`, once it is there), or of several others (`children`).

    `post`: the one that came of it. `failure`: the subcode of the error in which the work on it ends.
    """

    id: str
    account: str
    media_type: str
    fields: dict[str, Any]
    created_ms: int
    children: list[str] = field(default_factory=list)
    media: Media | None = None
    size: int = 0
    data: bytes = b""
    ready_ms: int = 0
    failure: int = 0
    post: str = ""

    @property
    def arrived_bytes(self) -> int:
        return self.size if self.media is not None else len(self.data)


def is_own_host(request: Request) -> bool:
    """Return whether a call went to Instagram's own host."""
    return request.path.startswith("/instagram/")


def is_making(request: Request) -> bool:
    """Return whether a call makes a container."""
    return request.method == "POST" and request.path.endswith("/media")


class InstagramOAuth(GraphOAuth):
    """The tokens of Instagram's own host beside those of Facebook Login."""

    def give_short(self, request: Request) -> Answer:
        """Answer `POST api.instagram.com/oauth/access_token`; its refusals have a shape of their own."""
        fields = request.fields()
        try:
            grant = self._exchanged(own_app(self.client(request, fields)), fields, request.at_ms)
        except Refused:
            said = {"error_type": "OAuthException", "code": 400, "error_message": self._why(request, fields)}
            return json_answer(400, said)
        assert grant.person is not None  # noqa: S101 - no app has codes for itself
        token = Token(f"IGAA{secrets.token_urlsafe(32)}", grant, request.at_ms, request.at_ms + SHORT_S * 1000)
        self.site.tokens[token.access] = token
        account = self.platform.account_of(grant.person)  # type: ignore[attr-defined]
        body = {"access_token": token.access, "user_id": account.id, "permissions": ",".join(grant.scopes)}
        return json_answer(200, {"data": [body]}, list(NO_STORE))

    def give_long(self, request: Request) -> Answer:
        """Answer `GET graph.instagram.com/access_token`."""
        token = self._good_token(request, "ig_exchange_token")
        app = token.grant.app
        if app is None or app.client_secret != request.query().get("client_secret"):
            raise refused("Error validating client secret.", 1)
        return self._for_sixty_days(token, request)

    def renew(self, request: Request) -> Answer:
        """Answer `GET graph.instagram.com/refresh_access_token`; the real one takes no token younger than a day."""
        return self._for_sixty_days(self._good_token(request, "ig_refresh_token"), request)

    def _good_token(self, request: Request, grant_type: str) -> Token:
        query = request.query()
        token = self.site.tokens.get(str(query.get("access_token") or ""))
        fault = token.fault(request.at_ms) if token else "unknown"
        if token is None or fault or token.grant.app is None or query.get("grant_type") != grant_type:
            raise token_refused(fault)
        own_app(token.grant.app)
        return token

    def _for_sixty_days(self, token: Token, request: Request) -> Answer:
        return self._token(token.grant, int(self.policy.token_ttl_s or 0), request.at_ms)

    def _why(self, request: Request, fields: dict[str, Any]) -> str:
        try:
            own_app(self.client(request, fields))
        except Refused:
            return "Error validating client secret or platform app"
        return "Matching code was not found or was already used"


def own_app(app: App) -> App:
    """Return an app that is registered for Instagram Login. Raises Refused for another."""
    if app.client_id != f"sandbox-{OWN_APP}":
        raise refused("Invalid platform app", 1)
    return app


class Instagram(GraphPlatform):
    slug = "instagram"
    label = "Instagram"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9._-]{1,30}")
    setting_checks = SETTING_CHECKS
    known_scopes = OWN_SCOPES
    kept_names = (*GraphPlatform.kept_names, "accounts", "published")

    def __init__(self, site: Site) -> None:
        self.options: Settings = Settings()
        self.containers: dict[str, Container] = {}
        self.accounts: dict[str, Account] = {}
        """By the page's id."""
        self.published: dict[str, list[int]] = {}
        """When each account published by programs, by its id."""
        super().__init__(site)
        development_app(site, FACEBOOK_SCOPES, name=META_APP)
        self.oauth = InstagramOAuth(self, self.oauth.policy)
        self.consent = ConsentPage(self.oauth, unknown_client_status=400, default_scope="public_profile")

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route; the two hosts have the same calls behind the version.

        A container of others brings no file, and one that is uploaded is worked on when its file is there.
        """
        versioned = OWN_HOST.fullmatch(request.path)
        route, args = self.routes.find(request.method, versioned[1]) if versioned else super().route_of(request)
        if route is None or not is_making(request):
            return route, args
        fields = self.said_in(request)
        operation = Operation.OTHER if fields.get("media_type") == "CAROUSEL" else route.operation
        can_process = route.can_process and fields.get("upload_type") != "resumable"
        return replace(route, operation=operation, can_process=can_process), args

    def addresses_to_fetch(self, route: Route[Any] | None, request: Request) -> list[str]:
        fields = self.said_in(request) if route is not None and is_making(request) else {}
        return [str(fields[name]) for name in FETCHED if fields.get(name)]

    def said_in(self, request: Request) -> dict[str, Any]:
        """Return a form's fields, none where it cannot be read, which the route itself refuses."""
        try:
            return self.form(request)
        except UnreadableBody:
            return {}

    def kept(self) -> dict[str, Any]:
        """Uploads that are not whole end with the process."""
        whole = {name: one for name, one in self.containers.items() if one.media is not None or one.children}
        return {**super().kept(), "containers": whole}

    def post_url(self, post: Post) -> str:
        return str((post.extra or {}).get("url", "https://www.instagram.com/"))

    # --- accounts ---

    def account_of_page(self, page: Page) -> Account | None:
        """Return the account that a page is linked to."""
        if page.name in self.options.unlinked_pages:
            return None
        found = self.accounts.get(page.id)
        if found is None:
            number = page.owner.pages.index(page.name)
            username = page.owner.handle + (f"_{number}" if number else "")
            found = Account(self.site.ids.next_at(page.owner.created_ms), username, page.owner, page.id)
            self.accounts[page.id] = found
        return found

    def account_of(self, person: Person) -> Account:
        """Return the account that a person signs in with at Instagram. Raises Refused."""
        accounts = (self.account_of_page(page) for page in self.pages_of(person))
        account = next((one for one in accounts if one is not None), None)
        if account is None:
            raise refused("The user is not an Instagram professional account.", 10)
        return account

    def account_called(self, request: Request, caller: Caller) -> Account:
        """Return the account in the path, which has to be the caller's own. Raises Refused."""
        own = self.own_account(request, caller)
        if own.id != request.args["account"]:
            raise refused(
                f"Unsupported request. Object with ID '{request.args['account']}' does not exist",
                100,
                33,
                type="GraphMethodException",
            )
        return own

    def own_account(self, request: Request, caller: Caller) -> Account:
        """Return the account that a call is made for. Raises Refused."""
        if is_own_host(request):
            return self.account_of(caller.person)
        account = self.account_of_page(caller.page) if caller.page else None
        if account is None:
            raise refused("(#200) You do not have sufficient permissions to perform this action", 200, status=403)
        return account

    def caller_of(self, request: Request, *, token: str | None = None) -> Caller:
        """Return who calls. Raises Refused for a token of the other host, too."""
        found = self.site.tokens.get(token or self.access_token(request))
        wanted = f"sandbox-{OWN_APP if is_own_host(request) else META_APP}"
        if found is not None and (found.grant.app is None or found.grant.app.client_id != wanted):
            raise token_refused(None)
        return super().caller_of(request, token=token)

    def check_permission(self, request: Request, caller: Caller, name: str) -> None:
        """Raises Refused where the person did not grant it, by the name that it has at this host."""
        scope = f"instagram_business_{name}" if is_own_host(request) else f"instagram_{name}"
        if scope not in caller.scopes:
            raise refused(f"(#10) Application does not have permission for this action: {scope}", 10, status=403)

    # --- refusals ---

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        minutes = max(-(-(until_ms - at_ms) // 60_000), 1)
        answer = graph_error("(#80002) There have been too many calls to this Instagram account.", 80002)
        answer.headers += [business_usage("1", 100, minutes), retry_after(until_ms, at_ms)]
        return answer


add_sign_in(ROUTES)
add_batch(ROUTES)
