"""What is made of a file for whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from media_library.codecs.geometry import Bounds
from media_library.codecs.recipes import (
    GIF,
    JPEG,
    MP4,
    PNG,
    WEBP,
    CannotFit,
    Original,
    Recipe,
    plan,
    plan_thumbnail,
    plan_web,
)

STILLS = (JPEG, PNG, WEBP)
PHOTO = Original("image", JPEG, 400_000, 1600, 1200, facts={"orientation": 1, "mode": "RGB", "frames": 1})
MOVING = Original("animation", GIF, 400_000, 320, 240, 3.0, facts={"frames": 9, "mode": "P"})
FILM = Original(
    "video",
    MP4,
    4_000_000,
    1280,
    720,
    20.0,
    facts={
        "container": "mp4",
        "video_codec": "h264",
        "audio_codec": "aac",
        "has_audio": True,
        "fps": 25.0,
        "pixel_format": "yuv420p",
        "rotation": 0,
    },
)


def image_rule(**limits: Any) -> MediaRule:
    return MediaRule(
        "https://example.org",
        "2026-11-28",
        images=ImageRule(**{"mime_types": STILLS, "max_bytes": 1_000_000, **limits}),
    )


def moving_rule(*mime_types: str, **limits: Any) -> MediaRule:
    rule = ImageRule(**{"mime_types": mime_types, "max_bytes": 1_000_000, **limits})
    return MediaRule("https://example.org", "2026-11-28", animations=rule)


def film_rule(**limits: Any) -> MediaRule:
    rule = VideoRule(**{"mime_types": (MP4,), "max_bytes": 10_000_000, **limits})
    return MediaRule("https://example.org", "2026-11-28", videos=rule)


def with_facts(original: Original, **facts: Any) -> Original:
    return replace(original, facts={**original.facts, **facts})


def refusal(original: Original, rule: MediaRule, fit: str = "fit") -> tuple[str, str]:
    with pytest.raises(CannotFit) as unfit:
        plan(original, rule, fit=fit)
    (problem,) = unfit.value.problems
    assert problem.field == ""
    return problem.code, problem.message


# --- pictures ---
def test_photo_that_fits_keeps_its_pixels() -> None:
    assert plan(PHOTO, image_rule()) == Recipe("image", JPEG, 1600, 1200, 400_000, keeps=("pixels",))


def test_what_fits_two_rules_is_one_recipe() -> None:
    assert plan(PHOTO, image_rule()).key == plan(PHOTO, image_rule(max_bytes=5_000_000, max_width=4096)).key


@pytest.mark.parametrize(
    ("original", "limits"),
    [
        (PHOTO, {"max_bytes": 399_999}),
        (PHOTO, {"max_width": 1599}),
        (PHOTO, {"mime_types": (PNG,)}),
        (with_facts(PHOTO, orientation=6), {}),
        (with_facts(PHOTO, mode="CMYK"), {}),
        (replace(with_facts(PHOTO, mode="I;16"), mime_type=PNG), {}),
    ],
    ids=["bytes", "width", "type", "turned", "ink", "16 bits"],
)
def test_picture_that_does_not_fit_as_it_is_is_encoded(original: Original, limits: dict[str, Any]) -> None:
    assert plan(original, image_rule(**limits)).keeps == ()


@pytest.mark.parametrize(
    ("original", "types", "made", "spare"),
    [
        (PHOTO, (JPEG, PNG), JPEG, ""),
        (PHOTO, (PNG, JPEG), PNG, ""),
        (replace(with_facts(PHOTO, has_alpha=True, mode="RGBA"), mime_type=WEBP), (JPEG, PNG), PNG, JPEG),
        (replace(with_facts(PHOTO, has_alpha=True), mime_type=PNG), (JPEG, WEBP), WEBP, ""),
        (replace(with_facts(PHOTO, has_alpha=True), mime_type=PNG), (JPEG,), JPEG, ""),
        (replace(PHOTO, mime_type=PNG), (JPEG, PNG), PNG, JPEG),
    ],
    ids=["photo", "png only first", "alpha", "alpha as webp", "alpha on white", "drawing"],
)
def test_type_of_what_is_encoded(original: Original, types: tuple[str, ...], made: str, spare: str) -> None:
    recipe = plan(original, image_rule(mime_types=types, max_width=800))

    assert (recipe.mime_type, recipe.spare_type) == (made, spare)
    assert (recipe.width, recipe.height) == (800, 600)


@pytest.mark.parametrize(("fit", "size"), [("pad", (1600, 2000)), ("crop", (960, 1200))], ids=["pad", "crop"])
def test_wrong_shape_is_padded_or_cropped_if_chosen(fit: str, size: tuple[int, int]) -> None:
    recipe = plan(PHOTO, image_rule(max_aspect=0.8), fit=fit)

    assert (recipe.width, recipe.height, recipe.fit) == (*size, fit)


def test_wrong_shape_names_its_remedies() -> None:
    code, message = refusal(PHOTO, image_rule(min_aspect=0.8, max_aspect=1.0))

    assert code == "media_cannot_fit"
    assert message == (
        "This file is 1600 x 1200 pixels, 1.33:1; shapes between 0.8:1 and 1:1 are taken. "
        "Choose pad (bars are added) or crop (edges are cut off)."
    )


def test_too_small_is_refused_or_padded() -> None:
    rule = image_rule(min_width=2000)

    assert refusal(PHOTO, rule)[0] == "media_too_small"
    assert refusal(PHOTO, rule, "crop")[0] == "media_too_small"
    assert plan(PHOTO, rule, fit="pad").width == 2000


@pytest.mark.parametrize(
    ("original", "rule"),
    [(PHOTO, film_rule()), (MOVING, image_rule()), (FILM, image_rule())],
    ids=["picture", "animation", "video"],
)
def test_kind_that_is_not_taken_is_refused(original: Original, rule: MediaRule) -> None:
    code, message = refusal(original, rule)

    assert code == "media_kind_not_supported"
    assert " Use " in message


# --- what moves ---
def test_animation_stays_what_it_is() -> None:
    assert plan(MOVING, moving_rule(GIF)) == Recipe("animation", GIF, 320, 240, 400_000, keeps=("pixels",))


def test_animation_of_many_frames_is_made_smaller_or_refused() -> None:
    rule = moving_rule(GIF, max_frames=350, max_pixels_in_all=300_000_000)
    long = replace(MOVING, width=1280, height=1080)

    assert plan(with_facts(long, frames=217), rule).keeps == ("pixels",)  # 217 x 1280 x 1080 are 299,980,800
    made = plan(with_facts(long, frames=218), rule)
    assert (made.keeps, made.width * made.height * 218 <= 300_000_000) == ((), True)
    assert plan(with_facts(MOVING, frames=350), rule).keeps == ("pixels",)
    with pytest.raises(CannotFit) as caught:
        plan(with_facts(MOVING, frames=351), rule)
    [problem] = caught.value.problems
    assert (problem.code, dict(problem.params)) == ("media_cannot_fit", {"frames": 351, "limit": 350})


def test_animation_becomes_a_video_where_that_comes_first() -> None:
    recipe = plan(replace(MOVING, width=321), moving_rule(MP4, GIF))

    assert (recipe.form, recipe.mime_type, recipe.width, recipe.height) == ("animation", MP4, 320, 240)


def test_animation_of_another_type_is_encoded() -> None:
    assert plan(replace(MOVING, mime_type=WEBP), moving_rule(GIF)).mime_type == GIF
    assert refusal(MOVING, moving_rule("image/apng"))[0] == "media_cannot_fit"


# --- videos ---
def test_video_that_fits_keeps_pixels_and_sound() -> None:
    assert plan(FILM, film_rule()).keeps == ("pixels", "sound")


def test_sound_alone_is_encoded() -> None:
    assert plan(with_facts(FILM, audio_codec="pcm_s16le"), film_rule()).keeps == ("pixels",)


@pytest.mark.parametrize(
    ("facts", "limits"),
    [
        ({"video_codec": "hevc"}, {}),
        ({"rotation": 90}, {}),
        ({"pixel_format": "yuv420p10le"}, {}),
        ({"container": "avi"}, {}),
        ({"fps": 60.0}, {"max_fps": 30.0}),
        ({"fps": 0.0}, {"max_fps": 30.0}),
        ({}, {"max_height": 719}),
        ({}, {"max_bytes": 3_999_999}),
    ],
    ids=str,
)
def test_video_that_does_not_fit_as_it_is_is_encoded(facts: dict[str, Any], limits: dict[str, Any]) -> None:
    recipe = plan(with_facts(FILM, **facts), film_rule(**limits))

    assert recipe.keeps == ()
    assert (recipe.width % 2, recipe.height % 2) == (0, 0)


def test_video_of_a_wrong_length_is_refused() -> None:
    code, message = refusal(FILM, film_rule(max_duration_s=10.0))
    assert (code, message) == ("media_too_long", "This video takes 20 s; at most 10 s are taken. Shorten it.")

    assert refusal(FILM, film_rule(min_duration_s=30.0))[0] == "media_too_short"


def test_video_that_would_turn_to_blocks_becomes_smaller_and_then_is_refused() -> None:
    long = replace(FILM, size=900_000_000, duration_s=1800.0)

    made = plan(long, film_rule(max_bytes=100_000_000))

    assert 320 * 240 <= made.width * made.height < 1280 * 720
    assert refusal(replace(long, duration_s=14_400.0), film_rule(max_bytes=100_000_000))[0] == "media_cannot_fit"


# --- previews, keys ---
@pytest.mark.parametrize("original", [PHOTO, MOVING, FILM], ids=["image", "animation", "video"])
def test_every_file_has_a_thumbnail_and_a_preview(original: Original) -> None:
    thumbnail, web = plan_thumbnail(original), plan_web(original)

    assert (thumbnail.form, thumbnail.mime_type, max(thumbnail.width, thumbnail.height)) == (
        "image",
        JPEG,
        min(400, original.width),
    )
    assert web.form == ("animation" if original is MOVING else "image")


@pytest.mark.parametrize("rule", [image_rule(), image_rule(max_width=99, min_aspect=0.1, max_aspect=7.5)])
def test_recipe_survives_json(rule: MediaRule) -> None:
    recipe = plan(PHOTO, rule)

    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_json(recipe.to_json()).key == recipe.key


@given(
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    max_side=st.integers(64, 4096),
    max_pixels=st.integers(20_000, 4_000_000),
    aspects=st.tuples(st.floats(0.2, 1.0), st.floats(1.0, 3.0)),
    fit=st.sampled_from(["fit", "pad", "crop"]),
    step=st.sampled_from([1, 2]),
    share=st.floats(0.3, 0.99),
)
@example(
    width=16, height=8, max_side=64, max_pixels=20_000, aspects=(1.0, 1.9999999999999996), fit="pad", step=1, share=0.5
)
def test_what_is_made_is_inside_all_bounds(
    width: int,
    height: int,
    max_side: int,
    max_pixels: int,
    aspects: tuple[float, float],
    fit: str,
    step: int,
    share: float,
) -> None:
    limits = {"max_width": max_side, "max_height": max_side, "max_pixels": max_pixels}
    rule = ImageRule((MP4,) if step == 2 else (JPEG,), 1000, **limits, min_aspect=aspects[0], max_aspect=aspects[1])
    if step == 2:
        original, media_rule = replace(MOVING, width=width, height=height), MediaRule("", "", animations=rule)
    else:
        original, media_rule = replace(PHOTO, width=width, height=height), MediaRule("", "", images=rule)
    try:
        recipe = plan(original, media_rule, fit=fit)
    except CannotFit:
        assert fit == "fit" or min(width, height) < 8
        return

    assert Bounds.of(rule, step=step).hold(recipe.width, recipe.height)
    smaller = recipe.smaller(share)
    assert smaller is None or Bounds.of(rule, step=step).hold(*smaller)
