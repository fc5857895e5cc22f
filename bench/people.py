"""Thousands of people at the simulator's Mastodon, each signed in by real OAuth, and their rows here."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

REDIRECT_URI = "http://127.0.0.1:1/callback"
SCOPES = "read:accounts read:statuses write:statuses"


@dataclass(frozen=True, slots=True)
class Person:
    handle: str
    remote_id: str
    token: str
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class App:
    client_id: str
    client_secret: str


class Caller:
    """A kept session a thread to one server."""

    def __init__(self, url: str) -> None:
        self.at = urlsplit(url)
        self.local = threading.local()

    def __call__(self, method: str, path: str, form: dict[str, str] | None = None, token: str = "") -> Any:
        if not hasattr(self.local, "line"):
            self.local.line = http.client.HTTPConnection(self.at.hostname or "", self.at.port, timeout=60)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.local.line.request(method, self.at.path + path, urlencode(form) if form is not None else None, headers)
        answer = self.local.line.getresponse()
        body = answer.read()
        if answer.status in {302, 303}:
            return answer.headers["Location"]
        if answer.status != 200:
            raise RuntimeError(f"{method} {path.partition('?')[0]}: {answer.status} {body[:200]!r}")
        return json.loads(body)


def sign_in_all(instance_url: str, handles: list[str], *, threads: int = 16) -> tuple[App, list[Person]]:
    """Register an app at the Mastodon of `instance_url` and sign everybody in; in the order of `handles`."""
    call = Caller(instance_url)
    registered = call("POST", "/api/v1/apps", {"client_name": "bench", "redirect_uris": REDIRECT_URI, "scopes": SCOPES})
    app = App(registered["client_id"], registered["client_secret"])
    with ThreadPoolExecutor(threads) as pool:
        return app, list(pool.map(_signer(call, app), handles))


def _signer(call: Caller, app: App) -> Callable[[str], Person]:
    def sign_in(handle: str) -> Person:
        asked = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPES,
            "state": "bench",
            "_consent": handle,
        }
        location = call("GET", f"/oauth/authorize?{urlencode(asked)}")
        [code] = parse_qs(urlsplit(location).query)["code"]
        tokens = call(
            "POST",
            "/oauth/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "client_id": app.client_id,
                "client_secret": app.client_secret,
                "redirect_uri": REDIRECT_URI,
            },
        )
        me = call("GET", "/api/v1/accounts/verify_credentials", token=tokens["access_token"])
        return Person(handle, me["id"], tokens["access_token"], tokens.get("refresh_token", ""))

    return sign_in


def connect_all(
    instance_url: str, app: App, people: list[Person], *, at: datetime, expires_at: datetime | None = None
) -> list[Any]:
    """Write their accounts as connecting one by one would; Django is set up by the caller. Returns SocialAccounts."""
    from accounts.models import Workspace
    from integrations.models import Credential, PlatformHost, SocialAccount

    workspace = Workspace.objects.create(name="Bench")
    host = PlatformHost.objects.create(
        platform="mastodon",
        host=f"{app.client_id[:8]}.{urlsplit(instance_url).netloc}",  # an app has a host of its own
        base_url=instance_url,
        client_id=app.client_id,
        client_secret_enc=app.client_secret,
        client_redirect_uri=REDIRECT_URI,
        client_scopes=SCOPES,
        info_at=at,
    )
    grants = Credential.objects.bulk_create(
        [
            Credential(
                workspace=workspace,
                platform_host=host,
                subject=one.remote_id,
                access_enc=one.token,
                refresh_enc=one.refresh_token,
                expires_at=expires_at,
            )
            for one in people
        ],
        batch_size=1000,
    )
    return SocialAccount.objects.bulk_create(
        [
            SocialAccount(
                workspace=workspace,
                credential=grant,
                platform_host=host,
                platform="mastodon",
                remote_id=one.remote_id,
                handle=one.handle,
                connected_at=at,
            )
            for one, grant in zip(people, grants, strict=True)
        ],
        batch_size=1000,
    )


def schedule_all(accounts: list[Any], *, due_at: datetime, text: str) -> None:
    """A post for each account, all due at once, as scheduling them one by one would leave it."""
    from posts.models import Delivery, Lane, Post
    from posts.states import DeliveryState, PostStatus

    posts = Post.objects.bulk_create(
        [
            Post(
                workspace_id=account.workspace_id,
                content=f"{text} {number}",
                status=PostStatus.SCHEDULED,
                scheduled_at=due_at,
            )
            for number, account in enumerate(accounts)
        ],
        batch_size=1000,
    )
    Delivery.objects.bulk_create(
        [
            Delivery(
                post=post,
                workspace_id=account.workspace_id,
                account=account,
                platform="mastodon",
                state=DeliveryState.QUEUED,
                due_at=due_at,
                next_attempt_at=due_at,
                is_one_step=True,
            )
            for post, account in zip(posts, accounts, strict=True)
        ],
        batch_size=1000,
    )
    Lane.objects.bulk_create(
        [Lane(account=account, ready_at=due_at) for account in accounts],
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["ready_at"],
    )
