"""Lists of heartbeats stand for every list: pages by offset and by cursor, totals, links."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import path
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient

from mastablasta.core.api import pagination
from mastablasta.core.api.views import ApiView
from mastablasta.core.models import Heartbeat
from mastablasta.core.tests.answers import assert_problem, one

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class HeartbeatSerializer(serializers.ModelSerializer[Heartbeat]):
    class Meta:
        model = Heartbeat
        fields = ("name",)


class Heartbeats(ApiView):
    authentication_classes = ()
    permission_classes = ()
    queryset = Heartbeat.objects.all()
    serializer_class = HeartbeatSerializer
    rows_name = "heartbeats"
    filterset_fields = ()
    query_parameters = {"GET": [OpenApiParameter("ordering"), OpenApiParameter("shape")]}

    def get_queryset(self) -> Any:
        ordering = self.request.query_params.get("ordering", "-at,-name").split(",")
        rows = Heartbeat.objects.order_by(*ordering)
        return rows.values("name", "at") if self.request.query_params.get("shape") == "values" else rows

    def get(self, request: Request) -> Response:
        return self.list_rows()

    def post(self, request: Request) -> Response:
        return Response()


urlpatterns = [path("api/v2/heartbeats", Heartbeats.as_view())]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]
URL = "/api/v2/heartbeats"


@pytest.fixture
def api() -> APIClient:
    return APIClient()


def make(count: int, *, same_time: bool = False) -> list[str]:
    """Heartbeats named 000, 001, …, each a microsecond later (or all at once); newest first."""
    step = timedelta(0) if same_time else timedelta(microseconds=1)
    Heartbeat.objects.bulk_create(Heartbeat(name=f"{number:03}", at=NOON + number * step) for number in range(count))
    return [f"{number:03}" for number in reversed(range(count))]


def names(body: dict[str, Any]) -> list[str]:
    return [row["name"] for row in body["heartbeats"]]


def follow(api: APIClient, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    body: dict[str, Any] = api.get(f"{parts.path}?{parts.query}").json()
    return body


def test_list_without_rows(api):
    assert api.get(URL).json() == {
        "heartbeats": [], "total": 0, "limit": 50, "offset": 0, "next": None, "previous": None,
    }  # fmt: skip


def test_page_in_the_middle_names_its_neighbours_by_public_url(api, settings):
    settings.PUBLIC_URL = "https://posts.example"
    rows = make(7)

    body = api.get(f"{URL}?offset=2&limit=2&shape=x&shape=y", HTTP_HOST="127.0.0.1").json()

    assert body == {
        "heartbeats": [{"name": name} for name in rows[2:4]],
        "total": 7,
        "limit": 2,
        "offset": 2,
        "next": "https://posts.example/api/v2/heartbeats?shape=x&shape=y&limit=2&offset=4",
        "previous": "https://posts.example/api/v2/heartbeats?shape=x&shape=y&limit=2&offset=0",
    }


@pytest.mark.parametrize(
    ("query", "count", "total", "has_next", "has_previous"),
    [
        ("", 5, 5, False, False),
        ("?limit=5", 5, 5, False, False),
        ("?limit=4", 4, 5, True, False),
        ("?offset=4", 1, 5, False, True),
        ("?offset=5", 0, 5, False, True),
        ("?offset=99", 0, 5, False, True),
    ],
)
def test_ends_of_the_list(api, query, count, total, has_next, has_previous):
    make(5)

    body = api.get(URL + query).json()

    assert (len(body["heartbeats"]), body["total"]) == (count, total)
    assert (body["next"] is not None, body["previous"] is not None) == (has_next, has_previous)


@pytest.mark.parametrize(("cap", "total", "capped"), [(5, 5, None), (4, 4, True)])
@pytest.mark.parametrize("query", ["?limit=2", "?limit=5", "?offset=4"])
def test_total_is_exact_up_to_the_cap(api, monkeypatch, cap, total, capped, query):
    monkeypatch.setattr(pagination, "TOTAL_CAP", cap)
    make(5)

    body = api.get(URL + query).json()

    assert (body["total"], body.get("total_capped")) == (total, capped)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_a_list_that_fits_one_page_costs_one_query(api, django_assert_num_queries, count):
    make(count)

    with django_assert_num_queries(1):
        api.get(URL)


def test_count_reads_no_further_than_the_cap(api, django_assert_num_queries):
    make(5)

    with django_assert_num_queries(2) as queries:
        api.get(f"{URL}?limit=2")

    assert "LIMIT 10001" in queries.captured_queries[1]["sql"]


def out_of_range(name: str, text: str, least: int, most: int) -> dict[str, Any]:
    sentence = f"{text!r} is not a whole number from {least} to {most}."
    return one(name, "out_of_range", sentence, least=least, limit=most, actual=text)


@pytest.mark.parametrize("text", ["0", "201", "-1", "1.5", "x", "", "\uff11", "9" * 20])
def test_limit_that_is_none_is_refused(api, text):
    expected = out_of_range("limit", text, 1, 200)
    assert_problem_without_request(api.get(URL, {"limit": text}), expected)


@pytest.mark.parametrize("text", ["-1", "x", "2147483648", "9" * 20])
def test_offset_that_is_none_is_refused(api, text):
    expected = out_of_range("offset", text, 0, 2**31 - 1)
    assert_problem_without_request(api.get(URL, {"offset": text}), expected)


def assert_problem_without_request(response: Any, expected: dict[str, Any]) -> None:
    assert_problem(response, 400, "invalid", f"{expected['field']}: {expected['message']}", [expected])


def test_unknown_query_parameter_is_refused_by_name(api):
    valid = ["ordering", "shape", "limit", "offset", "cursor", "format"]
    sentence = f"This query parameter is not known here; valid ones: {', '.join(valid)}."

    response = api.get(f"{URL}?limt=5")

    assert_problem_without_request(response, one("limt", "unknown_parameter", sentence, valid=valid))


def test_parameters_of_pages_are_unknown_where_there_is_no_list(api):
    assert api.post(f"{URL}?limit=5", {}).json()["errors"][0]["params"] == {"valid": ["format"]}


@pytest.mark.parametrize("shape", ["", "&shape=values"])
@pytest.mark.parametrize("ordering", ["-at,-name", "at,name", "-at", "at", "name", "-name", "at,-name", "-at,name"])
@pytest.mark.parametrize("same_time", [False, True])
def test_cursor_walks_the_whole_list_both_ways(api, ordering, shape, same_time):
    make(7, same_time=same_time)
    whole = names(api.get(f"{URL}?ordering={ordering}{shape}").json())

    pages = [api.get(f"{URL}?ordering={ordering}{shape}&limit=3&cursor=").json()]
    while pages[-1]["next"]:
        pages.append(follow(api, pages[-1]["next"]))
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(follow(api, back[-1]["previous"]))

    assert [name for page in pages for name in names(page)] == whole
    assert [name for page in reversed(back) for name in names(page)] == whole
    assert [page["previous"] is None for page in pages] == [True, False, False]


def test_page_by_cursor_has_no_total_and_costs_one_query(api, django_assert_num_queries):
    make(3)

    with django_assert_num_queries(1):
        body = api.get(f"{URL}?cursor=&limit=3").json()

    assert body == {
        "heartbeats": [{"name": name} for name in ("002", "001", "000")],
        "limit": 3,
        "next": None,
        "previous": None,
    }


def test_rows_that_come_and_go_shift_no_page(api):
    make(6)
    first = api.get(f"{URL}?cursor=&limit=2").json()

    Heartbeat.objects.filter(name__in=names(first)).delete()
    Heartbeat.objects.create(name="newer", at=NOON + timedelta(days=1))

    assert names(follow(api, first["next"])) == ["003", "002"]


@pytest.mark.parametrize("cursor", ["x", "1", "a:b:c", "\0", "é"])
def test_cursor_that_is_none_of_ours_is_refused(api, cursor):
    sentence = "The cursor is not one of ours for this list and ordering; begin again with an empty one."
    assert_problem_without_request(api.get(URL, {"cursor": cursor}), one("cursor", "bad_cursor", sentence))


def test_cursor_of_another_ordering_is_refused(api):
    make(3)
    following = api.get(f"{URL}?cursor=&limit=1").json()["next"]

    body = follow(api, following + "&ordering=at")

    assert body["errors"][0]["code"] == "bad_cursor"


def test_cursor_and_offset_exclude_each_other(api):
    assert api.get(f"{URL}?cursor=&offset=0").json()["errors"][0]["code"] == "with_offset"


def test_ordering_that_is_no_column_has_no_cursor(api):
    assert api.get(f"{URL}?cursor=&ordering=detail__a").json()["errors"][0]["code"] == "not_with_ordering"
