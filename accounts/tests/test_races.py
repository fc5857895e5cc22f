"""Two at once, on real connections: exactly one wins, and the other is told the truth."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import ApiKey, Session, User, Workspace
from accounts.tests.factories import make_session, make_workspace
from accounts.tokens import tokens_for

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, call: Callable[[], Any]) -> list[Any]:
    """Make the same call in `count` threads that start together; return their answers."""
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait()
            answers.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_two_registrations_of_one_email_make_one_person():
    person = {"email": "ada@example.test", "password": "analytical-engine"}

    answers = at_once(4, lambda: APIClient(raise_request_exception=False).post("/api/v2/auth/register", person))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"email_taken"}
    assert (User.objects.count(), Workspace.objects.count(), ApiKey.objects.count()) == (1, 1, 1)


def test_two_refreshes_with_one_token_are_a_replay():
    token = tokens_for(make_session(make_workspace().members.get()))["refresh_token"]

    answers = at_once(
        4,
        lambda: APIClient(raise_request_exception=False).post("/api/v2/auth/refresh", {"refresh_token": token}),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert {answer.json().get("code") for answer in answers} <= {None, "token_reused", "session_ended"}
    assert Session.objects.get().revoked_at is not None


def test_guesses_at_once_are_all_counted(settings):
    settings.AXES_FAILURE_LIMIT = 4
    person = {"email": "ada@example.test", "password": "wrong"}

    answers = at_once(6, lambda: APIClient(raise_request_exception=False).post("/api/v2/auth/login", person))

    assert {answer.status_code for answer in answers} <= {401, 429}
    assert APIClient().post("/api/v2/auth/login", person).status_code == 429
