"""What answers are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any


def assert_problem(response: Any, status: int, code: str, detail: str, errors: Sequence[dict[str, Any]] = ()) -> None:
    """The whole answer is this problem: status, media type, every field of the body, and the request's id."""
    body = response.json()
    assert body == {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "code": code,
        "errors": list(errors),
        "request_id": response.headers["X-Request-ID"],
    }
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["request_id"]


def one(field: str, code: str, message: str, **params: Any) -> dict[str, Any]:
    """One fault as it stands in `errors`."""
    return {"field": field, "code": code, "message": message, "params": params}
