"""Facebook as a hostile or careless client meets it: what it refuses, and with which code and subcode."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from sandbox.tests.clients import MP4, PNG, REDIRECT_URI, Control, redirect_query

APP = {"client_id": "sandbox-facebook", "client_secret": "sandbox-facebook-secret"}
SCOPES = "pages_show_list,pages_read_engagement,pages_manage_posts,pages_manage_engagement"


@dataclass
class Page:
    """One page, spoken to with its token and a proof that our app makes the call, unless a call leaves that out."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)
    id: str = ""
    token: str = ""
    person_token: str = ""

    def sign_in(self, scopes: str = SCOPES) -> Page:
        query = {
            "client_id": APP["client_id"],
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": scopes,
            "state": "s",
            "_consent": "ann",
        }
        shown = self.http.get(f"{self.url}/v26.0/dialog/oauth", params=query, allow_redirects=False)
        code = {"code": redirect_query(shown)["code"], "redirect_uri": REDIRECT_URI}
        given = self.http.get(f"{self.url}/v26.0/oauth/access_token", params={**APP, **code}).json()
        self.token = self.person_token = given["access_token"]
        [page] = self.call("GET", "me/accounts").json()["data"]
        self.id, self.token = page["id"], page["access_token"]
        return self

    def proof(self, secret: str = APP["client_secret"]) -> str:
        return hmac.new(secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()

    def call(self, method: str, path: str, *, version: str = "v26.0", **how: Any) -> requests.Response:
        params = {"appsecret_proof": self.proof(), **how.pop("params", {})}
        given = {name: value for name, value in params.items() if value is not None}
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/{version}/{path}"
        return self.http.request(method, url, params=given, headers=headers, timeout=20, **how)

    def upload(self, url: str, data: bytes) -> requests.Response:
        headers = {"Authorization": f"OAuth {self.token}", "offset": "0", "file_size": str(len(data))}
        return self.http.post(url, data=data, headers=headers, timeout=20)

    def error(self, method: str, path: str, **how: Any) -> tuple[int, int]:
        """The code and subcode of a refusal."""
        error = self.call(method, path, **how).json()["error"]
        return error["code"], error.get("error_subcode", 0)


@pytest.fixture
def page(control: Control) -> Page:
    return Page(f"{control.origin}/facebook").sign_in()


@pytest.mark.parametrize("proof", [None, "", "00", hmac.new(b"another", b"token", hashlib.sha256).hexdigest()])
def test_calls_that_our_app_did_not_sign_are_refused(control: Control, page: Page, proof: str | None) -> None:
    answer = page.call("POST", f"{page.id}/feed", data={"message": "Hi"}, params={"appsecret_proof": proof})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)
    assert "appsecret_proof" in answer.json()["error"]["message"]
    assert control.texts() == []


@pytest.mark.parametrize(("version", "said"), [("v26.0", "v26.0"), ("v21.0", "v21.0"), ("v18.0", "v21.0")])
def test_dead_version_is_answered_by_the_oldest_that_lives(page: Page, version: str, said: str) -> None:
    assert page.call("GET", "me", version=version).headers["facebook-api-version"] == said


def test_posts_are_those_of_the_calling_page(control: Control, page: Page) -> None:
    made = page.call("POST", f"{page.id}/feed", data={"message": "Hi"}).json()["id"]

    assert page.error("POST", "12345/feed", data={"message": "Hi"}) == (200, 0)
    assert page.error("DELETE", "12345_1") == (100, 33)
    assert [post["id"] for post in page.call("GET", f"{page.id}/published_posts").json()["data"]] == [made]
    assert control.texts() == ["Hi"]


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"message": "Hi", "color": "red"}, (100, 0)),
        ({"message": "Hi", "scheduled_publish_time": "1"}, (100, 0)),
        ({"message": " "}, (100, 0)),
        ({"message": "x" * 63_207}, (100, 0)),
        ({"message": "Hi", "link": "ftp://example.com"}, (100, 2061006)),
        ({"message": "Hi", "link": "https://facebook.com/a"}, (100, 1609008)),
        ({"attached_media": "odd"}, (100, 0)),
        ({"attached_media": '[{"media_fbid":"1"}]'}, (100, 33)),
    ],
)
def test_post_that_does_not_fit_is_refused(
    control: Control, page: Page, fields: dict[str, str], refusal: tuple[int, int]
) -> None:
    assert page.error("POST", f"{page.id}/feed", data=fields) == refusal
    assert control.texts() == []


def test_picture_goes_into_one_post(page: Page) -> None:
    source = {"source": ("a.png", PNG, "image/png")}
    photo = page.call("POST", f"{page.id}/photos", data={"published": "false"}, files=source).json()["id"]
    attached = {"attached_media": f'[{{"media_fbid":"{photo}"}}]'}

    first = page.call("POST", f"{page.id}/feed", data=attached)

    assert first.status_code == 200
    assert page.error("POST", f"{page.id}/feed", data=attached) == (100, 1366051)
    assert page.error("POST", f"{page.id}/photos", data={"published": "true"}, files=source) == (100, 0)
    text = {"source": ("a.png", b"text", "image/png")}
    assert page.error("POST", f"{page.id}/photos", data={"published": "false"}, files=text) == (324, 2069019)


