"""/_control: how tests, benches and people steer the simulator and see what it received."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sandbox.clock import rfc3339
from sandbox.faults import ANY, AT_ONCE, EFFECTS, effect_of
from sandbox.fields import BadField, flag, names, number, one_of, read_fields, text, whole
from sandbox.journal import Call
from sandbox.json_api import answer, json_body, long_answer, read_body, read_query
from sandbox.platform import Platform
from sandbox.routing import Operation
from sandbox.rows import is_account, person_row, post_row
from sandbox.snapshot import dumps, loads
from sandbox.store import Store
from sandbox.world import World

DAY_MS = 86_400_000
MAX_COUNT = 1_000_000_000
OPERATIONS = frozenset(operation.value for operation in Operation)
METRICS = (
    "views",
    "likes",
    "shares",
    "comments",
    "reach",
    "clicks",
    "impressions",
    "quotes",
    "bookmarks",
    "saves",
    "profile_clicks",
    "engagements",
)
ACCOUNT_METRICS = ("followers", "following")
EFFECT_FIELDS = {"retry_after": {"rate_limited"}, "ms": {"slow", "processing"}}


def control_routes(world: World, store: Store) -> Mount:
    """Return the routes under /_control."""
    control = Control(world, store)
    return Mount(
        "/_control",
        routes=[
            Route("/state", control.state, methods=["GET"]),
            Route("/posts", control.posts, methods=["GET"]),
            Route("/requests", control.requests, methods=["GET"]),
            Route("/faults", control.add_fault, methods=["POST"]),
            Route("/faults", control.clear_faults, methods=["DELETE"]),
            Route("/reset", control.reset, methods=["POST"]),
            Route("/keep", control.keep, methods=["POST"]),
            Route("/restore", control.restore, methods=["POST"]),
            Route("/latency", control.set_latency, methods=["PUT"]),
            Route("/limits", control.set_limits, methods=["PUT"]),
            Route("/metrics", control.set_metrics, methods=["PUT"]),
            Route("/accounts", control.add_account, methods=["POST"]),
            Route("/instance", control.change_instance, methods=["PUT"]),
        ],
    )


class Control:
    def __init__(self, world: World, store: Store) -> None:
        self.world = world
        self.store = store
        self.platform_check = one_of(world.platforms.keys())
        self.worlds: dict[str, bytes] = {}

    async def state(self, request: Request) -> Response:
        read_query(request, {})
        return answer(
            {
                "latency": {"ms": self.world.latency_ms},
                "limits": asdict(self.world.limits),
                "faults": [rule.as_row() for rule in self.world.faults.rules],
                "windows": [
                    {"platform": slug, "instance": site, "closed_until": rfc3339(until_ms)}
                    for (slug, site), until_ms in self.world.faults.windows.items()
                ],
                "instances": {
                    name: {"platform": platform.slug, **platform.settings}
                    for name, platform in self.world.sites.items()
                },
            }
        )

    async def posts(self, request: Request) -> Response:
        """Every post of the platforms, or of one platform, or of one handle; oldest first."""
        wanted = read_query(request, {"platform": self.platform_check, "account": text(300), "instance": text(100)})
        posts = [
            post
            for post in self.world.posts.values()
            if wanted.get("platform") in (None, post.slug)
            and wanted.get("instance") in (None, post.site)
            and is_account(post.person, wanted.get("account"))
        ]
        sites = self.world.sites  # a reset in between opens new ones
        return await long_answer(posts, lambda post: post_row(post, sites[post.site]))

    async def requests(self, request: Request) -> Response:
        """The calls received, oldest first; `status` is null where none was answered."""
        wanted = read_query(
            request,
            {"platform": self.platform_check, "operation": one_of(OPERATIONS), "instance": text(100)},
        )
        calls = self.world.journal.calls(slug=wanted.get("platform"), operation=wanted.get("operation"))
        kept = [call for call in calls if wanted.get("instance") in (None, call.site)]
        return await long_answer(kept, Call.as_row)

    async def add_fault(self, request: Request) -> Response:
        data = await json_body(request)
        known = self.platform_in(data)
        rule = read_fields(
            data,
            {
                "platform": self.platform_check,
                "instance": text(100),
                "operation": one_of(OPERATIONS | {ANY}),
                "effect": one_of(EFFECTS.keys() | AT_ONCE | (known.vendor_effects.keys() if known else set())),
                "times": whole(1, MAX_COUNT),
                "probability": number(0, 1),
                "seed": whole(0, 2**63 - 1),
                "retry_after": number(0, 86_400),
                "ms": whole(0, DAY_MS),
            },
            required=("platform", "effect"),
        )
        platform = self.running(rule)
        if rule["effect"] in AT_ONCE:
            return answer(self.do_at_once(rule))
        refuse_unfit(rule, platform)
        return answer(self.world.faults.add(rule_of(rule)).as_row())

    def do_at_once(self, order: dict[str, Any]) -> dict[str, Any]:
        sites = [
            platform.site
            for platform in self.world.sites_of(order["platform"])
            if order.get("instance") in (None, platform.site.name)
        ]
        if order["effect"] == "forget_apps":
            return {**order, "apps": sum(site.forget_apps() for site in sites)}
        is_revoked = order["effect"] == "revoke_token"
        return {**order, "tokens": sum(site.end_tokens(is_revoked=is_revoked) for site in sites)}

    async def clear_faults(self, request: Request) -> Response:
        read_query(request, {})
        return answer({"cleared": self.world.faults.clear()})

    async def reset(self, request: Request) -> Response:
        await read_body(request, {})
        self.world.forget_everything()
        self.store.forget()
        return answer({"reset": True})

    async def keep(self, request: Request) -> Response:
        """Keep a copy of the world under a name for as long as the process lives, whatever is forgotten meanwhile."""
        wanted = await read_body(request, {"name": text(300)}, required=("name",))
        self.worlds[wanted["name"]] = dumps(self.world.kept())
        return answer({"name": wanted["name"], "kept": True})

    async def restore(self, request: Request) -> Response:
        """Begin with the world of that name, if there is one and no platform was called since the last reset."""
        wanted = await read_body(request, {"name": text(300)}, required=("name",))
        is_untouched = next(self.world.journal.calls(), None) is None
        world = self.worlds.get(wanted["name"]) if is_untouched else None
        if world is not None:
            self.world.restore(loads(world))
        return answer({"name": wanted["name"], "untouched": is_untouched, "restored": world is not None})

    async def set_latency(self, request: Request) -> Response:
        change = await read_body(request, {"ms": whole(0, DAY_MS)}, required=("ms",))
        self.world.latency_ms = change["ms"]
        return answer({"ms": self.world.latency_ms})

    async def set_limits(self, request: Request) -> Response:
        changes = await read_body(
            request,
            {
                "quotas": flag,
                "duplicates": flag,
                "idempotency": flag,
                "lookup_lag_ms": whole(0, DAY_MS),
            },
        )
        for name, value in changes.items():
            setattr(self.world.limits, name, value)
        return answer(asdict(self.world.limits))

    async def set_metrics(self, request: Request) -> Response:
        counters = await read_body(
            request,
            {
                "platform": self.platform_check,
                "instance": text(100),
                "id": text(500),
                "account": text(300),
                **dict.fromkeys((*METRICS, *ACCOUNT_METRICS), whole(0, 2**53)),
            },
            required=("platform",),
        )
        if "account" in counters:
            return self._set_account_metrics(counters)
        if "id" not in counters:
            raise BadField("id: is missing; name a post, or an account")
        post = self.running(counters).site.posts.get(counters["id"])
        if post is None:
            raise BadField(f"id: there is no post {counters['id']} on {counters['platform']}")
        changed = {name: counters[name] for name in METRICS if name in counters}
        post.metrics = {**(post.metrics or {}), **changed}
        return answer({"platform": post.slug, "id": post.id, **post.metrics})

    def _set_account_metrics(self, counters: dict[str, Any]) -> Response:
        person = self.running(counters).site.person(counters["account"])
        if person is None:
            raise BadField(f"account: there is nobody called {counters['account']} on {counters['platform']}")
        for name in ACCOUNT_METRICS:
            setattr(person, name, counters.get(name, getattr(person, name)))
        counted = {name: getattr(person, name) for name in ACCOUNT_METRICS}
        return answer({"platform": counters["platform"], "account": person.handle, **counted})

    async def add_account(self, request: Request) -> Response:
        person = await read_body(
            request,
            {
                "platform": self.platform_check,
                "instance": text(100),
                "handle": text(300),
                "name": text(300),
                "pages": names,
                "channels": names,
                "organisations": names,
            },
            required=("platform", "handle"),
        )
        platform = self.running(person)
        handle = platform.clean_handle(person["handle"])
        if handle is None:
            raise BadField(f"handle: nobody on {platform.slug} can be called {person['handle']!r}")
        if platform.site.person(handle) is not None:
            raise BadField(f"handle: {handle} is taken on {platform.site.name}")
        optional = {name: person[name] for name in ("name", "pages", "channels", "organisations") if name in person}
        return answer(person_row(platform.site.sign_up(handle, **optional), platform))

    async def change_instance(self, request: Request) -> Response:
        data = await json_body(request)
        known = self.platform_in(data)
        changes = read_fields(
            data,
            {
                "platform": self.platform_check,
                "instance": text(100),
                **(known.setting_checks if known else {}),
            },
            required=("platform",),
        )
        platform = self.running(changes)
        del changes["platform"]
        changes.pop("instance", None)
        platform.change_settings(changes)
        return answer({"platform": platform.slug, "instance": platform.site.name, **platform.settings})

    def platform_in(self, data: Any) -> type[Platform] | None:
        """Return the platform that an unchecked body names."""
        slug = data.get("platform") if isinstance(data, dict) else None
        return self.world.platforms.get(slug) if isinstance(slug, str) else None

    def running(self, named: dict[str, Any]) -> Platform:
        """Return the site that `platform` and, when given, `instance` mean."""
        slug: str = named["platform"]
        name = named.get("instance", slug)
        found = self.world.site(name) if name.partition("-")[0] == slug else None
        if found is None:
            raise BadField(f"instance: must be {slug} or {slug}-<name> in lower-case letters, digits and hyphens")
        return found


def refuse_unfit(rule: dict[str, Any], platform: Platform) -> None:
    """Refuse a rule that could never do what it says."""
    effect = rule["effect"]
    for name in effect_of(effect).required:
        if name not in rule:
            raise BadField(f"{name}: is required for {effect}")
    for name, effects in EFFECT_FIELDS.items():
        if name in rule and effect not in effects:
            raise BadField(f"{name}: belongs to {', '.join(sorted(effects))}, not to {effect}")
    if "operation" not in rule:
        raise BadField(f"operation: is required for {effect}")
    valid = {*platform.routes.processing_operations, ANY}
    if effect == "processing" and rule["operation"] not in valid:
        raise BadField(f"operation: {platform.slug} can be processing after {', '.join(sorted(valid))}")


def rule_of(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "platform": order["platform"],
        "instance": order.get("instance"),
        "operation": order["operation"],
        "effect": order["effect"],
        "left": order.get("times", 1),
        "probability": order.get("probability", 1),
        "seed": order.get("seed", 0),
        "retry_after_s": order.get("retry_after", 0),
        "ms": order.get("ms", 0),
    }
