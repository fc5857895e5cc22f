from __future__ import annotations

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from accounts.models import ApiKey, Membership, User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_user, with_key
from mastablasta.core.tests.answers import assert_problem, one

URL = "/api/v2/auth/register"
ADA = {"email": "ada@example.test", "password": "analytical-engine", "name": "Ada Lovelace"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    return APIClient(raise_request_exception=False)


def test_registering_makes_person_workspace_key_and_sign_in(api):
    response = api.post(URL, ADA)

    user = User.objects.get()
    body = response.json()
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert body == {
        "user": {"id": str(user.id), "email": "ada@example.test", "name": "Ada Lovelace", "role": "editor"},
        "access_token": body["access_token"],
        "refresh_token": body["refresh_token"],
        "api_key": body["api_key"],
    }
    workspace = Workspace.objects.get()
    assert (workspace.name, workspace.is_personal) == ("Ada Lovelace", True)
    assert user.default_workspace == workspace
    assert list(Membership.objects.values_list("user", "workspace", "role")) == [(user.id, workspace.id, Role.OWNER)]
    assert list(ApiKey.objects.values_list("user", "workspace", "role")) == [(user.id, workspace.id, None)]


def test_all_three_proofs_work_at_once(api):
    body = api.post(URL, ADA).json()

    api.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
    assert api.get("/api/v2/auth/me").json()["email"] == "ada@example.test"
    assert with_key(body["api_key"]).get("/api/v2/auth/me").json()["email"] == "ada@example.test"
    refreshed = APIClient().post("/api/v2/auth/refresh", {"refresh_token": body["refresh_token"]})
    assert refreshed.status_code == 200


def test_name_may_be_left_out(api):
    body = api.post(URL, {key: ADA[key] for key in ("email", "password")}).json()

    assert body["user"]["name"] == ""
    assert Workspace.objects.get().name == "ada@example.test"


@pytest.mark.parametrize("email", ["ada@example.test", "ADA@EXAMPLE.TEST", "Ada@Example.Test", "  ada@example.test "])
def test_email_in_any_case_is_one_person(api, email):
    make_user(email="ada@example.test")

    response = api.post(URL, {**ADA, "email": email})

    sentence = "ada@example.test is registered already; sign in, or use another address."
    fault = one("email", "email_taken", sentence)
    assert_problem(response, 409, "email_taken", f"email: {sentence}", [fault])
    assert User.objects.count() == 1


def test_email_is_kept_in_lower_case(api):
    assert api.post(URL, {**ADA, "email": "ADA@Example.Test"}).json()["user"]["email"] == "ada@example.test"


@override_settings(REGISTRATION_OPEN=False)
def test_closed_registration(api):
    sentence = "Registration is closed here; ask the operator for an account."
    assert_problem(api.post(URL, ADA), 403, "registration_closed", sentence)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.test", "a b@example.test", "ada@b", "a" * 250 + "@b.co"]
)
def test_email_that_is_none(api, email):
    body = api.post(URL, {**ADA, "email": email}).json()

    assert {error["field"] for error in body["errors"]} == {"email"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "code", "params"),
    [
        ("short77", "min_length", {"limit": 8, "actual": 7}),
        ("x" * 129, "max_length", {"limit": 128, "actual": 129}),
        ("", "blank", {}),
        ("password", "password_too_common", {}),
        ("8273648273", "password_entirely_numeric", {}),
        ("ada@example", "password_too_similar", {"verbose_name": "email"}),
        ("ada lovelace", "password_too_similar", {"verbose_name": "name"}),
    ],
)
def test_password_that_breaks_a_rule(api, password, code, params):
    response = api.post(URL, {**ADA, "password": password})

    errors = response.json()["errors"]
    assert [(error["field"], error["code"], error["params"]) for error in errors] == [("password", code, params)]
    assert response.status_code == 400
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["12345678ä", "x" * 127 + "é", " leading and trailing ", "日本語のパスワード"])
def test_password_within_the_rules(api, password):
    assert api.post(URL, {**ADA, "password": password}).status_code == 201
    assert User.objects.get().check_password(password)


def test_every_fault_is_told_at_once(api):
    response = api.post(URL, {"email": 5, "pasword": "analytical-engine", "name": None})

    valid = ["email", "password", "name", "invitation"]
    assert response.json()["errors"] == [
        one("email", "wrong_type", "This must be text, not a number."),
        one("password", "required", "This field is required."),
        one("name", "null", "This field may not be null."),
        one("pasword", "unknown", f"This name is not known here; valid names: {', '.join(valid)}.", valid=valid),
    ]


def test_nothing_is_left_behind_when_it_fails_halfway(api, monkeypatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.services.people.start_session", fail)

    assert api.post(URL, ADA).status_code == 500
    assert not User.objects.exists()
    assert not Workspace.objects.exists()
    assert not ApiKey.objects.exists()


def test_megabyte_of_name_is_refused(api):
    body = api.post(URL, {**ADA, "name": "x" * 1_000_000}).json()

    assert [(error["field"], error["code"]) for error in body["errors"]] == [("name", "max_length")]
    assert body["errors"][0]["params"] == {"limit": 150, "actual": 1_000_000}


def test_a_token_that_comes_along_is_not_looked_at(api):
    api.credentials(HTTP_AUTHORIZATION="Bearer rubbish", HTTP_X_API_KEY="rubbish", HTTP_X_WORKSPACE="rubbish")

    assert api.post(URL, ADA).status_code == 201


def test_production_hashes_with_bcrypt_12():
    from django.contrib.auth.hashers import BCryptSHA256PasswordHasher

    from mastablasta import settings

    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    assert BCryptSHA256PasswordHasher.rounds == 12
