"""What leaves: the right pixels and colours, within the rule, and nothing that it should not tell."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from media_library.codecs import render
from media_library.codecs.process import Refused
from media_library.codecs.recipes import (
    EXTENSIONS,
    GIF,
    JPEG,
    MP4,
    PNG,
    WEBP,
    Original,
    Recipe,
    plan,
    plan_thumbnail,
    plan_web,
)
from media_library.tests import factories
from media_library.tests.factories import MAKER, clip, moving, photo, still

STILLS = (JPEG, PNG, WEBP)
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def stills(*mime_types: str, **limits: Any) -> MediaRule:
    rule = ImageRule(**{"mime_types": mime_types or STILLS, "max_bytes": 1_000_000, **limits})
    return MediaRule("https://example.org", "2026-11-28", images=rule)


def animations(*mime_types: str, **limits: Any) -> MediaRule:
    rule = ImageRule(**{"mime_types": mime_types, "max_bytes": 1_000_000, **limits})
    return MediaRule("https://example.org", "2026-11-28", animations=rule)


def films(**limits: Any) -> MediaRule:
    rule = VideoRule(**{"mime_types": (MP4,), "max_bytes": 1_000_000, **limits})
    return MediaRule("https://example.org", "2026-11-28", videos=rule)


@dataclass(frozen=True)
class Output:
    recipe: Recipe
    facts: dict[str, Any]
    data: bytes

    @property
    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.data))

    @property
    def film(self) -> Any:
        return av.open(io.BytesIO(self.data))

    @property
    def pictures(self) -> list[Image.Image]:
        if self.facts["mime_type"] == MP4:
            with self.film as film:
                return [frame.to_image() for frame in film.decode(video=0)]
        image, found = self.image, []
        for number in range(image.n_frames):
            image.seek(number)
            found.append(image.convert("RGB"))
        return found

    def colour(self, x: float, y: float) -> tuple[int, ...]:
        """At this share of width and height; see-through on white."""
        image = self.pictures[-1] if self.recipe.mime_type == MP4 else self.image
        image = image.convert("RGBA")
        canvas = Image.new("RGBA", image.size, WHITE)
        canvas.alpha_composite(image)
        return canvas.convert("RGB").getpixel((int(x * image.width), int(y * image.height)))  # type: ignore[return-value]


Make = Callable[..., Output]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(data: bytes, rule: MediaRule | Callable[[Original], Recipe], *, fit: str = "fit", **facts: Any) -> Output:
        found = factories.found_in(data)
        found["facts"] = {**found["facts"], **facts.pop("facts", {})}
        found |= facts
        form = "animation" if found.get("is_animated") else found["kind"]
        size = found["width"], found["height"]
        original = Original(form, found["mime_type"], len(data), *size, found.get("duration_s"), found["facts"])
        recipe = plan(original, rule, fit=fit) if isinstance(rule, MediaRule) else rule(original)
        source, to = tmp_path / "source", tmp_path / f"made.{EXTENSIONS[recipe.mime_type]}"
        source.write_bytes(data)
        order = {"source": str(source), "mime_type": original.mime_type, "form": form}
        answer = render.main({**order, "made": [{"recipe": recipe.to_json(), "to": str(to)}]})
        return Output(recipe, answer["made"][0], to.read_bytes())

    return made


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 40) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


def tells(data: bytes) -> list[str]:
    """Whatever an output has of what it must not have."""
    private = (MAKER.encode(), b"Exif", b"http://ns.adobe.com", b"xpacket", b"+48.1371", b"A hidden archive", b"Lavf")
    return [each.decode() for each in private if each in data]


# --- nothing that it should not tell ---
def told_png() -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", MAKER)
    told.add_itxt("XML:com.adobe.xmp", f"<x:xpacket>{MAKER}</x:xpacket>")
    exif = Image.Exif()
    exif[factories.MAKE] = MAKER
    return still("PNG", pnginfo=told, exif=exif) + b"A hidden archive"


def told_webp(data: bytes | None = None) -> bytes:
    exif = Image.Exif()
    exif[factories.MAKE] = MAKER
    out = io.BytesIO()
    image = Image.open(io.BytesIO(data or still("WEBP")))
    image.save(out, "WEBP", save_all=True, exif=exif, xmp=f"<x:xpacket>{MAKER}".encode())
    return out.getvalue() + b"A hidden archive"


def told_gif() -> bytes:
    data = moving("GIF")
    at = data.index(b"\x21\xf9")
    comment = b"\x21\xfe" + bytes((len(MAKER),)) + MAKER.encode() + b"\0"
    xmp = b"\x21\xff\x0bXMP DataXMP" + bytes((len(MAKER),)) + MAKER.encode() + b"\0"
    return data[:at] + comment + xmp + data[at:] + b"A hidden archive"


def told_jpeg() -> bytes:
    data = photo()
    thumbnail = b"\xff\xe0\x00\x1bJFXX\0\x10" + MAKER.encode()[:19]
    maker = b"\xff\xed" + (2 + len(MAKER)).to_bytes(2, "big") + MAKER.encode()
    return data[:2] + thumbnail + maker + data[2:] + photo() + b"A hidden archive"


@pytest.mark.parametrize(
    ("told", "kept", "again"),
    [
        (told_jpeg, stills(), stills(max_width=32)),
        (told_png, stills(), stills(max_width=32)),
        (told_webp, stills(), stills(WEBP, max_width=32)),
        (told_gif, animations(GIF), animations(GIF, max_width=32)),
        (lambda: told_webp(moving("WEBP")), animations(WEBP), animations(WEBP, max_width=32)),
        (clip, films(), films(max_width=32)),
        (lambda: clip("mov"), films(), films(max_width=32)),
    ],
    ids=["jpeg", "png", "webp", "gif", "moving webp", "mp4", "mov"],
)
def test_no_output_tells_anything(told: Callable[[], bytes], kept: MediaRule, again: MediaRule, make: Make) -> None:
    data = told()
    assert MAKER.encode() in data

    first, second = make(data, kept), make(data, again)

    assert "pixels" in first.recipe.keeps
    assert second.recipe.keeps == ()
    assert (tells(first.data), tells(second.data)) == ([], [])
    assert [tells(make(data, web).data) for web in (plan_thumbnail, plan_web)] == [[], []]


def test_avi_tells_nothing_once_converted(make: Make) -> None:
    assert tells(make(clip("avi"), films()).data) == []


@pytest.mark.parametrize(
    "data",
    [photo(quality=70), still("PNG", mode="P"), still("WEBP", mode="RGBA", lossless=True)],
    ids=["jpeg", "png", "webp"],
)
def test_kept_pixels_are_the_same(data: bytes, make: Make) -> None:
    output = make(data, stills())

    with Image.open(io.BytesIO(data)) as before:
        assert output.image.convert("RGBA").tobytes() == before.convert("RGBA").tobytes()
    assert not output.image.getexif()
    assert output.facts["size"] <= len(data)


def test_private_units_between_pictures_do_not_come_along(make: Make) -> None:
    data = clip()
    assert b"x264 - core" in data  # stands for what cameras write there

    output = make(data, films())

    assert output.recipe.keeps == ("pixels", "sound")
    assert b"x264 - core" not in output.data
    assert len(output.pictures) == 10


# --- upright ---
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "rule", [stills(), stills(PNG), stills(max_width=30), plan_thumbnail], ids=["", "png", "small", "thumb"]
)
def test_picture_is_upright(orientation: int, rule: Any, make: Make) -> None:
    stored = factories.photo((64, 48), orientation=orientation)
    with Image.open(io.BytesIO(stored)) as image:
        from PIL import ImageOps

        seen = ImageOps.exif_transpose(image).convert("RGB")

    output = make(stored, rule)

    assert output.image.width / output.image.height == pytest.approx(seen.width / seen.height, rel=0.05)
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        assert near(output.colour(x, y), seen.getpixel((int(x * seen.width), int(y * seen.height))))  # type: ignore[arg-type]


def turned_clip(rotation: int) -> bytes:
    """A clip whose left upper quarter is red as it is stored, and which says how far it is to be turned clockwise."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_image(factories.picture((128, 96), colour=BLUE))
            frame.pts = number
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))
    one, matrix = 0x10000, {
        90: (0, 1, 0, -1, 0, 0),
        180: (-1, 0, 0, 0, -1, 0),
        270: (0, -1, 0, 1, 0, 0),
    }[rotation]  # fmt: skip
    data = bytearray(out.getvalue())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *(value * one for value in matrix), 0, 0, 0x40000000)
    return bytes(data)


