"""Forgotten passwords: the same answer and work for every address, a link that works once, a page for people."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as outbox
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import password_reset
from accounts.services.password_reset import token_of
from accounts.tests.factories import PASSWORD, make_api_key, make_user, make_workspace, signed_in, with_key
from accounts.tests.test_races import at_once
from mastablasta.core.mail import send_due
from mastablasta.core.models import Mail
from mastablasta.core.tests.answers import assert_problem, one

RESET, CONFIRM, NEW = "/api/v2/auth/password/reset", "/api/v2/auth/password/reset/confirm", "another long one"
ENDED = "This link is not good any more, or was never; ask for another one."
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mail_is_on(settings: Any) -> None:
    settings.EMAIL_URL, settings.PUBLIC_URL = "smtp://mail.example", "https://social.example"


@pytest.fixture
def ada() -> User:
    user = make_user(email="ada@example.test", password=PASSWORD)
    make_workspace(owner=user)
    return user


def ask(email: str) -> Any:
    return APIClient(raise_request_exception=False).post(RESET, {"email": email})


def confirm(token: str, new: str = NEW) -> Any:
    return APIClient(raise_request_exception=False).post(CONFIRM, {"token": token, "new_password": new})


def sign_in(password: str) -> int:
    return APIClient().post("/api/v2/auth/login", {"email": "ada@example.test", "password": password}).status_code


def test_link_in_the_email_sets_a_password_once_and_ends_every_sign_in(ada):
    before, key = signed_in(ada), with_key(make_api_key(ada, ada.default_workspace)[1])
    browser = Client()
    browser.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

    answer = ask(" Ada@Example.TEST ")
    send_due()
    (sent,) = outbox.outbox
    found = re.search(r"https://social\.example/password-reset/confirm\?token=(\S+)", sent.body)
    assert found is not None
    changed, again = confirm(found[1]), confirm(found[1], "a third long one")

    assert (answer.status_code, answer.json()) == (202, {"message": password_reset.ON_ITS_WAY})
    assert (sent.to, sent.subject) == (["ada@example.test"], "Choose a new password")
    assert (changed.status_code, changed.content) == (204, b"")
    fault = one("token", "reset_token_invalid", ENDED)
    assert_problem(again, 400, "reset_token_invalid", f"token: {ENDED}", [fault])
    assert (sign_in(PASSWORD), sign_in(NEW)) == (401, 200)
    assert [client.get("/api/v2/auth/me").status_code for client in (before, browser, key)] == [401, 401, 200]


def test_unknown_address_gets_the_same_answer_for_the_same_work(ada, settings):
    make_user(email="gone@example.test", is_active=False)
    answers, work = [], []
    for email in ("ada@example.test", "nobody@example.test", "gone@example.test", "no address at all"):
        with CaptureQueriesContext(connection) as queries:
            answers.append(ask(email))
        work.append([query["sql"].split()[0] for query in queries])
    while Mail.objects.filter(next_try_at__isnull=False).exists():
        send_due()

    assert [(answer.status_code, answer.json()) for answer in answers] == [(202, answers[0].json())] * 4
    assert work == [work[0]] * 4
    assert [sent.to for sent in outbox.outbox] == [["ada@example.test"]]
    assert Mail.objects.count() == 1


def test_server_without_email_says_so_to_everybody(ada, settings):
    settings.EMAIL_URL = ""

    answers = [ask(email) for email in ("ada@example.test", "nobody@example.test")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (202, {"message": "This server sends no e-mail; ask its operator, who can set another password."})
    ] * 2
    assert not Mail.objects.exists()


def test_one_address_gets_so_many_an_hour(ada):
    with time_machine.travel("2030-01-31T09:10:00Z", tick=False) as clock:
        for _ in range(password_reset.MOST_AN_HOUR + 2):
            assert ask("ada@example.test").status_code == 202
        told = Mail.objects.exclude(recipient="").count()
        clock.shift(timedelta(hours=1))
        ask("ada@example.test")

    assert (told, Mail.objects.exclude(recipient="").count()) == (5, 6)


def test_link_ends_after_an_hour_with_a_sign_in_and_with_the_person(ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token = token_of(ada)
        clock.shift(timedelta(hours=1, seconds=1))
        assert confirm(token).json()["code"] == "reset_token_invalid"
    unused = token_of(ada)
    User.objects.update(last_login=timezone.now())
    assert confirm(unused).json()["code"] == "reset_token_invalid"
    ada.refresh_from_db()
    unused = token_of(ada)
    User.objects.update(is_active=False)
    assert confirm(unused).json()["code"] == "reset_token_invalid"


def test_token_of_somebody_else_is_none_of_yours(ada):
    proof = token_of(make_user()).partition(".")[2]

    for token in (f"{ada.pk.hex}.{proof}", f"{ada.pk.hex}.", "x", ".", "é.é", f"{'0' * 32}.{proof}"):
        assert confirm(token).json()["code"] == "reset_token_invalid"


def test_new_password_keeps_the_rules_and_the_token_stays_good(ada):
    token = token_of(ada)

    refused = confirm(token, "ada@example")

    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [
        ("new_password", "password_too_similar")
    ]
    assert confirm(token).status_code == 204


def test_lock_out_ends_with_it(ada):
    answers = [sign_in("wrong") for _ in range(10)]

    confirm(token_of(ada))

    assert (answers[-1], sign_in(NEW)) == (429, 200)


def test_page_for_people(ada):
    browser, token = Client(enforce_csrf_checks=True), token_of(ada)

    def fill(address: str, **fields: str) -> Any:
        page = browser.get(address)
        assert page.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
        assert csrf is not None
        return browser.post(address, {**fields, "csrfmiddlewaretoken": csrf[1]}).content.decode()

    asked = fill("/password-reset", email="nobody@example.test")
    refused = fill(f"/password-reset/confirm?token={token}", new_password="password", token=token)
    changed = fill(f"/password-reset/confirm?token={token}", new_password=NEW, token=token)
    ended = browser.get(f"/password-reset/confirm?token={token}")

    assert password_reset.ON_ITS_WAY in asked
    assert "This password is too common." in refused
    assert "Your password is changed" in changed
    assert (ended.status_code, "reset_token_invalid" in ended.content.decode()) == (400, True)
    assert "/password-reset" in Client().get("/api-auth/login").content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_with_one_token_at_once_one_changes_it():
    token = token_of(make_workspace(owner=make_user(email="ada@example.test", password=PASSWORD)).members.get())
    new = iter(["the first long one", "the second long one"])

    answers = at_once(2, lambda: confirm(token, next(new)))

    assert sorted(answer.status_code for answer in answers) == [204, 400]
    assert sorted(sign_in(text) for text in ("the first long one", "the second long one")) == [200, 401]
