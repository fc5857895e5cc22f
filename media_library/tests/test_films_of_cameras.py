"""What cameras and editors write into films: cuts that only hide, colours, pixels that are not square, interlacing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import pytest

from media_library.codecs.recipes import Original, Recipe, plan_thumbnail
from media_library.tests import factories
from media_library.tests.test_rendering import Make, Output, films, make, near

__all__ = ["make"]  # a fixture

RED, GREEN, GREY = (200, 30, 30), (30, 200, 30), (126, 126, 126)
PQ, HLG = 16, 18
Colours = tuple[int, int, int]  # matrix, primaries, transfer


def pictures(colours: Sequence[tuple[int, int, int]], size: tuple[int, int], fps: int) -> Iterator[av.VideoFrame]:
    from PIL import Image

    for number, colour in enumerate(colours):
        frame = av.VideoFrame.from_image(Image.new("RGB", size, colour))
        frame.pts = number
        yield frame


def film(
    colours: Sequence[tuple[int, int, int]], *, form: str = "mp4", size: tuple[int, int] = (64, 48), fps: int = 10,
    hidden_s: float = 0.0, options: dict[str, str] | None = None, sample_aspect: str = "", has_sound: bool = False,
) -> bytes:  # fmt: skip
    """A film of one-coloured pictures; an edit list hides its first `hidden_s` seconds, as a quick cut does."""
    whole = io.BytesIO()
    with av.open(whole, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=fps, options={"g": "1000", "bf": "0", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if sample_aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(sample_aspect.replace(":", "/"))
        sound: Any = to.add_stream("aac", rate=48_000, layout="mono") if has_sound else None
        for frame in pictures(colours, size, fps):
            to.mux(stream.encode(frame))
        if sound is not None:
            for number in range(len(colours) * 48_000 // fps // 1024):
                noise = av.AudioFrame(format="fltp", layout="mono", samples=1024)
                noise.sample_rate, noise.pts = 48_000, number * 1024
                noise.planes[0].update(b"\x00\x00\x00\x3e" * 1024)
                to.mux(sound.encode(noise))
            to.mux(sound.encode(None))
        to.mux(stream.encode(None))
    if not hidden_s and form == "mp4":
        return whole.getvalue()
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(whole.getvalue())) as source,
        av.open(out, "w", format=form, options={"use_editlist": "1", "avoid_negative_ts": "disabled"}) as to,
    ):
        made = {each.index: to.add_stream_from_template(each) for each in source.streams if each.type != "data"}
        for packet in source.demux():
            if packet.dts is None:
                continue
            shift = round(hidden_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = made[packet.stream.index]
            to.mux(packet)
    return out.getvalue()


def all_pictures(data: bytes) -> list[tuple[int, int, int]]:
    """The middle of every picture that the file holds, hidden or not."""
    with av.open(io.BytesIO(data), options={"ignore_editlist": "1"}) as container:
        shown = [frame.to_image() for frame in container.decode(video=0)]
    return [image.getpixel((image.width // 2, image.height // 2)) for image in shown]


# --- only what is seen leaves ---
@pytest.mark.parametrize("form", ["mp4", "mov"])
@pytest.mark.parametrize("has_sound", [False, True])
def test_pictures_that_a_cut_hides_do_not_leave(form: str, has_sound: bool, make: Make) -> None:
    data = film([RED] * 20 + [GREEN] * 20, form=form, hidden_s=2, has_sound=has_sound)
    assert near(all_pictures(data)[0], RED)

    output = make(data, films())

    shown = all_pictures(output.data)
    assert {near(each, GREEN) for each in shown} == {True}
    assert len(shown) == pytest.approx(20, abs=1)
    assert output.facts["duration_s"] == pytest.approx(2, abs=0.2)


def test_what_a_cut_leaves_keeps_its_pixels_when_nothing_is_hidden(make: Make) -> None:
    output = make(film([RED] * 10 + [GREEN] * 10, has_sound=True), films())

    assert output.recipe.keeps == ("pixels", "sound")
    assert len(all_pictures(output.data)) == 20


def test_thumbnail_is_of_what_is_seen(make: Make) -> None:
    output = make(film([RED] * 20 + [GREEN] * 20, hidden_s=2), plan_thumbnail)

    assert near(output.image.convert("RGB").getpixel((20, 20)), GREEN)  # type: ignore[arg-type]


# --- colours ---
def coloured(code: tuple[int, int, int], colours: Colours, *, height: int = 720, codec: str = "libx265") -> bytes:
    """A grey or coloured 10-bit film (8-bit as H.264) whose samples are `code` and whose tags are `colours`."""
    out = io.BytesIO()
    ten = codec == "libx265"
    with av.open(out, "w", format="mp4") as to:
        options = {"x265-params": "log-level=none"} if ten else {}
        stream: Any = to.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, height, "yuv420p10le" if ten else "yuv420p"
        context = stream.codec_context
        context.color_range = 1
        context.colorspace, context.color_primaries, context.color_trc = colours
        for number in range(5):
            frame = av.VideoFrame(128, height, stream.pix_fmt)
            for plane, value in zip(frame.planes, code, strict=True):
                sample = (value * 4).to_bytes(2, "little") if ten else bytes((value,))
                plane.update(sample * (plane.buffer_size // len(sample)))
            frame.pts, frame.color_range = number, 1
            frame.colorspace, frame.color_primaries, frame.color_trc = colours
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))
    return out.getvalue()


def luma_of_bt709(output: Output) -> int:
    """How bright a picture of the film is; it has to be BT.709 in eight bits, and to say so."""
    with output.film as made:
        context = made.streams.video[0].codec_context
        frame = next(made.decode(video=0))
    assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    assert (context.pix_fmt, frame.format.name) == ("yuv420p", "yuv420p")
    return bytes(frame.planes[0])[64]


@pytest.mark.parametrize(
    ("data", "luma"),
    [
        (coloured((126, 90, 160), (1, 1, 1)), 126),
        (coloured((126, 128, 128), (2, 2, 2)), 126),
    ],
    ids=["10 bit BT.709", "nothing said"],
)
def test_film_comes_out_as_bt709_and_says_so(data: bytes, luma: int, make: Make) -> None:
    output = make(data, films())

    assert luma_of_bt709(output) == pytest.approx(luma, abs=4)


def test_colour_itself_stays(make: Make) -> None:
    """A red in BT.601, as small cameras write it, and a red in BT.709 look the same afterwards."""
    red_601, red_709 = (81, 90, 240), (63, 102, 240)

    small = make(coloured(red_601, (6, 6, 6), height=480), films())
    large = make(coloured(red_709, (1, 1, 1)), films())

    for output in (small, large):
        with output.film as made:
            planes = [bytes(plane)[40] for plane in next(made.decode(video=0)).planes]
        assert planes == pytest.approx(list(red_709), abs=6)


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_hdr_is_known_by_what_the_file_says(transfer: int) -> None:
    found = factories.found_in(coloured((126, 128, 128), (9, 9, transfer), codec="libx264"))

    assert found["facts"]["is_hdr"] is True  # what becomes of it takes seconds: tests/more/test_hdr.py


# --- pixels that are not square ---
@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [((720, 576), "64:45", (1024, 576)), ((720, 480), "8:9", (640, 480)), ((1440, 1080), "4:3", (1920, 1080))],
)
def test_size_is_that_which_is_seen(size: tuple[int, int], aspect: str, shown: tuple[int, int], make: Make) -> None:
    data = film([GREEN] * 5, size=size, sample_aspect=aspect)

    output = make(data, films())

    assert (output.recipe.width, output.recipe.height) == shown
    with output.film as made:
        image = next(made.decode(video=0)).to_image()
    assert image.size == shown
    corners = [(2, 2), (shown[0] - 3, 2), (2, shown[1] - 3), (shown[0] - 3, shown[1] - 3)]
    assert {near(image.getpixel(corner), GREEN) for corner in corners} == {True}  # no bars


# --- half-pictures and sound ---
def test_half_pictures_become_whole_ones(make: Make) -> None:
    data = film([GREEN] * 10, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})

    output = make(data, films())

    assert output.recipe.keeps == ()
    with output.film as made:
        assert not any(frame.interlaced_frame for frame in made.decode(video=0))


@pytest.mark.parametrize("is_open", [True, False])
def test_groups_of_pictures_that_lean_on_the_one_before_are_known(is_open: bool) -> None:
    options = {
        "g": "4",
        "bf": "2",
        "x264-params": f"open-gop={int(is_open)}:scenecut=0:b-adapt=0:keyint=4:min-keyint=4",
    }
    data = film([RED, GREEN, GREY] * 8, options=options)

    assert factories.found_in(data)["facts"]["has_open_gop"] is is_open


@pytest.mark.parametrize(
    ("facts", "keeps"),
    [
        ({"channels": 6}, ("pixels",)),
        ({"sample_rate": 96_000}, ("pixels",)),
        ({"pixel_aspect": 1.4222}, ()),
        ({"is_interlaced": True}, ()),
        ({"is_hdr": True}, ()),
        ({"has_open_gop": True}, ()),
        ({"audio_profile": "LC"}, ("pixels", "sound")),
        ({"audio_profile": "HE-AAC"}, ("pixels",)),
        ({}, ("pixels", "sound")),
    ],
)
def test_what_fits_already_is_judged_by_all_that_a_platform_names(
    facts: dict[str, Any], keeps: tuple[str, ...]
) -> None:
    known = {
        "container": "mp4", "video_codec": "h264", "audio_codec": "aac", "has_audio": True, "fps": 30.0,
        "pixel_format": "yuv420p", "rotation": 0, "channels": 2, "sample_rate": 48_000, **facts,
    }  # fmt: skip
    original = Original("video", "video/mp4", 1000, 640, 480, 5.0, known)

    recipe = plan_of(original)

    assert recipe.keeps == keeps


def plan_of(original: Original) -> Recipe:
    from media_library.codecs.recipes import plan

    return plan(original, films(max_bytes=10_000_000))
