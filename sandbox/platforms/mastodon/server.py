"""One Mastodon server: who is calling, what they may, how often, and how it says no."""

from __future__ import annotations

import re
from typing import Any

from sandbox.consent import ConsentPage
from sandbox.oauth import OAuth, Policy
from sandbox.platform import Platform
from sandbox.platforms.mastodon import shapes
from sandbox.platforms.mastodon.dialects import EFFECTS, StockDialect, TakaheDialect, page
from sandbox.platforms.mastodon.rules import ALL_CALLS, EXTRA_QUOTAS, IDENTITY_SCOPES, STATUSES, covers
from sandbox.platforms.mastodon.settings import SETTING_CHECKS, TAKAHE, TAKAHE_LIMITS, Settings
from sandbox.quotas import Meter, Quota, Reading
from sandbox.records import Person, Post, Token
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Refused, Request
from sandbox.world import Site

ROUTES: Routes[Mastodon] = Routes()


class Mastodon(Platform):
    slug = "mastodon"
    label = "Mastodon"
    routes = ROUTES
    handle_pattern = re.compile(r"[A-Za-z0-9_]+(?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
    setting_checks = SETTING_CHECKS
    vendor_effects = EFFECTS
    max_body_bytes = 110 << 20

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.options: Settings = Settings()
        self.meter = Meter()
        self.dialect = StockDialect()
        self.oauth = OAuth(self, Policy())

    def change_settings(self, changes: dict[str, Any]) -> None:
        super().change_settings({**TAKAHE_LIMITS, **changes} if changes.get("dialect") == TAKAHE else changes)
        rotates = self.options.rotating_tokens
        self.dialect = TakaheDialect() if self.options.dialect == TAKAHE else StockDialect()
        self.oauth.policy = Policy(
            code_ttl_s=self.options.code_ttl_s,
            token_ttl_s=self.options.token_ttl_s if rotates else None,
            has_refresh=rotates,
            has_app_tokens=self.dialect.has_app_tokens,
        )

    @property
    def consent(self) -> ConsentPage:
        return ConsentPage(self.oauth, self.dialect.unknown_client_status, self.dialect.bad_redirect_status)

    def carry_out(self, route: Route[Any] | None, request: Request) -> Answer:
        caller = self._caller(request) if self.has_quotas else None
        if caller is None or route is None:
            return super().carry_out(route, request)
        extra = EXTRA_QUOTAS.get((request.method, route.operation))
        over = self._over(caller, extra, request.at_ms)
        if over is not None:
            return self.dialect.too_many(over)
        answer = super().carry_out(route, request)
        answer.headers.extend(self.dialect.quota_headers(self._tightest(caller, extra, request.at_ms)))
        return answer

    @property
    def has_quotas(self) -> bool:
        return self.world.limits.quotas and self.dialect.has_quotas

    def _caller(self, request: Request) -> Person | None:
        token = self.site.tokens.get(request.bearer() or "")
        return token.grant.person if token is not None and token.fault(request.at_ms) is None else None

    def _over(self, caller: Person, extra: Quota | None, at_ms: int) -> Reading | None:
        """Count the call; return the reading of a quota that it exceeds."""
        reading = self.meter.read(caller.id, ALL_CALLS, at_ms, spend=1)
        if reading.remaining < 0 or extra is None:
            return reading if reading.remaining < 0 else None
        if extra is STATUSES:  # a status counts once it has been made: count_status()
            reading = self.meter.read(caller.id, extra, at_ms)
            return reading if reading.remaining < 1 else None
        reading = self.meter.read(caller.id, extra, at_ms, spend=1)
        return reading if reading.remaining < 0 else None

    def _tightest(self, caller: Person, extra: Quota | None, at_ms: int) -> Reading:
        readings = [self.meter.read(caller.id, quota, at_ms) for quota in (ALL_CALLS, extra) if quota]
        return min(readings, key=lambda reading: reading.remaining)

    def count_status(self, person: Person, at_ms: int) -> None:
        if self.has_quotas:
            self.meter.read(person.id, STATUSES, at_ms, spend=1)

    def token(self, request: Request) -> Token | None:
        """Return the good token that came with the request, None when none came. Raises Refused."""
        value = request.bearer()
        if value is None:
            return None
        token = self.site.tokens.get(value)
        fault = "invalid" if token is None else token.fault(request.at_ms)
        if token is None or fault is not None:
            raise Refused(self.dialect.bad_token(fault or "invalid"))
        return token

    def person(self, request: Request, *sufficient: str) -> tuple[Person, Token]:
        """Return who calls, with one of the sufficient scopes. Raises Refused."""
        token = self.token(request)
        if token is None:
            raise Refused(self.dialect.no_token())
        if not self.covers(token.grant.scopes, *sufficient):
            raise Refused(self.dialect.out_of_scope())
        if token.grant.person is None:
            raise Refused(self.dialect.needs_person())
        if token.grant.person.handle.lower() in self.options.login_disabled:
            raise Refused(self.dialect.login_disabled())
        return token.grant.person, token

    def covers(self, granted: tuple[str, ...], *sufficient: str) -> bool:
        """Return whether one of the sufficient scopes was granted; some servers know none for who somebody is."""
        known = (scope for scope in sufficient if self.dialect.has_identity_scopes or scope not in IDENTITY_SCOPES)
        return covers(granted, *known)

    def reader(self, request: Request) -> Person | None:
        """Return who reads; nobody needs a token to read, but one that came must be good and suffice."""
        token = self.token(request)
        if token is None:
            return None
        if not self.covers(token.grant.scopes, "read", "read:statuses"):
            raise Refused(self.dialect.out_of_scope())
        return token.grant.person

    def post_url(self, post: Post) -> str:
        return shapes.status_url(post, self.site)

    def no_such_route(self) -> Answer:
        return self.dialect.not_found()

    def unreadable(self, reason: str) -> Answer:
        return self.dialect.unreadable(reason)

    def too_large(self) -> Answer:
        return page(413, "413 Request Entity Too Large")

    def server_error(self, status: int) -> Answer:
        return self.dialect.server_error(status)

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:  # noqa: ARG002 - it names the moment only
        return self.dialect.too_many(Reading(STATUSES.limit, 0, until_ms))

    def rejected(self, operation: Operation) -> Answer:
        if operation is Operation.UPLOAD:
            return self.dialect.bad_file()
        return self.dialect.invalid("Text contains a blocked word")

    def not_found(self) -> Refused:
        return Refused(self.dialect.not_found())
