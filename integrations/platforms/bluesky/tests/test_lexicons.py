"""What we send, against what the lexicons say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Content, MediaUse, Part, Published
from integrations.platforms.bluesky import media as module
from integrations.platforms.bluesky.capabilities import CAPABILITIES, MEDIA
from integrations.platforms.bluesky.tests.test_media import (
    ALLOWED,
    TOKEN,
    WRITTEN,
    blob,
    body_of,
    connector_at,
    job,
    path_of,
    query_of,
    said,
)
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.media_contract import MediaFolder
from tests.kit.raw_server import raw_server, says
from tests.specifications.bluesky import CALLS, GALLERY, PICTURE, RECORDS, VIDEO


def record_of(*uses: MediaUse) -> dict[str, Any]:
    mime_type = "image/jpeg" if uses[0].kind == "image" else "video/mp4"
    uploaded = said(blob=blob(mime_type))
    answers = [uploaded] * len(uses) if mime_type == "image/jpeg" else [TOKEN, ALLOWED, TOKEN, _done(mime_type)]
    content = Content((Part("Look #here", uses),), {"langs": ["en"], "labels": ["nudity"]})
    with raw_server(says(*answers, WRITTEN)) as server:
        assert isinstance(connector_at(server).publish(step_of(content), progress=InMemoryProgress()), Published)
    record: dict[str, Any] = json.loads(body_of(server.requests[-1]))["record"]
    return record


def _done(mime_type: str) -> bytes:
    return job("JOB_STATE_COMPLETED", blob=blob(mime_type))


@pytest.mark.parametrize("form", ["picture", "pictures", "gallery", "video", "animation"])
def test_records_are_posts(tmp_path: Path, form: str) -> None:
    folder = MediaFolder(tmp_path)
    uses = {
        "picture": lambda: [folder.picture()],
        "pictures": lambda: [folder.picture(alt_text="A bird") for _ in range(4)],
        "gallery": lambda: [folder.picture() for _ in range(MEDIA.max_images)],
        "video": lambda: [folder.video(alt_text="A bird sings")],
        "animation": lambda: [folder.video(kind="animation")],
    }[form]()

    record = record_of(*uses)

    assert list(RECORDS.problems(record)) == []
    assert list(RECORDS.problems({**record, "nonsense": 1})) == ["$.nonsense: is unknown"]  # so the check checks


def test_queries_have_the_names_of_their_lexicons(tmp_path: Path) -> None:
    with raw_server(says(TOKEN, ALLOWED, TOKEN, job(), job())) as server:
        connector, notes, step = (
            connector_at(server),
            InMemoryProgress(),
            step_of(Content((Part("", (MediaFolder(tmp_path).video(),)),))),
        )
        connector.publish(step, progress=notes)
        connector.resume(step, progress=notes)

    for request in server.requests:
        known = CALLS[f"{request.split()[0].decode()} /xrpc/{path_of(request)}"].query
        assert known.required <= set(query_of(request)) <= known.known.keys()
    assert {path_of(request) for request in server.requests} == {
        module.SERVICE_AUTH, module.UPLOAD_LIMITS, module.UPLOAD_VIDEO, module.JOB_STATUS,
    }  # fmt: skip


def test_limits_are_within_the_lexicons() -> None:
    images, videos = MEDIA.images, MEDIA.videos
    video, items = VIDEO.known["video"], GALLERY.known["items"]

    assert images is not None
    assert videos is not None
    assert images.max_bytes <= PICTURE.most
    assert (videos.max_bytes <= video.most, videos.mime_types) == (True, video.accept)
    assert MEDIA.max_images <= items.most
    assert CAPABILITIES.media["standard"] == MEDIA
