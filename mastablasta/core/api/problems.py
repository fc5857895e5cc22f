"""The one shape of every error answer (RFC 9457), and the sentences for what no service of ours refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from django.http import JsonResponse
from rest_framework.exceptions import ErrorDetail

from mastablasta.core.errors import FieldProblem

MEDIA_TYPE = "application/problem+json"

SENTENCES: dict[int, tuple[str, str]] = {
    400: ("bad_request", "The request cannot be read; check its address, headers and body."),
    401: ("not_authenticated", "Sign in first: send `Authorization: Bearer <access token>` or `X-API-Key`."),
    403: ("permission_denied", "Your role does not allow this; ask an owner or admin of the workspace."),
    404: ("not_found", "There is nothing here, or not in this workspace; check address and X-Workspace."),
    405: (
        "method_not_allowed",
        "This address does not take that method; the Allow header names what it takes.",
    ),
    406: ("not_acceptable", "Answers are JSON; send `Accept: application/json`."),
    408: ("too_slow", "The request did not arrive in time; send it again, without pauses."),
    411: ("length_required", "The body comes without Content-Length; send its length instead of chunks."),
    413: ("body_too_large", "The body is too large; send less at once."),
    415: ("unsupported_media_type", "The body is of a type that this address does not read; see the schema."),
    416: ("range_not_satisfiable", "The Range lies outside the file; ask for bytes that Content-Range says it has."),
    429: ("throttled", "Too many requests; wait as long as Retry-After says."),
    431: ("head_too_large", "The headers of the request are too large; send less in them."),
    500: (
        "internal_error",
        "Something went wrong here and is logged under this request_id; try again later.",
    ),
    503: ("unavailable", "The database does not answer just now; try again in a few seconds."),
}


class Code(str):
    """An error code with the values that its sentence names; DRF hands it on through every nesting."""

    __slots__ = ("params",)

    def __new__(cls, code: str, params: Mapping[str, Any]) -> Code:
        self = super().__new__(cls, code)
        self.params = params  # type: ignore[attr-defined]  # a slot of a str subclass
        return self


def fault(code: str, message: str, **params: Any) -> ErrorDetail:
    """Return one fault for a ValidationError; `params` are the values that the sentence names."""
    return ErrorDetail(message, Code(code, params) if params else code)


def problem(status: int, code: str, detail: str, problems: Sequence[FieldProblem] = ()) -> dict[str, Any]:
    """Return the body of an error answer. `error` repeats `detail` for clients that look there."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "code": code,
        "errors": [
            {"field": one.field, "code": one.code, "message": one.message, "params": dict(one.params)}
            for one in problems
        ],
        "request_id": request_id(),
    }


def problem_response(status: int, *, code: str = "", detail: str = "") -> JsonResponse:
    """Return a whole error answer where no DRF view is there to make one."""
    usual_code, sentence = SENTENCES[status]
    return JsonResponse(problem(status, code or usual_code, detail or sentence), status=status, content_type=MEDIA_TYPE)


def request_id() -> str:
    """The id under which this request is logged; "" outside of a request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
