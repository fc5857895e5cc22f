"""JSON in and out of the control API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.fields import BadField, Check, read_fields

ROWS_A_STEP = 1000

ItemT = TypeVar("ItemT")


def answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def long_answer(items: Sequence[ItemT], row_of: Callable[[ItemT], dict[str, Any]]) -> Response:
    """Answer a list in steps, so that a long one does not hold up the calls in between."""
    parts = []
    for start in range(0, len(items), ROWS_A_STEP):
        rows = orjson.dumps([row_of(item) for item in items[start : start + ROWS_A_STEP]])
        parts.append(rows[1:-1])
        await asyncio.sleep(0)
    return Response(b"[%b]" % b",".join(parts), media_type="application/json")


async def bad_field(_: Request, problem: Exception) -> Response:
    return answer({"error": str(problem)}, 400)


async def http_problem(_: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    detail = problem.detail if isinstance(problem, HTTPException) else "Internal Server Error"
    return answer({"error": detail}, status)


json_errors: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    BadField: bad_field,
    HTTPException: http_problem,
}


async def json_body(request: Request) -> Any:
    body = await request.body()
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadField(f"body: must be JSON: {exc}") from exc


async def read_body(request: Request, checks: Mapping[str, Check], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return read_fields(await json_body(request), checks, required)


def read_query(request: Request, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the checked query; an empty value counts as not given."""
    return read_fields({name: value for name, value in request.query_params.items() if value}, checks)
