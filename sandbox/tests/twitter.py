"""What the tests speak to X with, and what its answers have to look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from sandbox.oauth import s256
from sandbox.tests.clients import PNG, REDIRECT_URI, direct, redirect_query
from tests.specifications.twitter import CALLS

CLIENT = ("sandbox-twitter", "sandbox-twitter-secret")
SCOPES = "tweet.read tweet.write users.read media.write offline.access"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"
INVALID = "https://api.x.com/2/problems/invalid-request"


@dataclass
class X:
    """X, seen from the development client."""

    origin: str
    instance: str = "twitter"
    http: requests.Session = field(default_factory=direct)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", 20)
        return self.http.request(method, f"{self.origin}/{self.instance}{path}", **options)

    def authorize(self, **changes: str | None) -> requests.Response:
        """GET the authorize page without following its redirect; a change to None leaves the field out."""
        query = {
            "response_type": "code",
            "client_id": CLIENT[0],
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPES,
            "state": "state-1",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            "_consent": "ann",
            **changes,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", "/i/oauth2/authorize", params=given, allow_redirects=False)

    def code(self, **changes: str | None) -> str:
        return redirect_query(self.authorize(**changes))["code"]

    def token(self, *, auth: tuple[str, str] | None = CLIENT, **changes: str | None) -> requests.Response:
        """POST an exchange of a code; a change to None leaves the field out."""
        form = {
            "grant_type": "authorization_code",
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
            **changes,
        }
        data = {name: value for name, value in form.items() if value is not None}
        return self.call("POST", "/2/oauth2/token", data=data, auth=auth)

    def refresh(self, refresh_token: str) -> requests.Response:
        return self.token(
            grant_type="refresh_token", redirect_uri=None, code_verifier=None, refresh_token=refresh_token
        )

    def sign_in(self, handle: str = "ann", scopes: str = SCOPES) -> Session:
        tokens = self.token(code=self.code(_consent=handle, scope=scopes)).json()
        return Session(self, handle, tokens["access_token"], tokens.get("refresh_token", ""))


@dataclass
class Session:
    """A person's own session."""

    x: X
    handle: str
    access_token: str
    refresh_token: str = ""

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.access_token}", **options.pop("headers", {})}
        return self.x.call(method, path, headers=headers, **options)

    def me(self, **query: str) -> dict[str, Any]:
        user: dict[str, Any] = self.call("GET", "/2/users/me", params=query).json()["data"]
        return user

    def post(self, text: str = "Hello", **fields: Any) -> requests.Response:
        return self.call("POST", "/2/tweets", json={"text": text, **fields})

    def posted(self, text: str = "Hello", **fields: Any) -> dict[str, Any]:
        answer = self.post(text, **fields)
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def reply(self, parent_id: str, text: str = "Reply") -> requests.Response:
        return self.post(text, reply={"in_reply_to_tweet_id": parent_id})

    def replied(self, parent_id: str, text: str = "Reply") -> dict[str, Any]:
        return self.posted(text, reply={"in_reply_to_tweet_id": parent_id})

    def timeline(self, **query: Any) -> Any:
        answer = self.call("GET", f"/2/users/{self.me()['id']}/tweets", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, data: bytes = PNG, category: str = "tweet_image") -> requests.Response:
        """Upload in one call."""
        files = {"media": ("a", data, "application/octet-stream")}
        return self.call("POST", "/2/media/upload", files=files, data={"media_category": category})

    def uploaded(self, data: bytes = PNG, category: str = "tweet_image") -> str:
        answer = self.upload(data, category)
        assert answer.status_code == 200, answer.text
        media_id: str = answer.json()["data"]["id"]
        return media_id

    def initialize(self, data: bytes, category: str = "tweet_video", **changes: Any) -> requests.Response:
        kind = {"tweet_video": "video/mp4", "tweet_gif": "image/gif"}.get(category, "image/png")
        body = {"media_type": kind, "total_bytes": len(data), "media_category": category, **changes}
        return self.call("POST", "/2/media/upload/initialize", json=body)

    def append(self, media_id: str, index: int, data: bytes) -> requests.Response:
        files = {"media": ("a", data, "application/octet-stream")}
        fields = {"segment_index": str(index)}
        return self.call("POST", f"/2/media/upload/{media_id}/append", files=files, data=fields)

    def finalize(self, media_id: str) -> requests.Response:
        return self.call("POST", f"/2/media/upload/{media_id}/finalize", json={})

    def in_segments(self, *segments: bytes, category: str = "tweet_video") -> requests.Response:
        """Upload segment by segment; return the last answer."""
        media_id = self.initialize(b"".join(segments), category).json()["data"]["id"]
        for index, segment in enumerate(segments):
            assert self.append(media_id, index, segment).status_code == 200
        return self.finalize(media_id)

    def upload_status(self, media_id: str) -> requests.Response:
        return self.call("GET", "/2/media/upload", params={"command": "STATUS", "media_id": media_id})

    def describe(self, media_id: str, alt_text: str) -> requests.Response:
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        return self.call("POST", "/2/media/metadata", json=body)

    def delete(self, post_id: str) -> requests.Response:
        return self.call("DELETE", f"/2/tweets/{post_id}")


def problem(answer: requests.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    return body


def invalid(message: str, parameters: dict[str, list[str]]) -> dict[str, Any]:
    """Return the body of an invalid request with this one error."""
    return {
        "errors": [{"parameters": parameters, "message": message}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": INVALID,
        "status": 400,
    }


def forbidden(detail: str) -> dict[str, Any]:
    return {"title": "Forbidden", "detail": detail, "type": "about:blank", "status": 403}


def check_answer(answer: requests.Response, method: str, path: str) -> None:
    """Check a good answer against what X's description says of this operation."""
    shape = CALLS[f"{method.upper()} {path}"].answers[answer.status_code]
    assert shape is not None
    assert list(shape.problems(answer.json())) == []
