"""Bodies and queries of XRPC calls, read as their lexicons have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from sandbox.platforms.bluesky.errors import error, invalid
from sandbox.platforms.bluesky.syntax import is_identifier, is_nsid, is_record_key
from sandbox.wire import Refused, Request

MAX_JSON_BYTES = 150 * 1024
DEFAULT_PAGE, MAX_PAGE = 50, 100

FORMS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "repo": (is_identifier, "a valid did or a handle"),
    "actor": (is_identifier, "a valid did or a handle"),
    "collection": (is_nsid, "a valid nsid"),
    "rkey": (is_record_key, "a valid Record Key"),
}


def json_input(request: Request, *required: str) -> dict[str, Any]:
    """Return the JSON body. Raises Refused, UnreadableBody."""
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if not request.body:
        raise invalid("A request body is expected but none was provided")
    if kind != "application/json":
        raise invalid(f"Wrong request encoding (Content-Type): {kind}")
    if len(request.body) > MAX_JSON_BYTES:
        raise Refused(error(413, "PayloadTooLarge", "request entity too large"))
    body = request.fields()
    for name in required:
        if name not in body:
            raise invalid(f'Input must have the property "{name}"')
        check_form(f"Input/{name}", name, body[name])
    return body


def no_input(request: Request) -> None:
    """Refuse a body, even an empty object, where the call takes none."""
    if request.body:
        raise invalid("A request body was provided when none was expected")


def params(request: Request, *required: str) -> dict[str, str]:
    """Return the query. Raises Refused."""
    given = dict(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True))
    for name in required:
        if name not in given:
            raise invalid(f'Error: Params must have the property "{name}"')
        check_form(f"Error: {name}", name, given[name])
    return given


def listed(request: Request, name: str, most: int) -> list[str]:
    """Return all values of a parameter that may be given more than once. Raises Refused."""
    pairs = parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)
    values = [value for key, value in pairs if key in (name, f"{name}[]")]
    if not values:
        raise invalid(f'Error: Params must have the property "{name}"')
    if len(values) > most:
        raise invalid(f"Error: {name} must not have more than {most} elements")
    return values


def check_form(called: str, name: str, value: Any) -> None:
    form, words = FORMS.get(name, (None, ""))
    if form is None:
        return
    if not isinstance(value, str):
        raise invalid(f"{called} must be a string")
    if not form(value):
        raise invalid(f"{called} must be {words}")


def limit_in(query: Mapping[str, str]) -> int:
    """Return the page's size. Raises Refused."""
    given = query.get("limit", str(DEFAULT_PAGE))
    if not (given.isascii() and given.isdecimal()):
        raise invalid("Error: limit must be an integer")
    size = int(given)
    if size < 1:
        raise invalid("Error: limit can not be less than 1")
    if size > MAX_PAGE:
        raise invalid(f"Error: limit can not be greater than {MAX_PAGE}")
    return size
