"""Requests that are to cost more than they are worth: refused by their size or shape, before they are worked on.

Bodies of JSON and how deep they are: tests/test_errors.py. Uploads: media_library/tests/test_upload.py. Slow clients,
heads and chunks without end: mastablasta/web/tests and tests/more/test_slow_clients.py.
"""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import make_workspace, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return signed_in(make_workspace().members.get())


def test_thousands_of_parameters_and_fields_are_refused(client: APIClient) -> None:
    many = "&".join(f"f{number}=1" for number in range(5_000))
    page = Client(raise_request_exception=False)

    assert client.get(f"/api/v2/posts?{many}").status_code == 400
    assert page.post("/password-reset", many, content_type="application/x-www-form-urlencoded").status_code == 400
    assert page.post("/api-auth/login", {f"f{number}": "1" for number in range(5_000)}).status_code == 400


def test_compressed_body_is_not_unpacked(client: APIClient) -> None:
    bomb = gzip.compress(b'{"name": "' + b"x" * 50_000_000 + b'"}', 1)
    began = time.process_time()

    answer = client.generic(
        "POST", "/api/v2/workspaces", bomb, content_type="application/json", HTTP_CONTENT_ENCODING="gzip"
    )

    assert answer.status_code in {400, 413, 415}
    assert time.process_time() - began < 1


def test_form_of_a_page_has_a_limit(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    page = Client(raise_request_exception=False)

    assert page.post("/password-reset", {"email": "x" * 200_000}).status_code in {400, 413}
    assert not User.objects.exists()


def test_password_of_a_megabyte_is_not_hashed() -> None:
    answer = APIClient().post("/api/v2/auth/login", {"email": "ada@example.test", "password": "x" * 1_000_000})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "password")


@pytest.mark.parametrize(
    "email",
    ["a" * 200 + "@" + "a." * 20 + "a", "@" * 250, "a@" + "-" * 240, '"' + "\\" * 240, "a@[" + "1." * 120 + "]"],
)
def test_odd_addresses_take_no_time(email: str) -> None:
    body = {"email": email, "password": "a long enough one"}
    began = time.process_time()

    statuses = [APIClient().post(f"/api/v2/auth/{path}", body).status_code for path in ("register", "login")]

    assert set(statuses) <= {400, 401}
    assert time.process_time() - began < 1
