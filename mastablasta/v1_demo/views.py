"""The demo over HTTP: JSON in and out, `{"error": …}` for what is refused, and no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.limits import count
from mastablasta.core.api.parsers import Malformed, read_json
from mastablasta.core.client_address import client_network
from mastablasta.v1_demo.calls import Answer, Call, Refusal
from mastablasta.v1_demo.memory import Busy, Memory
from mastablasta.v1_demo.rules import Rules

LIMIT = "demo"  # in THROTTLE_RATES
MOST_BODY = 64 * 1024  # bytes
TOO_LARGE = f"A body may have at most {MOST_BODY} bytes"
BUSY = "The demo is busy just now; try again in a few seconds"
Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """A view: one address of the demo, with what it does by method. `reads` leave the memory as it is."""

    memory: Memory
    rules: Rules
    reads: Mapping[str, Handler] = field(default_factory=dict)
    changes: Mapping[str, Handler] = field(default_factory=dict)
    csrf_exempt = True  # nobody is signed in here

    def __call__(self, request: HttpRequest, **named: str) -> HttpResponse:
        # Whoever else asks who this is (the log does) would look up the session of a cookie in the database.
        request.user = AnonymousUser()
        if not settings.V1_ENABLED:
            raise Http404
        standing = count(LIMIT, client_network(request))
        if standing is not None and standing.is_over:
            status, found = 429, {"error": f"Too many requests; wait {standing.reset_s} seconds"}
        else:
            status, found = self._answer(request, named)
        response = HttpResponse(orjson.dumps(found), status=status, content_type="application/json")
        response["Cache-Control"] = "no-store"
        for name, value in standing.headers.items() if standing else ():
            response[name] = value
        if standing is not None and standing.is_over:
            response["Retry-After"] = str(standing.reset_s)
        if status == 405:
            response["Allow"] = ", ".join(self._methods)
        if status == 503:
            response["Retry-After"] = "5"
        return response

    @property
    def _methods(self) -> list[str]:
        return sorted({*self.reads, *self.changes, *(["HEAD"] if "GET" in self.reads else [])})

    def _answer(self, request: HttpRequest, named: Mapping[str, str]) -> Answer:
        try:
            return self._carry_out(request, named)
        except Refusal as refusal:
            return refusal.status, refusal.shown
        except Busy:
            return 503, {"error": BUSY}

    def _carry_out(self, request: HttpRequest, named: Mapping[str, str]) -> Answer:
        method = request.method or ""
        body, query, at = {}, request.GET.dict(), timezone.now()
        if method in {"POST", "PUT"}:
            body = _body(request)
        if change := self.changes.get(method):
            return self.memory.change(lambda state: change(Call(state, self.rules, at, body, query), **named))
        read = self.reads.get("GET" if method == "HEAD" else method)
        if read is None:
            raise Refusal(405, f"This address does not take {method}; it takes {', '.join(self._methods)}")
        state = self.memory.read()
        return read(Call(state, self.rules, at, body, query), **named)


def _body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the request; {} where there is none. Raises Refusal."""
    try:
        sent = request.body
    except RequestDataTooBig as error:
        raise Refusal(413, TOO_LARGE) from error
    if len(sent) > MOST_BODY:
        raise Refusal(413, TOO_LARGE)
    if not sent:
        return {}
    if request.content_type != "application/json":
        raise Refusal(415, "Send JSON, with Content-Type: application/json")
    try:
        found = read_json(sent.decode())
        orjson.dumps(found)
    except UnicodeDecodeError as error:
        raise Refusal(400, "The body is not UTF-8") from error
    except Malformed as error:
        raise Refusal(400, f"The body {error.what}") from error
    except ValidationError as error:
        raise Refusal(400, "The body has NUL characters or halves of characters; leave them out") from error
    except TypeError as error:
        raise Refusal(400, "The body has a number that is too large") from error
    if not isinstance(found, dict):
        raise Refusal(400, "The body has to be a JSON object")
    return found
