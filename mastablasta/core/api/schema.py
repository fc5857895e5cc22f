"""How the API describes itself (OpenAPI 3): drf-spectacular, with our errors, parameters and lists."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, build_examples_list, get_lib_doc_excludes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import TemplateHTMLRenderer

from mastablasta.core.api import idempotency
from mastablasta.core.api.pagination import DEFAULT_LIMIT
from mastablasta.core.api.problems import MEDIA_TYPE
from mastablasta.core.api.serializers import StrictModelSerializer, StrictSerializer

ANYBODY = (400, 408, 429, 431, 500, 503)
CALLERS = (*ANYBODY, 401, 403, 404)
NEGOTIATED = (406,)
WITH_BODY = (411, 413, 415)
WITH_KEY = (409, 422)
_TEXT = {"type": "string"}
EVERYWHERE: dict[str, Any] = {
    "X-Request-ID": {"schema": _TEXT, "description": "Under which the request is logged."},
    # Where THROTTLE_RATES counts requests:
    "RateLimit-Limit": {"schema": {"type": "integer"}, "description": "How many requests are taken in a window."},
    "RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "How many are left of them."},
    "RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Seconds until the window ends."},
    "RateLimit-Policy": {"schema": _TEXT, "description": "Limit and window (`w`, seconds)."},
}
RETRY_AFTER: dict[str, Any] = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds after which it is worth another try."}
}
HEADERS_OF_REFUSALS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": _TEXT, "description": "How to say who one is."}},
    409: {"Retry-After": {**RETRY_AFTER["Retry-After"], "description": "With `idempotency_in_flight`: seconds."}},
    416: {"Content-Range": {"schema": _TEXT, "description": "How many bytes there are."}},
    429: RETRY_AFTER,
    503: RETRY_AFTER,
}
IDEMPOTENCY = (
    OpenApiParameter(
        idempotency.HEADER,
        {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST, "pattern": idempotency.PATTERN},
        OpenApiParameter.HEADER,
        description="A key of your own, such as a UUID. Sent again within 24 hours with the same body, it does "
        "nothing and gets the first answer; with another body 422. A refused request leaves its key free.",
    ),
    OpenApiParameter(
        idempotency.REPLAYED,
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        response=True,
        description="This is the first answer to this Idempotency-Key, given again.",
    ),
)


class FieldProblemSerializer(serializers.Serializer[Any]):
    """One fault of one input field."""

    field = serializers.CharField(help_text="Dotted (`thread.1.content`); empty when it is the body as a whole.")
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people, with the remedy.")
    params = serializers.DictField(help_text="What the message names, as `limit`, `actual`, `valid`.")


class ProblemSerializer(serializers.Serializer[Any]):
    """Every error answer (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="One sentence: what is wrong, with which field, and what to do.")
    error = serializers.CharField(help_text="The same as `detail`.")
    code = serializers.CharField(help_text="Stable, for programs.")
    errors = FieldProblemSerializer(  # type: ignore[assignment]  # the metaclass takes fields out of the class
        many=True, help_text="Every fault of the input; empty for other errors."
    )
    request_id = serializers.CharField(help_text="Under which the request is logged; also in X-Request-ID.")


@cache
def description() -> dict[str, Any]:
    """The API's whole description. Made once in a process, which takes a second: it changes with the code only."""
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


def describe_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: every answer, also a refusal, has the headers that all have."""
    components = result["components"]
    components["headers"] = EVERYWHERE
    answers = [*components["responses"].values()]
    answers += [
        one for path in result["paths"].values() for each in path.values() for one in each["responses"].values()
    ]
    for answer in answers:
        if "$ref" not in answer:
            shared = {name: {"$ref": f"#/components/headers/{name}"} for name in EVERYWHERE}
            answer["headers"] = {**answer.get("headers", {}), **shared}
    return result


def bases_without_words() -> list[type]:
    """drf-spectacular's GET_LIB_DOC_EXCLUDES: classes whose docstrings are for programmers, and describe no schema."""
    return [*get_lib_doc_excludes(), StrictSerializer, StrictModelSerializer]  # type: ignore[no-untyped-call]


