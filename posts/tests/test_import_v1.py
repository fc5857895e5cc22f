"""From the demo API to API v2: what `GET /api/export` gives is taken by a bulk request, and by manage.py import_v1."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client

from accounts.models import Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.tests.factories import make_account
from posts.models import Post
from posts.states import PostStatus

NOW, AHEAD = "2030-01-31T09:00:00Z", "2030-02-28T09:00:00Z"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def demo(method: str, path: str, body: Any = None) -> Any:
    answer = Client().generic(method, f"/api/{path}", json.dumps(body), "application/json")
    assert answer.status_code < 300, answer.content
    return answer.json()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A post of each type on each platform, which the demo calls published, and two that it has scheduled."""
    for post in demo("GET", "posts")["posts"]:
        demo("DELETE", f"posts/{post['id']}")
    for platform in demo("GET", "platforms")["platforms"]:
        for post_type in platform["supported_post_types"]:
            text = f"{post_type} on {platform['name']}"
            demo("POST", "post", {"content": text, "platforms": [platform["name"]], "post_type": post_type})
    for platform in ("bluesky", "twitter"):
        scheduled = {"content": f"Ahead on {platform}", "platforms": [platform, "tiktok"], "scheduled_time": AHEAD}
        demo("POST", "schedule", scheduled)
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(demo("GET", "export")))
    return path


def import_v1(file: Path, workspace: Workspace, *arguments: str) -> tuple[int, Any]:
    out, status = io.StringIO(), 0
    try:
        call_command("import_v1", str(file), "--workspace", str(workspace.id), "--json", *arguments, stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, json.loads(out.getvalue())


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    return tuple(told[name] for name in ("created", "updated", "unchanged", "refused"))


def test_a_bulk_request_takes_an_export_whole_and_the_command_finds_it_there(exported: Path) -> None:
    workspace = make_workspace()
    make_account(workspace=workspace, platform="bluesky", is_default=True)
    make_account(workspace=workspace, platform="twitter", is_default=True)
    rows = json.loads(exported.read_text())

    answer = signed_in(workspace.members.get()).post("/api/v2/bulk/posts/create", rows)

    assert (answer.status_code, answer.json()["failed"]) == (200, [])
    made = dict(Post.objects.values_list("content", "status"))
    assert {text for text, status in made.items() if status == PostStatus.SCHEDULED} == {
        "Ahead on bluesky",
        "Ahead on twitter",
    }
    assert set(made.values()) == {PostStatus.SCHEDULED, PostStatus.DRAFT}
    total = len(rows["posts"])
    assert len(made) == total == 26
    status, told = import_v1(exported, workspace)
    assert (status, counts(told)) == (0, (0, 0, total, 0))


def test_a_file_is_imported_once_however_often_it_is_given(exported: Path, clock: Any) -> None:
    """Beside an account that is missing, an edit in between, and a time that passes."""
    workspace = make_workspace()
    make_account(workspace=workspace, platform="bluesky", is_default=True)

    rehearsed = import_v1(exported, workspace, "--dry-run")
    assert not Post.objects.exists()
    status, told = import_v1(exported, workspace)
    Post.objects.filter(content="Ahead on bluesky").update(content="Edited since")

    assert [(one, counts(each)) for one, each in (rehearsed, (status, told))] == [(1, (25, 0, 0, 1))] * 2
    (failed,) = told["failed"]
    assert (failed["row"], failed["code"], failed["external_id"][:3]) == (26, "no_account", "v1:")
    clock.move_to("2030-03-01T00:00:00Z")
    assert [(one, counts(each)) for one, each in (import_v1(exported, workspace), import_v1(exported, workspace))] == [
        (0, (1, 0, 25, 0)),
        (0, (0, 0, 26, 0)),
    ]
    late = Post.objects.get(content="Ahead on twitter")
    assert (late.status, late.scheduled_at, Post.objects.filter(content="Edited since").count()) == ("draft", None, 1)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ({"content": "Whose?"}, "external_id", "required"),
        ({"content": "When?", "external_id": "v1:1", "scheduled_time": "soon"}, "scheduled_time", "invalid"),
        ({"content": "What?", "external_id": "v1:1", "account_ids": []}, "account_ids", "unknown"),
        ("Hi", "external_id", "required"),
    ],
)
def test_what_no_export_says_is_refused_by_row(tmp_path: Path, row: Any, field: str, code: str) -> None:
    path = tmp_path / "posts.json"
    path.write_text(json.dumps({"posts": [row, {"content": "Fine", "external_id": "v1:2"}]}))

    status, told = import_v1(path, make_workspace())

    assert (status, counts(told)) == (1, (1, 0, 0, 1))
    assert [(one["field"], one["code"]) for one in told["failed"][0]["details"]] == [(field, code)]
