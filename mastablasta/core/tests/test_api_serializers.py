from __future__ import annotations

import gc
import uuid
import weakref
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.serializers import StrictSerializer, read_once
from mastablasta.core.tests.answers import one


class Everything(StrictSerializer):
    text = serializers.CharField(required=False, max_length=3, allow_null=True)
    mail = serializers.EmailField(required=False)
    number = serializers.IntegerField(required=False, min_value=1, max_value=10)
    big = serializers.IntegerField(required=False)
    ratio = serializers.FloatField(required=False)
    flag = serializers.BooleanField(required=False)
    kind = serializers.ChoiceField(["a", "b"], required=False)
    kinds = serializers.MultipleChoiceField(choices=["a", "b"], required=False)
    id = serializers.UUIDField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    numbers = serializers.DictField(child=serializers.IntegerField(), required=False)
    anything = serializers.JSONField(required=False)
    made = serializers.CharField(read_only=True)


def faults(**data: Any) -> Any:
    serializer = Everything(data=data)
    serializer.is_valid()
    return serializer.errors


@pytest.mark.parametrize(
    ("name", "value", "is_not"),
    [
        ("text", 1, "text, not a number"),
        ("text", 1.5, "text, not a number"),
        ("text", True, "text, not true or false"),
        ("text", ["a"], "text, not a list"),
        ("text", {}, "text, not an object"),
        ("mail", 1, "text, not a number"),
        ("number", "1", "a whole number, not text"),
        ("number", 1.0, "a whole number, not a number"),
        ("number", True, "a whole number, not true or false"),
        ("ratio", "1.5", "a number, not text"),
        ("ratio", True, "a number, not true or false"),
        ("flag", "true", "true or false, not text"),
        ("flag", 1, "true or false, not a number"),
        ("flag", "on", "true or false, not text"),
        ("kind", 1, "text, not a number"),
        ("kinds", "a", "a list, not text"),
        ("id", 5, "text, not a number"),
    ],
)
def test_value_of_another_type_is_refused(name, value, is_not):
    found = faults(**{name: value})

    assert list(found) == [name]
    assert [(str(detail), detail.code) for detail in found[name]] == [(f"This must be {is_not}.", "wrong_type")]


def test_right_types_pass_unchanged():
    data = {
        "text": "abc",
        "mail": "a@b.example",
        "number": 7,
        "big": 2**63 - 1,
        "ratio": 1,
        "flag": False,
        "kind": "a",
        "id": str(uuid.UUID(int=5)),
        "tags": ["1"],
        "numbers": {"a": 1},
        "anything": {"deep": [1, "1", None]},
    }
    serializer = Everything(data=data)

    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == {**data, "ratio": 1.0, "id": uuid.UUID(int=5)}


def test_null_passes_only_where_it_is_allowed():
    assert faults(text=None) == {}
    assert faults(flag=None)["flag"][0].code == "null"


def test_read_only_fields_are_ignored():
    serializer = Everything(data={"made": 5, "text": "a"})

    assert serializer.is_valid()
    assert serializer.validated_data == {"text": "a"}


def test_number_that_no_column_holds_is_refused():
    assert [(one.code, one.code.params) for one in faults(big=2**63)["big"]] == [("max_value", {"limit": 2**63 - 1})]
    assert faults(big=-(2**64))["big"][0].code == "max_value"


@pytest.mark.parametrize(
    ("name", "value", "code", "params"),
    [
        ("text", "abcd", "max_length", {"limit": 3, "actual": 4}),
        ("number", 11, "max_value", {"limit": 10, "actual": 11}),
        ("number", 0, "min_value", {"limit": 1, "actual": 0}),
        ("kind", "c", "invalid_choice", {"valid": ["a", "b"]}),
        ("txet", 1, "unknown", {"valid": [name for name in Everything().fields if name != "made"]}),
    ],
)
def test_fault_carries_what_its_sentence_names(name, value, code, params):
    (found,) = faults(**{name: value})[name]

    assert (found.code, found.code.params) == (code, params)


def test_children_of_lists_and_objects_are_checked():
    found = faults(tags=["a", 1], numbers={"a": "1"})

    assert found["tags"][1][0].code == "wrong_type"
    assert found["numbers"]["a"][0].code == "wrong_type"


def test_unknown_names_are_many_but_the_answer_is_short():
    found = faults(**{f"{number:04}" + "x" * 10_000: 1 for number in range(1_000)})

    assert len(found) == 20
    assert max(len(name) for name in found) == 100


def test_one_is_how_tests_write_a_fault():
    assert one("a", "b", "c", limit=1) == {"field": "a", "code": "b", "message": "c", "params": {"limit": 1}}


# --- one reader for many requests ---
class Request:
    """What a context holds."""


def test_what_one_request_said_is_nothing_to_the_next() -> None:
    request = Request()
    gone = weakref.ref(request)
    first = read_once(Everything, {"text": "abc", "tags": ["a"]}, context={"request": request})
    with pytest.raises(ValidationError) as refused:
        read_once(Everything, {"text": "abcd", "numbers": {"a": "x"}, "huh": 1}, context={})
    second = read_once(Everything, {"flag": True}, context={})
    first["tags"].append("b")
    third = read_once(Everything, {"tags": []}, context={})
    del request
    gc.collect()

    assert (first, second, third) == ({"text": "abc", "tags": ["a", "b"]}, {"flag": True}, {"tags": []})
    assert sorted(refused.value.detail) == ["huh", "numbers", "text"]
    assert gone() is None


def test_partial_and_many_have_readers_of_their_own() -> None:
    class Named(StrictSerializer):
        name = serializers.CharField()

    assert read_once(Named, {}, context={}, partial=True) == {}
    assert read_once(Named, [{"name": "a"}, {"name": "b"}], context={}, many=True) == [{"name": "a"}, {"name": "b"}]
    with pytest.raises(ValidationError):
        read_once(Named, {}, context={})
    assert read_once(Named, [{"name": "c"}], context={}, many=True) == [{"name": "c"}]
