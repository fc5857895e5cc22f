"""Instagram as a hostile or careless client meets it: what it refuses at either host, and with which codes."""

from __future__ import annotations

import hashlib
import hmac
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.tests.clients import MP4, PNG, REDIRECT_URI, Control, redirect_query

META = {"client_id": "sandbox-facebook", "client_secret": "sandbox-facebook-secret"}
OWN = {"client_id": "sandbox-instagram", "client_secret": "sandbox-instagram-secret"}
BASIC = "instagram_basic,instagram_content_publish,instagram_manage_comments,pages_show_list,pages_read_engagement"
OWN_SCOPES = "instagram_business_basic,instagram_business_content_publish"


def jpeg(width: int, height: int, size: int = 0) -> bytes:
    frame = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", height, width) + b"\x01\x01\x11\x00"
    return b"\xff\xd8" + frame + b"\0" * size + b"\xff\xd9"


FILES = {
    "/good.jpg": jpeg(100, 100),
    "/tall.jpg": jpeg(78, 100),
    "/wide.jpg": jpeg(193, 100),
    "/tallest.jpg": jpeg(80, 100),
    "/widest.jpg": jpeg(191, 100),
    "/large.jpg": jpeg(100, 100, 8_000_000),
    "/a.png": PNG,
    "/a.mp4": MP4,
}


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = FILES.get(self.path)
        self.send_response(302 if self.path == "/moved" else 200 if data else 404)
        if self.path == "/moved":
            self.send_header("Location", "/good.jpg")
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """Where the files are served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@dataclass
class Account:
    """One account, spoken to at one of the hosts: with its page's token and signed calls, or with its own."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)
    id: str = ""
    token: str = ""

    @property
    def is_own_host(self) -> bool:
        return self.url.endswith("/instagram/instagram")

    def code(self, app: dict[str, str], scopes: str) -> str:
        query = {
            "client_id": app["client_id"],
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": scopes,
            "state": "s",
            "_consent": "ann",
        }
        page = "oauth/authorize" if self.is_own_host else "v26.0/dialog/oauth"
        return redirect_query(self.http.get(f"{self.url}/{page}", params=query, allow_redirects=False))["code"]

    def sign_in(self, scopes: str = "") -> Account:
        app = OWN if self.is_own_host else META
        scopes = scopes or (OWN_SCOPES if self.is_own_host else BASIC)
        given = {**app, "code": self.code(app, scopes), "redirect_uri": REDIRECT_URI}
        if self.is_own_host:
            given["grant_type"] = "authorization_code"
            [told] = self.http.post(f"{self.url}/oauth/access_token", data=given).json()["data"]
            self.id, self.token = told["user_id"], told["access_token"]
            return self
        self.token = self.http.get(f"{self.url}/v26.0/oauth/access_token", params=given).json()["access_token"]
        [page] = self.call("GET", "me/accounts").json()["data"]
        self.id, self.token = page["instagram_business_account"]["id"], page["access_token"]
        return self

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        proof = hmac.new(META["client_secret"].encode(), self.token.encode(), hashlib.sha256).hexdigest()
        params = {} if self.is_own_host else {"appsecret_proof": proof}
        params |= how.pop("params", {})
        given = {name: value for name, value in params.items() if value is not None}
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.request(method, f"{self.url}/v26.0/{path}", params=given, headers=headers, timeout=20, **how)

    def error(self, method: str, path: str, **how: Any) -> tuple[int, int]:
        """The code and subcode of a refusal; (0, 0) = it is none."""
        error = self.call(method, path, **how).json().get("error", {"code": 0})
        return error["code"], error.get("error_subcode", 0)

    def container(self, **fields: str) -> str:
        made: str = self.call("POST", f"{self.id}/media", data=fields).json()["id"]
        return made

    def publish(self, container: str) -> tuple[int, int]:
        return self.error("POST", f"{self.id}/media_publish", data={"creation_id": container})


@pytest.fixture
def ann(control: Control) -> Account:
    return Account(f"{control.origin}/instagram").sign_in()


