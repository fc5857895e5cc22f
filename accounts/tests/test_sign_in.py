from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.contrib.auth.hashers import BasePasswordHasher, get_hasher
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Session, User, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import PASSWORD, make_user, make_workspace
from mastablasta.core.tests.answers import assert_problem

URL = "/api/v2/auth/login"
WRONG = ("invalid_credentials", "E-mail or password is wrong; check both.")
pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def ada() -> User:
    user = make_user(email="ada@example.test", name="Ada", password=PASSWORD)
    make_workspace(owner=user)
    return user


def sign_in(api: APIClient, email: str = "ada@example.test", password: str = PASSWORD, **headers: str):
    return api.post(URL, {"email": email, "password": password}, **headers)


def test_signing_in(api, ada):
    response = sign_in(api, HTTP_USER_AGENT="curl/8 " + "x" * 300)

    body = response.json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert body == {
        "user": {"id": str(ada.id), "email": "ada@example.test", "name": "Ada", "role": "editor"},
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
    }
    session = Session.objects.get()
    assert session.user == ada
    assert session.user_agent == ("curl/8 " + "x" * 300)[:200]
    assert session.expires_at - session.created_at == pytest.approx(timedelta(days=30), abs=timedelta(seconds=5))


@pytest.mark.parametrize("email", ["ADA@example.test", " Ada@Example.TEST "])
def test_email_in_any_case(api, ada, email):
    assert sign_in(api, email).status_code == 200


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.test", "wrong"),
        ("ada@example.test", PASSWORD + " "),
        ("ada@example.test", PASSWORD.upper()),
        ("nobody@example.test", PASSWORD),
        ("no address at all", PASSWORD),
    ],
)
def test_wrong_credentials_are_one_answer(api, ada, email, password):
    assert_problem(sign_in(api, email, password), 401, *WRONG)
    assert not Session.objects.exists()


def test_inactive_person_cannot_sign_in(api, ada):
    User.objects.update(is_active=False)

    assert_problem(sign_in(api), 401, *WRONG)


@pytest.mark.parametrize("email", ["ada@example.test", "nobody@example.test", "unusable@example.test"])
def test_unknown_email_costs_one_hash_as_well(api, ada, email):
    make_user(email="unusable@example.test")
    hasher = type(get_hasher())
    hashed: list[str] = []
    encode = hasher.encode

    def counting(self: BasePasswordHasher, password: str, *args: object, **kwargs: object) -> str:
        hashed.append(password)
        return encode(self, password, *args, **kwargs)

    with patch.object(hasher, "encode", counting):
        sign_in(api, email, "wrong")

    assert len(hashed) == 1


def test_tenth_failure_locks_out_even_the_right_password_for_ten_minutes(api, ada):
    answers = [sign_in(api, password="wrong").status_code for _ in range(9)]
    locked = sign_in(api, password="wrong")

    sentence = "Too many failed sign-ins; wait 10 minutes and try again."
    assert answers == [401] * 9
    assert_problem(locked, 429, "locked_out", sentence)
    assert 590 <= int(locked.headers["Retry-After"]) <= 600
    assert_problem(sign_in(api), 429, "locked_out", sentence)
    assert not Session.objects.exists()


def test_lock_out_ends_when_it_said(api, ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(10):
            sign_in(api, password="wrong")
        clock.shift(timedelta(minutes=4))
        locked = sign_in(api)
        clock.shift(timedelta(seconds=int(locked.headers["Retry-After"])))
        again = sign_in(api)

    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "361")
    assert locked.json()["detail"] == "Too many failed sign-ins; wait 7 minutes and try again."
    assert again.status_code == 200


def test_lock_out_is_for_that_email_from_that_address_only(api, ada):
    make_user(email="bob@example.test", password=PASSWORD)
    for _ in range(10):
        sign_in(api, "ADA@example.test", "wrong")

    assert sign_in(api, "bob@example.test").status_code == 200
    assert sign_in(api, REMOTE_ADDR="198.51.100.7").status_code == 200
    assert sign_in(api).status_code == 429


def test_forwarded_address_of_a_stranger_does_not_count(api, ada):
    for number in range(10):
        sign_in(api, password="wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")

    assert sign_in(api, HTTP_X_FORWARDED_FOR="198.51.100.77").status_code == 429


def test_success_forgets_failures(api, ada):
    for _ in range(2):
        for _ in range(9):
            sign_in(api, password="wrong")
        assert sign_in(api).status_code == 200


def test_person_without_workspace_gets_one(api):
    User.objects.create_superuser("root@example.test", PASSWORD)

    sign_in(api, "root@example.test")

    user = User.objects.get()
    assert user.site_role == SiteRole.ADMIN
    assert user.default_workspace == Workspace.objects.get(is_personal=True, members=user)


def test_person_without_default_gets_the_first_they_joined(api, ada):
    first = ada.default_workspace
    make_workspace(owner=ada)
    User.objects.update(default_workspace=None)

    sign_in(api)

    assert User.objects.get().default_workspace == first


def test_signing_in_is_remembered(api, ada):
    sign_in(api)

    assert User.objects.get().last_login is not None


def test_failures_at_the_admins_door_count_alike_and_the_page_has_words(api, ada):
    for _ in range(9):
        sign_in(api, password="wrong")

    response = Client().post("/admin/login/", {"username": "ADA@example.test", "password": "wrong"})

    assert sign_in(api).status_code == 429

    assert response.status_code == 429
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.headers["Retry-After"] == "600"
