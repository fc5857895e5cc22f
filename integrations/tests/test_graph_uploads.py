"""Meta's host for uploads: files and tokens go there and to the platform's own host, wherever an answer says to go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.contract import Content, MediaUse, Part, Step, Target
from integrations.errors import OperatorProblem
from integrations.platforms.facebook.uploads import Reel
from integrations.platforms.instagram.containers import Containers
from integrations.protocols.graph import auth_of
from integrations.protocols.graph_uploads import upload_address
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import InMemoryProgress
from tests.kit.raw_server import answer, raw_server, says

APP, GRAPH = ClientApp("app", "secret"), Http("https://graph.facebook.com")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://attacker.example/video",
        "http://rupload.facebook.com/video",
        "https://rupload.facebook.com.attacker.example/video",
        "https://rupload.facebook.com@attacker.example/video",
        "https://rupload.facebook.com:8443/video",
        "//rupload.facebook.com/video",
    ],
)
def test_address_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(OperatorProblem) as caught:
        upload_address(url, GRAPH, label="Facebook")

    assert (caught.value.code, caught.value.message) == (
        "strange_origin",
        "Facebook names a strange address to upload to.",
    )


@pytest.mark.parametrize("url", ["https://rupload.facebook.com/video?id=1", "https://graph.facebook.com/v26.0/video"])
def test_address_at_meta_is_taken_as_it_is(url: str) -> None:
    assert upload_address(url, GRAPH, label="Facebook") == url


@pytest.mark.parametrize("platform", ["facebook", "instagram"])
def test_film_is_sent_to_no_stranger_whom_an_answer_names(platform: str, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    film = MediaUse("a1", str(tmp_path / "film.mp4"), "video/mp4", 4, kind="video")
    notes, step = InMemoryProgress(), Step(Content((Part("Hello", (film,)),), post_type="reel"), "k.1")
    with raw_server(says(answer("{}"))) as stranger:
        begun = {"id": "1", "video_id": "1", "uri": f"{stranger.url}/video", "upload_url": f"{stranger.url}/video"}
        with raw_server(says(answer(json.dumps(begun)))) as meta:
            http, target = Http(meta.url, auth=auth_of("token", APP)), Target(meta.url, "meta", "17", "@anna")
            uploads = (
                Reel(http, target, [film], notes) if platform == "facebook" else Containers(http, target, step, notes)
            )
            with pytest.raises(OperatorProblem) as caught:
                uploads.go_on()

    assert (caught.value.code, stranger.requests) == ("strange_origin", [])
    assert (notes.secrets, notes.data.get("media")) == (set(), None)