@pytest.mark.parametrize(("rotation", "red"), [(90, (0.75, 0.25)), (180, (0.75, 0.75)), (270, (0.25, 0.75))])
@pytest.mark.parametrize("rule", [films(), plan_thumbnail, plan_web], ids=["film", "thumbnail", "web"])
def test_video_is_upright(rotation: int, red: tuple[float, float], rule: Any, make: Make) -> None:
    size = {"width": 128, "height": 96} if rotation == 180 else {"width": 96, "height": 128}

    output = make(turned_clip(rotation), rule, facts={"rotation": rotation}, **size)

    assert (output.facts["width"], output.facts["height"]) == (size["width"], size["height"])
    corners = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    assert [corner for corner in corners if near(output.colour(*corner), RED, 60)] == [red]


def test_video_that_turns_out_to_be_turned_is_encoded(make: Make) -> None:
    output = make(turned_clip(180), films(), facts={"rotation": 0})  # as if nobody had noticed

    assert output.recipe.keeps == ("pixels", "sound")
    assert near(output.colour(0.75, 0.75), RED, 60)


# --- colours ---
@pytest.mark.parametrize(
    ("mode", "rule"),
    [
        ("CMYK", stills()),
        ("CMYK", plan_thumbnail),
        ("L", stills(max_width=32)),
        ("P", stills(JPEG)),
        ("1", stills(JPEG)),
    ],
)
def test_unusual_modes_become_usual_ones(mode: str, rule: Any, make: Make) -> None:
    data = still("JPEG" if mode == "CMYK" else "PNG", mode=mode)
    with Image.open(io.BytesIO(data)) as image:
        wanted = image.convert("RGB").getpixel((5, 5))

    output = make(data, rule)

    assert output.image.mode in ("L", "RGB")
    assert near(output.colour(0.1, 0.1), wanted, 25)  # type: ignore[arg-type]


