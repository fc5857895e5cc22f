"""Refreshing, signing out, changing the password: what ends which tokens, and when."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.tests.factories import (
    PASSWORD,
    make_api_key,
    make_session,
    make_user,
    make_workspace,
    signed_in,
    with_key,
)
from accounts.tokens import tokens_for
from mastablasta.core.tests.answers import assert_problem, one

ENDED = ("session_ended", "This sign-in has ended; sign in again.")
REUSED = ("token_reused", "This refresh token was used before, so the sign-in has ended; sign in again.")
NO_REFRESH_TOKEN = ("token_invalid", "This is not one of our refresh tokens; sign in again.")
pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user = make_user(email="ada@example.test", password=PASSWORD)
    make_workspace(owner=user)
    return user


@pytest.fixture
def tokens(ada) -> dict[str, str]:
    return tokens_for(make_session(ada))


def refresh(token: Any) -> Any:
    return APIClient(raise_request_exception=False).post("/api/v2/auth/refresh", {"refresh_token": token})


def me(access_token: str) -> int:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token}")
    return client.get("/api/v2/auth/me").status_code


def test_refreshing_gives_a_new_pair_that_works(tokens):
    response = refresh(tokens["refresh_token"])

    fresh = response.json()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert set(fresh) == {"access_token", "refresh_token"}
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert me(fresh["access_token"]) == 200
    assert refresh(fresh["refresh_token"]).status_code == 200


def test_older_access_token_lives_its_15_minutes_after_a_refresh(tokens):
    refresh(tokens["refresh_token"])

    assert me(tokens["access_token"]) == 200


def test_used_refresh_token_ends_the_whole_sign_in(tokens):
    fresh = refresh(tokens["refresh_token"]).json()

    assert_problem(refresh(tokens["refresh_token"]), 401, *REUSED)
    assert_problem(refresh(fresh["refresh_token"]), 401, *ENDED)
    assert me(fresh["access_token"]) == 401
    assert_problem(refresh(tokens["refresh_token"]), 401, *ENDED)


def test_replay_ends_only_that_sign_in(ada, tokens):
    elsewhere = tokens_for(make_session(ada))
    refresh(tokens["refresh_token"])
    refresh(tokens["refresh_token"])

    assert me(elsewhere["access_token"]) == 200
    assert refresh(elsewhere["refresh_token"]).status_code == 200


def test_each_refresh_gives_another_30_days(ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        tokens = tokens_for(make_session(ada))
        clock.shift(timedelta(days=29))
        fresh = refresh(tokens["refresh_token"]).json()
        clock.shift(timedelta(days=29))

        assert refresh(fresh["refresh_token"]).status_code == 200


def test_refresh_token_expires_after_30_days(ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        tokens = tokens_for(make_session(ada))
        clock.shift(timedelta(days=30, seconds=1))

        assert_problem(
            refresh(tokens["refresh_token"]), 401, "token_expired", "The refresh token has expired; sign in again."
        )


def test_access_token_expires_after_15_minutes(ada):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = signed_in(ada)
        clock.shift(timedelta(minutes=14, seconds=59))
        before = client.get("/api/v2/auth/me")
        clock.shift(timedelta(seconds=2))
        after = client.get("/api/v2/auth/me")

    assert before.status_code == 200
    assert_problem(after, 401, "token_expired", "The access token has expired; POST /auth/refresh gives a new one.")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é", "Bearer x"])
def test_what_is_no_refresh_token(token):
    response = refresh(token)

    if token:
        assert_problem(response, 401, *NO_REFRESH_TOKEN)
    else:
        expected = one("refresh_token", "blank", "This field may not be blank.")
        assert_problem(response, 400, "invalid", "refresh_token: This field may not be blank.", [expected])


def test_access_token_is_no_refresh_token_nor_the_other_way_round(tokens):
    assert_problem(refresh(tokens["access_token"]), 401, *NO_REFRESH_TOKEN)
    assert me(tokens["refresh_token"]) == 401


def test_deactivated_person_cannot_refresh(tokens):
    User.objects.update(is_active=False)

    assert_problem(refresh(tokens["refresh_token"]), 401, *ENDED)
    assert me(tokens["access_token"]) == 401


def test_signing_out_ends_this_sign_in_at_once(ada, tokens):
    elsewhere = tokens_for(make_session(ada))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")

    response = client.post("/api/v2/auth/logout")

    assert (response.status_code, response.content) == (204, b"")
    assert me(tokens["access_token"]) == 401
    assert_problem(refresh(tokens["refresh_token"]), 401, *ENDED)
    assert me(elsewhere["access_token"]) == 200


def test_signing_out_everywhere_ends_all_but_other_peoples(ada, tokens):
    elsewhere, stranger = tokens_for(make_session(ada)), tokens_for(make_session(make_user()))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")

    assert client.post("/api/v2/auth/logout", {"everywhere": True}).status_code == 204

    assert [me(one["access_token"]) for one in (tokens, elsewhere, stranger)] == [401, 401, 200]


def test_signing_out_of_the_browser_session(ada):
    client = APIClient()
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post("/api/v2/auth/logout").status_code == 204
    assert client.get("/api/v2/auth/me").status_code == 401


def change_password(client: APIClient, current: str = PASSWORD, new: str = "another long one") -> Any:
    return client.post("/api/v2/auth/password", {"current_password": current, "new_password": new})


def test_changing_the_password_ends_every_sign_in_and_begins_one(ada, tokens):
    client = signed_in(ada)

    response = change_password(client)

    fresh = response.json()
    assert response.status_code == 200
    assert me(tokens["access_token"]) == 401
    assert client.get("/api/v2/auth/me").status_code == 401
    assert me(fresh["access_token"]) == 200
    assert refresh(fresh["refresh_token"]).status_code == 200
    assert User.objects.get(pk=ada.pk).check_password("another long one")


def test_changing_the_password_keeps_api_keys(ada):
    _, text = make_api_key(ada, ada.default_workspace)

    change_password(signed_in(ada))

    assert with_key(text).get("/api/v2/auth/me").status_code == 200


def test_operators_command_signs_out_everywhere_and_keeps_api_keys(ada, tokens, monkeypatch):
    _, text = make_api_key(ada, ada.default_workspace)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another long one")

    call_command("changepassword", "ada@example.test", stdout=StringIO())

    assert User.objects.get(pk=ada.pk).check_password("another long one")
    assert (me(tokens["access_token"]), with_key(text).get("/api/v2/auth/me").status_code) == (401, 200)
    assert_problem(refresh(tokens["refresh_token"]), 401, *ENDED)


def test_wrong_current_password_changes_nothing(ada, tokens):
    expected = one("current_password", "wrong_password", "This is not your password; check it.")

    response = change_password(signed_in(ada), current="wrong")

    assert_problem(
        response, 400, "wrong_password", "current_password: This is not your password; check it.", [expected]
    )
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)
    assert me(tokens["access_token"]) == 200


def test_guessing_the_current_password_locks_out(ada):
    client = signed_in(ada)

    answers = [change_password(client, current="wrong").status_code for _ in range(10)]

    assert answers == [400] * 9 + [429]


def test_new_password_keeps_the_rules(ada, tokens):
    response = change_password(signed_in(ada), new="password")

    expected = one("new_password", "password_too_common", "This password is too common.")
    assert_problem(response, 400, "invalid", "new_password: This password is too common.", [expected])
    assert me(tokens["access_token"]) == 200


@pytest.mark.parametrize("path", ["logout", "password"])
def test_api_key_neither_signs_out_nor_changes_the_password(ada, path):
    _, text = make_api_key(ada, ada.default_workspace)

    response = with_key(text).post(f"/api/v2/auth/{path}", {})

    sentence = "An API key cannot do this; sign in and use the access token."
    assert_problem(response, 403, "sign_in_required", sentence)


def test_first_key_signs_and_all_verify(ada, settings):
    old, new = "o" * 40, "n" * 40
    settings.JWT_KEYS = [old]
    before = tokens_for(make_session(ada))
    settings.JWT_KEYS = [new, old]
    after = tokens_for(make_session(ada))

    assert [me(before["access_token"]), me(after["access_token"])] == [200, 200]
    kids = [jwt.get_unverified_header(pair["access_token"])["kid"] for pair in (before, after)]
    assert kids[0] != kids[1]
    settings.JWT_KEYS = [new]
    assert [me(before["access_token"]), me(after["access_token"])] == [401, 200]


def forged(ada: User, key: str, *, algorithm: str = "HS256", **header: str) -> str:
    session = make_session(ada)
    genuine = jwt.decode(tokens_for(session)["access_token"], options={"verify_signature": False})
    return jwt.encode(genuine, key, algorithm=algorithm, headers=header)


def test_forged_access_tokens_open_nothing(ada):
    kid = jwt.get_unverified_header(tokens_for(make_session(ada))["access_token"])["kid"]

    assert me(forged(ada, "f" * 40, kid=kid)) == 401
    assert me(forged(ada, "f" * 40)) == 401
    assert me(forged(ada, "", algorithm="none", kid=kid)) == 401


def test_token_without_its_claims_opens_nothing(ada, settings):
    kid = jwt.get_unverified_header(tokens_for(make_session(ada))["access_token"])["kid"]
    claims = {"exp": timezone.now() + timedelta(minutes=5), "token_type": "access", "jti": "x"}

    assert me(jwt.encode(claims, settings.JWT_KEYS[0], headers={"kid": kid})) == 401
    no_end = {"token_type": "access", "sid": str(make_session(ada).id), "sub": str(ada.id), "jti": "0" * 32}
    assert me(jwt.encode(no_end, settings.JWT_KEYS[0], headers={"kid": kid})) == 401


def test_sessions_are_told_apart():
    user = make_user()
    first, second = make_session(user), make_session(user)

    assert Session.objects.filter(user=user).count() == 2
    assert first.current_jti != second.current_jti
