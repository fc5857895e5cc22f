"""The system of files, through the API: a photo from the upload to the reader, without what it must not tell."""

from __future__ import annotations

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from mastablasta.ops import tasks
from media_library.models import Rendition
from media_library.tests.factories import MAKER, photo
from tests.kit.person import Person
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_photo_is_kept_made_fit_and_published_without_its_secrets(sandbox: Sandbox) -> None:
    ada, eve = Person("ada@example.test"), Person("eve@example.test")
    account = ada.connect(sandbox, "mastodon", "anna")
    data = photo((800, 600), orientation=6)
    upload = {"file": SimpleUploadedFile("../beach.jpg", data), "alt_text": "A beach"}

    # Kept byte for byte, under a name that is none of a path, for the workspace alone.
    kept = ada.post("media/upload", upload, status=201, format="multipart")
    assert (kept["filename"], kept["kind"], kept["size"]) == ("beach.jpg", "image", len(data))
    assert kept["dimensions"] == {"width": 600, "height": 800}  # as people see it
    assert b"".join(ada.client.get(f"/api/v2/media/{kept['id']}/file").streaming_content) == data
    assert eve.get(f"media/{kept['id']}", status=404)["code"] == "not_found"

    # What is no picture is refused by its bytes, whatever it is called.
    lie = {"file": SimpleUploadedFile("beach.jpg", b"<script>alert(1)</script>" * 50)}
    assert ada.post("media/upload", lie, status=415, format="multipart")["code"] == "not_media"

    # Its thumbnail is made beside, and its words can be changed.
    tasks.work_on_media()
    small = b"".join(ada.client.get(f"/api/v2/media/{kept['id']}/thumbnail").streaming_content)
    assert Image.open(io.BytesIO(small)).format == "JPEG"
    assert ada.call("PATCH", f"media/{kept['id']}", {"alt_text": "Waves"})["alt_text"] == "Waves"

    # Published it is upright, carries its words, and tells neither camera nor place.
    post = ada.post(
        "posts", {"content": "By the sea", "media": [kept["id"]], "accounts": [account], "publish": True}, status=201
    )
    tasks.work_on_media()
    ada.wait_published(post["id"])
    [seen] = sandbox.posts("mastodon")
    [picture] = seen["media"]
    made = Rendition.objects.filter(asset=kept["id"], sha256=picture["sha256"])[0]
    with default_storage.open(made.stored_name) as file:
        out = file.read()
    assert picture["alt_text"] == "Waves"
    assert Image.open(io.BytesIO(out)).size == (600, 800)
    assert not Image.open(io.BytesIO(out)).getexif()
    assert MAKER.encode() not in out

    # Once it is out the file may go, and is gone; the post is not.
    ada.call("DELETE", f"media/{kept['id']}", status=204)
    assert ada.get(f"media/{kept['id']}", status=404)["code"] == "not_found"
    assert ada.get(f"posts/{post['id']}")["status"] == "published"