def test_16_bits_become_8(make: Make) -> None:
    grey = Image.frombytes("I;16", (4, 1), struct.pack("<4H", 0, 20_000, 40_000, 65_535)).resize((64, 16), 0)
    out = io.BytesIO()
    grey.save(out, "PNG")

    output = make(out.getvalue(), stills())

    assert output.image.mode == "L"
    found = [output.image.getpixel((x, 8)) for x in (8, 24, 40, 56)]
    assert found == [0, 77, 155, 255]


def swapped_profile() -> bytes:
    """A profile for which red is blue and blue is red: whoever ignores it shows the wrong colour."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_profile_is_applied_when_pixels_are_encoded(mode: str, make: Make) -> None:
    data = still("PNG", mode=mode, icc_profile=swapped_profile())

    output = make(data, stills(max_width=32))

    assert near(output.colour(0.1, 0.1), BLUE)
    assert "icc_profile" not in output.image.info


def test_profile_is_kept_with_kept_pixels(make: Make) -> None:
    out = io.BytesIO()
    factories.picture().save(out, "JPEG", icc_profile=swapped_profile())

    output = make(out.getvalue(), stills())

    assert output.recipe.keeps == ("pixels",)
    assert output.image.info["icc_profile"] == swapped_profile()


@pytest.mark.parametrize(
    ("types", "made", "mode"), [((JPEG, PNG), PNG, "RGBA"), ((WEBP, JPEG), WEBP, "RGBA"), ((JPEG,), JPEG, "RGB")]
)
def test_see_through_stays_so_or_becomes_white(types: tuple[str, ...], made: str, mode: str, make: Make) -> None:
    output = make(still("PNG", mode="RGBA"), stills(*types, max_width=32), facts={"has_alpha": True})

    assert (output.facts["mime_type"], output.image.mode) == (made, mode)
    assert near(output.colour(0.8, 0.5), WHITE, 10)


# --- shape ---
@pytest.mark.parametrize(("fit", "size", "corner"), [("pad", (64, 64), WHITE), ("crop", (48, 48), RED)])
def test_pad_adds_white_bars_and_crop_cuts_the_middle(
    fit: str, size: tuple[int, int], corner: tuple[int, int, int], make: Make
) -> None:
    output = make(still("PNG"), stills(PNG, min_aspect=1.0, max_aspect=1.0), fit=fit)

    assert output.image.size == size
    assert near(output.colour(0, 0), corner, 10)


@pytest.mark.parametrize(("fit", "bars"), [("pad", True), ("crop", False)])
def test_videos_are_padded_in_black(fit: str, bars: bool, make: Make) -> None:
    output = make(clip(size=(128, 72)), films(min_aspect=1.0, max_aspect=1.0), fit=fit)

    assert output.facts["width"] == output.facts["height"]
    assert near(output.colour(0.5, 0.02), BLACK, 10) is bars


# --- bytes ---
def noise(size: tuple[int, int], form: str = "PNG", *, mode: str = "RGB") -> bytes:
    channels = [Image.effect_noise(size, 120) for _ in mode]
    out = io.BytesIO()
    Image.merge(mode, channels).save(out, form, quality=95)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "types", "made", "is_smaller"),
    [
        (lambda: noise((400, 300), "JPEG"), (JPEG,), JPEG, True),
        (lambda: noise((400, 300)), (JPEG, PNG), JPEG, True),
        (lambda: noise((400, 300), mode="RGBA"), (JPEG, PNG), PNG, True),
        (lambda: noise((200, 150), "JPEG"), (JPEG,), JPEG, False),
    ],
    ids=["photo", "opaque drawing becomes a photo", "see-through drawing", "quality is enough"],
)
def test_picture_stays_under_its_bytes(
    data: Callable[[], bytes], types: tuple[str, ...], made: str, is_smaller: bool, make: Make
) -> None:
    output = make(data(), stills(*types, max_bytes=20_000))

    assert output.facts["mime_type"] == made
    assert len(output.data) <= 20_000
    assert (output.image.width < output.recipe.width) is is_smaller
    assert output.image.width / output.image.height == pytest.approx(4 / 3, rel=0.02)


def test_picture_that_cannot_be_so_small_is_refused(make: Make) -> None:
    with pytest.raises(Refused, match=r"It cannot be made as small as 0\.0005 MB"):
        make(noise((400, 300), "JPEG"), stills(JPEG, max_bytes=500))


def test_animation_stays_under_its_bytes(make: Make) -> None:
    frames = [Image.open(io.BytesIO(noise((200, 150)))) for _ in range(4)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0)

    output = make(out.getvalue(), animations(GIF, max_bytes=50_000))

    assert len(output.data) <= 50_000
    assert output.image.n_frames == 4


def noisy_clip(duration_s: float, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(duration_s * 10)):
            frame = av.VideoFrame.from_image(Image.open(io.BytesIO(noise(size))))
            frame.pts = number
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))
    return out.getvalue()


def test_video_stays_under_its_bytes(make: Make) -> None:
    data = noisy_clip(1, (240, 180))

    output = make(data, films(max_bytes=30_000))

    assert len(data) > 150_000
    assert len(output.data) <= 30_000
    assert output.facts["duration_s"] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("duration_s", [0.2, 0.5, 1])
def test_short_film_with_more_bytes_to_spend_than_an_encoder_can_count(duration_s: float, make: Make) -> None:
    output = make(clip("avi", duration_s=duration_s), films(max_bytes=512_000_000))

    assert output.facts["duration_s"] == pytest.approx(duration_s, abs=0.15)
    assert len(output.data) < 1_000_000


# --- what moves ---
@pytest.mark.parametrize("form", ["GIF", "WEBP"])
@pytest.mark.parametrize("made", [GIF, WEBP, MP4])
def test_animation_moves_on_at_its_own_pace(form: str, made: str, make: Make) -> None:
    output = make(moving(form, (65, 49), frames=4), animations(made, max_width=60))

    assert output.facts["mime_type"] == made
    assert output.facts["duration_s"] == pytest.approx(0.4)
    pictures = output.pictures
    assert len(pictures) >= 4
    assert near(pictures[0].getpixel((50, 35)), BLUE, 80)  # type: ignore[arg-type]
    assert near(pictures[-1].getpixel((50, 35)), GREEN, 80)  # type: ignore[arg-type]


# --- videos ---
@pytest.mark.parametrize(
    ("data", "sound"),
    [
        (lambda: clip("avi", size=(66, 50)), "aac"),
        (lambda: clip("mov", codec="mpeg4"), "aac"),
        (lambda: clip(codec="libx265"), "aac"),
        (lambda: clip(has_audio=False, size=(322, 242)), ""),
    ],
    ids=["avi", "mov", "hevc", "silent"],
)
def test_video_becomes_what_all_take(data: Callable[[], bytes], sound: str, make: Make) -> None:
    output = make(data(), films(max_width=64, max_fps=5.0))

    with output.film as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.profile) == ("h264", "yuv420p", "High")
        assert (context.width, context.height) == (output.facts["width"], output.facts["height"])
        assert context.width <= 64
        assert context.height % 2 == 0
        assert float(stream.average_rate) == 5.0
        assert [each.codec_context.name for each in film.streams.audio] == ([sound] if sound else [])
    assert output.data.index(b"moov") < output.data.index(b"mdat")
    assert output.facts["duration_s"] == pytest.approx(1, abs=0.25)


def test_sound_that_is_not_taken_is_encoded_alone(make: Make) -> None:
    out = io.BytesIO(clip("mov"))
    data = io.BytesIO()
    with av.open(out) as source, av.open(data, "w", format="mov") as to:
        video = to.add_stream_from_template(source.streams.video[0])
        audio: Any = to.add_stream("pcm_s16le", rate=44_100, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                to.mux(packet)
        source.seek(0)
        for frame in source.decode(audio=0):
            to.mux(audio.encode(frame))

    output = make(data.getvalue(), films())

    assert output.recipe.keeps == ("pixels",)
    with output.film as film:
        assert film.streams.audio[0].codec_context.name == "aac"
        assert film.streams.audio[0].duration * film.streams.audio[0].time_base == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("order", ["bframes=0", "bframes=3:b-adapt=0:b-pyramid=none"])
def test_frames_that_come_unevenly_become_steady(make: Make, order: str) -> None:
    """Written in another order than shown, a frame carries the duration of another: the last one must not stay on."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=30, options={"x264-params": order})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in (0, 1, 2, 20, 21, 55, 59):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (number, 80, 90)))
            frame.pts = number
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))

    output = make(out.getvalue(), films(max_width=32))

    with output.film as film:
        times = [frame.pts for frame in film.decode(video=0)]
    assert len({later - earlier for earlier, later in pairwise(times)}) == 1
    assert output.facts["duration_s"] == pytest.approx(2, abs=0.1)


