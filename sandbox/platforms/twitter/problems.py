"""How X says no: problem documents (RFC 7807), and what is wrong with a body or a query in `errors`.

Sources: https://docs.x.com/x-api/fundamentals/response-codes-and-errors, the Problem schemas of its OpenAPI
document, and answers quoted in public bug reports (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from sandbox.clock import now_ms
from sandbox.platforms.twitter.limits import CREATE, WINDOW_S, rate_headers
from sandbox.quotas import Reading
from sandbox.wire import Answer, Header, Refused

PROBLEM_JSON = b"application/problem+json"
TYPES = "https://api.x.com/2/problems/"
TYPES_BEFORE_RENAME = "https://api.twitter.com/2/problems/"
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
SUSPENDED = "Your account is suspended and is not permitted to access this feature."


def problem(status: int, title: str, detail: str, kind: str | None = None, **more: Any) -> Answer:
    """Return a problem; `kind` is the last part of its type, None: a plain one of that status."""
    body = {**more, "title": title, "detail": detail, "type": f"{TYPES}{kind}" if kind else "about:blank"}
    return Answer(status, orjson.dumps({**body, "status": status}), PROBLEM_JSON)


def plain(status: int, title: str) -> Answer:
    return problem(status, title, title)


def forbidden(detail: str) -> Answer:
    return problem(403, "Forbidden", detail)


def invalid(errors: list[dict[str, Any]]) -> Answer:
    detail = "One or more parameters to your request was invalid."
    return problem(400, "Invalid Request", detail, "invalid-request", errors=errors)


def error(message: str, name: str | None = None, value: str = "") -> dict[str, Any]:
    """Return one of the `errors` of an invalid request: its message, and which parameter had which value."""
    return {"parameters": {} if name is None else {name: [value]}, "message": message}


def refuse_value(message: str, name: str, value: str) -> Refused:
    return Refused(invalid([error(message, name, value)]))


def refuse(message: str) -> Refused:
    """Return the refusal of an invalid request that names no parameter."""
    return Refused(invalid([error(message)]))


def not_found(resource: str, parameter: str, value: str) -> dict[str, Any]:
    """Return the error that stands in a good answer for what is not there."""
    return {
        "value": value,
        "detail": f"Could not find {resource} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": f"{TYPES}resource-not-found",
    }


def not_authorized(field: str, post_id: str) -> dict[str, Any]:
    """Return the error for a field of a post that the caller may not see."""
    return {
        "resource_id": post_id,
        "field": field,
        "detail": f"Sorry, you are not authorized to access '{field}' on the Tweet with id : [{post_id}].",
        "title": "Field Authorization Error",
        "resource_type": "tweet",
        "section": "data",
        "type": f"{TYPES}not-authorized-for-field",
    }


def too_many(headers: list[Header]) -> Answer:
    answer = plain(429, "Too Many Requests")
    answer.headers.extend(headers)
    return answer


def internal_error() -> Answer:
    return problem(500, "Internal Error", "An internal server error occurred.", "internal-error")


def credits_depleted() -> Answer:
    detail = "Your enrolled account does not have any credits to fulfill this request."
    return problem(402, "CreditsDepleted", detail, "credits")


def usage_capped() -> Answer:
    """Return 429 whose rate headers look as if there were calls left."""
    detail = "Usage cap exceeded: Monthly product cap"
    answer = problem(429, "UsageCapExceeded", detail, "usage-capped", period="Monthly", scope="Product")
    answer.headers.extend(rate_headers(Reading(CREATE.limit, CREATE.limit - 1, now_ms() + WINDOW_S * 1000)))
    return answer


def client_forbidden() -> Answer:
    return problem(
        403,
        "Client Forbidden",
        "When authenticating requests to the X API v2 endpoints, you must use keys and tokens from a developer App"
        " that is attached to a Project.",
        "client-forbidden",
        reason="client-not-enrolled",
        registration_url="https://developer.x.com/en/docs/projects/overview",
    )


EFFECTS: Mapping[str, Callable[[], Answer]] = {
    "client_forbidden": client_forbidden,
    "credits_depleted": credits_depleted,
    "duplicate": lambda: forbidden(DUPLICATE),
    "suspended": lambda: problem(403, "Forbidden", SUSPENDED, "user-suspended"),
    "usage_capped": usage_capped,
}
