"""The base of every API view: what it takes is declared, and whatever else comes is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from mastablasta.core.api.idempotency import guarded
from mastablasta.core.api.limits import RequestLimit
from mastablasta.core.api.operations import operation_of
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import not_an_object, read_once
from mastablasta.core.client_address import client_network


class ApiView(GenericAPIView[Any]):
    """A view of the API.

    What is declared for some operations only is declared by method, in a viewset by action.

    `rows_name` makes GET (of a viewset: the action `list`) a list with that envelope. `query_parameters` declares the
    query parameters beyond those of pages, filters and `fields`: they are described in the schema, and an unknown one
    is refused. `refusals` names error statuses beyond the usual ones, for the schema, `negotiates = False` that it
    answers the same whatever is accepted. `limits` names the limit that counts instead of the caller's own (see
    limits.py).

    A viewset's lists and single rows take `?fields=`: names of its serializer, of which the answer shows no others.
    `always_shown` are there whatever is chosen, and need not be.

    A POST of a known caller may carry an Idempotency-Key (see idempotency.py). `is_one_transaction = False` says that
    the view calls out, or waits for what others have to see; `answers_with_secret = True` that its answer is not to be
    stored.

        class Conflicts(WorkspaceView):
            query_parameters = {"GET": [OpenApiParameter("minutes", int, description="How close is too close.")]}
    """

    rows_name: ClassVar[str] = ""
    query_parameters: ClassVar[Mapping[str, Sequence[OpenApiParameter]]] = {}
    header_parameters: ClassVar[Sequence[OpenApiParameter]] = ()
    refusals: ClassVar[Mapping[str, Sequence[int]]] = {}
    limits: ClassVar[Mapping[str, str]] = {}
    throttle_classes: Any = (RequestLimit,)
    negotiates: ClassVar[bool] = True
    always_shown: ClassVar[frozenset[str]] = frozenset()
    is_one_transaction: ClassVar[bool] = True
    answers_with_secret: ClassVar[bool] = False
    _chosen_fields: list[str] | None = None
    post: Any  # the view's own; of a request with a key what guards it
    counters: Any = ()  # of this request: what counted it
    lookup_field = "id"
    lookup_value_converter = "uuid"
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def perform_authentication(self, request: Request) -> None:
        """A caller who is refused counts as well: limits come before everything else that depends on who asks."""
        try:
            super().perform_authentication(request)
        finally:
            super().check_throttles(request)

    def check_throttles(self, request: Request) -> None:
        """DRF's turn for it; counted already."""

    def get_throttles(self) -> list[Any]:
        counters: list[Any] = super().get_throttles()
        self.counters = counters
        return counters

    def counted_as(self, request: Request) -> tuple[str, str]:
        """The limit that a request counts for, and whose count it is."""
        name = self.limits.get(operation_of(self, request.method or ""), "anonymous")
        return name, client_network(request._request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        for counter in self.counters:
            for name, value in counter.standing.headers.items() if counter.standing else ():
                answered.headers[name] = value
        if self._chosen_fields is not None and isinstance(answered, Response) and answered.status_code == 200:
            answered.data = self._with_chosen_fields(answered.data)
        return answered

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method in self.allowed_methods:  # others are 405, whatever comes with them
            self._refuse_unknown_parameters(request)
            self._chosen_fields = self._read_fields(request)
        scope = self.idempotency_scope
        if request.method == "POST" and scope is not None and hasattr(self, "post"):
            self.post = guarded(self.post, request, view=self, scope=scope)

    @property
    def idempotency_scope(self) -> tuple[UUID, UUID | None] | None:
        """Whose Idempotency-Key it is: the person and the workspace; None = nobody is known and the header ignored."""
        return None

    @property
    def body_limit(self) -> int:
        """How many bytes a body may have."""
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    @property
    def is_list(self) -> bool:
        action = getattr(self, "action", None)
        return bool(self.rows_name) and self.request.method in {"GET", "HEAD"} and action in {None, "list"}

    def declared_parameters(self, method: str) -> list[OpenApiParameter]:
        """What `query_parameters` says for this method, or for the viewset's action that serves it, and `fields`."""
        own = self.query_parameters.get(operation_of(self, method), ())
        names = self.shown_fields(method)
        says = f"Only these, separated by commas, of: {', '.join(names)}."
        one = f"({'|'.join(names)})"
        shape = {"type": "string", "pattern": f"^({one}(,{one})*)?$"}
        return [*own, *([OpenApiParameter("fields", shape, description=says)] if names else [])]

    def shows_fields(self, method: str) -> bool:
        """Whether `fields` may choose from what is shown: in a viewset's lists and single rows."""
        operation = operation_of(self, method)
        return bool(self.serializer_class) and (
            operation == "retrieve" or (operation == "list" and bool(self.rows_name))
        )

    def shown_fields(self, method: str) -> list[str]:
        """The names that `fields` may choose from; none where there is nothing to choose from."""
        if not self.shows_fields(method):
            return []
        shape: Any = self.get_serializer_class()()
        fields = shape.fields
        return [name for name, field in fields.items() if not field.write_only and name not in self.always_shown]

    def declared_refusals(self, method: str) -> list[int]:
        """What `refusals` says for this method, or for the viewset's action that serves it."""
        return list(self.refusals.get(operation_of(self, method), ()))

    def filter_queryset(self, queryset: Any) -> Any:
        """Filters are of lists; what a path names is not filtered."""
        return super().filter_queryset(queryset) if self.is_list else queryset

    def known_parameters(self, method: str) -> list[str]:
        """The names of all query parameters that a request may carry."""
        names = [one.name for one in self.query_parameters.get(operation_of(self, method), ())]
        names += ["fields"] if self.shows_fields(method) else []
        if self.is_list:
            names += getattr(self.pagination_class, "query_parameters", ())
            names += getattr(getattr(self, "filterset_class", None), "base_filters", {})
        return [*names, "format"]

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = self.known_parameters(request.method or "")
        sentence = f"This query parameter is not known here; valid ones: {', '.join(known)}."
        faults = {
            name[:100]: [fault("unknown_parameter", sentence, valid=known)]
            for name in request.query_params
            if name not in known
        }
        if faults:
            raise ValidationError(faults)

    def _read_fields(self, request: Request) -> list[str] | None:
        """The fields that `fields=` names, each once; None = all, as where it names none. Raises ValidationError."""
        text = request.query_params.get("fields")
        if not text:
            return None
        valid = self.shown_fields(request.method or "")
        names = [name.strip() for name in text.split(",")]
        if unknown := [name[:50] for name in names if name not in valid]:
            sentence = f"There is no field {unknown[0]!r}; valid ones: {', '.join(valid)}."
            raise ValidationError({"fields": [fault("unknown_field", sentence, valid=valid)]})
        return list(dict.fromkeys(names))

    def _with_chosen_fields(self, shown: Any) -> Any:
        if operation_of(self, "GET") == "list":
            return {**shown, self.rows_name: [self._chosen_of(row) for row in shown[self.rows_name]]}
        return self._chosen_of(shown)

    def _chosen_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = [*(self._chosen_fields or ()), *sorted(self.always_shown & row.keys())]
        return {name: row[name] for name in names}

    def body(self, serializer_class: type[BaseSerializer[Any]], **options: Any) -> dict[str, Any]:
        """Return what the request's body says, checked. Raises ValidationError."""
        if not isinstance(self.request.data, Mapping) and not options.get("many"):
            raise not_an_object()
        context = {**self.get_serializer_context()}
        checked: dict[str, Any] = read_once(serializer_class, self.request.data, context=context, **options)
        return checked

    def list_rows(self) -> Response:
        """Answer with one page of `get_queryset()`, filtered, through `serializer_class`."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)
