"""Each limit that Facebook documents, on both sides: what just fits, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part
from integrations.platforms.facebook.capabilities import CAPABILITIES
from integrations.platforms.facebook.connector import FacebookConnector
from media_library.codecs.recipes import CannotFit, Original, plan

PICTURE = MediaUse("1", "", "image/jpeg", 1, kind="image")
VIDEO = MediaUse("2", "", "video/mp4", 1, kind="video")
FILM = Original(
    form="video",
    mime_type="video/mp4",
    size=5_000_000,
    width=1080,
    height=1920,
    duration_s=30.0,
    facts={"container": "mp4", "video_codec": "h264", "pixel_format": "yuv420p", "fps": 30.0},
)
PHOTO = Original("image", "image/jpeg", size=4_000_000, width=1200, height=900, facts={"mode": "RGB"})


def saying(text: str) -> Content:
    return Content((Part(text),))


def showing(post_type: str, *media: MediaUse, **options: Any) -> Content:
    return Content((Part("", media),), options, post_type=post_type)


@pytest.mark.parametrize(
    ("fits", "too_much", "code"),
    [
        (saying("👋" * 63_206), saying("👋" * 63_207), "too_long"),
        (showing("standard", *[PICTURE] * 10), showing("standard", *[PICTURE] * 11), "too_many_media"),
        (showing("standard", VIDEO), showing("standard", VIDEO, VIDEO), "too_many_media"),
        (showing("reel", VIDEO), showing("reel", VIDEO, VIDEO), "too_many_media"),
        (showing("story", PICTURE), showing("story", PICTURE, PICTURE), "too_many_media"),
        (showing("story", VIDEO), showing("story", VIDEO, PICTURE), "media_cannot_mix"),
        (
            showing("standard", replace(PICTURE, alt_text="a" * 1000)),
            showing("standard", replace(PICTURE, alt_text="a" * 1001)),
            "alt_text_too_long",
        ),
        (showing("reel", VIDEO, title="t" * 255), showing("reel", VIDEO, title="t" * 256), "too_long"),
        (
            Content((Part("Look"),), {"link": f"https://example.com/{'a' * 1980}"}),
            Content((Part("Look"),), {"link": f"https://example.com/{'a' * 1981}"}),
            "too_long",
        ),
    ],
)
def test_what_just_fits_is_taken_and_a_little_more_is_not(fits: Content, too_much: Content, code: str) -> None:
    assert FacebookConnector.validate(fits, None) == []
    assert [problem.code for problem in FacebookConnector.validate(too_much, None)] == [code]


@pytest.mark.parametrize(
    ("post_type", "fits", "too_much", "code"),
    [
        ("standard", {"duration_s": 14_400.0}, {"duration_s": 14_401.0}, "media_too_long"),
        ("reel", {"duration_s": 90.0}, {"duration_s": 90.5}, "media_too_long"),
        ("reel", {"duration_s": 3.0}, {"duration_s": 2.9}, "media_too_short"),
        ("story", {"duration_s": 60.0}, {"duration_s": 60.5}, "media_too_long"),
        ("story", {"duration_s": 3.0}, {"duration_s": 2.9}, "media_too_short"),
        ("reel", {"width": 1080, "height": 1920}, {"width": 1082, "height": 1920}, "media_cannot_fit"),
        ("reel", {"width": 540, "height": 960}, {"width": 539, "height": 960}, "media_too_small"),
        ("reel", {"width": 960, "height": 1920}, {"width": 950, "height": 1920}, "media_cannot_fit"),
        ("story", {"width": 1080, "height": 1920}, {"width": 1920, "height": 1080}, "media_cannot_fit"),
    ],
)
def test_film_that_just_fits_is_taken_as_it_is(
    post_type: str, fits: dict[str, Any], too_much: dict[str, Any], code: str
) -> None:
    rule = CAPABILITIES.media[post_type]

    assert "pixels" in plan(replace(FILM, **fits), rule).keeps
    with pytest.raises(CannotFit) as refused:
        plan(replace(FILM, **too_much), rule)
    assert [problem.code for problem in refused.value.problems] == [code]


@pytest.mark.parametrize(
    ("post_type", "original", "too_much"),
    [
        ("standard", replace(FILM, size=10_000_000_000), {"size": 10_000_000_001}),
        ("reel", replace(FILM, size=1_000_000_000), {"size": 1_000_000_001}),
        ("reel", replace(FILM, facts={**FILM.facts, "fps": 60.0}), {"facts": {**FILM.facts, "fps": 60.1}}),
        ("story", replace(FILM, size=1_000_000_000), {"size": 1_000_000_001}),
        ("standard", PHOTO, {"size": 4_000_001}),
        ("story", PHOTO, {"size": 4_000_001}),
    ],
)
def test_larger_file_is_made_smaller(post_type: str, original: Original, too_much: dict[str, Any]) -> None:
    rule = CAPABILITIES.media[post_type]

    kept, made = plan(original, rule), plan(replace(original, **too_much), rule)

    assert ("pixels" in kept.keeps, "pixels" in made.keeps) == (True, False)