class ApiSchema(AutoSchema):
    """Reads what views declare (rows_name, query_parameters, refusals) and serializers (example, request_example).

    An operation's own examples come first; where it has none for a body, the serializer's stands there: `example` as
    it is answered (in a list's envelope where it is one), `request_example` as it is sent.
    """

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        return ""  # docstrings are for us; extend_schema(description=…) is for users

    def get_override_parameters(self) -> list[Any]:
        declared = getattr(self.view, "declared_parameters", None)
        own: list[OpenApiParameter] = declared(self.method) if declared else []
        key = IDEMPOTENCY if self._takes_key else ()
        return [*own, *getattr(self.view, "header_parameters", ()), *key]

    @property
    def _takes_key(self) -> bool:
        is_exempt = self.path.startswith(idempotency.EXEMPT)
        return self.method == "POST" and bool(self.view.get_authenticators()) and not is_exempt

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Lists are what has an envelope; a viewset's `list` without one (GET /platforms) answers otherwise."""
        is_read = self.method == "GET" and getattr(self.view, "action", "list") == "list"
        return is_read and bool(getattr(self.view, "rows_name", ""))

    def get_filter_backends(self) -> list[Any]:
        """Filters are of lists, and of what narrows its rows as they do (an export)."""
        narrows = self.method == "GET" and getattr(self.view, "is_list", False)
        return list(getattr(self.view, "filter_backends", ())) if narrows else super().get_filter_backends()

    def _get_paginator(self) -> Any:
        paginator: Any = super()._get_paginator()  # type: ignore[no-untyped-call]
        if paginator is not None:
            paginator.rows_name = getattr(self.view, "rows_name", "") or paginator.rows_name
        return paginator

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def _get_serializer_field_meta(self, field: Any, direction: str) -> dict[str, Any]:
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        meta.pop("title", None)  # what staff call the column, in whatever language
        return meta

    def _postprocess_serializer_schema(self, schema: Any, serializer: Any, direction: str) -> Any:
        schema = super()._postprocess_serializer_schema(schema, serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and schema.get("type") == "object":
            schema["additionalProperties"] = False
        return schema

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        usual = CALLERS if self.view.get_authenticators() else ANYBODY
        declared = getattr(self.view, "declared_refusals", None)
        own: list[int] = declared(self.method) if declared else []
        of_body = WITH_BODY if self.method in {"POST", "PUT", "PATCH"} else ()
        of_key = WITH_KEY if self._takes_key else ()
        of_accept = NEGOTIATED if getattr(self.view, "negotiates", True) else ()
        for status in sorted({*usual, *of_accept, *of_body, *of_key, *own}):
            answers.setdefault(str(status), self._refusal(status))
        return answers

    def _get_examples(
        self, serializer: Any, direction: str, media_type: str, status_code: str | None = None, extras: Any = None
    ) -> Any:
        found = super()._get_examples(  # type: ignore[no-untyped-call]
            serializer, direction, media_type, status_code, extras
        )
        of_row = getattr(serializer, "child", serializer)
        value = getattr(of_row, "request_example" if direction == "request" else "example", None)
        if found or value is None or media_type != "application/json":
            return found
        if direction == "response" and self._is_list_view(serializer):
            value = {
                getattr(self.view, "rows_name", ""): [value],
                "total": 1,
                "limit": DEFAULT_LIMIT,
                "offset": 0,
                "next": None,
                "previous": None,
            }
        return build_examples_list([OpenApiExample("Example", value=value)])

    def _refusal(self, status: int) -> dict[str, Any]:
        """The problem; of a view with pages of its own also as a page."""
        component = self._problem(status)
        if not any(issubclass(one, TemplateHTMLRenderer) for one in self.view.renderer_classes):
            return dict(component.ref)
        page = {"text/html": {"schema": {"type": "string"}}}
        return {**component.schema, "content": {**component.schema["content"], **page}}

    def _problem(self, status: int) -> ResolvedComponent:
        phrase = HTTPStatus(status).phrase
        problem = self.resolve_serializer(ProblemSerializer, "response")
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=phrase.replace(" ", "").replace("-", ""),
            type=ResolvedComponent.RESPONSE,
            object=f"problem {status}",
            schema={
                "description": phrase,
                "headers": {**HEADERS_OF_REFUSALS.get(status, {})},
                "content": {MEDIA_TYPE: {"schema": problem.ref}},
            },
        )
        self.registry.register_on_missing(component)
        return component
