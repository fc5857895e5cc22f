"""What the tests speak to Bluesky with, and what its answers have to look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from sandbox.clock import now_ms
from sandbox.platforms.bluesky.syntax import tid_of
from sandbox.tests.clients import MP4, PNG, Control, direct
from tests.specifications.bluesky import CALLS
from tests.specifications.shapes import Shape

POSTS = "app.bsky.feed.post"
CREATED_AT = "2026-11-23T10:00:00.000Z"


@dataclass
class Service:
    """One Bluesky service."""

    control: Control
    instance: str = "bluesky"
    http: requests.Session = field(default_factory=direct)

    @property
    def url(self) -> str:
        return f"{self.control.origin}/{self.instance}"

    def call(self, method: str, name: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 20)
        return self.http.request(method, f"{self.url}/xrpc/{name}", **options)

    def get(self, name: str, **query: Any) -> requests.Response:
        return self.call("GET", name, params=query)

    def read(self, name: str, **query: Any) -> Any:
        """Return a good answer that fits the call's lexicon."""
        answer = self.get(name, **query)
        assert answer.status_code == 200, answer.text
        check_output(name, answer.json())
        return answer.json()

    def did(self) -> str:
        """Return the service's own."""
        own: str = self.get("com.atproto.server.describeServer").json()["did"]
        return own

    def job(self, job_id: str) -> dict[str, Any]:
        status: dict[str, Any] = self.read("app.bsky.video.getJobStatus", jobId=job_id)["jobStatus"]
        return status

    def person(self, handle: str = "amy") -> dict[str, Any]:
        row: dict[str, Any] = self.control.post("accounts", platform="bluesky", instance=self.instance, handle=handle)
        return row

    def begin(self, identifier: str, password: str) -> requests.Response:
        body = {"identifier": identifier, "password": password}
        return self.call("POST", "com.atproto.server.createSession", json=body)

    def refresh(self, refresh_jwt: str) -> requests.Response:
        return self.call(
            "POST", "com.atproto.server.refreshSession", headers={"Authorization": f"Bearer {refresh_jwt}"}
        )

    def sign_in(self, handle: str = "amy") -> Session:
        row = self.person(handle)
        made = self.begin(row["handle"], row["app_password"])
        assert made.status_code == 200, made.text
        body = made.json()
        return Session(self, row["did"], row["handle"], row["app_password"], body["accessJwt"], body["refreshJwt"])


@dataclass
class Session:
    """A person's own session."""

    service: Service
    did: str
    handle: str
    password: str
    access: str
    refresh: str

    def call(self, method: str, name: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.access}", **options.pop("headers", {})}
        return self.service.call(method, name, headers=headers, **options)

    def write(self, how: str, record: dict[str, Any] | None, rkey: str | None, **more: Any) -> requests.Response:
        body = {"repo": self.did, "collection": POSTS, "rkey": rkey, "record": record, **more}
        given = {name: value for name, value in body.items() if value is not None or name in more}
        return self.call("POST", f"com.atproto.repo.{how}", json=given)

    def put(self, record: dict[str, Any], rkey: str, **more: Any) -> requests.Response:
        return self.write("putRecord", record, rkey, **more)

    def create(self, record: dict[str, Any], rkey: str | None = None, **more: Any) -> requests.Response:
        return self.write("createRecord", record, rkey, **more)

    def posted(self, text: str = "Hello", rkey: str | None = None, **more: Any) -> dict[str, Any]:
        """Return the answer to a post as our connector makes it: put under a key of its own where there is none."""
        answer = self.put(post(text, **more), rkey or next_tid(), swapRecord=None)
        assert answer.status_code == 200, answer.text
        check_output("com.atproto.repo.putRecord", answer.json())
        made: dict[str, Any] = answer.json()
        return made

    def send_blob(self, data: bytes, kind: str = "image/png", **headers: str) -> requests.Response:
        return self.call("POST", "com.atproto.repo.uploadBlob", data=data, headers={"Content-Type": kind, **headers})

    def blob(self, data: bytes = PNG, kind: str = "image/png") -> dict[str, Any]:
        """Upload a file and return the reference to it."""
        answer = self.send_blob(data, kind)
        assert answer.status_code == 200, answer.text
        check_output("com.atproto.repo.uploadBlob", answer.json())
        ref: dict[str, Any] = answer.json()["blob"]
        return ref

    def service_token(self, lxm: str | None = "com.atproto.repo.uploadBlob", **query: Any) -> str:
        """Return a token for the service itself, which is the video service too."""
        named = {"aud": self.service.did(), "lxm": lxm, **query}
        given = {name: value for name, value in named.items() if value is not None}
        answer = self.call("GET", "com.atproto.server.getServiceAuth", params=given)
        assert answer.status_code == 200, answer.text
        check_output("com.atproto.server.getServiceAuth", answer.json())
        token: str = answer.json()["token"]
        return token

    def send_video(self, data: bytes = MP4, token: str | None = None, kind: str = "video/mp4") -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.service_token()}", "Content-Type": kind}
        query = {"did": self.did, "name": "a.mp4"}
        return self.call("POST", "app.bsky.video.uploadVideo", params=query, data=data, headers=headers)

    def delete(self, rkey: str) -> requests.Response:
        return self.write("deleteRecord", None, rkey)

    def get(self, rkey: str) -> requests.Response:
        return self.service.get("com.atproto.repo.getRecord", repo=self.did, collection=POSTS, rkey=rkey)

    def keys(self, **query: Any) -> tuple[list[str], str | None]:
        """Return the keys on one page of the own posts, and its cursor."""
        name = "com.atproto.repo.listRecords"
        body = self.service.read(name, repo=self.did, collection=POSTS, **query)
        return [rkey_of(row) for row in body["records"]], body.get("cursor")


def post(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"$type": POSTS, "text": text, "createdAt": CREATED_AT, "langs": ["en"], **more}


_last_us = 0


def next_tid() -> str:
    global _last_us
    _last_us = max(_last_us + 1, now_ms() * 1000)
    return tid_of(_last_us, 7)


def rkey_of(row: dict[str, Any]) -> str:
    return str(row["uri"]).rpartition("/")[2]


def ref(made: dict[str, Any]) -> dict[str, str]:
    return {"uri": made["uri"], "cid": made["cid"]}


def seen(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, name and message of a refusal."""
    body = answer.json()
    assert set(body) == {"error", "message"}
    return answer.status_code, body["error"], body["message"]


def check_output(name: str, body: Any) -> None:
    """Check a good answer against what the call's lexicon says."""
    assert list(output_of(name).problems(body)) == []


def output_of(name: str) -> Shape:
    [shape] = [call.answers[200] for path, call in CALLS.items() if path.endswith(f"/{name}")]
    assert shape is not None
    return shape
