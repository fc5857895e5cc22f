"""manage.py set_site_role"""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_admin_is_let_into_django_admin_and_editor_is_not() -> None:
    user = make_user(email="ada@example.test")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    for role, status in (("admin", 200), ("admin", 200), ("editor", 302)):
        call_command("set_site_role", "Ada@Example.test", role, stdout=io.StringIO())
        assert client.get("/admin/").status_code == status


def test_it_says_what_it_did() -> None:
    make_user(email="ada@example.test")

    call_command("set_site_role", "ada@example.test", "viewer", stdout=(plain := io.StringIO()))
    call_command("set_site_role", "ada@example.test", "viewer", "--json", stdout=(out := io.StringIO()))

    assert plain.getvalue() == "ada@example.test is viewer\n"
    assert json.loads(out.getvalue()) == {"email": "ada@example.test", "site_role": "viewer"}


@pytest.mark.parametrize("arguments", [("nobody@example.test", "admin"), ("ada@example.test", "owner")])
def test_wrong_argument_is_status_2(arguments: tuple[str, str]) -> None:
    make_user(email="ada@example.test")

    with pytest.raises(CommandError) as refusal:
        call_command("set_site_role", *arguments)

    assert refusal.value.returncode == 2 or "invalid choice" in str(refusal.value)
