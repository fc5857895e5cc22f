"""Guessing API keys: nothing tells a near guess from a far one, and only X-API-Key takes a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.tests.factories import make_api_key, make_workspace, with_key

ME = "/api/v2/auth/me"
pytestmark = pytest.mark.django_db


def test_near_and_far_guesses_are_the_same_answer_for_the_same_query() -> None:
    workspace = make_workspace()
    key, text = make_api_key(workspace.members.get(), workspace)
    last = "B" if text[-1] == "A" else "A"
    guesses = {
        "far": "mb_" + "x" * 43,
        "its prefix": key.prefix,
        "last character": text[:-1] + last,
        "cut": text[:-1],
        "longer": text + "A",
        "another case": text.swapcase(),
        "what is stored": key.sha256,
        "its id": str(key.id),
        "two": f"{text},{text}",
        "wildcard": "mb_%",
        "empty": "",
    }
    said, queries = set(), set()
    for guess in guesses.values():
        with CaptureQueriesContext(connection) as captured:
            answer = with_key(guess).get(ME)
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        said.add((answer.status_code, tuple(sorted((name, str(value)) for name, value in body.items()))))
        queries.add(len(captured))
        assert not any(guess in one["sql"] for one in captured.captured_queries if len(guess) > 20)

    assert [status for status, _ in said] == [401]
    assert queries == {1}  # by the digest of the whole, which the index finds or not
    assert with_key(text).get(ME).status_code == 200


@pytest.mark.parametrize(
    "how",
    [
        lambda text: {"HTTP_AUTHORIZATION": f"Bearer {text}"},
        lambda text: {"HTTP_AUTHORIZATION": f"Basic {text}"},
        lambda text: {"HTTP_COOKIE": f"api_key={text}; X-API-Key={text}"},
        lambda text: {"QUERY_STRING": f"api_key={text}&X-API-Key={text}"},
    ],
    ids=["bearer", "basic", "cookie", "query"],
)
def test_key_counts_in_its_header_only(how: Any) -> None:
    """Addresses end up in logs and histories, cookies travel with requests that others make."""
    workspace = make_workspace()
    _, text = make_api_key(workspace.members.get(), workspace)

    assert APIClient().get(ME, **how(text)).status_code == 401


def test_guessing_is_throttled_whichever_key_is_guessed_and_the_right_one_is_not_told_then(settings: Any) -> None:
    settings.THROTTLE_RATES, settings.WEB_WORKERS = {"anonymous": "3/min", "key": "1200/min"}, 1
    caches["limits"].clear()

    statuses = [with_key(f"mb_{number:043}").get(ME).status_code for number in range(5)]

    assert statuses == [401, 401, 401, 429, 429]
