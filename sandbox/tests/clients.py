"""What the tests speak to the simulator with: its control API, and one signed-in person on Mastodon."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

ROOT = Path(__file__).resolve().parents[2]
REDIRECT_URI = "http://127.0.0.1:9/callback"
SCOPES = "profile read:statuses write:statuses write:media"
GIF = b"GIF89a\x02\x00\x03\x00\x00\x00\x00;"
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00" * 64


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def make_png(width: int = 1, height: int = 1) -> bytes:
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PNG = make_png()


def direct() -> requests.Session:
    """One that goes straight to loopback: to look for proxies in the environment takes a quarter of each call."""
    session = requests.Session()
    session.trust_env = False
    return session


def start(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the simulator, without anything kept unless `env` says where; its first line says where it listens."""
    forgetful = {name: value for name, value in os.environ.items() if name != "MASTABLASTA_HOME"}
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env=forgetful if env is None else env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def origin_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    first_line: str = process.stdout.readline()
    return first_line.removeprefix("sandbox: ").strip()


@dataclass
class Control:
    """/_control of one running simulator."""

    origin: str
    http: requests.Session = field(default_factory=direct)

    def call(self, method: str, name: str, /, **options: Any) -> requests.Response:
        return self.http.request(method, f"{self.origin}/_control/{name}", timeout=20, **options)

    def get(self, name: str, /, **query: Any) -> Any:
        answer = self.call("GET", name, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, name: str, /, **body: Any) -> Any:
        answer = self.call("PUT", name, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, name: str, /, **body: Any) -> Any:
        answer = self.call("POST", name, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, effect: str, *, operation: str = "publish", platform: str = "mastodon", **more: Any) -> Any:
        return self.post("faults", platform=platform, operation=operation, effect=effect, **more)

    def posts(self, **query: Any) -> Any:
        return self.get("posts", **query)

    def texts(self) -> list[str]:
        return [post["text"] for post in self.posts()]

    def requests(self, **query: Any) -> Any:
        return self.get("requests", **query)


@dataclass
class Server:
    """One Mastodon server and one app registered there."""

    origin: str
    instance: str = "mastodon"
    scopes: str = SCOPES
    http: requests.Session = field(default_factory=direct)
    app: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.origin}/{self.instance}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 20)
        return self.http.request(method, self.url + path, **options)

    def register(self) -> None:
        answer = self.call(
            "POST",
            "/api/v1/apps",
            json={"client_name": "Testing", "redirect_uris": [REDIRECT_URI], "scopes": self.scopes},
        )
        assert answer.status_code == 200, answer.text
        self.app = answer.json()

    def authorize(self, **changes: str | None) -> requests.Response:
        """GET the authorize page without following its redirect; a change to None leaves the field out."""
        query = {
            "response_type": "code",
            "client_id": self.app["client_id"],
            "redirect_uri": REDIRECT_URI,
            "scope": self.scopes,
            "state": "state-1",
            "_consent": "alice",
            **changes,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", "/oauth/authorize", params=given, allow_redirects=False)

    def code(self, **changes: str | None) -> str:
        return redirect_query(self.authorize(**changes))["code"]

    def token(self, **changes: str | None) -> requests.Response:
        """POST an exchange of a code to the token endpoint; a change to None leaves the field out."""
        form = {
            "grant_type": "authorization_code",
            "redirect_uri": REDIRECT_URI,
            "client_id": self.app["client_id"],
            "client_secret": self.app["client_secret"],
            **changes,
        }
        return self.call("POST", "/oauth/token", data={k: v for k, v in form.items() if v is not None})

    def sign_in(self, handle: str = "alice", *, scopes: str | None = None) -> Client:
        if not self.app:
            self.register()
        code = self.code(_consent=handle, scope=scopes or self.scopes)
        tokens = self.token(code=code).json()
        return Client(self, handle, tokens["access_token"], tokens.get("refresh_token"))


@dataclass
class Client:
    """A person's own session."""

    server: Server
    handle: str
    access_token: str
    refresh_token: str | None = None

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.access_token}", **options.pop("headers", {})}
        return self.server.call(method, path, headers=headers, **options)

    def publish(self, text: str = "Hello", *, key: str | None = None, **fields: Any) -> requests.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.call("POST", "/api/v1/statuses", json={"status": text, **fields}, headers=headers)

    def published(self, text: str = "Hello", **fields: Any) -> dict[str, Any]:
        answer = self.publish(text, **fields)
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        return status

    def upload(
        self, data: bytes = PNG, *, version: str = "v2", name: str = "a.png", **fields: str
    ) -> requests.Response:
        files = {"file": (name, data, "application/octet-stream")}
        return self.call("POST", f"/api/{version}/media", files=files, data=fields)

    def id(self) -> str:
        account_id: str = self.call("GET", "/api/v1/accounts/verify_credentials").json()["id"]
        return account_id

    def own_list(self, **query: Any) -> list[str]:
        answer = self.call("GET", f"/api/v1/accounts/{self.id()}/statuses", params=query)
        assert answer.status_code == 200, answer.text
        return [status["id"] for status in answer.json()]


def redirect_query(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def wait_until(happened: Any, *, timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
