"""Reading JSON: request bodies, and what else people send of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from mastablasta.core.api.problems import fault
from mastablasta.core.errors import FieldProblem, TooLarge

DEEPEST = 64


class Malformed(ValueError):
    """Why a text is not JSON as it is taken here: `what` goes on a sentence about it ("is not JSON: …")."""

    def __init__(self, what: str, code: str = "malformed_json") -> None:
        super().__init__(what)
        self.what, self.code = what, code


class JsonParser(BaseParser):
    """A body of JSON in UTF-8, as `read_json` takes it.

    Why not DRF's: to that a body comes by Django's `HttpRequest.body`, which has one limit for all addresses; and the
    browsable API's forms would begin with what GET shows, which bodies are not.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Raises ParseError, and TooLarge by the length that is announced, before anything is read."""
        refuse_too_large(parser_context or {})
        try:
            return read_json(stream.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 (byte {error.start}); send UTF-8.", "malformed_json") from error
        except Malformed as error:
            raise ParseError(f"The body {error.what}.", error.code) from error


def refuse_too_large(parser_context: Mapping[str, Any]) -> None:
    """Raises TooLarge where a body is announced that has more bytes than its view takes (`body_limit`)."""
    request, view = parser_context.get("request"), parser_context.get("view")
    limit = getattr(view, "body_limit", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    announced = str(request.META.get("CONTENT_LENGTH") or "") if request is not None else ""
    actual = int(announced) if announced.isascii() and announced.isdigit() else 0
    if actual > limit:
        sentence = f"The body has {actual:,} bytes, and at most {limit:,} are taken here; send less at once."
        problem = FieldProblem("", "body_too_large", sentence, {"limit": limit, "actual": actual})
        raise TooLarge("body_too_large", sentence, [problem])


def read_json(text: str) -> Any:
    """JSON as RFC 8259 has it, with text that every database can hold.

    Refused: NaN and Infinity, numbers beyond a float, NUL and lone surrogates in texts, names that stand twice in an
    object, nesting deeper than 64. Raises Malformed, and ValidationError for a text in it that cannot be kept.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"is not JSON: {error.msg} at {where}") from error
    except RecursionError as error:
        raise Malformed(f"is nested deeper than {DEEPEST} levels") from error
    except Malformed:
        raise
    except ValueError as error:  # Python reads at most 4,300 digits
        raise Malformed("has a number with too many digits") from error
    if "\\u" in text or text.count("[") + text.count("{") > DEEPEST:
        _check(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"is not JSON: {name} is not a JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Malformed(f"has the name {name[:100]!r} twice in one object; send it once", "duplicate_name")
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Malformed("has a number that is too large")
    return value


def _check(value: Any) -> None:
    waiting: list[tuple[str, Any, int]] = [("", value, 1)]
    while waiting:
        path, one, depth = waiting.pop()
        if isinstance(one, str):
            _check_text(path, one)
        for name, inner in _inside(one):
            _check_text(path, name)
            if depth == DEEPEST:
                raise Malformed(f"is nested deeper than {DEEPEST} levels")
            waiting.append((f"{path}.{name}" if path else name, inner, depth + 1))


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(index), inner) for index, inner in enumerate(value))


def _check_text(path: str, text: str) -> None:
    if "\0" in text:
        sentence = "NUL characters (\\u0000) cannot be kept; leave them out."
        raise ValidationError({path: [fault("nul_character", sentence)]})
    try:
        text.encode()
    except UnicodeEncodeError as error:
        sentence = "Half of a surrogate pair is not a character; send whole characters."
        raise ValidationError({path: [fault("lone_surrogate", sentence)]}) from error
