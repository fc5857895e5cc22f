"""One Bluesky service, with entryway, PDS and AppView in one: who is calling, how often, and how it says no."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from sandbox.platform import Platform
from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Job, Refresh, ServiceToken, new_account
from sandbox.platforms.bluesky.lexicon import VIDEO_MAX_BYTES
from sandbox.platforms.bluesky.limits import ALL_CALLS, WRITES_BY_HOUR, Spent
from sandbox.platforms.bluesky.settings import SETTING_CHECKS, Settings
from sandbox.platforms.bluesky.syntax import HANDLE, POSTS
from sandbox.quotas import Meter, Quota, Reading
from sandbox.records import Person, Post
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Refused, Request, UnreadableBody, retry_after
from sandbox.world import Site

ADDRESS = "127.0.0.1"
OWN_DOMAIN = ".bsky.social"
ROUTES: Routes[Bluesky] = Routes()


class Bluesky(Platform):
    slug = "bluesky"
    label = "Bluesky"
    routes = ROUTES
    handle_pattern = HANDLE
    setting_checks = SETTING_CHECKS
    vendor_effects = errors.EFFECTS
    kept_names = (
        *Platform.kept_names, "accounts", "accounts_by_did", "refresh_jtis", "refreshes", "service_tokens", "jobs",
    )  # fmt: skip
    max_body_bytes = VIDEO_MAX_BYTES  # what uploadBlob takes is less, and a setting

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.options: Settings = Settings()
        self.meter = Meter()
        self.accounts: dict[str, Account] = {}
        """By the person's id."""
        self.accounts_by_did: dict[str, Account] = {}
        self.refresh_jtis: dict[str, str] = {}
        """Refresh token as sent -> its jti; several may carry the same one."""
        self.refreshes: dict[str, Refresh] = {}
        """By jti."""
        self.service_tokens: dict[str, ServiceToken] = {}
        self.jobs: dict[str, Job] = {}
        self._spent: list[Spent] = []

    @property
    def did(self) -> str:
        """The service's own, as did:web writes an address with a port and a path."""
        address = urlsplit(self.site.url)
        return f"did:web:{quote(address.netloc, safe='')}{address.path.replace('/', ':')}"

    def clean_handle(self, handle: str) -> str | None:
        bare = handle.strip().removeprefix("@").lower()
        return super().clean_handle(bare if "." in bare else bare + OWN_DOMAIN)

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Only what writes a post publishes; records of other kinds are written by the same calls."""
        route, args = super().route_of(request)
        if route is None or route.operation is not Operation.PUBLISH:
            return route, args
        try:
            collection = request.fields().get("collection", POSTS)
        except UnreadableBody:
            return route, args
        return (route if collection == POSTS else replace(route, operation=Operation.OTHER)), args

    def carry_out(self, route: Route[Any] | None, request: Request) -> Answer:
        self._spent = []
        try:
            self.spend(ADDRESS, ALL_CALLS, request.at_ms)
        except Refused as refusal:
            return refusal.answer
        answer = super().carry_out(route, request)
        if self._spent and answer.status != 429:
            tightest = min(self._spent, key=lambda spent: spent.reading.remaining)
            answer.headers.extend(tightest.headers())
        return answer

    def spend(self, key: str, quota: Quota, at_ms: int, points: int = 1) -> None:
        """Count points of a quota, which the headers of the answer tell. Raises Refused when too many."""
        if not self.world.limits.quotas:
            return
        spent = Spent(quota, self.meter.read(key, quota, at_ms, spend=points))
        self._spent.append(spent)
        if spent.reading.remaining < 0:
            raise Refused(self._too_many(spent, at_ms))

    def _too_many(self, spent: Spent, at_ms: int) -> Answer:
        headers = spent.headers()
        if self.options.retry_after:
            headers.append(retry_after(spent.reading.reset_ms, at_ms))
        return errors.error(429, "RateLimitExceeded", "Rate Limit Exceeded", headers)

    def account(self, person: Person) -> Account:
        known = self.accounts.get(person.id)
        if known is None:
            known = new_account(person, self.site.name)
            self.accounts[person.id] = self.accounts_by_did[known.did] = known
        return known

    def account_called(self, identifier: str) -> Account | None:
        """Return the account of a handle or a DID."""
        if identifier.startswith("did:"):
            return self.accounts_by_did.get(identifier)
        person = self.site.person(identifier)
        return self.account(person) if person else None

    def status(self, account: Account) -> str | None:
        """Return `takendown`, `suspended`, `deactivated` or, for an active account, None."""
        handle = account.person.handle.lower()
        if handle in self.options.taken_down:
            return "takendown"
        if handle in self.options.suspended:
            return "suspended"
        return "deactivated" if handle in self.options.deactivated else None

    def shown_account(self, identifier: str) -> Account | None:
        """Return the account of a handle or a DID, if the world may see it."""
        account = self.account_called(identifier)
        return account if account is not None and self.status(account) is None else None

    def caller(self, request: Request) -> Account:
        """Return whose access token came with the request, whatever the account's status. Raises Refused."""
        value = bearer(request)
        token = self.site.tokens.get(value)
        if token is None or token.grant.person is None:
            raise errors.invalid_token()
        if token.fault(request.at_ms) is not None:  # a revoked session shows at the refresh
            raise errors.expired()
        return self.account(token.grant.person)

    def writer(self, request: Request) -> Account:
        """Return the active account that calls. Raises Refused."""
        return self.active(self.caller(request))

    def served(self, request: Request, method: str, audience: str) -> Account:
        """Return the active account in whose name another service calls `method`. Raises Refused."""
        token = self.service_tokens.get(bearer(request))
        if token is None or token.expires_ms <= request.at_ms:
            raise errors.refuse(401, "BadJwt" if token is None else "JwtExpired", "could not verify the service token")
        if token.audience != audience:
            raise errors.refuse(401, "BadJwtAudience", "jwt audience does not match service did")
        if token.method not in (None, method):
            raise errors.refuse(401, "BadJwtLexiconMethod", f"bad jwt lexicon method: must match {method}")
        return self.active(token.account)

    def active(self, account: Account) -> Account:
        """Return the account, if it may write. Raises Refused."""
        status = self.status(account)
        if status == "takendown":
            raise errors.refuse(401, "AccountTakedown", errors.TAKEN_DOWN)
        if status is not None:
            raise errors.refuse(401, "AccountDeactivated", errors.DEACTIVATED)
        return account

    def person_extras(self, person: Person) -> dict[str, Any]:
        account = self.account(person)
        return {"did": account.did, "app_password": person.app_password}

    def post_url(self, post: Post) -> str:
        did, _, rkey = post.id.removeprefix("at://").split("/")
        return f"{self.site.url}/profile/{did}/post/{rkey}"

    def no_such_route(self) -> Answer:
        return errors.error(501, "MethodNotImplemented", "Method Not Implemented")

    def unreadable(self, reason: str) -> Answer:
        return errors.invalid(reason).answer

    def too_large(self) -> Answer:
        return errors.error(413, "PayloadTooLarge", "request entity too large")

    def server_error(self, status: int) -> Answer:
        if status == 503:
            return errors.error(503, "NotEnoughResources", "Not Enough Resources")
        return errors.internal_error()

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        return self._too_many(Spent(WRITES_BY_HOUR, Reading(WRITES_BY_HOUR.limit, 0, until_ms)), at_ms)

    def rejected(self, operation: Operation) -> Answer:  # noqa: ARG002 - it is the same everywhere
        message = f"Invalid {POSTS} record: Expected string value type (got null) at $.record.text"
        return errors.invalid(message).answer


def bearer(request: Request) -> str:
    """Return the token that came. Raises Refused."""
    if request.header(b"authorization") is None:
        raise errors.refuse(401, "AuthMissing", errors.AUTH_MISSING)
    value = request.bearer()
    if not value:
        raise errors.refuse(400, "InvalidToken", "Unexpected authorization type")
    return value
