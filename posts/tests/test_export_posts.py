"""manage.py export_posts: a workspace's posts into a file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from posts.models import PostTag
from posts.tests.factories import make_post

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    """Has two posts, of which one is tagged; another workspace has one more."""
    workspace = make_workspace()
    make_post(workspace=workspace, content="First")
    PostTag.objects.create(post=make_post(workspace=workspace, content="Second", status="cancelled"), name="news")
    make_post(content="Foreign")
    return workspace


def export_posts(file: Path, workspace: Workspace, *arguments: str) -> Any:
    out = io.StringIO()
    call_command("export_posts", str(file), "--workspace", str(workspace.id), "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("arguments", "contents"),
    [
        ([], ["First", "Second"]),
        (["--status", "draft"], ["First"]),
        (["--status", "draft", "--status", "cancelled", "--platform", "mastodon"], ["First", "Second"]),
        (["--tag", "news"], ["Second"]),
        (["--platform", "twitter"], []),
    ],
)
def test_posts_are_written_in_the_form_of_the_files_name(
    tmp_path: Path, workspace: Workspace, arguments: list[str], contents: list[str]
) -> None:
    as_csv, as_json = tmp_path / "posts.csv", tmp_path / "posts.JSON"
    as_csv.write_text("an older one")

    told = [export_posts(path, workspace, *arguments) for path in (as_csv, as_json)]

    assert told == [{"posts": len(contents), "file": str(path)} for path in (as_csv, as_json)]
    with as_csv.open(encoding="utf-8-sig", newline="") as file:
        assert [row["content"] for row in csv.DictReader(file)] == contents
    assert [post["content"] for post in json.loads(as_json.read_text())["posts"]] == contents
    assert sorted(path.name for path in tmp_path.iterdir()) == ["posts.JSON", "posts.csv"]


@pytest.mark.parametrize(("name", "words"), [("posts.xlsx", "end its name in"), ("no/folder.csv", "cannot be written")])
def test_a_file_that_cannot_be_is_named(tmp_path: Path, workspace: Workspace, name: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        export_posts(tmp_path / name, workspace)

    assert refused.value.returncode == 2
