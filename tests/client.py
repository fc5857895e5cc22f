"""A person at the API of a running instance, as a program they wrote would be."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Self
from uuid import uuid4

from integrations import registry
from tests import described
from tests.world import Sandbox


class Refused(Exception):
    """An answer outside 2xx."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"{status}: {json.dumps(answer)[:500]}")
        self.status = status
        self.answer = answer


class Client:
    """A person with a token; paths are below /api/v2/ unless they are whole addresses."""

    def __init__(self, base: str, token: str = "", sandbox_url: str = "") -> None:
        """`sandbox_url`: where the simulator is, for sign-ins that need somebody's app password."""
        self.base = base
        self.sandbox = Sandbox(sandbox_url)
        self.token = token
        self.refresh_token = ""
        self.user: dict[str, Any] = {}

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else ""))

    def post(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.call("POST", path, {} if body is None else body, **headers)

    def call(self, method: str, path: str, body: Any = None, timeout_s: float = 40, **headers: str) -> Any:
        """Return the answer's JSON (None without one). Raises Refused."""
        request = urllib.request.Request(
            path if path.startswith("http") else f"{self.base}/api/v2/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"}
            | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
            | {name.replace("_", "-"): value for name, value in headers.items()},
            method=method,
        )
        path_asked = urllib.parse.urlsplit(request.full_url).path
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                described.look_at(method, path_asked, answer.status, answer.headers)
                return _json(answer.read())
        except urllib.error.HTTPError as error:
            described.look_at(method, path_asked, error.code, error.headers)
            refused = Refused(error.code, _json(error.read()))
        if not self._renew(refused):
            raise refused
        return self.call(method, path, body, timeout_s, **headers)

    def upload(self, data: bytes, filename: str = "file", path: str = "media/upload", **fields: str) -> Any:
        """Put a file into the library, or where else `path` takes one; returns what the API answers."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), data, f"\r\n--{boundary}--\r\n".encode()])
        content_type = f"multipart/form-data; boundary={boundary}"
        return json.loads(self.fetch(path, body, **{"Content-Type": content_type})[0])

    def fetch(self, path: str, body: bytes | None = None, **headers: str) -> tuple[bytes, Any]:
        """The bytes that a path answers with (to a POST when there is a body), and its headers."""
        url = path if path.startswith("http") else f"{self.base}/{path.lstrip('/')}" if path[0] == "/" else ""
        request = urllib.request.Request(
            url or f"{self.base}/api/v2/{path}", data=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), answer.headers

    def _renew(self, refused: Refused) -> bool:
        """Get a new token when that was refused for its age; the tests that break things outlast a token."""
        is_old = refused.status == 401 and refused.answer["code"] == "token_expired"
        if not (is_old and self.refresh_token):
            return False
        refresh_token, self.refresh_token = self.refresh_token, ""
        self._sign_in(self.post("auth/refresh", {"refresh_token": refresh_token}))
        return True

    def _sign_in(self, answer: dict[str, Any]) -> None:
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]

    def register(self, email: str = "", password: str = "") -> Self:
        """Make a person (with a new address unless given) and sign in as them."""
        email, password = email or f"{uuid4().hex[:12]}@example.org", password or f"pw-{uuid4().hex}"
        answer = self.post("auth/register", {"email": email, "password": password, "name": "Test Person"})
        self._sign_in(answer)
        self.user = answer["user"]
        return self

    def login(self, email: str, password: str) -> Self:
        answer = self.post("auth/login", {"email": email, "password": password})
        self._sign_in(answer)
        self.user = answer["user"]
        return self

    def connect_mastodon(self, handle: str) -> str:
        return self.connect("mastodon", handle)

    def connect(self, platform: str, handle: str) -> str:
        """Connect the simulator's person `handle` (made if new) as its platform signs in; return the account's id."""
        if registry.sign_in_entry(platform).way == "password":
            return self.sign_in(platform, handle)
        url = self.get(f"oauth/{platform}/authorize")["url"]
        return self.follow(url, handle)

    def follow(self, authorize_url: str, handle: str) -> str:
        """Say yes there as `handle`; return the account's id."""
        callback = _redirect(f"{authorize_url}&_consent={handle}")
        account_id: str = self.call("GET", callback)["account_id"]
        return account_id

    def sign_in(self, platform: str, handle: str) -> str:
        """Connect the simulator's person `handle` (made if new) by an app password; return the account's id."""
        person = self.sandbox.person(platform, handle)
        body = {"platform": platform, "handle": person["handle"], "app_password": person["app_password"]}
        account_id: str = self.post("accounts", body)["id"]
        return account_id


def _json(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text.decode(errors="replace")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _redirect(url: str) -> str:
    """Where `url` redirects to."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=10) as answer:
            raise Refused(answer.status, f"no redirect from {url}")
    except urllib.error.HTTPError as error:
        location = error.headers.get("Location")
        if error.code not in {301, 302, 303, 307} or not location:
            raise Refused(error.code, _json(error.read())) from None
        return str(location)
