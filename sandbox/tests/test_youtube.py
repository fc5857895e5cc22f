"""YouTube as a hostile or careless client meets it: what it refuses, with which reason, and what a session says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from sandbox.tests.clients import MP4, PNG, REDIRECT_URI, Control, redirect_query

APP = {"client_id": "sandbox-youtube", "client_secret": "sandbox-youtube-secret"}
FORCE_SSL = "https://www.googleapis.com/auth/youtube.force-ssl"
READ = "https://www.googleapis.com/auth/youtube.readonly"
STRETCH = 262_144
VIDEO = {"snippet": {"title": "A", "description": "B", "categoryId": "22"}, "status": {"privacyStatus": "private"}}
UPLOAD = "upload/youtube/v3/videos"


@dataclass
class Channel:
    """One channel, spoken to with its token."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)
    tokens: dict[str, Any] = field(default_factory=dict)

    def sign_in(self, scope: str = FORCE_SSL, handle: str = "ann") -> Channel:
        query = {
            "client_id": APP["client_id"], "redirect_uri": REDIRECT_URI, "response_type": "code", "scope": scope,
            "state": "s", "_consent": handle,
        }  # fmt: skip
        shown = self.http.get(f"{self.url}/o/oauth2/v2/auth", params=query, allow_redirects=False)
        code = {"grant_type": "authorization_code", "code": redirect_query(shown)["code"], "redirect_uri": REDIRECT_URI}
        self.tokens = self.http.post(f"{self.url}/token", data={**APP, **code}).json()
        return self

    def call(self, method: str, path: str, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", **how.pop("headers", {})}
        url = path if path.startswith("http") else f"{self.url}/{path}"
        return self.http.request(method, url, headers=headers, timeout=20, **how)

    def reason(self, method: str, path: str, **how: Any) -> tuple[int, str]:
        answer = self.call(method, path, **how)
        return answer.status_code, answer.json()["error"]["errors"][0]["reason"]

    def begin(self, size: int, body: Any = None, **params: str) -> requests.Response:
        headers = {"X-Upload-Content-Type": "video/mp4", "X-Upload-Content-Length": str(size)}
        asked = {"uploadType": "resumable", "part": "snippet,status", **params}
        return self.call("POST", UPLOAD, params=asked, json=VIDEO if body is None else body, headers=headers)

    def put(self, session: str, span: str, data: bytes = b"") -> requests.Response:
        return self.call("PUT", session, data=data, headers={"Content-Range": span})

    def upload(self, data: bytes = MP4) -> str:
        session = self.begin(len(data)).headers["location"]
        made = self.put(session, f"bytes 0-{len(data) - 1}/{len(data)}", data)
        return str(made.json()["id"])


@pytest.fixture
def channel(control: Control) -> Channel:
    control.put("instance", platform="youtube", video_processing_ms=0)
    return Channel(f"{control.origin}/youtube").sign_in()


def test_session_says_what_has_arrived_and_which_video_it_made(control: Control, channel: Channel) -> None:
    data = MP4 + b"x" * STRETCH
    session, size = channel.begin(len(data)).headers["location"], len(data)

    nothing = channel.put(session, f"bytes */{size}")
    gap = channel.put(session, f"bytes {STRETCH}-{size - 1}/{size}", data[STRETCH:])
    odd = channel.put(session, f"bytes 0-9/{size}", data[:10])
    first = channel.put(session, f"bytes 0-{STRETCH - 1}/{size}", data[:STRETCH])
    asked = channel.put(session, f"bytes */{size}")
    made = channel.put(session, f"bytes {STRETCH}-{size - 1}/{size}", data[STRETCH:])
    again = channel.put(session, f"bytes */{size}")

    assert (nothing.status_code, "range" in nothing.headers) == (308, False)
    assert (gap.status_code, odd.status_code) == (400, 400)
    assert [one.headers["range"] for one in (first, asked)] == [f"bytes=0-{STRETCH - 1}"] * 2
    assert made.json()["id"] == again.json()["id"]
    assert channel.put(f"{session}x", f"bytes */{size}").status_code == 404
    assert control.posts() == []  # it is private


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"snippet": {"title": "", "categoryId": "22"}}, "invalidTitle"),
        ({"snippet": {"title": "x" * 101, "categoryId": "22"}}, "invalidTitle"),
        ({"snippet": {"title": "A", "description": "é" * 2501, "categoryId": "22"}}, "invalidDescription"),
        ({"snippet": {"title": "A", "description": "<", "categoryId": "22"}}, "invalidDescription"),
        ({"snippet": {"title": "A", "categoryId": "99"}}, "invalidCategoryId"),
        ({"snippet": {"title": "A", "categoryId": "22", "tags": ["x" * 250, "y" * 250]}}, "invalidTags"),
        ({"snippet": {"title": "A", "categoryId": "22", "colour": "red"}}, "invalidVideoMetadata"),
        ({"status": {"privacyStatus": "friends"}}, "invalidVideoMetadata"),
        ({"status": {"privacyStatus": "public", "publishAt": "2031-01-01T00:00:00Z"}}, "invalidPublishAt"),
        ({"status": {"privacyStatus": "public", "license": "mine"}}, "forbiddenLicenseSetting"),
    ],
)
def test_what_does_not_fit_is_refused_before_and_after_the_upload(
    control: Control, channel: Channel, change: dict[str, Any], reason: str
) -> None:
    video_id, params = channel.upload(), {"part": "snippet,status"}
    body = {**VIDEO, **change}

    assert channel.begin(9, body).json()["error"]["errors"][0]["reason"] == reason
    told = channel.call("PUT", "youtube/v3/videos", params=params, json={"id": video_id, **body})
    assert told.json()["error"]["errors"][0]["reason"] == reason
    assert control.posts() == []


