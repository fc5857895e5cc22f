"""What the tests speak to Bluesky with, and its lexicons where a copy of them lies beside the project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pytest
import requests

from sandbox.clock import now_ms
from sandbox.platforms.bluesky import syntax
from sandbox.platforms.bluesky.lexicon import is_blob
from sandbox.platforms.bluesky.syntax import tid_of
from sandbox.tests.clients import MP4, PNG, Control
from sandbox.tests.twitter import SPECS

POSTS = "app.bsky.feed.post"
CREATED_AT = "2026-11-23T10:00:00.000Z"
LEXICONS = SPECS / "atproto-lexicons"
INTEROP = SPECS / "atproto-interop"


@dataclass
class Service:
    """One Bluesky service."""

    control: Control
    instance: str = "bluesky"
    http: requests.Session = field(default_factory=requests.Session)

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


def interop(name: str) -> list[str]:
    """Return the lines of one list of the interop tests, without blanks and comments. Skips without a copy."""
    path = INTEROP / f"{name}.txt"
    if not path.is_file():
        pytest.skip(f"no copy of the AT Protocol's interop lists at {INTEROP}")
    lines = path.read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


FORMATS = {
    "at-uri": syntax.is_at_uri,
    "cid": syntax.is_cid,
    "datetime": syntax.is_datetime,
    "did": syntax.is_did,
    "handle": syntax.is_handle,
    "language": syntax.is_language,
    "tid": syntax.is_tid,
    "uri": syntax.is_uri,
}
KINDS = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@lru_cache
def lexicon(name: str) -> dict[str, Any]:
    path = LEXICONS / (name.replace(".", "/") + ".json")
    defs: dict[str, Any] = json.loads(path.read_text())["defs"]
    return defs


def check_output(name: str, body: Any) -> None:
    """Check a good answer against the call's lexicon, strictly; nothing where there is no copy of the lexicons."""
    if LEXICONS.is_dir():
        problems = list(unfit(lexicon(name)["main"]["output"]["schema"], body, name, "$"))
        assert problems == []


def unfit(schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
    """Yield what is wrong with a value; a name that the schema does not know is."""
    kind = schema["type"]
    if kind == "unknown":
        return
    if kind == "blob":
        if not is_blob(value):
            yield f"{at}: is no blob"
        return
    if kind in ("ref", "union"):
        yield from unfit_ref(schema, value, home, at)
        return
    if type(value) is not KINDS[kind]:
        yield f"{at}: is no {kind}"
        return
    if kind == "string" and not FORMATS.get(schema.get("format", ""), str.isprintable)(value):
        yield f"{at}: is no {schema['format']}"
    if kind == "array":
        for place, item in enumerate(value):
            yield from unfit(schema["items"], item, home, f"{at}[{place}]")
    if kind == "object":
        yield from (f"{at}.{name}: is missing" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            known = schema["properties"].get(name)
            if known is not None:
                yield from unfit(known, item, home, f"{at}.{name}")
            elif name != "$type":
                yield f"{at}.{name}: is unknown"


def unfit_ref(schema: dict[str, Any], value: Any, home: str, at: str) -> Iterator[str]:
    wanted = schema["ref"] if schema["type"] == "ref" else value.get("$type", "")
    if schema["type"] == "union" and wanted not in {absolute(one, home) for one in schema["refs"]}:
        yield f"{at}: is {wanted}"
        return
    document, _, part = absolute(wanted, home).partition("#")
    yield from unfit(lexicon(document)[part or "main"], value, document, at)


def absolute(wanted: str, home: str) -> str:
    return home + wanted if wanted.startswith("#") else wanted
