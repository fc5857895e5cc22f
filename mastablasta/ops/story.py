"""The whole story of `manage.py demo`, told by a running development instance: accounts, a broken platform, one post.

It speaks to the instance's own API and to its simulator, over HTTP on loopback, as any client would.
"""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.conf import settings

PLATFORMS = ("mastodon", "twitter", "bluesky")
PATIENCE_S = 100.0
OVER = ("published", "failed", "unconfirmed", "cancelled")


class CannotTell(Exception):
    """Why the story cannot be told, with the remedy, in one line."""


@dataclass(slots=True)
class Ending:
    """What came of it. `copies`: how often the post can be seen, by platform; 1 each is what is promised."""

    post_id: str
    status: str
    copies: dict[str, int]
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_happy(self) -> bool:
        return self.status == "published" and set(self.copies.values()) == {1}


def tell(say: Callable[[str], None]) -> Ending:
    """Live through it and `say` each step; takes some seconds, two minutes at most. Raises CannotTell."""
    _check_running()
    handle = f"demo{secrets.token_hex(3)}"
    say(f"1. A person registers: {handle}@example.org")
    teller = _Teller(handle)
    accounts = [teller.connect(platform) for platform in PLATFORMS]
    say(f"2. Accounts are connected at the simulated Mastodon, X and Bluesky ({', '.join(PLATFORMS)})")
    teller.break_platforms()
    say("3. The platforms break: Mastodon will answer 503 twice, Bluesky will take the post and hang up unanswered")
    text = f"The one post of {handle}"
    post = teller.call("POST", "/posts", {"content": text, "accounts": accounts, "publish": True})
    say(f"4. One post for all three goes out: {text!r}")
    post = teller.watch(post["id"], say)
    copies = teller.copies(text)
    say("5. How often the world sees it: " + ", ".join(f"{count} at {name}" for name, count in copies.items()))
    return Ending(post["id"], post["status"], copies, teller.attempts(post["id"]))


def _check_running() -> None:
    if not settings.IS_DEVELOPMENT:
        raise CannotTell(
            "MASTABLASTA_MODE: the story needs the simulator, which production does not have; leave it out"
        )
    for name, port, path in (
        ("PORT", settings.PORT, "/readyz"),
        ("SANDBOX_PORT", settings.SANDBOX_PORT, "/_control/state"),
    ):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                continue
        except urllib.error.HTTPError as error:
            raise CannotTell(
                f"{name}: what runs on port {port} is not ready ({error.code}); `manage.py doctor` says why"
            ) from None
        except OSError:
            raise CannotTell(f"{name}: nothing answers on port {port}; start `make run`, and try again then") from None


class _Teller:
    """A person with an API key, and a hand in the simulator."""

    def __init__(self, handle: str) -> None:
        self.handle = handle
        person = {"email": f"{handle}@example.org", "password": f"demo-{secrets.token_hex(8)}", "name": "Demo"}
        self.key: str = ""
        self.key = self.call("POST", "/auth/register", person)["api_key"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return _ask(method, f"http://127.0.0.1:{settings.PORT}/api/v2{path}", body, key=self.key)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return _ask(method, f"http://127.0.0.1:{settings.SANDBOX_PORT}/_control/{path}", body)

    def connect(self, platform: str) -> str:
        """Connect this person's account there as people do; returns its id."""
        if platform == "bluesky":
            person = self.control("POST", "accounts", {"platform": platform, "handle": self.handle})
            body = {"platform": platform, "handle": person["handle"], "app_password": person["app_password"]}
            return str(self.call("POST", "/accounts", body)["id"])
        url = self.call("GET", f"/oauth/{platform}/authorize")["url"]
        return str(_ask("GET", f"{url}&_consent={quote(self.handle)}")["account_id"])

    def break_platforms(self) -> None:
        broken = {"platform": "mastodon", "operation": "publish", "effect": "status_503", "times": 2}
        self.control("POST", "faults", broken)
        self.control("POST", "faults", {"platform": "bluesky", "operation": "publish", "effect": "accept_then_reset"})

    def watch(self, post_id: str, say: Callable[[str], None]) -> Any:
        """The post once all of its deliveries are over, or patience is; says what changes meanwhile."""
        ends_at, seen = time.monotonic() + PATIENCE_S, dict[str, str]()
        while True:
            post = self.call("GET", f"/posts/{post_id}")
            for one in post["deliveries"]:
                state = _state(one)
                if seen.get(one["id"]) != state:
                    seen[one["id"]] = state
                    say(f"   {one['platform']:9} {state}")
            if all(one["status"] in OVER for one in post["deliveries"]) or time.monotonic() > ends_at:
                return post
            time.sleep(0.2)

    def copies(self, text: str) -> dict[str, int]:
        posts = self.control("GET", "posts")
        return {name: sum(post["platform"] == name and post["text"] == text for post in posts) for name in PLATFORMS}

    def attempts(self, post_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/posts/{post_id}/attempts")["attempts"]
        return found


def _state(delivery: dict[str, Any]) -> str:
    waits = f", waits for {delivery['waiting_for']}" if delivery["waiting_for"] else ""
    error = f": {delivery['error']['message']}" if delivery["error"] else ""
    return f"{delivery['status']}{waits} (calls: {delivery['attempts']}){error}"


def _ask(method: str, url: str, body: Any = None, *, key: str = "") -> Any:
    headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise CannotTell(
            f"{method} {url.partition('?')[0]} was refused: {error.read()[:300].decode(errors='replace')}"
        ) from None
