"""manage.py remove_second_factor"""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import SecondFactor
from accounts.tests.factories import make_user
from mastablasta.core.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_it_removes_what_there_is_and_says_so_to_the_audit_log() -> None:
    ada = make_user(email="ada@example.test")
    SecondFactor.objects.create(user=ada, secret_enc="SECRET")

    call_command("remove_second_factor", "Ada@example.test", stdout=(plain := io.StringIO()))
    call_command("remove_second_factor", ada.email, "--json", stdout=(out := io.StringIO()))

    assert plain.getvalue() == "The second factor is removed: ada@example.test\n"
    assert json.loads(out.getvalue()) == {"email": ada.email, "removed": False}
    assert not SecondFactor.objects.exists()
    told = AuditEntry.objects.get()
    assert (told.action, told.via, told.actor_name) == ("removed", "command", "manage.py remove_second_factor")


def test_nobody_has_the_address() -> None:
    with pytest.raises(CommandError, match=r"Nobody is registered as bob@example\.test") as refused:
        call_command("remove_second_factor", "bob@example.test")

    assert refused.value.returncode == 2
