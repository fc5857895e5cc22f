"""What a request says of the host that it was sent to changes no link that we make, and no decision."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.tests.factories import PASSWORD, make_user, make_workspace, signed_in
from mastablasta.core.models import Mail

EVIL = "evil.example"
LIES = {
    "HTTP_X_FORWARDED_HOST": EVIL,
    "HTTP_X_FORWARDED_SERVER": EVIL,
    "HTTP_X_FORWARDED_PROTO": "ftp",
    "HTTP_X_FORWARDED_PORT": "1",
    "HTTP_FORWARDED": f"host={EVIL};proto=https",
    "HTTP_X_HOST": EVIL,
    "HTTP_X_ORIGINAL_URL": f"https://{EVIL}/",
    "HTTP_X_REWRITE_URL": "/admin/",
    "HTTP_ORIGIN": f"https://{EVIL}",
    "HTTP_REFERER": f"https://{EVIL}/",
}
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/", "/api/v2/status", "/admin/login/", "/password-reset", "/static/admin/css/base.css"]
)
@pytest.mark.parametrize(
    "host", [EVIL, f"127.0.0.1.{EVIL}", f"localhost@{EVIL}", f"127.0.0.1:80@{EVIL}", "127.0.0.1\\.evil"]
)
def test_other_hosts_are_not_served(host: str, path: str) -> None:
    answer = Client().get(path, HTTP_HOST=host)

    if path.startswith("/static/"):  # the same bytes for everybody, and no links
        assert answer.status_code in {200, 400}
    else:
        assert answer.status_code == 400
    assert "Location" not in answer


def test_links_are_our_own_whatever_a_request_says(settings: Any) -> None:
    ours = settings.PUBLIC_URL
    workspace = make_workspace(name="Birds")
    client = signed_in(workspace.members.get())
    for number in range(2):
        client.post("/api/v2/posts", {"content": f"Draft {number}"}, **LIES)

    invited = client.post(f"/api/v2/workspaces/{workspace.id}/invitations", {"email": "grace@example.test"}, **LIES)
    listed = client.get("/api/v2/workspaces?limit=1", **LIES)
    root = client.get("/api/v2", **LIES)

    assert invited.json()["link"].startswith(f"{ours}/invitation?")
    for answer in (invited, listed, root):
        assert EVIL not in answer.content.decode()
        assert EVIL not in str(answer.headers)


def test_link_to_a_new_password_leads_to_us(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example"
    make_user(email="ada@example.test", password=PASSWORD)

    answer = APIClient().post("/api/v2/auth/password/reset", {"email": "ada@example.test"}, **LIES)

    text = str(Mail.objects.get().text_enc)
    assert answer.status_code == 202
    assert f"{settings.PUBLIC_URL}/password-reset/confirm?" in text
    assert EVIL not in text
