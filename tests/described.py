"""Every answer that the API gives in any test, held against its description.

A plugin of pytest and a middleware (tests/settings.py): a test fails in which an operation of docs/openapi.yaml answers
with a status, a type or a header that the description does not name for it. Answers of whole instances are looked at
where tests.client receives them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.http import HttpRequest, HttpResponseBase

CHECKED_IN = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
BASE = "/api/v2"
# What programs go by; others are the server's.
HEADERS = re.compile(
    r"etag|location|retry-after|idempotent-replayed|preference-applied|content-range|accept-ranges|content-disposition"
    r"|www-authenticate|x-request-id|ratelimit.*",
)

_found: list[str] = []


class Watch:
    """Looks at what leaves, behind everything else that could change it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = getattr(request, "resolver_match", None)
        if match is not None and request.path.startswith(BASE):
            template = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", match.route)
            look(request.method or "", template, response.status_code, response.headers)
        return response


def look(method: str, template: str, status: int, headers: Mapping[str, str]) -> None:
    """Note what the description does not say of this answer."""
    _found.extend(problems(method, template, status, headers))


def look_at(method: str, path: str, status: int, headers: Mapping[str, str]) -> None:
    """Likewise of an answer from elsewhere, by the path that was asked for."""
    plain = path.partition("?")[0]
    template = next((one for one, pattern in _patterns() if pattern.fullmatch(plain)), None)
    if template is not None:
        look(method, template, status, headers)


def problems(method: str, template: str, status: int, headers: Mapping[str, str]) -> Iterator[str]:
    operation = _paths().get(template, {}).get({"HEAD": "get"}.get(method, method.lower()))
    if operation is None or status == 405:  # no such method, or an address that only a test has
        return
    name = f"{method} {template}"
    answer = operation["responses"].get(str(status))
    if answer is None:
        yield f"{name} answers {status}, which its description does not name"
        return
    answer = _resolved(answer)
    media_type = headers.get("Content-Type", "").partition(";")[0]
    if media_type not in {"", "text/html", *answer.get("content", {})} and method != "HEAD":
        yield f"{name} answers {status} with {media_type}, which its description does not name"
    named = {header.lower() for header in answer.get("headers", {})}
    for header in headers:
        if HEADERS.fullmatch(header.lower()) and header.lower() not in named:
            yield f"{name} answers {status} with the header {header}, which its description does not name"


@cache
def _description() -> dict[str, Any]:
    described: dict[str, Any] = yaml.load(CHECKED_IN.read_text(), Loader=yaml.CSafeLoader)  # it makes no objects
    return described


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = _description()["paths"]
    return paths


def _resolved(answer: dict[str, Any]) -> dict[str, Any]:
    reference = answer.get("$ref")
    if reference is None:
        return answer
    found: dict[str, Any] = _description()["components"]["responses"][reference.rpartition("/")[2]]
    return found


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Templates with what they match, those without parameters first."""
    templates = sorted(_paths(), key=lambda one: one.count("{"))
    return [(one, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one)) + "/?")) for one in templates]


def take() -> list[str]:
    """What was found since the last time, each once."""
    taken = list(dict.fromkeys(_found))
    _found.clear()
    return taken


@pytest.fixture(scope="session", autouse=True)
def _description_is_read() -> None:
    """Before the first test, whose time is its own."""
    _description()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    take()
    try:
        result = yield
    except BaseException as error:
        for one in take():
            error.add_note(f"Not as described: {one}")
        raise
    if told := take():
        pytest.fail("Not as described:\n" + "\n".join(told), pytrace=False)
    return result