@pytest.fixture
def own(control: Control) -> Account:
    return Account(f"{control.origin}/instagram/instagram").sign_in()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"image_url": "/good.jpg"}, (0, 0)),
        ({"image_url": "/tallest.jpg"}, (0, 0)),
        ({"image_url": "/widest.jpg"}, (0, 0)),
        ({"image_url": "/tall.jpg"}, (36003, 2207009)),
        ({"image_url": "/wide.jpg"}, (36003, 2207009)),
        ({"image_url": "/tall.jpg", "media_type": "STORIES"}, (0, 0)),
        ({"image_url": "/large.jpg"}, (36000, 2207004)),
        ({"image_url": "/a.png"}, (36001, 2207005)),
        ({"image_url": "/none.jpg"}, (9004, 2207052)),
        ({"image_url": "/moved"}, (9004, 2207052)),
        ({"image_url": "/good.jpg", "media_type": "REELS"}, (9004, 2207052)),
        ({"video_url": "/a.mp4", "media_type": "REELS", "cover_url": "/a.png"}, (36001, 2207005)),
        ({"video_url": "/a.mp4", "media_type": "VIDEO"}, (100, 2207023)),
        ({"image_url": "/good.jpg", "caption": "x" * 2_200}, (0, 0)),
        ({"image_url": "/good.jpg", "caption": "x" * 2_201}, (100, 2207010)),
        ({"image_url": "/good.jpg", "caption": "#a " * 30}, (0, 0)),
        ({"image_url": "/good.jpg", "caption": "#a " * 31}, (100, 2207040)),
        ({"image_url": "/good.jpg", "caption": "@a " * 21}, (100, 2207010)),
        ({"image_url": "/good.jpg", "alt_text": "x" * 1_001}, (100, 0)),
        ({"image_url": "/good.jpg", "collaborators": '["a","b","c","d"]'}, (100, 0)),
        ({"image_url": "/good.jpg", "user_tags": '[{"username":"a"}]'}, (100, 0)),
        ({"image_url": "/good.jpg", "user_tags": "odd"}, (100, 0)),
        ({"image_url": "/good.jpg", "media_type": "STORIES", "caption": "Hi"}, (100, 0)),
        ({"image_url": "/good.jpg", "color": "red"}, (100, 0)),
        ({"media_type": "CAROUSEL", "children": "1"}, (100, 2207028)),
        ({"media_type": "CAROUSEL", "children": "1,2"}, (100, 33)),
        ({}, (100, 0)),
    ],
)
def test_container_is_made_of_what_fits(
    ann: Account, web: str, fields: dict[str, str], refusal: tuple[int, int]
) -> None:
    said = {name: web + value if name.endswith("_url") else value for name, value in fields.items()}

    assert ann.error("POST", f"{ann.id}/media", data=said) == refusal


@pytest.mark.parametrize("at_own_host", [False, True])
def test_container_is_published_once_while_it_lives(
    control: Control, ann: Account, own: Account, web: str, at_own_host: bool
) -> None:
    account = own if at_own_host else ann
    first, second, child = (
        account.container(image_url=f"{web}/good.jpg", **more) for more in ({}, {}, {"is_carousel_item": "true"})
    )

    assert account.publish(first) == (0, 0)
    assert account.publish(first) == (9007, 2207027)
    assert account.publish(child) == (9007, 2207027)
    assert account.publish("12345") == (24, 2207008)
    control.put("instance", platform="instagram", container_ttl_s=0)
    assert account.publish(second) == (-2, 2207020)
    assert len(control.posts()) == 1


def test_quota_counts_what_was_deleted_too(control: Control, ann: Account, web: str) -> None:
    control.put("instance", platform="instagram", publishing_quota=1)
    first, second = (ann.container(image_url=f"{web}/good.jpg") for _ in range(2))
    limit = {"fields": "quota_usage,config"}
    ann.publish(first)

    [told] = ann.call("GET", f"{ann.id}/content_publishing_limit", params=limit).json()["data"]
    assert told == {"quota_usage": 1, "config": {"quota_total": 1, "quota_duration": 86_400}}
    assert ann.publish(second) == (9, 2207042)
    assert ann.error("DELETE", control.posts()[0]["id"]) == (10, 0)  # the permission was not granted
    control.put("limits", quotas=False)
    assert ann.publish(second) == (0, 0)


