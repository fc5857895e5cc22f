"""The ASGI application: one exchange with a platform, or a page of the simulator's own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from starlette.applications import Starlette

from sandbox.clock import now_ms
from sandbox.control import control_routes
from sandbox.faults import Plan, Reply
from sandbox.feed import feed_routes
from sandbox.fetching import fetch
from sandbox.journal import Call
from sandbox.json_api import json_errors
from sandbox.platform import Platform
from sandbox.platforms import PLATFORMS
from sandbox.routing import Operation, Route
from sandbox.server import CONNECTION, Connection
from sandbox.specimens import Specimens
from sandbox.store import Store
from sandbox.wire import (
    Answer,
    BodyTooLarge,
    ClientGone,
    Receive,
    Request,
    Scope,
    Send,
    UnreadableBody,
    read_body,
    read_multipart,
    send_answer,
)
from sandbox.world import World


class Sandbox:
    """Everything that is at one origin."""

    def __init__(self, origin: str, folder: Path | None = None) -> None:
        self.world = World(origin, PLATFORMS)
        self.store = Store(self.world, folder)
        self.specimens = Specimens(Path(path)) if (path := os.environ.get("SANDBOX_SPECIMENS")) else None
        self.pages = Starlette(
            routes=[*feed_routes(self.world), control_routes(self.world, self.store)], exception_handlers=json_errors
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        name, slash, rest = path[1:].partition("/")
        platform = self.world.site(name)
        if platform is not None or scope["method"] not in ("GET", "HEAD"):
            self.world.touch()
        if platform is None:
            await self.pages(scope, receive, send)
        else:
            await self._exchange(platform, slash + rest, scope, receive, send)

    async def _exchange(self, platform: Platform, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection = scope["extensions"][CONNECTION]
        request = Request(
            method="GET" if scope["method"] == "HEAD" else scope["method"],
            path=path,
            query_string=scope["query_string"],
            headers=scope["headers"],
            body=b"",
            at_ms=0,
        )
        try:
            problem = await _read(request, receive, platform)
        except ClientGone:
            return
        platform = self.world.site(platform.site.name) or platform  # a reset may have come while it was read
        started_ns = perf_counter_ns()
        route, request.args = platform.route_of(request)
        operation = Operation.OTHER if route is None else route.operation
        call = self._note(platform, operation, scope, request)
        if self.specimens is not None and problem is None:
            self.specimens.note(platform.slug, route, request)
        can_process = route is not None and route.can_process
        plan = self.world.faults.plan(
            platform.slug, platform.site.name, operation, can_process=can_process, at_ms=request.at_ms
        )
        if plan.is_carried_out and problem is None:
            for url in platform.addresses_to_fetch(route, request):
                request.fetched[url] = await asyncio.to_thread(fetch, url)
        answer = settle(platform, route, request, plan, problem)

        delay_ms = self.world.latency_ms + plan.delay_ms
        if delay_ms:
            await asyncio.sleep((delay_ms + 1) / 1000)  # uvloop's timers ring up to 1 ms early
        if plan.reply is Reply.RESET:
            await connection.reset(receive)
        elif not connection.is_gone:
            call.status, call.took_ms = answer.status, (perf_counter_ns() - started_ns) // 1_000_000
            await send_answer(send, answer)

    def _note(self, platform: Platform, operation: Operation, scope: Scope, request: Request) -> Call:
        site, size = platform.site.name, len(request.body)
        call = Call(request.at_ms, site, platform.slug, scope["method"], scope["path"], operation, size)
        self.world.journal.add(call)
        return call


async def _read(request: Request, receive: Receive, platform: Platform) -> Answer | None:
    """Read the request to its end; return an answer when that alone settles it. Raises ClientGone."""
    problem = None
    try:
        request.body = await read_body(receive, platform.max_body_bytes)
        if (request.header(b"content-type") or "").startswith("multipart/"):
            request.multipart = await read_multipart(request.headers, request.body)
    except BodyTooLarge:
        problem = platform.too_large()
    except UnreadableBody as exc:
        problem = platform.unreadable(str(exc))
    request.at_ms = now_ms()
    return problem


def settle(
    platform: Platform, route: Route[Any] | None, request: Request, plan: Plan, problem: Answer | None
) -> Answer:
    """Carry the call out, or not, and return what the client is told."""
    if plan.is_carried_out:
        request.processing_ms = plan.processing_ms
        own = problem or platform.carry_out(route, request)
        if plan.reply is Reply.OWN:
            return own
    operation = Operation.OTHER if route is None else route.operation
    return disturbed(platform, operation, request, plan)


def disturbed(platform: Platform, operation: Operation, request: Request, plan: Plan) -> Answer:
    match plan.reply:
        case Reply.ERROR_503:
            return platform.server_error(503)
        case Reply.TOO_MANY:
            return platform.too_many(until_ms=plan.closed_until_ms, at_ms=request.at_ms)
        case Reply.REJECTED:
            return platform.rejected(operation)
        case Reply.BAD_GATEWAY:
            return platform.bad_gateway()
        case Reply.GARBAGE:
            return platform.garbage()
        case Reply.WITHOUT_ID:
            return platform.without_id()
        case Reply.VENDOR:
            return platform.vendor_effects[plan.effect]()
        case _:
            return platform.server_error(500)
