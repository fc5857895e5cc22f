"""What the tests' own pictures and videos are."""

import pytest

from media_library.tests.factories import clip, make_asset, moving, photo, still

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (lambda: photo((80, 60)), ("image", "image/jpeg", 80, 60, None, False)),
        (lambda: photo((80, 60), orientation=6), ("image", "image/jpeg", 60, 80, None, False)),
        (lambda: still("PNG", mode="RGBA"), ("image", "image/png", 64, 48, None, False)),
        (lambda: still("GIF"), ("image", "image/gif", 64, 48, None, False)),
        (lambda: moving("GIF"), ("image", "image/gif", 64, 48, 0.3, True)),
        (lambda: moving("WEBP"), ("image", "image/webp", 64, 48, 0.3, True)),
        (lambda: clip("mp4"), ("video", "video/mp4", 64, 48, pytest.approx(1, abs=0.1), False)),
        (lambda: clip("mov", has_audio=False), ("video", "video/quicktime", 64, 48, pytest.approx(1, abs=0.1), False)),
        (lambda: clip("avi"), ("video", "video/x-msvideo", 64, 48, pytest.approx(1, abs=0.2), False)),
    ],
)
def test_an_asset_has_the_facts_of_its_file(data, found):
    asset = make_asset(data=data())

    assert (
        asset.kind, asset.mime_type, asset.width, asset.height, asset.duration_s, asset.is_animated,
    ) == found  # fmt: skip
