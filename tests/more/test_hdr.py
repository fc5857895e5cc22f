"""HDR comes out as everybody's screen shows it. FFmpeg computes a table of colours for it, which takes seconds."""

from __future__ import annotations

import pytest

from media_library.codecs.recipes import plan_thumbnail
from media_library.tests.test_films_of_cameras import HLG, PQ, coloured, luma_of_bt709
from media_library.tests.test_rendering import Make, films, make

__all__ = ["make"]  # a fixture


@pytest.mark.parametrize(
    ("code", "transfer", "luma"),
    [
        (126, HLG, 140),  # brighter: HLG's white is at three quarters of the signal
        (125, PQ, 171),
    ],
)
def test_film_is_toned_down_to_bt709(code: int, transfer: int, luma: int, make: Make) -> None:
    output = make(coloured((code, 128, 128), (9, 9, transfer)), films())

    assert luma_of_bt709(output) == pytest.approx(luma, abs=4)


@pytest.mark.parametrize(("white", "transfer"), [(180, HLG), (145, PQ)])
def test_thumbnail_is_as_bright_as_it_looks(white: int, transfer: int, make: Make) -> None:
    output = make(coloured((white, 128, 128), (9, 9, transfer)), plan_thumbnail)

    assert min(output.image.convert("RGB").getpixel((20, 20))) > 200  # type: ignore[arg-type,type-var]


def test_hdr_in_eight_bits_is_not_passed_on(make: Make) -> None:
    output = make(coloured((126, 128, 128), (9, 9, HLG), codec="libx264"), films())

    assert output.recipe.keeps == ()
    assert luma_of_bt709(output) == pytest.approx(140, abs=4)
