"""A person at the API within a test's own process; and what workers would do, on demand."""

from __future__ import annotations

from contextlib import suppress
from io import StringIO
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from django.core.management import call_command
from rest_framework.test import APIClient

from integrations import registry
from posts.engine import publisher
from posts.queue import claims
from tests.kit.connector_contract import consent
from tests.world import Sandbox
from webhooks import sender

PASSWORD = "correct horse battery"


class Person:
    """Registers, and speaks to /api/v2; each call checks the status and returns the answer's JSON, None without one."""

    def __init__(self, email: str, **more: Any) -> None:
        self.client = APIClient(raise_request_exception=False)
        self.email = email
        self.accounts: list[str] = []  # ids of those that a test connected
        answer = self.call("POST", "auth/register", {"email": email, "password": PASSWORD, **more}, status=201)
        self.registered = answer
        self.bear(answer["access_token"])

    def bear(self, token: str) -> None:
        """Go on with this access token."""
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        answer = getattr(self.client, method.lower())(f"/api/v2/{path}", body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.content[:600]!r}"
        return answer.json() if answer.content else None

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, body, **more)

    def wait_published(self, post_id: str) -> Any:
        """Do what workers would do until the post is out; returns it."""
        for _ in range(60):
            do_now("publish_due")
            post = self.get(f"posts/{post_id}")
            if post["status"] == "published":
                return post
        raise AssertionError(f"not out: {post}")

    def connect(self, world: Sandbox, platform: str, handle: str) -> str:
        """Sign `handle` in at the simulator as people do there; returns the account's id."""
        if registry.sign_in_entry(platform).way == "password":
            person = world.person(platform, handle)
            body = {"platform": platform, "handle": person["handle"], "app_password": person["app_password"]}
            return str(self.post("accounts", body, status=201)["id"])
        back = consent(self.get(f"oauth/{platform}/authorize")["url"], handle)
        return str(self.get(f"oauth/{platform}/callback?{urlencode(back)}")["account_id"])


def do_now(command: str, *arguments: str) -> None:
    """What clock and workers would do: `publish_due`, `deliver_webhooks`, `collect_analytics`; until nothing is due."""
    claims.unpark_lanes()
    lingers = patch.object(publisher, "LINGER_S", 0.05), patch.object(sender, "LINGER_S", 0.0)
    with lingers[0], lingers[1], suppress(SystemExit):  # 1: something is left, which is told else
        call_command(command, *arguments, stdout=StringIO(), stderr=StringIO())
