"""Programs pass the middleware that serves browsers, and open nothing by it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client

from accounts.models import User
from accounts.tests.factories import make_api_key, make_workspace, signed_in

pytestmark = pytest.mark.django_db
ME, POSTS = "/api/v2/auth/me", "/api/v2/posts"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of requests whose session was made ready."""
    seen: list[str] = []
    process_request = SessionMiddleware.process_request

    def watched(self: Any, request: Any) -> None:
        seen.append(request.path)
        process_request(self, request)

    monkeypatch.setattr(SessionMiddleware, "process_request", watched)
    return seen


@pytest.fixture
def person() -> User:
    return make_workspace().members.get()


@pytest.fixture
def browser(person: User) -> Client:
    """Somebody else than `person`, signed in by a session."""
    client = Client()
    client.force_login(make_workspace().members.get(), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_program_has_no_session(person: User, sessions: list[str]) -> None:
    _, key = make_api_key(person, person.default_workspace)  # type: ignore[arg-type]  # it has one

    assert signed_in(person).get(ME).json()["id"] == str(person.id)
    assert Client(headers={"X-API-Key": key}).get(ME).json()["id"] == str(person.id)
    assert signed_in(person).get(POSTS).status_code == 200
    assert sessions == []


@pytest.mark.parametrize(
    "proof", [{"Authorization": "Bearer no-token"}, {"authorization": "bearer "}, {"X-API-Key": "mb_no-key"}]
)
def test_bad_proof_is_refused_and_no_session_stands_in_for_it(browser: Client, proof: dict[str, str]) -> None:
    assert browser.get(ME).status_code == 200

    assert browser.get(ME, headers=proof).status_code == 401
    assert browser.post(POSTS, {"content": "Hello"}, "application/json", headers=proof).status_code == 401


def test_session_counts_beside_a_proof_that_is_a_proxys(browser: Client) -> None:
    assert browser.get(ME, headers={"Authorization": "Basic cHJveHk6cHJveHk="}).status_code == 200


def test_proof_opens_no_page_and_changes_no_sign_in(browser: Client, person: User, sessions: list[str]) -> None:
    token = signed_in(person)._credentials["HTTP_AUTHORIZATION"]
    body = {"email": person.email, "password": "wrong"}

    assert Client(headers={"Authorization": token}).get("/admin/").status_code == 302
    assert browser.get("/api-auth/login/", headers={"Authorization": token}).status_code < 500
    signing_in = browser.post("/api/v2/auth/login", body, "application/json", headers={"Authorization": token})
    assert signing_in.status_code == 401
    assert sessions == ["/admin/", "/api-auth/login/", "/api/v2/auth/login"]