def test_video_is_never_longer_than_is_taken(make: Make) -> None:
    data = clip(duration_s=2.0)

    for rule in (films(max_duration_s=2.05), films(max_duration_s=2.05, max_width=32)):
        assert make(data, rule, duration_s=2.0).facts["duration_s"] <= 2.05


def test_thumbnail_passes_over_darkness(make: Make) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            image = factories.picture(colour=GREEN) if number >= 12 else Image.new("RGB", (64, 48))
            frame = av.VideoFrame.from_image(image)
            frame.pts = number
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))

    assert near(make(out.getvalue(), plan_thumbnail).colour(0.25, 0.25), RED, 60)


def test_pixels_that_are_not_square_become_so(make: Make) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as to:
        stream: Any = to.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        for number in range(5):
            frame = av.VideoFrame.from_image(factories.picture((64, 96)))
            frame.pts = number
            to.mux(stream.encode(frame))
        to.mux(stream.encode(None))

    seen = {"width": 128, "height": 96}
    film, thumbnail = make(out.getvalue(), films(), **seen), make(out.getvalue(), plan_thumbnail, **seen)

    assert (film.facts["width"], film.facts["height"]) == (128, 96)
    assert thumbnail.image.size == (128, 96)
    assert near(film.colour(0.45, 0.45), RED, 60)


def test_playlist_in_the_clothes_of_a_video_is_not_followed(make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip())
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n".encode()
    source = tmp_path / "source"
    source.write_bytes(playlist)
    recipe = Recipe("image", JPEG, 64, 48, 100_000)

    with pytest.raises(Refused):
        render.render(source, "video/mp4", "video", recipe, tmp_path / "made")
