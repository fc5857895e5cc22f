"""LinkedIn as a hostile or careless client meets it: what it refuses, and with which code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from sandbox.tests.clients import MP4, PNG, REDIRECT_URI, Control, redirect_query

APP = {"client_id": "sandbox-linkedin", "client_secret": "sandbox-linkedin-secret"}
SCOPES = "openid profile w_member_social r_member_social w_organization_social r_organization_social"
HEADERS = {"LinkedIn-Version": "202609", "X-Restli-Protocol-Version": "2.0.0"}


@dataclass
class Member:
    """One person, spoken for with their token and the versioned API's headers, unless a call says otherwise."""

    url: str
    handle: str = "ann"
    http: requests.Session = field(default_factory=requests.Session)
    token: str = ""
    refresh_token: str = ""
    urn: str = ""

    def consent(self, scopes: str) -> dict[str, str]:
        query = {"response_type": "code", "redirect_uri": REDIRECT_URI, "scope": scopes, "state": "s"}
        asked = {**query, "client_id": APP["client_id"], "_consent": self.handle}
        return redirect_query(self.http.get(f"{self.url}/oauth/v2/authorization", params=asked, allow_redirects=False))

    def give(self, **fields: str) -> requests.Response:
        return self.http.post(f"{self.url}/oauth/v2/accessToken", data={**APP, **fields})

    def sign_in(self, scopes: str = SCOPES) -> Member:
        code = self.consent(scopes)["code"]
        tokens = self.give(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI).json()
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.urn = f"urn:li:person:{self.call('GET', '/v2/userinfo').json()['sub']}"
        return self

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: Any) -> requests.Response:
        own = {"Authorization": f"Bearer {self.token}", **HEADERS, **(headers or {})}
        given = {name: value for name, value in own.items() if value}
        return self.http.request(method, f"{self.url}{path}", headers=given, timeout=20, **how)

    def body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "author": self.urn,
            "commentary": "Hi",
            "visibility": "PUBLIC",
            "distribution": {"feedDistribution": "MAIN_FEED"},
            "lifecycleState": "PUBLISHED",
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not None}

    def post(self, **changes: Any) -> requests.Response:
        return self.call("POST", "/rest/posts", json=self.body(**changes))

    def upload(self, data: bytes = PNG, kind: str = "image") -> str:
        wanted = {"initializeUploadRequest": {"owner": self.urn}}
        told = self.call("POST", f"/rest/{kind}s?action=initializeUpload", json=wanted).json()["value"]
        assert self.http.put(told["uploadUrl"], data=data).status_code == 201
        urn: str = told[kind]
        return urn


@pytest.fixture
def ann(control: Control) -> Member:
    return Member(f"{control.origin}/linkedin").sign_in()


def code_of(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    inputs = body.get("errorDetails", {}).get("inputErrors", [])
    return answer.status_code, inputs[0]["code"] if inputs else body["code"]


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"LinkedIn-Version": ""}, (400, "VERSION_MISSING")),
        ({"LinkedIn-Version": "202504"}, (426, "NONEXISTENT_VERSION")),
        ({"LinkedIn-Version": "next"}, (426, "NONEXISTENT_VERSION")),
        ({"X-Restli-Protocol-Version": ""}, (400, "BAD_REQUEST")),
        ({"Authorization": "Bearer nonsense"}, (401, "INVALID_ACCESS_TOKEN")),
        ({"Authorization": ""}, (401, "INVALID_ACCESS_TOKEN")),
    ],
)
def test_call_that_does_not_say_who_and_by_which_version_is_refused(
    control: Control, ann: Member, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert code_of(ann.call("POST", "/rest/posts", json=ann.body(), headers=headers)) == refusal
    assert control.texts() == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"commentary": None}, (400, "MISSING_FIELD")),
        ({"color": "red"}, (400, "UNKNOWN_FIELD")),
        ({"commentary": " "}, (422, "MISSING_FIELD")),
        ({"commentary": "x" * 3001}, (422, "FIELD_LENGTH_TOO_LONG")),
        ({"visibility": "NOBODY"}, (422, "INVALID_VALUE")),
        ({"lifecycleState": "DRAFT"}, (422, "INVALID_VALUE")),
        ({"author": "urn:li:person:somebody"}, (403, "ACCESS_DENIED")),
        ({"author": "urn:li:organization:1"}, (403, "ACCESS_DENIED")),
        ({"content": {"media": {"id": "urn:li:image:none"}}}, (422, "INVALID_VALUE")),
        ({"content": {"multiImage": {"images": [{"id": "urn:li:image:none"}]}}}, (422, "INVALID_VALUE")),
        ({"content": {"article": {"source": "https://example.com"}}}, (400, "MISSING_FIELD")),
        ({"content": {"article": {"source": "ftp://example.com", "title": "x"}}}, (422, "INVALID_VALUE")),
        ({"content": {"poll": {"question": "x", "options": [], "settings": {}}}}, (422, "INVALID_VALUE")),
        ({"content": {"celebration": {}}}, (400, "UNKNOWN_FIELD")),
        ({"content": {"media": {}, "poll": {}}}, (400, "INVALID_VALUE")),
    ],
)
def test_post_that_does_not_fit_is_refused(
    control: Control, ann: Member, changes: dict[str, Any], refusal: tuple[int, str]
) -> None:
    assert code_of(ann.post(**changes)) == refusal
    assert control.texts() == []


