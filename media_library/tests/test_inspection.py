"""What a file is, by its bytes: of every format, turned, animated, and whatever it is called."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from media_library import inspection
from media_library.codecs import process
from media_library.inspection import Damaged, Inspected, inspect
from media_library.models import Asset
from media_library.tests.factories import clip, make_asset, moving, photo, still
from media_library.tests.hostile import film, turned

FORMATS = {
    "jpeg": lambda: photo((80, 60)),
    "jpeg turned": lambda: photo((80, 60), orientation=6),
    "png": still,
    "png see-through": lambda: still(mode="RGBA"),
    "png palette": lambda: still(mode="P"),
    "png 16 bit": lambda: still(mode="I;16"),
    "gif": lambda: still("GIF"),
    "gif animated": moving,
    "webp": lambda: still("WEBP"),
    "webp animated": lambda: moving("WEBP"),
    "jpeg cmyk": lambda: still("JPEG", mode="CMYK"),
    "mp4": lambda: clip("mp4"),
    "mp4 silent": lambda: clip("mp4", has_audio=False),
    "mov": lambda: clip("mov"),
    "avi": lambda: clip("avi"),
}


def found_in(data: bytes, folder: Path) -> Inspected:
    path = folder / "file"
    path.write_bytes(data)
    return inspect(path, "misleading.exe")


@pytest.mark.django_db
@pytest.mark.parametrize("name", FORMATS)
def test_upload_finds_what_the_tests_say_of_their_own_files(name: str, tmp_path: Path):
    data = FORMATS[name]()
    asset: Asset = make_asset(data=data)

    found = found_in(data, tmp_path)

    for field in ("kind", "mime_type", "width", "height", "is_animated"):
        assert getattr(found, field) == getattr(asset, field), field
    assert found.duration_s == (pytest.approx(asset.duration_s, abs=0.05) if asset.duration_s else None)
    assert {key: found.facts[key] for key in asset.facts} == asset.facts


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (
            photo(orientation=3),
            {"frames": 1, "orientation": 3, "mode": "RGB", "has_alpha": False, "has_metadata": True},
        ),
        (still("JPEG"), {"frames": 1, "orientation": 1, "mode": "RGB", "has_alpha": False, "has_metadata": False}),
        (still(mode="RGBA"), {"frames": 1, "orientation": 1, "mode": "RGBA", "has_alpha": True, "has_metadata": False}),
        (still("WEBP"), {"frames": 1, "orientation": 1, "mode": "RGB", "has_alpha": False, "has_metadata": False}),
    ],
)
def test_facts_of_pictures(data: bytes, facts: dict[str, Any], tmp_path: Path):
    assert found_in(data, tmp_path).facts == facts


def test_facts_of_a_video(tmp_path: Path):
    facts = dict(found_in(clip("avi"), tmp_path).facts)

    assert facts.pop("bit_rate") > 0
    assert facts == {
        "container": "avi",
        "video_codec": "mpeg4",
        "audio_codec": "mp3",
        "has_audio": True,
        "fps": 10.0,
        "pixel_format": "yuv420p",
        "pixel_aspect": 1.0,
        "is_interlaced": False,
        "is_hdr": False,
        "has_open_gop": False,
        "audio_profile": "",
        "profile": "Simple Profile",
        "channels": 1,
        "sample_rate": 44_100,
        "rotation": 0,
    }


@pytest.mark.parametrize(("degrees", "size"), [(90, (48, 64)), (180, (64, 48)), (270, (48, 64))])
def test_turned_video_has_the_size_that_people_see(degrees: int, size: tuple[int, int], tmp_path: Path):
    found = found_in(turned(clip("mp4"), degrees), tmp_path)

    assert (found.width, found.height, found.facts["rotation"]) == (*size, degrees)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photo_has_the_size_that_people_see(orientation: int, tmp_path: Path):
    found = found_in(photo((80, 60), orientation=orientation), tmp_path)

    assert (found.width, found.height) == ((80, 60) if orientation < 5 else (60, 80))


def test_phone_photo_with_more_pictures_in_it_is_one_picture(tmp_path: Path):
    out = io.BytesIO()
    picture = Image.new("RGB", (80, 60))
    picture.save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30))])

    found = found_in(out.getvalue(), tmp_path)

    assert (found.mime_type, found.width, found.height, found.is_animated) == ("image/jpeg", 80, 60, False)


def test_moving_png_is_the_still_that_platforms_show(tmp_path: Path):
    out = io.BytesIO()
    Image.new("RGB", (8, 6)).save(out, "PNG", save_all=True, append_images=[Image.new("RGB", (8, 6), "red")])

    found = found_in(out.getvalue(), tmp_path)

    assert (found.is_animated, found.duration_s, found.facts["frames"]) == (False, None, 2)


def test_film_without_ftyp_is_a_mov(tmp_path: Path):
    data = film("mov", "mpeg4")
    assert data[4:8] == b"ftyp"
    length = int.from_bytes(data[:4], "big")

    found = found_in((length).to_bytes(4, "big") + b"wide" + bytes(length - 8) + data[length:], tmp_path)

    assert (found.mime_type, found.facts["container"]) == ("video/quicktime", "mov")


def test_decoder_that_takes_too_long_or_dies_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inspection, "TIMEOUT_S", 0.001)
    with pytest.raises(Damaged) as late:
        found_in(photo(), tmp_path)

    monkeypatch.setattr(inspection, "TIMEOUT_S", 60)
    monkeypatch.setattr(inspection, "MEMORY_BYTES", 64 * 1024 * 1024)
    with pytest.raises(Damaged) as starved:
        found_in(still(size=(6000, 6000)), tmp_path)

    assert {late.value.code, starved.value.code} == {"too_much_to_decode"}
    assert isinstance(late.value.__cause__, process.DecoderFailed)


# --- reasons that are true ---
def with_ftyp(brand: bytes, *compatible: bytes) -> bytes:
    brands = brand + b"\0\0\0\0" + b"".join(compatible)
    return (len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands + bytes(400)


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (with_ftyp(b"mif1", b"mif1", b"heic"), ".heif"),
        (with_ftyp(b"heic", b"mif1"), ".heif"),
        (with_ftyp(b"mif1", b"avif", b"miaf"), ".avif"),
        (with_ftyp(b"crx ", b"isml"), "an MP4 of the brand 'crx'"),
        (with_ftyp(b"abcd"), "an MP4 of the brand 'abcd'"),
    ],
    ids=["mif1", "heic", "avif as mif1", "crx", "unknown"],
)
def test_other_files_of_boxes_are_named(data: bytes, looks: str, tmp_path: Path):
    with pytest.raises(inspection.OtherFormat, match="is not JPEG") as caught:
        found_in(data, tmp_path)

    assert (caught.value.code, f"(it looks like {looks})" in caught.value.detail) == ("not_media", True)


def test_film_of_a_rare_brand_that_says_it_is_an_mp4_is_one(tmp_path: Path):
    data = clip()
    assert data[4:12] == b"ftypisom"

    found = found_in(data[:8] + b"zzzz" + data[12:], tmp_path)

    assert (found.mime_type, found.facts["video_codec"]) == ("video/mp4", "h264")


@pytest.mark.parametrize("caption", ["How to write <html> by hand", "a < b, <htmlx", "PDF or <HTML>?"])
def test_word_in_a_caption_makes_no_page_of_a_picture(caption: str, tmp_path: Path):
    exif = Image.Exif()
    exif[0x010E] = caption
    out = io.BytesIO()
    Image.new("RGB", (20, 20)).save(out, "JPEG", exif=exif)

    assert found_in(out.getvalue(), tmp_path).mime_type == "image/jpeg"