def test_video_is_seen_by_its_privacy_and_only_its_owner_changes_it(control: Control, channel: Channel) -> None:
    video_id, params = channel.upload(), {"part": "snippet,status"}
    shown = {"id": video_id, **VIDEO, "status": {"privacyStatus": "public"}}
    other = Channel(channel.url).sign_in(handle="bob")

    assert other.reason("PUT", "youtube/v3/videos", params=params, json=shown) == (403, "forbidden")
    assert other.call("GET", "youtube/v3/videos", params={"part": "id", "id": video_id}).json()["items"] == []
    for privacy, seen in (("public", ["B"]), ("private", []), ("unlisted", ["B"])):
        shown["status"] = {"privacyStatus": privacy}
        assert channel.call("PUT", "youtube/v3/videos", params=params, json=shown).status_code == 200
        assert control.texts() == seen
    assert channel.call("DELETE", "youtube/v3/videos", params={"id": video_id}).status_code == 204
    assert channel.reason("DELETE", "youtube/v3/videos", params={"id": video_id}) == (404, "videoNotFound")


@pytest.mark.parametrize(
    ("method", "path", "params", "refusal"),
    [
        ("GET", "youtube/v3/videos", {"id": "a"}, (400, "missingRequiredParameter")),
        ("GET", "youtube/v3/videos", {"id": "a", "part": "secrets"}, (400, "unknownPart")),
        ("GET", "youtube/v3/videos", {"part": "id"}, (400, "invalidFilters")),
        ("GET", "youtube/v3/videos", {"part": "id", "id": ",".join("a" * 51)}, (400, "invalidFilters")),
        ("GET", "youtube/v3/channels", {"part": "id"}, (400, "missingRequiredParameter")),
        ("GET", "youtube/v3/playlistItems", {"part": "id", "playlistId": "PL1"}, (404, "playlistNotFound")),
        ("GET", "youtube/v3/commentThreads", {"part": "id", "videoId": "a"}, (404, "videoNotFound")),
        ("DELETE", "youtube/v3/comments", {"id": "a"}, (404, "commentNotFound")),
        ("GET", "youtube/v3/captions", {"part": "id"}, (404, "videoNotFound")),
        ("GET", "youtube/v3/captions/1", {}, (404, "captionNotFound")),
        ("GET", "youtube/v3/liveBroadcasts", {"part": "id"}, (404, "notFound")),
        ("POST", UPLOAD, {"part": "snippet", "uploadType": "multipart"}, (400, "invalidUploadType")),
    ],
)
def test_call_that_makes_no_sense_says_why(
    channel: Channel, method: str, path: str, params: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert channel.reason(method, path, params=params) == refusal


def test_permission_token_and_channel_are_needed(control: Control, channel: Channel) -> None:
    control.post("accounts", platform="youtube", handle="cleo", channels=[])
    reader = Channel(channel.url).sign_in(READ)
    nobody = Channel(channel.url).sign_in(handle="cleo")
    video_id = channel.upload()

    assert reader.begin(9).json()["error"]["errors"][0]["reason"] == "insufficientPermissions"
    assert nobody.begin(9).json()["error"]["errors"][0]["reason"] == "youtubeSignupRequired"
    assert nobody.call("GET", "youtube/v3/channels", params={"part": "id", "mine": "true"}).json().get("items") is None
    channel.tokens["access_token"] += "x"
    assert channel.reason("GET", "youtube/v3/videos", params={"part": "id", "id": video_id}) == (401, "authError")


def test_thumbnail_is_a_picture_and_a_comment_is_for_grown_ups(control: Control, channel: Channel) -> None:
    video_id = channel.upload()
    params = {"videoId": video_id, "uploadType": "media"}
    thread = {"snippet": {"videoId": video_id, "topLevelComment": {"snippet": {"textOriginal": "Hi"}}}}
    comment = {"params": {"part": "snippet"}, "json": thread}

    assert channel.call("POST", "upload/youtube/v3/thumbnails/set", params=params, data=PNG).status_code == 200
    set_to = channel.reason("POST", "upload/youtube/v3/thumbnails/set", params=params, data=MP4)
    assert set_to == (400, "invalidImage")
    assert channel.reason("POST", "youtube/v3/commentThreads", **comment) == (404, "videoNotFound")  # private
    for is_for_kids, refusal in ((True, "commentsDisabled"), (False, None)):
        status = {"privacyStatus": "public", "selfDeclaredMadeForKids": is_for_kids}
        told = {"id": video_id, **VIDEO, "status": status}
        channel.call("PUT", "youtube/v3/videos", params={"part": "snippet,status"}, json=told)
        said = channel.call("POST", "youtube/v3/commentThreads", **comment).json()
        assert said.get("error", {}).get("errors", [{}])[0].get("reason") == refusal
    assert control.texts() == ["B", "Hi"]


@pytest.mark.parametrize(("limits", "calls"), [({"daily_videos": 2}, 2), ({"daily_units": 120}, 2)])
def test_quota_of_a_day_is_the_projects(control: Control, channel: Channel, limits: dict[str, int], calls: int) -> None:
    video_id = channel.upload()
    control.put("instance", platform="youtube", **limits)
    other = Channel(channel.url).sign_in(handle="bob")
    if "daily_videos" in limits:
        answers = [one.begin(9) for one in (channel, other)]
    else:
        told = {"params": {"part": "snippet,status"}, "json": {"id": video_id, **VIDEO}}
        answers = [channel.call("PUT", "youtube/v3/videos", **told) for _ in range(calls + 1)]

    assert [one.status_code for one in answers] == [200] * (len(answers) - 1) + [403]
    assert answers[-1].json()["error"]["errors"][0] == {
        "message": "The request cannot be completed because you have exceeded your quota.",
        "domain": "youtube.quota",
        "reason": "quotaExceeded",
    }


def test_refresh_token_stays_the_same_until_all_is_revoked(channel: Channel) -> None:
    refresh = {**APP, "grant_type": "refresh_token", "refresh_token": channel.tokens["refresh_token"]}

    renewed = [channel.http.post(f"{channel.url}/token", data=refresh).json() for _ in range(2)]
    revoked = channel.http.post(f"{channel.url}/revoke", data={"token": renewed[0]["access_token"]})
    dead = channel.http.post(f"{channel.url}/token", data=refresh)

    assert [("refresh_token" in one, one["expires_in"], one["token_type"]) for one in renewed] == [
        (False, 3599, "Bearer")
    ] * 2
    assert (revoked.status_code, dead.status_code, dead.json()["error"]) == (200, 400, "invalid_grant")


CAPTIONS = "upload/youtube/v3/captions"
SAID = {"language": "en", "name": ""}


def begin_captions(channel: Channel, video_id: str, **snippet: Any) -> requests.Response:
    told = {"snippet": {"videoId": video_id, **SAID, **snippet}}
    return channel.call("POST", CAPTIONS, params={"uploadType": "resumable", "part": "snippet"}, json=told)


def test_video_has_captions_of_a_language_and_name_once(channel: Channel) -> None:
    video_id, data = channel.upload(), b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"

    opened = [begin_captions(channel, video_id).headers["location"] for _ in range(2)]
    made, twice = (channel.call("PUT", session, data=data) for session in opened)
    again = begin_captions(channel, video_id)
    other = begin_captions(channel, video_id, name="for the deaf")

    assert (made.status_code, made.json()["snippet"]["status"]) == (200, "serving")
    assert [one.json()["error"]["errors"][0]["reason"] for one in (twice, again)] == ["captionExists"] * 2
    assert (twice.status_code, again.status_code, other.status_code) == (409, 409, 200)
    [track] = channel.call("GET", "youtube/v3/captions", params={"part": "snippet", "videoId": video_id}).json()[
        "items"
    ]
    assert track["id"] == made.json()["id"]
    assert channel.call("GET", f"youtube/v3/captions/{track['id']}").content == data


@pytest.mark.parametrize(
    ("snippet", "refusal"),
    [
        ({"language": "?"}, (400, "invalidMetadata")),
        ({"trackKind": "standard"}, (400, "invalidMetadata")),
        ({"name": "x" * 151}, (400, "nameTooLong")),
        ({"videoId": "AAAAAAAAAAA"}, (404, "videoNotFound")),
    ],
)
def test_captions_that_make_no_sense_are_refused(
    channel: Channel, snippet: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = begin_captions(channel, channel.upload(), **snippet)

    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == refusal


def test_captions_cost_four_hundred_units(control: Control, channel: Channel) -> None:
    video_id = channel.upload()
    control.put("instance", platform="youtube", daily_units=800)

    answers = [begin_captions(channel, video_id, name=str(number)).status_code for number in range(2)]
    spent = channel.reason("POST", CAPTIONS, params={"uploadType": "resumable", "part": "snippet"})

    assert (answers, spent) == ([200, 200], (403, "quotaExceeded"))


def test_text_that_is_none_is_no_caption(channel: Channel) -> None:
    session = begin_captions(channel, channel.upload()).headers["location"]

    answer = channel.call("PUT", session, data=b"hello")

    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "contentRequired")