def test_text_is_remembered_beyond_the_post(control: Control, ann: Member) -> None:
    urn = ann.post().headers["x-restli-id"]
    again = ann.post()
    escaped = urn.replace(":", "%3A")

    assert (code_of(again), urn in again.json()["message"]) == ((422, "DUPLICATE_POST"), True)
    assert [ann.call("DELETE", f"/rest/posts/{escaped}").status_code for _ in range(2)] == [204, 204]
    assert code_of(ann.post()) == (422, "DUPLICATE_POST")
    control.put("limits", duplicates=False)
    assert ann.post().status_code == 201


def test_unescaped_character_cuts_the_text(control: Control, ann: Member) -> None:
    ann.post(commentary="seen (unseen")

    assert control.texts() == ["seen "]


def test_file_is_its_owners_and_judged(control: Control, ann: Member) -> None:
    picture, text = ann.upload(), ann.upload(b"text")
    bea = Member(ann.url, "bea").sign_in()

    for somebody, urn in ((bea, picture), (ann, text)):
        refused = somebody.post(content={"media": {"id": urn}})
        assert (code_of(refused), urn in refused.json()["message"]) == ((422, "INVALID_VALUE"), True)
    assert ann.post(content={"media": {"id": picture, "altText": "A dot"}}).status_code == 201
    assert [post["media"][0]["alt_text"] for post in control.posts()] == ["A dot"]


@pytest.mark.parametrize(
    ("data", "title", "status"),
    [
        (b"%PDF-1.7\n" + b"<< /Type /Page >>\n" * 300, "A", 201),
        (b"%PDF-1.7\n" + b"<< /Type /Page >>\n" * 301, "A", 422),
        (b"%PDF-1.7\n<< /Type /Page >>\n", None, 400),
        (PNG, "A", 422),
    ],
)
def test_document_is_a_pdf_of_so_many_pages_and_has_a_title(
    control: Control, ann: Member, data: bytes, title: str | None, status: int
) -> None:
    control.put("instance", platform="linkedin", processing_ms=0)
    media = {"id": ann.upload(data, "document"), **({"title": title} if title else {})}

    assert ann.post(content={"media": media}).status_code == status


def test_parts_of_a_video_are_those_that_were_named_in_their_order(control: Control, ann: Member) -> None:
    control.put("instance", platform="linkedin", part_bytes=50)
    wanted = {"owner": ann.urn, "fileSizeBytes": len(MP4), "uploadCaptions": False, "uploadThumbnail": False}
    path = "/rest/videos?action=initializeUpload"
    told = ann.call("POST", path, json={"initializeUploadRequest": wanted}).json()["value"]
    parts = told["uploadInstructions"]

    def send(number: int, data: bytes) -> requests.Response:
        return ann.http.put(parts[number]["uploadUrl"], data=data)

    def finalize(*etags: str) -> requests.Response:
        body = {"video": told["video"], "uploadToken": "", "uploadedPartIds": list(etags)}
        return ann.call("POST", "/rest/videos?action=finalizeUpload", json={"finalizeUploadRequest": body})

    assert [(one["firstByte"], one["lastByte"]) for one in parts] == [(0, 49), (50, len(MP4) - 1)]
    assert send(0, MP4[:49]).status_code == 400
    etags = [send(0, MP4[:50]).headers["etag"].strip('"'), send(1, MP4[50:]).headers["etag"].strip('"')]
    assert [finalize(*some).status_code for some in (etags[:1], etags[::-1], etags, etags)] == [400, 400, 200, 400]
    assert ann.http.put(f"{ann.url}/dms-uploads/unknown/0", data=b"x").status_code == 401


def test_day_of_posts_ends_in_linkedins_words(control: Control, ann: Member) -> None:
    control.put("instance", platform="linkedin", daily_posts=1)
    ann.post()

    refused = ann.post(commentary="More")

    assert (code_of(refused), "DAY limit" in refused.json()["message"]) == ((429, "TOO_MANY_REQUESTS"), True)


def test_refresh_token_stays_and_ends_with_the_grant(ann: Member) -> None:
    def renew() -> requests.Response:
        return ann.give(grant_type="refresh_token", refresh_token=ann.refresh_token)

    given = [renew().json() for _ in range(2)]
    ann.http.post(f"{ann.url}/oauth/v2/revoke", data={**APP, "token": given[0]["access_token"]})

    assert {one["refresh_token"] for one in given} == {ann.refresh_token}
    assert (renew().status_code, renew().json()["error"]) == (400, "invalid_grant")
    assert code_of(ann.post()) == (401, "REVOKED_ACCESS_TOKEN")


def test_what_was_not_granted_is_refused(control: Control) -> None:
    ann = Member(f"{control.origin}/linkedin").sign_in("openid profile w_member_social")
    urn = ann.upload()
    query = {"q": "author", "author": ann.urn}

    for path, params in (("/rest/posts", query), (f"/rest/images/{urn}", {}), ("/rest/organizationAcls", {})):
        assert code_of(ann.call("GET", path, params=params)) == (403, "ACCESS_DENIED")
    assert ann.post().status_code == 201
