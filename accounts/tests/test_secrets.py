"""A canary: what is secret stands in no log line and in no column of the database."""

from __future__ import annotations

import logging

import pytest
from django.apps import apps
from django.db import connection
from rest_framework.test import APIClient
from structlog.testing import capture_logs

PASSWORD, NEW = "canary-password-1", "canary-password-2"


def database_text() -> str:
    """Every value of every table, as text."""
    lines = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")
            lines += [str(row) for row in cursor.fetchall()]
    return "\n".join(lines)


@pytest.mark.django_db
def test_passwords_tokens_and_keys_are_nowhere(caplog, capfd):
    api = APIClient(raise_request_exception=False)
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        made = api.post("/api/v2/auth/register", {"email": "a@example.test", "password": PASSWORD}).json()
        api.post("/api/v2/auth/login", {"email": "a@example.test", "password": "canary-wrong-one"})
        api.post("/api/v2/auth/login", {"email": "a@example.test", "password": ["canary-in-a-list"]})
        api.post("/api/v2/auth/register", {"email": "b@example.test", "password": "canary"})
        fresh = api.post("/api/v2/auth/refresh", {"refresh_token": made["refresh_token"]}).json()
        api.post("/api/v2/auth/refresh", {"refresh_token": "canary-refresh"})
        signed = {"Authorization": f"Bearer {fresh['access_token']}"}
        key = api.post("/api/v2/auth/api-keys", {"name": "k"}, headers=signed).json()["api_key"]
        api.get("/api/v2/auth/me", headers={"X-API-Key": key})
        api.get("/api/v2/auth/me", headers={"X-API-Key": "mb_canary-key"})
        passwords = {"current_password": PASSWORD, "new_password": NEW}
        changed = api.post("/api/v2/auth/password", passwords, headers=signed).json()

    written = database_text()
    printed = capfd.readouterr()
    logged = caplog.text + str([vars(record) for record in caplog.records]) + str(lines)
    tokens = [body[name] for body in (made, fresh, changed) for name in ("access_token", "refresh_token")]
    secrets = ["canary", made["api_key"], key, *tokens]
    assert lines
    assert "a@example.test" in written
    for secret in secrets:
        for place, text in {"log": logged, "stdout": printed.out, "stderr": printed.err, "database": written}.items():
            assert secret not in text, f"{secret[:12]}… is in the {place}"
