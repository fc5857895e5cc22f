"""What we send, against the lexicons, where a copy lies beside the project."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import lru_cache
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
from tests.kit.connector_contract import Notes, step_of
from tests.kit.media_contract import MediaFolder
from tests.kit.raw_server import raw_server, says

BESIDE = Path(__file__).resolve().parents[5] / "shared" / "specs"
FOLDER = Path(os.environ.get("MASTABLASTA_SPECS") or BESIDE) / "atproto-lexicons"
KINDS = {"string": str, "integer": int, "array": list, "object": dict, "boolean": bool}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no copy of the lexicons at {FOLDER}")


@lru_cache
def lexicon(name: str) -> dict[str, Any]:
    defs: dict[str, Any] = json.loads((FOLDER / (name.replace(".", "/") + ".json")).read_text())["defs"]
    return defs


def unfit(schema: dict[str, Any], value: Any, home: str, at: str = "$") -> Iterator[str]:
    """Yield what is wrong with a value; a name that no lexicon knows is."""
    kind = schema["type"]
    if kind == "blob":
        accepted = any(value["mimeType"].startswith(one.removesuffix("*")) for one in schema.get("accept", ["*"]))
        if not accepted or value["size"] > schema.get("maxSize", value["size"]):
            yield f"{at}: is no file of this kind"
    elif kind in {"ref", "union"}:
        wanted = schema["ref"] if kind == "ref" else value["$type"]
        named = {_absolute(one, home) for one in schema.get("refs", [wanted])}
        if _absolute(wanted, home) not in named:
            yield f"{at}: is {wanted}"
            return
        document, _, part = _absolute(wanted, home).partition("#")
        yield from unfit(lexicon(document)[part or "main"], value, document, at)
    elif type(value) is not KINDS[kind]:
        yield f"{at}: is no {kind}"
    elif kind == "integer" and value < schema.get("minimum", value):
        yield f"{at}: is too small"
    elif kind == "array":
        if len(value) > schema.get("maxLength", len(value)):
            yield f"{at}: are too many"
        for place, item in enumerate(value):
            yield from unfit(schema["items"], item, home, f"{at}[{place}]")
    elif kind == "object":
        yield from (f"{at}.{name}: is missing" for name in schema.get("required", ()) if name not in value)
        for name, item in value.items():
            if name in schema["properties"]:
                yield from unfit(schema["properties"][name], item, home, f"{at}.{name}")
            elif name != "$type":
                yield f"{at}.{name}: is unknown"


def _absolute(wanted: str, home: str) -> str:
    return home + wanted if wanted.startswith("#") else wanted


def record_of(*uses: MediaUse) -> dict[str, Any]:
    mime_type = "image/jpeg" if uses[0].kind == "image" else "video/mp4"
    uploaded = said(blob=blob(mime_type))
    answers = [uploaded] * len(uses) if mime_type == "image/jpeg" else [TOKEN, ALLOWED, TOKEN, _done(mime_type)]
    content = Content((Part("Look #here", uses),), {"langs": ["en"], "labels": ["nudity"]})
    with raw_server(says(*answers, WRITTEN)) as server:
        assert isinstance(connector_at(server).publish(step_of(content), progress=Notes()), Published)
    record: dict[str, Any] = json.loads(body_of(server.requests[-1]))["record"]
    return record


def _done(mime_type: str) -> bytes:
    return job("JOB_STATE_COMPLETED", blob=blob(mime_type))


@pytest.mark.parametrize("form", ["picture", "pictures", "gallery", "video", "animation"])
def test_records_are_posts(tmp_path: Path, form: str) -> None:
    desk = MediaFolder(tmp_path)
    uses = {
        "picture": lambda: [desk.picture()],
        "pictures": lambda: [desk.picture(alt_text="A bird") for _ in range(4)],
        "gallery": lambda: [desk.picture() for _ in range(MEDIA.max_images)],
        "video": lambda: [desk.video(alt_text="A bird sings")],
        "animation": lambda: [desk.video(kind="animation")],
    }[form]()

    record = record_of(*uses)

    assert list(unfit(lexicon("app.bsky.feed.post")["main"]["record"], record, "app.bsky.feed.post")) == []


def test_queries_have_the_names_of_their_lexicons(tmp_path: Path) -> None:
    with raw_server(says(TOKEN, ALLOWED, TOKEN, job(), job())) as server:
        connector, notes, step = (
            connector_at(server),
            Notes(),
            step_of(Content((Part("", (MediaFolder(tmp_path).video(),)),))),
        )
        connector.publish(step, progress=notes)
        connector.resume(step, progress=notes)

    own = {module.UPLOAD_VIDEO: {"did", "name"}}  # the tutorial's; the lexicon is silent
    for request in server.requests:
        name = path_of(request)
        known = lexicon(name)["main"].get("parameters", {})
        assert set(query_of(request)) <= set(known.get("properties", {})) | own.get(name, set())
        assert set(known.get("required", ())) <= set(query_of(request))
    assert {path_of(request) for request in server.requests} == {
        module.SERVICE_AUTH, module.UPLOAD_LIMITS, module.UPLOAD_VIDEO, module.JOB_STATUS,
    }  # fmt: skip


def test_limits_are_within_the_lexicons() -> None:
    images, videos = MEDIA.images, MEDIA.videos
    image = lexicon("app.bsky.embed.images")["image"]["properties"]["image"]
    video = lexicon("app.bsky.embed.video")["main"]["properties"]["video"]
    gallery = lexicon("app.bsky.embed.gallery")["main"]["properties"]["items"]

    assert images is not None
    assert videos is not None
    assert images.max_bytes <= image["maxSize"]
    assert (videos.max_bytes <= video["maxSize"], list(videos.mime_types)) == (True, video["accept"])
    assert MEDIA.max_images <= gallery["maxLength"]
    assert CAPABILITIES.media["standard"] == MEDIA
