"""What is said to Instagram of a post, word by word, and what of it is refused before it is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from integrations.contract import Content, MediaUse, Part, Pending, Published, Target
from integrations.platforms.instagram.connector import InstagramConnector
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.raw_server import RawServer, answer, raw_server, says

PICTURE = MediaUse("1", "", "image/jpeg", 10, "A cat", width=1000, height=1000, url="https://example.org/1.jpg?a=b")
FILM = MediaUse("2", "", "video/mp4", 10, kind="video", duration_s=8.0, url="https://example.org/2.mp4")
COVER = replace(PICTURE, asset_id="3", url="https://example.org/3.jpg", role="cover")
TARGET = Target("https://graph.instagram.com", "graph.instagram.com", "17", "@anna", facts={"login": "instagram"})
BY_FACEBOOK = replace(TARGET, facts={"login": "facebook"})
FINISHED = {"id": "71", "status_code": "FINISHED"}
LIMIT = {"data": [{"quota_usage": 1, "config": {"quota_total": 50}}]}
REFUSED = {"error": {"code": 100, "message": "Tried accessing nonexisting field"}}
OUT = {"id": "72", "permalink": "https://www.instagram.com/p/abc/"}


def content(*media: MediaUse, text: str = "", kind: str = "standard", **options: Any) -> Content:
    return Content((Part(text, media),), options, kind)


def published(server: RawServer, whole: Content, times: int = 1) -> Published | Pending:
    connector = InstagramConnector(TARGET, Http(server.url, on_visible=lambda: None))
    progress = InMemoryProgress()
    for _ in range(times):
        said = connector.publish(step_of(whole), progress=progress)
    return said


def scripted(*answers: Mapping[str, Any], status: int = 200) -> Any:
    said = [answer(json.dumps(one), 400 if "error" in one else status) for one in answers]
    return raw_server(says(*said))


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        (content(PICTURE), {"image_url": PICTURE.url, "alt_text": "A cat"}),
        (
            content(
                PICTURE,
                text="Grüße",
                collaborators=["ben", "eva"],
                location_id="123",
                user_tags=[{"username": "ben", "x": 0.5, "y": 1}],
            ),
            {
                "image_url": PICTURE.url,
                "alt_text": "A cat",
                "caption": "Grüße",
                "collaborators": '["ben", "eva"]',
                "location_id": "123",
                "user_tags": '[{"username": "ben", "x": 0.5, "y": 1}]',
            },
        ),
        (
            content(FILM, text="Film", share_to_feed=False, thumb_offset=0, audio_name="Waves"),
            {
                "video_url": FILM.url,
                "media_type": "REELS",
                "caption": "Film",
                "share_to_feed": "false",
                "thumb_offset": "0",
                "audio_name": "Waves",
            },
        ),
        (
            content(FILM, COVER, kind="reel", thumb_offset=5, user_tags=[{"username": "ben"}]),
            {
                "video_url": FILM.url,
                "media_type": "REELS",
                "cover_url": COVER.url,
                "user_tags": '[{"username": "ben"}]',
            },
        ),
        (content(PICTURE, kind="story"), {"image_url": PICTURE.url, "media_type": "STORIES"}),
        (content(FILM, kind="story"), {"video_url": FILM.url, "media_type": "STORIES"}),
    ],
)
def test_one_file_is_said_with_all_of_its_post(whole: Content, said: dict[str, str]) -> None:
    with scripted({"id": "71"}, FINISHED, LIMIT, OUT, OUT) as server:
        out = published(server, whole)

    assert isinstance(out, Published)
    assert (out.remote_id, out.url) == ("72", "https://www.instagram.com/p/abc/")
    made, *_, put, _ = server.requests
    assert forms(made) == said
    assert (made.partition(b" HTTP")[0], forms(put)) == (b"POST /v26.0/17/media", {"creation_id": "71"})


def test_carousel_says_of_each_file_what_is_its_own() -> None:
    tags = [{"username": "ben", "x": 0, "y": 0.25, "media_index": 1}, {"username": "eva", "media_index": 0}]
    whole = content(FILM, PICTURE, text="Both", kind="carousel", user_tags=tags, collaborators=["eva"])
    children = {"id": "81"}, {"id": "82"}, {**FINISHED, "id": "81"}, {**FINISHED, "id": "82"}
    with scripted(*children, {"id": "71"}, FINISHED, LIMIT, OUT, OUT) as server:
        published(server, whole)

    film, picture, _, _, parent = (forms(request) for request in server.requests[:5])
    assert film == {
        "video_url": FILM.url,
        "media_type": "VIDEO",
        "is_carousel_item": "true",
        "user_tags": '[{"username": "eva"}]',
    }
    assert picture == {
        "image_url": PICTURE.url,
        "alt_text": "A cat",
        "is_carousel_item": "true",
        "user_tags": '[{"username": "ben", "x": 0, "y": 0.25}]',
    }
    assert parent == {"media_type": "CAROUSEL", "children": "81,82", "caption": "Both", "collaborators": '["eva"]'}


def test_container_that_is_not_ready_after_all_is_asked_again() -> None:
    not_ready = {"error": {"code": 9007, "error_subcode": 2207027, "message": "Not ready."}}
    begun = {"id": "71"}, FINISHED, LIMIT, not_ready
    with scripted(*begun, FINISHED, LIMIT, OUT, {"error": {"code": 1}}) as server:
        first = published(server, content(PICTURE))
    with scripted(*begun, FINISHED, LIMIT, OUT, {"error": {"code": 1}}) as server:
        second = published(server, content(PICTURE), times=2)

    assert isinstance(first, Pending)
    assert isinstance(second, Published)
    assert second.url == "https://www.instagram.com/anna/"  # its own address could not be read


def test_quota_that_instagram_does_not_tell_keeps_nobody_back() -> None:
    with scripted({"id": "71"}, FINISHED, REFUSED, OUT, OUT) as server:
        out = published(server, content(PICTURE))

    assert isinstance(out, Published)
    assert out.rests_until is None


def forms(request: bytes) -> dict[str, str]:
    body = request.partition(b"\r\n\r\n")[2].decode()
    return {name: values[0] for name, values in parse_qs(body, strict_parsing=bool(body)).items()}


# --- what is known before ---

FINE: dict[str, Content] = {
    "ten files": content(*[PICTURE] * 9, FILM, text="x" * 2_200),
    "thirty hashtags": content(PICTURE, text=" ".join(f"#tag{number}" for number in range(30))),
    "twenty mentions": content(PICTURE, text=" ".join(f"@someone{number}" for number in range(20))),
    "no hashtags": content(PICTURE, text=" ".join(f"#{number} a@b.example" for number in range(31))),
    "three collaborators": content(PICTURE, collaborators=["a", "b.c", "d_e"]),
    "tags": content(PICTURE, FILM, user_tags=[{"username": "a", "x": 0, "y": 1}, {"username": "b", "media_index": 1}]),
    "story": content(FILM, kind="story", user_tags=[{"username": "a"}]),
    "reel": content(FILM, COVER, kind="reel", thumb_offset=8_000, share_to_feed=True, audio_name="x"),
    "longest alt text": content(replace(PICTURE, alt_text="x" * 1_000)),
}
REFUSALS: tuple[tuple[str, str, Content], ...] = (
    ("media", "media_required", content(text="Words")),
    ("media", "media_required", content(kind="reel")),
    ("media", "media_required", content(PICTURE, kind="carousel")),
    ("media", "too_many_media", content(*[PICTURE] * 9, FILM, FILM)),
    ("media.0", "media_not_supported", content(PICTURE, kind="reel")),
    ("media", "too_many_media", content(FILM, FILM, kind="reel")),
    ("media", "too_many_media", content(PICTURE, PICTURE, kind="story")),
    ("media", "media_cannot_mix", content(PICTURE, FILM, kind="story")),
    ("media", "cover_not_supported", content(PICTURE, COVER)),
    ("media.1", "cover_not_supported", content(FILM, COVER, kind="story")),
    ("media.0", "alt_text_too_long", content(replace(PICTURE, alt_text="x" * 1_001))),
    ("content", "too_long", content(PICTURE, text="x" * 2_201)),
    ("content", "too_many_hashtags", content(PICTURE, text=" ".join(f"#tag{number}" for number in range(31)))),
    ("content", "too_many_mentions", content(PICTURE, text=" ".join(f"@someone{number}" for number in range(21)))),
    ("content", "text_not_supported", content(PICTURE, text="Words", kind="story")),
    (
        "content",
        "comment_not_supported",
        Content((Part("", (PICTURE,)), Part("First!", kind="comment")), post_type="story"),
    ),
    ("post_options.instagram.collaborators", "option_not_supported", content(FILM, kind="story", collaborators=["a"])),
    ("post_options.instagram.collaborators", "too_many", content(PICTURE, collaborators=list("abcd"))),
    ("post_options.instagram.collaborators", "invalid_format", content(PICTURE, collaborators=["@a"])),
    ("post_options.instagram.share_to_feed", "option_not_supported", content(PICTURE, share_to_feed=True)),
    ("post_options.instagram.thumb_offset", "option_not_supported", content(PICTURE, FILM, thumb_offset=1)),
    ("post_options.instagram.thumb_offset", "too_large", content(FILM, thumb_offset=8_001)),
    ("post_options.instagram.user_tags", "required", content(PICTURE, user_tags=[{"x": 0, "y": 0}])),
    ("post_options.instagram.user_tags", "invalid_type", content(PICTURE, user_tags=[{"username": "a", "x": True}])),
    ("post_options.instagram.user_tags", "too_large", content(PICTURE, user_tags=[{"username": "a", "x": 1.1}])),
    ("post_options.instagram.user_tags", "unknown_option", content(PICTURE, user_tags=[{"username": "a", "z": 1}])),
    ("post_options.instagram.user_tags.0", "required", content(PICTURE, user_tags=[{"username": "a", "x": 0}])),
    (
        "post_options.instagram.user_tags.0",
        "option_not_supported",
        content(FILM, user_tags=[{"username": "a", "x": 0, "y": 0}]),
    ),
    (
        "post_options.instagram.user_tags.0",
        "too_large",
        content(PICTURE, user_tags=[{"username": "a", "media_index": 1}]),
    ),
    ("post_options.instagram.location_id", "option_not_supported", content(PICTURE, location_id="1")),
    ("post_options.instagram.trial", "unknown_option", content(PICTURE, trial=True)),
)


@pytest.mark.parametrize("name", FINE)
def test_what_is_just_within_the_limits_is_taken(name: str) -> None:
    assert InstagramConnector.validate(FINE[name], TARGET) == []


@pytest.mark.parametrize(("field", "code", "whole"), REFUSALS)
def test_what_instagram_refuses_is_said_before(field: str, code: str, whole: Content) -> None:
    found = [(problem.field, problem.code) for problem in InstagramConnector.validate(whole, TARGET)]

    assert (field, code) in found
    if code != "unknown_option":
        assert {one for _, one in found} <= {code, "required", "option_not_supported"}


def test_account_of_facebook_login_has_places_and_takes_posts_back() -> None:
    assert InstagramConnector.validate(content(PICTURE, location_id="1"), BY_FACEBOOK) == []
    assert [InstagramConnector.capabilities_at(one).can_delete for one in (None, BY_FACEBOOK, TARGET)] == [
        True,
        True,
        False,
    ]
