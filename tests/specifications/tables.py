"""The tables, each `CALLS` of the module called as its platform, and which call of one a request is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.specifications.shapes import Call, Fields, Sent, Shape

# What every request may carry, whatever is asked for.
OWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie", "host",
        "user-agent",
    }
)  # fmt: skip


class NoTable(LookupError):
    """Nobody has written down what the platform's specification says."""


@dataclass(frozen=True)
class Request:
    """One request as the tables see it. `body`: JSON as read, a form as {name: [texts and files]}, a file, or None."""

    method: str
    target: str  # the path behind the platform's own address, and the query
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def media_type(self) -> str:
        named = {name.lower(): value for name, value in self.headers.items()}
        return named.get("content-type", "").partition(";")[0].strip().lower()


def problems_of(slug: str, request: Request) -> list[str]:
    """What the platform's specification has against a request; [] = it is as described."""
    path, _, query = request.target.partition("?")
    call, values = call_of(slug, request.method, path)
    if call is None:
        return [f"{slug} has no {request.method} {path}"]
    given = form_of(parse_qsl(query, keep_blank_values=True))
    problems = [
        *Fields(call.path, frozenset(call.path)).problems(values, "path"),
        *_nearest(call.versions or (call.query,), given),
        *_in_headers(call, request.headers),
        *_in_body(call, request),
    ]
    return [f"{request.method} {path}: {problem}" for problem in problems]


def call_of(slug: str, method: str, path: str) -> tuple[Call | None, dict[str, str]]:
    """The call that is meant, and what stands in its path."""
    for pattern, call in _patterns(slug, method):
        if match := pattern.fullmatch(path):
            return call, {name: unquote(value) for name, value in match.groupdict().items()}
    return None, {}


@cache
def calls_of(slug: str) -> Mapping[str, Call]:
    """The platform's table. Raises NoTable."""
    name = f"{__package__}.{slug}"
    calls: Mapping[str, Call] | None = getattr(import_module(name), "CALLS", None) if find_spec(name) else None
    if not calls:
        raise NoTable(f"tests/specifications/{slug}.py has to say in CALLS what {slug} specifies of the calls we make")
    return calls


@lru_cache
def _patterns(slug: str, method: str) -> list[tuple[re.Pattern[str], Call]]:
    found = []
    for name, call in sorted(calls_of(slug).items(), key=lambda item: "{" in item[0]):
        own_method, _, path = name.partition(" ")
        if own_method == method:
            found.append((re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))), call))
    return found


def form_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    """A form's fields for a `Request`, or a query's; a name like `a[]` stands for `a`."""
    return _several([(name.removesuffix("[]"), value) for name, value in pairs])


def _several(pairs: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _nearest(shapes: Sequence[Shape], given: Mapping[str, Sequence[Any]], at: str = "query") -> list[str]:
    """What the shape has against a query or form to which that is least."""
    found = []
    for shape in shapes:
        alternatives = getattr(shape, "of", None) or (shape,)
        found += [list(one.problems(one.read_all(given), at)) for one in alternatives]
    return min(found, key=len)


def _in_headers(call: Call, headers: Mapping[str, str]) -> list[str]:
    known = {name.lower(): shape for name, shape in call.headers.items()}
    found = []
    for name, value in headers.items():
        shape = known.get(name.lower())
        if shape is not None:
            found += shape.problems(value, f"header {name}")
        elif name.lower() not in OWN_HEADERS:
            found.append(f"header {name}: is unknown")
    return found


def _in_body(call: Call, request: Request) -> list[str]:
    if request.body is None:
        return ["the body is missing"] if call.body and "" not in call.body else []
    shape = call.body.get(request.media_type) or call.body.get("*/*")
    if shape is None:
        return [f"the body is of type {request.media_type or 'none'}, not {' or '.join(call.body) or 'left out'}"]
    if request.media_type == "application/json" or isinstance(request.body, Sent):
        return list(shape.problems(request.body, "body"))
    return _nearest((shape,), request.body, "body")
