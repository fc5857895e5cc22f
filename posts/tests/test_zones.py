"""Local times: the hour that autumn has twice is a warning that names both moments."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

TWICE = {"scheduled_time": "2027-10-31T02:30:00", "timezone": "Europe/Berlin"}
SENTENCE = (
    "2027-10-31T02:30:00 comes twice in Europe/Berlin, at 2027-10-31T00:30:00Z and 2027-10-31T01:30:00Z; "
    "the earlier is taken. Send the time with an offset to choose."
)


def create(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **body})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def warning(sentence: str, *moments: str) -> dict[str, Any]:
    params = {"moments": list(moments)}
    return {"field": "scheduled_time", "code": "time_comes_twice", "message": sentence, "params": params}


BERLIN = warning(SENTENCE, "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z")


def test_time_that_comes_twice_is_taken_with_a_warning_that_names_both(client: APIClient) -> None:
    post = create(client, **TWICE)

    assert (post["status"], post["scheduled_time"]) == ("scheduled", "2027-10-31T00:30:00Z")
    assert post["warnings"] == [BERLIN]
    assert client.get(f"/api/v2/posts/{post['id']}").json()["warnings"] == [BERLIN]


@pytest.mark.parametrize(
    ("zone", "local", "moments"),
    [
        ("America/New_York", "2027-11-07T01:00:00", ("2027-11-07T05:00:00Z", "2027-11-07T06:00:00Z")),
        ("Australia/Lord_Howe", "2027-04-04T01:45:00", ("2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z")),
        ("Europe/London", "2027-10-31T01:59:59", ("2027-10-31T00:59:59Z", "2027-10-31T01:59:59Z")),
    ],
)
def test_so_it_is_in_every_zone(client: APIClient, zone: str, local: str, moments: tuple[str, str]) -> None:
    [found] = create(client, scheduled_time=local, timezone=zone)["warnings"]

    assert (found["code"], found["params"]["moments"]) == ("time_comes_twice", list(moments))
    assert all(moment in found["message"] for moment in (local, zone, *moments))


@pytest.mark.parametrize(
    "time",
    ["2027-10-31T02:30:00+02:00", "2027-10-31T01:30:00Z", "2027-10-31T03:00:00", "2027-10-31T01:59:59"],
)
def test_time_that_is_meant_once_has_no_warning(client: APIClient, time: str) -> None:
    assert create(client, scheduled_time=time, timezone="Europe/Berlin")["warnings"] == []


def test_edits_reschedules_and_trials_warn_alike(client: APIClient) -> None:
    post = create(client)

    assert client.patch(f"/api/v2/posts/{post['id']}", TWICE).json()["warnings"] == [BERLIN]
    other = {**TWICE, "scheduled_time": "2027-10-31T02:00:00"}
    moved = client.post(f"/api/v2/posts/{post['id']}/reschedule", other).json()
    assert [one["params"]["moments"][0] for one in moved["warnings"]] == ["2027-10-31T00:00:00Z"]
    exact = client.post(f"/api/v2/posts/{post['id']}/reschedule", {"scheduled_time": "2027-10-31T00:30:00Z"}).json()
    assert exact["warnings"] == []
    trial = {"id": post["id"], "content": "Hello", "platforms": ["mastodon"], **TWICE}
    verdict = client.post("/api/v2/posts/validate", trial).json()
    assert (verdict["valid"], verdict["problems"], verdict["warnings"]) == (True, [], [BERLIN])