@pytest.mark.parametrize("edge", ["video_reels", "video_stories"])
def test_reels_and_stories_go_through_their_phases(control: Control, page: Page, edge: str) -> None:
    path = f"{page.id}/{edge}"
    assert page.error("POST", path, json={"upload_phase": "start"}) == (100, 0)
    begun = page.call("POST", path, data={"upload_phase": "start"}).json()
    finish = {"upload_phase": "finish", "video_id": begun["video_id"], "video_state": "PUBLISHED"}

    assert begun["upload_url"].endswith(f"/video-upload/v26.0/{begun['video_id']}")
    assert page.error("POST", path, data=finish) == (6000, 0)
    assert page.error("POST", path, data={**finish, "video_state": "DRAFT"}) == (100, 0)
    assert page.error("POST", path, data={**finish, "video_url": "https://example.com/a.mp4"}) == (100, 0)
    assert control.posts() == []


def test_stretch_of_a_video_that_begins_elsewhere_is_told_where_to_begin(page: Page) -> None:
    path = f"{page.id}/videos"
    begun = page.call("POST", path, data={"upload_phase": "start", "file_size": "100"}).json()
    stretch = {"upload_phase": "transfer", "upload_session_id": begun["upload_session_id"], "start_offset": "7"}

    answer = page.call("POST", path, data=stretch, files={"video_file_chunk": ("v.mp4", b"123", "video/mp4")})

    error = answer.json()["error"]
    assert (error["code"], error["error_subcode"]) == (6001, 1363037)
    assert error["error_data"] == {"start_offset": "0", "end_offset": "100"}


def test_same_text_as_the_last_is_refused_once_it_is_there(control: Control, page: Page) -> None:
    page.call("POST", f"{page.id}/feed", data={"message": "Hi"})

    assert page.error("POST", f"{page.id}/feed", data={"message": "Hi"}) == (506, 0)
    control.put("limits", duplicates=False)
    assert page.call("POST", f"{page.id}/feed", data={"message": "Hi"}).status_code == 200


def test_what_was_not_granted_is_refused(control: Control) -> None:
    page = Page(f"{control.origin}/facebook").sign_in("pages_show_list,pages_read_engagement")

    assert page.error("POST", f"{page.id}/feed", data={"message": "Hi"}) == (200, 0)


def test_answers_say_how_much_is_used(page: Page) -> None:
    assert page.id in page.call("GET", "me").headers["x-business-use-case-usage"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("me", "id,shoe_size"),
        ("me/accounts", "id,insights.metric(post_clicks)"),
        ("{page}", "id,impressions"),
        ("{page}/published_posts", "id,story"),
        ("{post}", "id,views"),
        ("{post}", "id,insights.metric(post_impressions)"),
        ("{post}", "id,insights.metric(post_clicks,post_impressions_unique)"),
        ("{post}/comments", "id,shares"),
    ],
)
def test_field_that_does_not_exist_costs_the_whole_answer(control: Control, path: str, fields: str) -> None:
    page = Page(f"{control.origin}/facebook").sign_in(f"{SCOPES},read_insights")
    post = page.call("POST", f"{page.id}/feed", data={"message": "Hi"}).json()["id"]
    if path.startswith("me/"):
        page.token = page.person_token

    assert page.error("GET", path.format(page=page.id, post=post), params={"fields": fields}) == (100, 0)


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        ("odd", 100),
        ("7", 100),
        ('[{"method":"GET"}]', 100),
        ('[{"method":"POST","relative_url":"v26.0/1/feed"}]', 100),
        (json.dumps([{"method": "GET", "relative_url": "v26.0/me"}] * 51), 100),
    ],
)
def test_batch_that_makes_no_sense_is_refused_whole(page: Page, batch: str, code: int) -> None:
    assert page.error("POST", "", data={"batch": batch}) == (code, 0)


def test_each_read_of_a_batch_has_an_answer_of_its_own(page: Page) -> None:
    reads = [{"method": "GET", "relative_url": f"v26.0/{path}"} for path in ("me", "404", "nothing/such?fields=id")]

    answers = page.call("POST", "", data={"batch": json.dumps(reads)}).json()

    assert [answer["code"] for answer in answers] == [200, 400, 404]
    assert json.loads(answers[0]["body"])["id"] == page.id
    assert page.error("POST", "", data={"batch": json.dumps(reads)}, params={"appsecret_proof": "00"}) == (100, 0)


def test_picture_may_have_ten_million_bytes(page: Page) -> None:
    for size, refusal in ((10_000_000, None), (10_000_001, (100, 1366046))):
        source = {"source": ("a.png", PNG.ljust(size, b"\0"), "image/png")}
        said = page.call("POST", f"{page.id}/photos", data={"published": "false"}, files=source).json()
        assert refusal == (None if "id" in said else (said["error"]["code"], said["error"]["error_subcode"]))


def test_thirty_reels_go_out_in_a_day(control: Control, page: Page) -> None:
    control.put("instance", platform="facebook", video_processing_ms=0)

    refusals = []
    for _ in range(31):
        begun = page.call("POST", f"{page.id}/video_reels", data={"upload_phase": "start"}).json()
        page.upload(begun["upload_url"], MP4)
        finish = {"upload_phase": "finish", "video_id": begun["video_id"], "video_state": "PUBLISHED"}
        said = page.call("POST", f"{page.id}/video_reels", data=finish).json()
        refusals.append(said.get("error", {}).get("code"))

    assert refusals == [None] * 30 + [613]
    assert len(control.posts()) == 30
