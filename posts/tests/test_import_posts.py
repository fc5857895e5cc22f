"""manage.py import_posts: a file of any length into a workspace."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member
from posts.models import Post

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text("external_id,content,tags\na,First,\nb,,\nc,Third,news\n")
    return path


def import_posts(file: Path, workspace: Workspace, *arguments: str) -> tuple[int, str]:
    """Exit status, and what goes to stdout."""
    out = io.StringIO()
    try:
        call_command("import_posts", str(file), "--workspace", str(workspace.id), *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def told(file: Path, workspace: Workspace, *arguments: str) -> tuple[int, Any]:
    status, text = import_posts(file, workspace, "--json", *arguments)
    return status, json.loads(text)


def test_a_file_is_imported_once_however_often_it_is_given(file: Path, workspace: Workspace) -> None:
    person = make_member(workspace)

    rehearsed = told(file, workspace, "--dry-run")
    assert not Post.objects.exists()
    first = told(file, workspace, "--user", person.email.upper())
    second = told(file, workspace)

    counts = [(status, *(one[name] for name in ("created", "updated", "unchanged", "refused"))) for status, one in
              (rehearsed, first, second)]  # fmt: skip
    assert counts == [(1, 2, 0, 0, 1), (1, 2, 0, 0, 1), (1, 0, 0, 2, 1)]
    (failed,) = first[1]["failed"]
    assert (failed["row"], failed["external_id"], failed["code"]) == (3, "b", "required")
    assert set(Post.objects.values_list("external_id", "author")) == {("a", person.id), ("c", person.id)}


def test_people_read_each_fault_and_how_many_there_are_of_what(file: Path, workspace: Workspace) -> None:
    assert import_posts(file, workspace) == (
        1,
        "row 3: content: content is missing; write something to publish, or add media.\n"
        "2 created, 0 updated, 0 unchanged, 1 refused\n",
    )
    assert Post.objects.filter(author=None).count() == 2


@pytest.mark.parametrize(
    ("data", "arguments", "words"),
    [
        ("colour\nred\n", [], "'colour' in column A"),
        ('content\nfine\n"broken\n', [], "line 3"),
        (None, [], "FILE: it cannot be read"),
        ("content\nx\n", ["--user", "nobody@example.org"], "--user: nobody is registered"),
        ("content\nx\n", ["--user", "viewer@example.org"], "may not write"),
        ("content\nx\n", ["--workspace", str(uuid4())], "--workspace: there is no workspace"),
    ],
)
def test_what_is_wrong_as_a_whole_changes_nothing(
    file: Path, workspace: Workspace, data: str | None, arguments: list[str], words: str
) -> None:
    make_member(workspace, role=Role.VIEWER, email="viewer@example.org")
    file.unlink() if data is None else file.write_text(data)

    with pytest.raises(CommandError) as refused:
        import_posts(file, workspace, *arguments)

    assert words in str(refused.value)
    assert refused.value.returncode == 2
    assert not Post.objects.exists()
