"""Who is registered here is told to nobody who asks, and not by the work that it takes to answer."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import BasePasswordHasher, get_hasher
from django.core.cache import caches
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.roles import SiteRole
from accounts.tests.factories import PASSWORD, make_user, make_workspace

DOORS = {"/api/v2/auth/login": "email", "/api-auth/login": "username", "/admin/login/": "username"}
WHO = (
    "ada@example.test",
    "operator@example.test",
    "gone@example.test",
    "no-password@example.test",
    "nobody@example.test",
)
REGISTER = "/api/v2/auth/register"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people() -> None:
    """Somebody, an operator, somebody who was let go, somebody without a password; and nobody, who is none of these."""
    make_workspace(owner=make_user(email=WHO[0], password=PASSWORD))
    make_user(email=WHO[1], password=PASSWORD, site_role=SiteRole.ADMIN)
    make_user(email=WHO[2], password=PASSWORD, is_active=False)
    make_user(email=WHO[3])


def knock(door: str, email: str, password: str, **more: Any) -> tuple[int, str]:
    """Status and what is said, without what differs between any two answers."""
    client: Any = APIClient() if door.startswith("/api/") else Client()
    answer = client.post(door, {DOORS[door]: email, "password": password}, **more)
    text = answer.content.decode().replace(email, "E-MAIL")
    text = re.sub(r'(csrfmiddlewaretoken" value|"request_id"): ?"[^"]*"|csrfmiddlewaretoken" value="[^"]*"', "", text)
    return answer.status_code, text


@pytest.mark.parametrize("door", DOORS)
def test_everybody_gets_one_answer_for_one_hash(door: str) -> None:
    hasher = type(get_hasher())
    encode, hashed = hasher.encode, []

    def counting(self: BasePasswordHasher, password: str, *rest: Any, **more: Any) -> str:
        hashed.append(password)
        return encode(self, password, *rest, **more)

    answers, hashes = set(), {}
    with patch.object(hasher, "encode", counting):
        for email in WHO:
            hashed.clear()
            answers.add(knock(door, email, "wrong"))
            hashes[email] = len(hashed)
        hashed.clear()
        answers.add(knock(door, "gone@example.test", PASSWORD))

    assert len(answers) == 1, answers
    assert hashes == dict.fromkeys(WHO, 1)
    assert hashed == [PASSWORD]


def test_admin_does_not_say_whose_password_was_right() -> None:
    """Of somebody who has no business there."""
    assert knock("/admin/login/", "ada@example.test", PASSWORD) == knock(
        "/admin/login/", "nobody@example.test", PASSWORD
    )


def test_lock_out_is_of_anybody_who_was_guessed_at() -> None:
    said = [[knock("/api/v2/auth/login", email, "wrong") for _ in range(11)][9:] for email in (WHO[0], WHO[4])]

    assert said[0] == said[1]
    assert {status for status, _ in said[0]} == {429}


def test_closed_registration_says_the_same_of_everybody(settings: Any) -> None:
    settings.REGISTRATION_OPEN = False

    said = {ask_to_register(email) for email in (WHO[0], WHO[4])}

    assert said == {(403, "registration_closed")}
    assert User.objects.count() == 4


def test_open_registration_can_be_asked_for_few_addresses_only(settings: Any) -> None:
    """It has to say that an address is taken; so that nobody goes through a list of them, asking counts."""
    settings.THROTTLE_RATES = {"registration": "2/h"}
    caches["limits"].clear()

    said = [ask_to_register(email) for email in (WHO[0], WHO[2], WHO[1])]

    assert said == [(409, "email_taken"), (409, "email_taken"), (429, "throttled")]


def ask_to_register(email: str) -> tuple[int, str]:
    answer = APIClient().post(REGISTER, {"email": email, "password": "a long enough one"})
    return answer.status_code, answer.json()["code"]