def test_hosts_do_not_take_each_others_tokens(control: Control, ann: Account, own: Account, web: str) -> None:
    container = {"image_url": f"{web}/good.jpg"}
    post = own.container(**container)
    ann.token, own.token = own.token, ann.token

    assert ann.error("POST", f"{ann.id}/media", data=container)[0] == 190
    assert own.error("POST", f"{own.id}/media", data=container)[0] == 190
    ann.token, own.token = own.token, ann.token
    assert own.publish(post) == (0, 0)
    assert own.error("DELETE", control.posts()[0]["id"]) == (100, 0)
    assert own.error("POST", f"{own.id}/media", data={"media_type": "REELS", "upload_type": "resumable"}) == (100, 0)


@pytest.mark.parametrize("proof", [None, "", "00"])
def test_calls_that_our_app_did_not_sign_are_refused_at_the_host_of_facebook_login(
    ann: Account, web: str, proof: str | None
) -> None:
    how = {"data": {"image_url": f"{web}/good.jpg"}, "params": {"appsecret_proof": proof}}

    assert ann.error("POST", f"{ann.id}/media", **how) == (100, 0)


def test_upload_goes_on_from_where_it_stands(control: Control, ann: Account) -> None:
    control.put("instance", platform="instagram", video_processing_ms=0)
    fields = {"media_type": "REELS", "upload_type": "resumable"}
    made = ann.call("POST", f"{ann.id}/media", data=fields).json()

    def send(offset: str, data: bytes) -> requests.Response:
        headers = {"Authorization": f"OAuth {ann.token}", "offset": offset, "file_size": str(len(MP4))}
        return ann.http.post(made["uri"], data=data, headers=headers, timeout=20)

    def status() -> Any:
        return ann.call("GET", made["id"], params={"fields": "status_code,video_status"}).json()

    assert made["uri"].endswith(f"/ig-api-upload/v26.0/{made['id']}")
    assert send("7", MP4).status_code == 400
    send("0", MP4[:40])
    assert (status()["status_code"], status()["video_status"]["uploading_phase"]["bytes_transferred"]) == (
        "IN_PROGRESS",
        40,
    )
    assert ann.publish(made["id"]) == (9007, 2207027)
    send("40", MP4[40:])
    assert status()["status_code"] == "FINISHED"
    assert ann.publish(made["id"]) == (0, 0)


def test_account_is_read_by_its_own_alone(control: Control, ann: Account) -> None:
    assert ann.error("GET", "12345/media", params={"fields": "id"}) == (100, 33)
    assert ann.error("GET", "12345", params={"fields": "id"}) == (100, 33)
    assert ann.error("GET", f"{ann.id}/stories", params={"fields": "id"}) == (0, 0)
    control.put("instance", platform="instagram", unlinked_pages=["ann"])
    assert ann.error("GET", f"{ann.id}/media") == (200, 0)


def test_code_and_tokens_of_instagram_login_are_good_for_what_they_are_for(control: Control) -> None:
    own = Account(f"{control.origin}/instagram/instagram")
    given = {**OWN, "redirect_uri": REDIRECT_URI, "grant_type": "authorization_code", "code": own.code(OWN, OWN_SCOPES)}
    short = own.http.post(f"{own.url}/oauth/access_token", data=given).json()["data"][0]["access_token"]

    def ask(path: str, **query: str) -> requests.Response:
        return own.http.get(f"{own.url}/{path}", params=query)

    exchange = {"grant_type": "ig_exchange_token", "client_secret": OWN["client_secret"]}
    assert ask("access_token", **{**exchange, "client_secret": "wrong"}, access_token=short).status_code == 400
    long_lived = ask("access_token", **exchange, access_token=short).json()
    assert (long_lived["token_type"], long_lived["expires_in"]) == ("bearer", 5_184_000)
    assert ask("access_token", **exchange, access_token="odd").status_code == 401
    assert ask("refresh_access_token", grant_type="ig_refresh_token", access_token="odd").status_code == 401
    again = own.http.post(f"{own.url}/oauth/access_token", data=given)
    assert (again.status_code, again.json()["error_type"]) == (400, "OAuthException")
