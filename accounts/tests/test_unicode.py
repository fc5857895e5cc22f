"""One person, however their keyboard spells them: passwords as RFC 8265 has them, e-mail addresses in one form."""

from __future__ import annotations

import unicodedata
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.validators import validate_email
from django.test import Client
from rest_framework.test import APIClient

from accounts.command_arguments import named_editor, named_person
from accounts.emails import one_form
from accounts.models import User
from accounts.roles import SiteRole
from accounts.spelling import prepared
from accounts.tests.factories import make_member, make_user, make_workspace, signed_in

pytestmark = pytest.mark.django_db

COMPOSED = "Pfl\u00fcgerstra\u00dfe 7"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)
ONE_PASSWORD = [
    (COMPOSED, DECOMPOSED),
    (DECOMPOSED, COMPOSED),
    ("analytical engine", "analytical\u00a0engine"),  # a space of another kind is a space
    ("analytical\u3000engine", "analytical\u2009engine"),
    ("\u1112\u1161\u11ab\uae00 keyboard", "\ud55c\uae00 keyboard"),  # Hangul by letters and by syllables
]


def sign_in(email: str, password: str) -> Any:
    return APIClient().post("/api/v2/auth/login", {"email": email, "password": password})


def register(email: str, password: str = "analytical-engine") -> Any:
    return APIClient().post("/api/v2/auth/register", {"email": email, "password": password, "name": "Ada"})


@pytest.mark.parametrize(("made", "typed"), ONE_PASSWORD)
def test_password_in_another_spelling_is_the_same(made: str, typed: str) -> None:
    assert register("ada@example.test", made).status_code == 201

    assert sign_in("ada@example.test", typed).status_code == 200
    assert sign_in("ada@example.test", made).status_code == 200


def test_password_that_differs_in_case_or_width_is_another() -> None:
    register("ada@example.test", "analytical-engine")

    assert sign_in("ada@example.test", "Analytical-engine").status_code == 401
    assert sign_in("ada@example.test", "\uff41nalytical-engine").status_code == 401


def test_a_long_password_is_as_long_in_every_spelling() -> None:
    syllables = "한글 " * 42  # 126 characters, 294 by letters
    assert register("ada@example.test", syllables).status_code == 201

    assert sign_in("ada@example.test", unicodedata.normalize("NFD", syllables)).status_code == 200
    assert register("eva@example.test", unicodedata.normalize("NFD", syllables)).status_code == 201
    for too_long in (syllables + "abc", unicodedata.normalize("NFD", syllables + "abc")):
        [fault] = register("bob@example.test", too_long).json()["errors"]
        assert (fault["field"], fault["code"], fault["params"]["limit"]) == ("password", "max_length", 128)


def test_a_short_password_is_as_short_in_every_spelling() -> None:
    [fault] = register("ada@example.test", unicodedata.normalize("NFD", "äöüßäöü")).json()["errors"]

    assert (fault["field"], fault["code"]) == ("password", "min_length")


@pytest.mark.parametrize(
    "address", ["ada@b\u00fccher.example", "Ada@EXAMPLE.test", "ada@\uff25\uff38.test", "ada@XN--BCHER-KVA.example"]
)
def test_the_one_form_is_its_own(address: str) -> None:
    assert one_form(one_form(address)) == one_form(address)


def test_password_is_changed_in_either_spelling() -> None:
    person = make_user(password=COMPOSED)
    make_workspace(owner=person)
    body = {"current_password": DECOMPOSED, "new_password": DECOMPOSED + "!"}

    assert signed_in(person).post("/api/v2/auth/password", body).status_code == 200

    assert sign_in(person.email, COMPOSED + "!").status_code == 200


def test_password_set_in_the_admin_or_by_command_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", DECOMPOSED)
    call_command("createsuperuser", email="root@example.test", interactive=False, stdout=StringIO())
    root, person = User.objects.get(), make_user()
    make_workspace(owner=person)
    browser = Client()
    assert root.check_password(COMPOSED)
    form = browser.post("/admin/login/?next=/admin/", {"username": root.email, "password": COMPOSED})
    assert form.status_code == 302

    new = {"password1": DECOMPOSED, "password2": DECOMPOSED, "usable_password": "true"}
    assert browser.post(f"/admin/accounts/user/{person.pk}/password/", new).status_code == 302

    assert sign_in(person.email, COMPOSED).status_code == 200


