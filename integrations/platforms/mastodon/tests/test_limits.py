"""What a server says of itself, and the rule for media that follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part, Target
from integrations.platforms.mastodon.connector import MastodonConnector
from integrations.platforms.mastodon.limits import READ, STOCK, URL, limits_of, media_rule_of
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

NOTHING_SAID = {**STOCK, "mime_types": []}
STOCK_RULE = MediaRule(
    url=URL,
    read=READ,
    images=ImageRule(("image/jpeg", "image/png", "image/webp"), 16_777_215, max_pixels=33_177_600),
    animations=ImageRule(("image/gif",), 16_777_215, max_pixels=921_600),
    videos=VideoRule(("video/mp4",), 103_809_023, max_pixels=8_294_400, max_fps=120),
    max_images=4,
    alt_text_limit=1500,
)
GLITCH: dict[str, Any] = {
    "max_characters": 5000,
    "characters_reserved_per_url": 30,
    "max_media_attachments": 16,
    "description_limit": 10_000,
    "image_size_limit": 20_000_000,
    "image_matrix_limit": 500_000,
    "video_size_limit": 200_000_000,
    "video_matrix_limit": 2_304_000,
    "video_frame_rate_limit": 60,
    "mime_types": ["image/png", "image/gif", "video/mp4"],
}


def document(**media: Any) -> dict[str, Any]:
    return {"configuration": {"media_attachments": media}}


def test_limits_of_the_document_are_taken() -> None:
    statuses = {name: GLITCH[name] for name in list(GLITCH)[:3]}
    media = {name: GLITCH[name] for name in list(GLITCH)[3:-1]}
    media["supported_mime_types"] = GLITCH["mime_types"]

    polls = {"max_options": 20, "max_characters_per_option": 200, "min_expiration": 60, "max_expiration": 86_400}
    configuration = {"statuses": statuses, "media_attachments": media, "polls": polls}

    assert limits_of({"configuration": configuration}) == {**GLITCH, **polls}


@pytest.mark.parametrize(
    ("instance", "limits"),
    [
        ({}, {}),
        ({"max_toot_chars": 5000}, {"max_characters": 5000}),
        ({"configuration": None}, {}),
        ({"configuration": {"polls": {"max_options": 0, "min_expiration": "300", "max_expiration": None}}}, {}),
        # Pleroma and Akkoma, at the top
        (
            {"poll_limits": {"max_options": 20, "max_option_chars": 200, "min_expiration": 0, "max_expiration": 9999}},
            {"max_options": 20, "max_characters_per_option": 200, "max_expiration": 9999},
        ),
        ({"configuration": {"statuses": [], "media_attachments": "no"}}, {}),
        ({"configuration": {"statuses": {"max_characters": "500", "max_media_attachments": -1}}}, {}),
        ({"configuration": {"statuses": {"max_characters": True}}}, {}),
        ({"configuration": {"statuses": {"max_media_attachments": 0}}}, {"max_media_attachments": 0}),
        (document(image_size_limit=0, video_size_limit=10**15, image_matrix_limit=1.5), {}),
        # Pleroma and Akkoma, at the top of their version 1
        (
            {"max_media_attachments": 20, "description_limit": 5000, "upload_limit": 16_000_000},
            {
                "max_media_attachments": 20,
                "description_limit": 5000,
                "image_size_limit": 16_000_000,
                "video_size_limit": 16_000_000,
            },
        ),
        (document(supported_mime_types={"image/jpeg": "jpg", "image/png": "png"}),  # Friendica
         {"mime_types": ["image/jpeg", "image/png"]}),
        (document(supported_mime_types=["image/png", 5, None, "nonsense", "x/" * 100]), {"mime_types": ["image/png"]}),
        (document(supported_mime_types="image/jpeg"), {}),
        (document(supported_mime_types=[f"image/{number}" for number in range(99)]),
         {"mime_types": [f"image/{number}" for number in range(50)]}),
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_are_stock(instance: dict[str, Any], limits: dict[str, Any]) -> None:
    assert limits_of(instance) == {**NOTHING_SAID, **limits}


@pytest.mark.parametrize("limits", [{}, NOTHING_SAID, {"max_characters": 500, "characters_reserved_per_url": 23}])
def test_rule_is_stock_where_the_server_said_nothing(limits: dict[str, Any]) -> None:
    assert media_rule_of(limits) == STOCK_RULE


def test_rule_is_what_the_server_says() -> None:
    assert media_rule_of(GLITCH) == MediaRule(
        url=URL,
        read=READ,
        images=ImageRule(("image/png",), 19_999_999, max_pixels=500_000),
        animations=ImageRule(("image/gif",), 19_999_999, max_pixels=500_000),
        videos=VideoRule(("video/mp4",), 199_999_999, max_pixels=2_304_000, max_fps=60),
        max_images=16,
        alt_text_limit=10_000,
    )


@pytest.mark.parametrize(
    ("mime_types", "kinds"),
    [
        (["image/gif", "image/jpeg"], ("image/jpeg", "image/gif", None)),
        (["image/webp", "video/mp4"], ("image/webp", "video/mp4", "video/mp4")),
        (["video/webm", "audio/ogg"], (None, None, None)),
    ],
)
def test_kind_that_the_server_does_not_take_is_none(mime_types: list[str], kinds: tuple[str | None, ...]) -> None:
    rule = media_rule_of({"mime_types": mime_types})

    assert rule is not None
    assert tuple(one and one.mime_types[0] for one in (rule.images, rule.animations, rule.videos)) == kinds


def target(**limits: Any) -> Target:
    return Target("https://m.test", "m.test", "1", "@a@m.test", {"limits": limits})


@pytest.mark.parametrize(
    ("post_type", "where", "rule"),
    [
        ("standard", None, STOCK_RULE),
        ("thread", None, STOCK_RULE),
        ("thread", target(**GLITCH), media_rule_of(GLITCH)),
        ("reel", None, None),
        ("standard", target(max_media_attachments=0), None),
    ],
)
def test_connector_goes_by_its_server(post_type: str, where: Target | None, rule: MediaRule | None) -> None:
    assert MastodonConnector.media_rule(post_type, where) == rule


def use(kind: str = "image", alt_text: str = "") -> MediaUse:
    return MediaUse("1", "", "image/png", 1, alt_text, kind=kind)


@pytest.mark.parametrize(
    ("uses", "where", "problems"),
    [
        ([use()] * 4, None, []),
        ([use()] * 5, None, [("media", "too_many_media")]),
        ([use()] * 16, target(**GLITCH), []),
        ([use(), use("video")], None, [("media", "media_cannot_mix")]),
        ([use("animation")] * 2, None, [("media", "too_many_media")]),
        ([use(alt_text="x" * 1501)], None, [("media.0", "alt_text_too_long")]),
        ([use(alt_text="x" * 1501)], target(**GLITCH), []),
        ([use("video")], target(mime_types=["image/png"]), [("media.0", "media_not_supported")]),
        ([use()], target(max_media_attachments=0), [("media", "media_not_supported")]),
    ],
)
def test_files_are_checked_against_the_server(
    uses: list[MediaUse], where: Target | None, problems: list[tuple[str, str]]
) -> None:
    found = MastodonConnector.validate(Content((Part("", tuple(uses)),)), where)

    assert [(one.field, one.code) for one in found] == problems
