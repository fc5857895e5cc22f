"""Import and export in Django admin: a file is looked at first, and stored once, by whoever looked at it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user, make_workspace
from mastablasta.core import confirmations
from posts.models import Post
from posts.tests.factories import NOON, make_post

pytestmark = pytest.mark.django_db
ADDRESS = "/admin/posts/post/import/"
DATA = "external_id,content\na,First <b>\n,Second\nc,\n"


def operator() -> Client:
    client = Client()
    client.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    return client


def look(client: Client, workspace: Workspace, data: str = DATA) -> Any:
    file = SimpleUploadedFile("posts.csv", data.encode())
    return client.post(ADDRESS, {"workspace": str(workspace.id), "file": file})


def held_in(response: Any) -> str:
    found = re.search(r'name="held" value="([^"]+)"', response.content.decode())
    assert found is not None, response.content.decode()
    return found[1]


def sentence(response: Any) -> str:
    page = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
    found = re.search(r"\d+ created, \d+ updated, \d+ unchanged, \d+ refused", page)
    return found[0] if found else page


def test_a_file_is_looked_at_and_then_imported_once() -> None:
    client, workspace = operator(), make_workspace(name="Harbour <news>")
    assert ADDRESS in client.get("/admin/posts/post/").content.decode()
    assert client.get(ADDRESS).status_code == 200

    seen = look(client, workspace)
    assert not Post.objects.exists()
    held = held_in(seen)
    done = client.post(ADDRESS, {"held": held})
    again = client.post(ADDRESS, {"held": held}, follow=True)

    assert [sentence(seen), sentence(done)] == ["2 created, 0 updated, 0 unchanged, 1 refused"] * 2
    assert "Harbour &lt;news&gt;" in seen.content.decode()
    for response in (seen, done):
        assert '<td>4</td><td>content</td><td lang="en">content is missing' in response.content.decode()
    assert "This was imported already." in again.content.decode()
    author = client.session["_auth_user_id"]
    assert sorted((post.content, str(post.author_id)) for post in Post.objects.in_workspace(workspace)) == [
        ("First <b>", author), ("Second", author)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [("colour\nred", "in column A"), ("content\n" + "x" * 1024 * 1024, "At most 1 MB here"), ("", "empty")],
)
def test_a_file_that_is_none_is_refused_with_its_fault(data: str, words: str) -> None:
    assert words in look(operator(), make_workspace(), data).content.decode()


def test_what_was_looked_at_is_the_persons_own_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    client, workspace = operator(), make_workspace()
    held = held_in(look(client, workspace))

    others = operator().post(ADDRESS, {"held": held})
    forged = client.post(ADDRESS, {"held": f"{held}x"})
    monkeypatch.setattr(confirmations, "HELD_FOR", timedelta(seconds=-1))
    late = client.post(ADDRESS, {"held": held})

    for response in (others, forged, late):
        assert "choose it again" in response.content.decode()
    assert not Post.objects.exists()


@pytest.mark.parametrize("role", [SiteRole.EDITOR, None])
def test_nobody_else_gets_there(role: SiteRole | None) -> None:
    client = Client()
    if role:
        client.force_login(make_user(site_role=role), backend=BACKEND)

    assert client.get(ADDRESS).status_code == client.post(ADDRESS, {"held": "x"}).status_code == 302


def test_chosen_posts_are_exported_without_the_deleted_ones() -> None:
    chosen, gone, _ = make_post(content="=1+1"), make_post(deleted_at=NOON), make_post(content="Other")
    body = {"action": "export_as_csv", "_selected_action": [str(chosen.id), str(gone.id)]}

    response = operator().post("/admin/posts/post/", body)

    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert (response["Content-Disposition"], len(lines)) == ('attachment; filename="posts.csv"', 2)
    assert "'=1+1" in lines[1]
