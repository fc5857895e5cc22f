"""The base of every serializer: unknown names and wrong types are refused, limits are named."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import Field, empty

from mastablasta.core.api.fields import OffsetDateTimeField
from mastablasta.core.api.problems import fault

NON_FIELD_ERRORS = "non_field_errors"
LARGEST = 2**63 - 1
MOST_UNKNOWN = 20

# Fields that DRF itself would fill from other JSON types; the first row that fits counts.
JSON_TYPES: list[tuple[type[Field[Any, Any, Any, Any]], tuple[type, ...], str]] = [
    (serializers.BooleanField, (bool,), "true or false"),
    (serializers.IntegerField, (int,), "a whole number"),
    (serializers.FloatField, (int, float), "a number"),
    (serializers.DecimalField, (int, float), "a number"),
    (serializers.MultipleChoiceField, (list,), "a list"),
    (serializers.CharField, (str,), "text"),
    (serializers.ChoiceField, (str,), "text"),
    (serializers.UUIDField, (str,), "text"),
    (serializers.DateTimeField, (str,), "text"),
    (serializers.DateField, (str,), "text"),
]


def not_an_object() -> ValidationError:
    """The fault of a body, or a part of one, that is not JSON object."""
    return ValidationError({NON_FIELD_ERRORS: [fault("not_an_object", "A JSON object is expected: {…}.")]})


class _Readers(threading.local):
    """Serializers of this thread that have read before."""

    def __init__(self) -> None:
        self.by_kind: dict[tuple[Any, ...], serializers.BaseSerializer[Any]] = {}


_readers = _Readers()


def read_once(
    serializer_class: type[serializers.BaseSerializer[Any]], data: Any, *, context: dict[str, Any], **options: Any
) -> Any:
    """Return what `data` says by the serializer, checked. Raises ValidationError.

    DRF copies every declared field for each request, which takes longer than reading does: here each thread keeps the
    serializer, without data and context, for the next request. So fields remember nothing of what they read that the
    next reading does not begin with.
    """
    kind = (serializer_class, *sorted(options.items()))
    reader: Any = _readers.by_kind.pop(kind, None) or serializer_class(**options)
    reader.initial_data, reader._context = data, context
    try:
        reader.is_valid(raise_exception=True)
        return reader.validated_data
    finally:
        for name in ("initial_data", "_validated_data", "_errors"):
            vars(reader).pop(name, None)
        reader._context = {}
        _readers.by_kind[kind] = reader


class StrictSerializer(serializers.Serializer[Any]):
    """Takes exactly what is declared: a name or type that is not is a fault of that field.

    Read-only fields in a body are ignored, so that what GET gave can be sent back. Nested serializers and the
    children of lists are checked alike. Faults of limits carry `limit` and `actual` in their params.
    """

    _given: Any = None

    @property
    def _writable_fields(self) -> Iterator[Field[Any, Any, Any, Any]]:  # type: ignore[override]  # as it is in truth
        """DRF's, without those that JSON leaves out and may leave out: to ask each of them costs as much as to read."""
        given = self._given
        for name, field in self.fields.items():
            if not field.read_only and (given is None or name in given or field.required or field.default is not empty):
                yield field

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise not_an_object()
        own = {**self._unknown(data), **self._wrong_types(data)}
        self._given = data if type(data) is dict else None  # a form's names are others than its fields'
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            detail: Any = error.detail
            found = {name: self._measured(name, data, faults) for name, faults in detail.items()}
            raise self._refusal(_merged(found, own)) from error
        finally:
            self._given = None
        if own:
            raise self._refusal(own)
        return value

    def _refusal(self, faults: dict[str, Any]) -> ValidationError:
        """The faults in the order in which the fields are declared, unknown names last."""
        names = list(self.fields)
        return ValidationError(dict(sorted(faults.items(), key=lambda one: _place(names, one[0]))))

    def _measured(self, name: str, data: Mapping[str, Any], detail: Any) -> Any:
        return _with_limits(self.fields[name], data.get(name), detail) if name in self.fields else detail

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        names = sorted(name for name in data if name not in self.fields)[:MOST_UNKNOWN]
        if not names:
            return {}
        valid = [name for name, field in self.fields.items() if not field.read_only]
        sentence = f"This name is not known here; valid names: {', '.join(valid)}."
        return {name[:100]: [fault("unknown", sentence, valid=valid)] for name in names}

    def _wrong_types(self, data: Mapping[str, Any]) -> dict[str, Any]:
        found = {
            name: _wrong_type(self.fields[name], value)
            for name, value in data.items()
            if name in self.fields and not self.fields[name].read_only
        }
        return {name: detail for name, detail in found.items() if detail}


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """Likewise, with fields made from a model. Writes go through services: call no `save()`."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: OffsetDateTimeField,
    }


def _merged(found: dict[Any, Any], own: dict[Any, Any]) -> dict[Any, Any]:
    """Both; ours win where they are about the same value, since DRF has judged what it made of the wrong type."""
    both = {**found, **own}
    for name in found.keys() & own.keys():
        if isinstance(found[name], dict) and isinstance(own[name], dict):
            both[name] = _merged(found[name], own[name])
    return both


def _place(names: list[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _wrong_type(field: Field[Any, Any, Any, Any], value: Any) -> Any:
    """The fault of a value of another JSON type than the field's, by index in lists; None when right."""
    if value is None:
        return None  # DRF says "null" where it is not allowed
    if isinstance(field, serializers.ListField) and isinstance(value, list) and field.child is not None:
        found = {index: _wrong_type(field.child, item) for index, item in enumerate(value)}
        return {index: detail for index, detail in found.items() if detail} or None
    if isinstance(field, serializers.DictField) and isinstance(value, dict) and field.child is not None:
        found_by_name = {name: _wrong_type(field.child, item) for name, item in value.items()}
        return {name: detail for name, detail in found_by_name.items() if detail} or None
    for kind, types, words in JSON_TYPES:
        if isinstance(field, kind):
            return _fault_of(value, types, words)
    return None


def _fault_of(value: Any, types: tuple[type, ...], words: str) -> list[ErrorDetail] | None:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return [fault("wrong_type", f"This must be {words}, not {_JSON_NAME.get(type(value), 'null')}.")]
    if isinstance(value, int) and abs(value) > LARGEST:
        return [fault("max_value", f"This is beyond {LARGEST}.", limit=LARGEST)]
    return None


_JSON_NAME: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _with_limits(field: Any, value: Any, detail: Any) -> Any:
    """The same faults, with the limit and the value's own measure as params."""
    if isinstance(detail, dict) and isinstance(value, list) and getattr(field, "child", None) is not None:
        return {
            index: _with_limits(field.child, value[index], inner)
            if isinstance(index, int) and index < len(value)
            else inner
            for index, inner in detail.items()
        }
    if not isinstance(detail, list):
        return detail
    return [_with_limit(field, value, one) if isinstance(one, ErrorDetail) else one for one in detail]


def _with_limit(field: Any, value: Any, one: ErrorDetail) -> ErrorDetail:
    code = str(one.code)
    limit = getattr(field, code, None) if code in _LIMITS else None
    if limit is not None:
        actual = value if code.endswith("value") else len(value) if hasattr(value, "__len__") else None
        return fault(code, str(one), limit=limit, actual=actual)
    if code == "invalid_choice" and isinstance(field, serializers.ChoiceField):
        valid = [str(choice) for choice in field.choices]
        return fault(code, f"This is not one of: {', '.join(valid)}.", valid=valid)
    return one


_LIMITS = {"max_length", "min_length", "max_value", "min_value"}
