"""Tokens in the database: ciphertext in every column that holds one."""

from __future__ import annotations

import pytest
from django.db import connection

from integrations.models import Credential
from integrations.tests.factories import make_credential
from mastablasta.core import crypto


@pytest.mark.django_db
def test_database_holds_only_ciphertext() -> None:
    credential = make_credential(access_enc="canary-access", refresh_enc="canary-refresh")
    Credential.objects.filter(id=credential.id).update(access_enc="canary-updated")

    with connection.cursor() as cursor:
        cursor.execute("SELECT access_enc, refresh_enc FROM integrations_credential")
        access, refresh = (bytes(value) for value in cursor.fetchone())

    assert b"canary" not in access + refresh
    assert (crypto.decrypt(access), crypto.decrypt(refresh)) == ("canary-updated", "canary-refresh")
    assert Credential.objects.values_list("access_enc", "refresh_enc").get() == ("canary-updated", "canary-refresh")


@pytest.mark.django_db
def test_empty_and_missing_secrets_stay_what_they_are() -> None:
    make_credential(access_enc="", refresh_enc=None)

    assert Credential.objects.values_list("access_enc", "refresh_enc").get() == ("", None)


@pytest.mark.django_db
def test_secret_survives_saving_the_row_again() -> None:
    credential = Credential.objects.get(id=make_credential(access_enc="secret").id)

    credential.save()

    assert Credential.objects.get().access_enc == "secret"