@pytest.mark.parametrize("password", ["analytical\nengine", "analytical\x1bengine", "analytical\x9bengine"])
def test_control_characters_are_in_no_password(password: str) -> None:
    answer = register("ada@example.test", password)

    assert (answer.status_code, User.objects.count()) == (400, 0)
    [fault] = answer.json()["errors"]
    assert (fault["field"], fault["code"]) == ("password", "control_character")
    with pytest.raises(ValidationError, match="no control characters"):
        validate_password(password)  # as the admin's forms and createsuperuser do


ONE_ADDRESS = [
    ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
    ("ada@bu\u0308cher.example", "ADA@B\u00dcCHER.EXAMPLE", "ada@xn--bcher-kva.example"),
    ("ada@stra\u00dfe.example", "ada@xn--strae-oqa.example", "ada@xn--strae-oqa.example"),  # not strasse.example
    ("ada@example\u3002test", "ada@example.test", "ada@example.test"),
    ("\u212aelvin@example.test", "kelvin@example.test", "kelvin@example.test"),
]


@pytest.mark.parametrize(("made", "typed", "stored"), ONE_ADDRESS)
def test_address_in_another_spelling_is_the_same_person(made: str, typed: str, stored: str) -> None:
    assert register(made).json()["user"]["email"] == stored

    assert User.objects.get().email == stored
    validate_email(stored)
    again = register(typed)
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    assert sign_in(typed, "analytical-engine").status_code == 200
    assert sign_in(made, "analytical-engine").status_code == 200


@pytest.mark.parametrize(
    "email", ["\u017fam@example.test", "\u0130@example.test", "ada@-b\u00fc-.example", "ada@\u2603.\u2603"]
)
def test_address_that_has_no_one_form_is_refused(email: str) -> None:
    answer = register(email)

    assert (answer.status_code, User.objects.count()) == (400, 0)
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [("email", "invalid")]
    assert sign_in(email, "analytical-engine").status_code == 401


def test_admin_and_command_store_addresses_in_the_same_form() -> None:
    call_command("createsuperuser", email="Root@B\u00fccher.example", interactive=False, stdout=StringIO())
    browser = Client()
    browser.force_login(make_user(site_role=SiteRole.ADMIN), backend="django.contrib.auth.backends.ModelBackend")
    fields = {"email": "ada@B\u00dcCHER.example", "name": "Ada", "site_role": "viewer"}
    passwords = {"password1": "analytical-engine", "password2": "analytical-engine"}

    assert browser.post("/admin/accounts/user/add/", {**fields, **passwords}).status_code == 302

    stored = User.objects.filter(email__endswith=".example").values_list("email", flat=True)
    assert sorted(stored) == ["ada@xn--bcher-kva.example", "root@xn--bcher-kva.example"]
    assert User.objects.get_by_natural_key("root@b\u00fccher.example").email == "root@xn--bcher-kva.example"


@pytest.mark.parametrize("typed", ["Ada@B\u00fccher.example", "ADA@xn--bcher-kva.example"])
def test_person_is_found_on_a_command_line_however_the_address_is_typed(typed: str) -> None:
    workspace = make_workspace()
    ada = make_member(workspace, email="ada@xn--bcher-kva.example")

    assert (named_person(typed), named_editor(typed, workspace)) == (ada, ada)


# --- what was stored before there was one form ---
@pytest.mark.parametrize("old", [DECOMPOSED, "analytical\u00a0engine", "\u1112\u1161\u11ab\uae00 keyboard"])
def test_password_that_was_stored_as_it_was_typed_still_opens_and_is_stored_in_one_form_then(old: str) -> None:
    user = make_user(email="ada@example.org")
    User.objects.filter(id=user.id).update(password=make_password(old))

    assert sign_in("ada@example.org", old).status_code == 200

    user.refresh_from_db()
    assert check_password(prepared(old), user.password)
    assert sign_in("ada@example.org", prepared(old)).status_code == 200
    assert sign_in("ada@example.org", "another password").status_code == 401


def test_addresses_that_were_stored_as_they_were_typed_are_brought_into_one_form() -> None:
    emails = ("ada@m\u00fcnchen.example", "bob@xn--mnchen-3ya.example", "bob@m\u00fcnchen.example", "eve@example.org")
    ids = [make_user(email=email).id for email in emails]

    import_module("accounts.migrations.0003_emails_in_one_form").bring_into_one_form(apps, None)

    found = dict(User.objects.values_list("id", "email"))
    assert [found[one] for one in ids] == [
        "ada@xn--mnchen-3ya.example",
        "bob@xn--mnchen-3ya.example",
        "bob@m\u00fcnchen.example",  # taken: an operator decides
        "eve@example.org",
    ]
