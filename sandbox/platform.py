"""What every simulated platform is to the rest of the simulator.

A platform is one module or package in `platforms/`, called as its slug: a subclass of Platform with its routes,
most shortly one of `json_platform`. Its routes run to their end without waiting, so that each call is carried out
as one step; what has to be late (latency, `slow`) is done by the exchange around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from re import Pattern
from typing import Any, ClassVar

from sandbox.fields import Check
from sandbox.records import Person, Post
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Refused, Request, UnreadableBody, html_answer, json_answer
from sandbox.world import Site, set_values, values_of

BAD_GATEWAY_PAGE = (
    "<!DOCTYPE html><html><head><title>502 Bad gateway</title></head><body>"
    "<h1>Bad gateway</h1><p>The web server reported a bad gateway error.</p>"
    "<p>Error code 502</p></body></html>"
)


class Platform(ABC):
    """One running site of one platform."""

    slug: ClassVar[str]
    label: ClassVar[str]
    routes: ClassVar[Routes[Any]]
    handle_pattern: ClassVar[Pattern[str]]
    setting_checks: ClassVar[Mapping[str, Check]] = {}
    vendor_effects: ClassVar[Mapping[str, Callable[[], Answer]]] = {}
    """What POST /_control/faults can let only this platform answer, by the name of the effect."""
    max_body_bytes: ClassVar[int] = 1 << 30
    options: Any = None
    """An object that has an attribute for every one of `setting_checks`."""
    kept_names: ClassVar[tuple[str, ...]] = ("options", "meter")
    """The attributes that outlive the process, beside the site's."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.world = site.world

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route that a complete request means and the values in its path; no route is (None, {})."""
        return self.routes.find(request.method, request.path)

    def addresses_to_fetch(self, route: Route[Any] | None, request: Request) -> list[str]:  # noqa: ARG002
        """Return the addresses of files that the platform fetches before it answers; most fetch none."""
        return []

    def carry_out(self, route: Route[Any] | None, request: Request) -> Answer:
        """Do what the call asks for and return the platform's own answer."""
        if route is None:
            return self.no_such_route()
        try:
            return route.handler(self, request)
        except Refused as refusal:
            return refusal.answer
        except UnreadableBody as exc:
            return self.unreadable(str(exc))

    def new_post(self, person: Person, text: str, at_ms: int, *, own_id: str = "", **more: Any) -> Post:
        """Return a post, not yet visible (`site.add_post`); `own_id` where the platform does not number them."""
        post_id = own_id or self.site.ids.next_at(at_ms)
        return Post(self.world.next_post_number(), self.site.name, self.slug, post_id, person, text, at_ms, **more)

    def clean_handle(self, handle: str) -> str | None:
        """Return the handle as this platform writes it, None when nobody can be called that."""
        bare = handle.strip().removeprefix("@")
        return bare if self.handle_pattern.fullmatch(bare) else None

    def person_called(self, handle: str) -> Person | None:
        """Return the person, signing them up when they are new; None when nobody can be called that."""
        clean = self.clean_handle(handle)
        if clean is None:
            return None
        return self.site.person(clean) or self.site.sign_up(clean)

    def person_extras(self, person: Person) -> dict[str, Any]:  # noqa: ARG002 - most platforms have none
        """Return what POST /_control/accounts says about a person of this platform on top."""
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """What PUT /_control/instance can change, as it is now."""
        return {name: getattr(self.options, name) for name in self.setting_checks}

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Take over changes that `setting_checks` has passed."""
        for name, value in changes.items():
            setattr(self.options, name, value)

    def kept(self) -> dict[str, Any]:
        """Return what outlives the process, beside the site."""
        return values_of(self, self.kept_names)

    def restore(self, kept: dict[str, Any]) -> None:
        """Take over what `kept` returned, and what follows from its settings."""
        set_values(self, kept)
        self.change_settings({})

    @abstractmethod
    def post_url(self, post: Post) -> str: ...

    @abstractmethod
    def no_such_route(self) -> Answer: ...

    @abstractmethod
    def unreadable(self, reason: str) -> Answer: ...

    @abstractmethod
    def too_large(self) -> Answer: ...

    @abstractmethod
    def server_error(self, status: int) -> Answer:
        """Return the platform's own page or body for 500 or 503."""

    @abstractmethod
    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        """Return 429 with the platform's own headers for a window that opens again at `until_ms`."""

    @abstractmethod
    def rejected(self, operation: Operation) -> Answer:
        """Return the platform's own validation error."""

    def without_id(self) -> Answer:
        return json_answer(200, {})

    def garbage(self) -> Answer:
        return Answer(200, b'{"id":"1', b"application/json; charset=utf-8")

    def bad_gateway(self) -> Answer:
        return html_answer(502, BAD_GATEWAY_PAGE, [(b"server", b"cloudflare")])
