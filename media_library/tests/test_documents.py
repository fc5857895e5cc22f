"""PDFs and captions in the library: uploaded, shown, served, made into what platforms take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import signed_in
from mastablasta.core.media_rules import CaptionRule, DocumentRule, MediaRule
from media_library.codecs.recipes import CannotFit, Original, plan
from media_library.models import Asset, Rendition
from media_library.services import render_worker, renditions
from media_library.tests.factories import SRT, VTT, make_asset, pdf
from media_library.tests.test_admin import client_of
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "deck.pdf": (
        pdf,
        {"kind": "document", "mime_type": "application/pdf", "pages": 3, "duration": None},
    ),
    "english.srt": (
        SRT.encode,
        {"kind": "captions", "mime_type": "application/x-subrip", "pages": None, "duration": 3.0},
    ),
    "english.vtt": (VTT.encode, {"kind": "captions", "mime_type": "text/vtt", "pages": None, "duration": 3600.0}),
}


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    return signed_in(Membership.objects.get(workspace=workspace).user)


def work() -> None:
    render_worker.work(should_stop=lambda: False, on_settled=lambda _: None)


def uploaded(client: APIClient, data: bytes, name: str) -> Any:
    file = SimpleUploadedFile(name, data, "application/octet-stream")
    answer = client.post("/api/v2/media/upload", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.json()
    return answer.json()


@pytest.mark.parametrize("name", KINDS)
def test_file_without_a_picture_is_ready_at_once_and_told_of(name: str, client: APIClient, workspace: Workspace):
    make, expected = KINDS[name]
    make_endpoint(workspace=workspace, events=["media.ready"])
    data = make()

    shown = uploaded(client, data, name)

    assert {key: shown[key] for key in expected} == expected
    assert (shown["status"], shown["thumbnail_url"], shown["dimensions"]) == ("ready", None, None)
    assert (shown["size"], shown["filename"]) == (len(data), name)
    [event] = Event.objects.all()
    assert (event.type, json.loads(event.body)["data"]["media_id"]) == ("media.ready", shown["id"])
    whole = client.get(shown["url"])
    assert b"".join(whole.streaming_content) == data
    assert whole["Content-Disposition"].startswith("attachment")
    thumbnail = client.get(f"/api/v2/media/{shown['id']}/thumbnail")
    assert (thumbnail.status_code, thumbnail.json()["code"]) == (404, "no_thumbnail")
    work()
    assert Asset.objects.get().status == "ready"


def test_lists_are_filtered_by_the_new_kinds(client: APIClient, workspace: Workspace):
    document, english = (make_asset(workspace=workspace, data=data) for data in (pdf(), SRT.encode()))
    make_asset(workspace=workspace)

    found = {
        kind: [one["id"] for one in client.get(f"/api/v2/media?type={kind}").json()["media"]]
        for kind in ("document", "captions")
    }

    assert found == {"document": [str(document.id)], "captions": [str(english.id)]}


def test_forms_are_the_document_itself_and_webvtt(client: APIClient, workspace: Workspace):
    """Made as forms of pictures are, by the worker, and shown under an ending that fits."""
    document, english = (make_asset(workspace=workspace, data=data) for data in (pdf(), SRT.encode()))
    rule = MediaRule(
        "https://example.com",
        "2026-11-29",
        documents=DocumentRule(("application/pdf",), 10_000_000, max_pages=3),
        captions=CaptionRule(("text/vtt",), 20_000),
    )
    wanted = [(asset, plan(Original.of(asset), rule)) for asset in (document, english)]
    renditions.require_all(wanted, at=timezone.now())

    work()

    made = {one.asset_id: one for one in Rendition.objects.all()}
    assert {(one.status, one.mime_type) for one in made.values()} == {
        ("ready", "application/pdf"),
        ("ready", "text/vtt"),
    }
    assert made[document.id].sha256 == document.sha256
    with default_storage.open(made[english.id].stored_name) as file:
        text = file.read()
    assert text.startswith(b"WEBVTT\n\n")
    assert len(text) == made[english.id].size == english.facts["vtt_bytes"]
    [form] = client.get(f"/api/v2/media/{english.id}/renditions").json()["renditions"]
    assert (form["dimensions"], form["status"]) == (None, "ready")
    served = client.get(form["url"])
    assert (served["Content-Type"], b"".join(served.streaming_content)) == ("text/vtt", text)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (DocumentRule(("application/pdf",), 10_000_000, max_pages=2), "3 pages; at most 2"),
        (DocumentRule(("application/pdf",), 100), "at most 100 are taken"),
        (DocumentRule(("application/msword",), 10_000_000), "Only application/msword"),
        (None, "No documents are taken here"),
    ],
)
def test_document_that_a_platform_does_not_take_is_refused_in_words(rule: DocumentRule | None, said: str):
    original = Original("document", "application/pdf", 5_000, 0, 0, facts={"pages": 3})

    with pytest.raises(CannotFit, match=said):
        plan(original, MediaRule("https://example.com", "2026-11-29", documents=rule))


def test_grid_in_admin_shows_what_it_is(workspace: Workspace):
    client = client_of(SiteRole.ADMIN)
    assets = [make_asset(workspace=workspace, data=data) for data in (pdf(), SRT.encode(), VTT.encode())]

    page = client.get("/admin/media_library/asset/").content.decode()
    one = client.get(f"/admin/media_library/asset/{assets[0].id}/change/").content.decode()

    for label in ("PDF, document", "SRT, captions", "VTT, captions"):
        assert f'role="img" aria-label="{label}"' in page
    assert "3 pages" in page
    assert "2 lines" in page
    assert ">PDF</span>" in one
    client.post(
        "/admin/media_library/asset/", {"action": "reprocess", "_selected_action": [str(one.id) for one in assets]}
    )
    assert set(Asset.objects.values_list("status", flat=True)) == {"ready"}  # there is nothing to be made again
