"""A list's filters: a request is read by the parameters that it has, a form for people offers all."""

from __future__ import annotations

import django_filters
from django.http import QueryDict

from mastablasta.core.api.filters import ParameterSet, choice
from mastablasta.core.models import Heartbeat


class HeartbeatFilter(ParameterSet):
    name = choice("name", ["clock", "worker"])
    other = choice("name", ["clock"])
    required = django_filters.CharFilter(field_name="name", required=True)

    class Meta:
        model = Heartbeat
        fields: list[str] = []


def test_only_what_was_given_or_has_to_be_is_read() -> None:
    asked = HeartbeatFilter(QueryDict("name=clock&limit=5"), Heartbeat.objects.none())
    assert list(asked.form.fields) == ["name", "required"]
    assert list(asked.errors) == ["required"]

    asked = HeartbeatFilter(QueryDict("name=clock&required=x"), Heartbeat.objects.none())
    assert asked.is_valid()
    assert asked.form.cleaned_data == {"name": ["clock"], "required": "x"}

    shown = HeartbeatFilter(QueryDict("name=clock"), Heartbeat.objects.none())
    shown.shows_all = True
    assert list(shown.form.fields) == ["name", "other", "required"]


def test_requests_share_nothing_that_changes() -> None:
    one, other = (HeartbeatFilter(QueryDict(f"name={name}&required=x")) for name in ("clock", "worker"))

    assert (one.filters["name"].parent, other.filters["name"].parent) == (one, other)
    assert (one.form.cleaned_data if one.is_valid() else None) == {"name": ["clock"], "required": "x"}
    assert (other.form.cleaned_data if other.is_valid() else None) == {"name": ["worker"], "required": "x"}
    assert one.form.fields["name"] is not other.form.fields["name"]
    assert one.form.__class__ is other.form.__class__
