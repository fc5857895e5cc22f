"""A post's name in somebody else's system, over HTTP: one post of a workspace has it, whoever is faster."""

from __future__ import annotations

import threading
import time
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from accounts.models import Workspace
from posts.models import Post
from posts.services import external_ids
from posts.tests.factories import make_post
from tests.kit.locks import somebody_waits

pytestmark = pytest.mark.django_db
POSTS = "/api/v2/posts"


def faults(answer: Any) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, [(one["field"], one["code"]) for one in answer.json()["errors"]]


TAKEN = (409, [("external_id", "external_id_taken")])


def test_it_is_kept_shown_changed_and_found(client: APIClient, workspace: Workspace) -> None:
    make_post(external_id="crm-1")  # another workspace's
    make_post(workspace=workspace, external_id="crm-2", content="Second")

    made = client.post(POSTS, {"content": "First", "external_id": " crm-1 "}).json()
    copy = client.post(f"{POSTS}/{made['id']}/duplicate").json()
    renamed = client.patch(f"{POSTS}/{made['id']}", {"external_id": "crm-3"}).json()

    assert [made["external_id"], copy["external_id"], renamed["external_id"]] == ["crm-1", None, "crm-3"]
    for path, query in (("posts", ""), ("search/posts", "q=first&")):
        found = client.get(f"/api/v2/{path}?{query}external_id=crm-3&external_id=crm-1").json()["posts"]
        assert [one["id"] for one in found] == [made["id"]]
    assert client.put(f"{POSTS}/{made['id']}", {"content": "First"}).json()["external_id"] is None
    for none in ("", None):
        assert client.post(POSTS, {"content": "None", "external_id": none}).json()["external_id"] is None


def test_one_post_of_a_workspace_has_it_until_it_is_deleted(client: APIClient, workspace: Workspace) -> None:
    held = make_post(workspace=workspace, external_id="crm-1")
    other = make_post(workspace=workspace, status="published")
    again = {"content": "Again", "external_id": "crm-1"}

    answers = [
        client.post(POSTS, again),
        client.put(f"{POSTS}/{other.id}", again),
        client.patch(f"{POSTS}/{other.id}", {"external_id": "crm-1"}),
    ]

    assert [faults(one) for one in answers] == [TAKEN] * 3
    assert answers[0].json()["errors"][0]["params"] == {"external_id": "crm-1", "post_id": str(held.id)}
    problems = client.post(f"{POSTS}/validate", again).json()["problems"]
    assert TAKEN[1][0] in [(one["field"], one["code"]) for one in problems]
    assert faults(client.post(POSTS, {**again, "scheduled_time": "2001-01-01T00:00:00Z"}))[0] == 400
    assert client.patch(f"{POSTS}/{held.id}", again).status_code == 200
    assert client.delete(f"{POSTS}/{held.id}").status_code == 204
    assert client.post(POSTS, again).status_code == 201


@pytest.mark.parametrize(("external_id", "code"), [("x" * 201, "max_length"), (7, "wrong_type")])
def test_it_is_a_short_text(client: APIClient, external_id: Any, code: str) -> None:
    assert faults(client.post(POSTS, {"content": "x", "external_id": external_id})) == (400, [("external_id", code)])


def test_bulk_refuses_what_is_there_and_what_comes_twice(client: APIClient, workspace: Workspace) -> None:
    make_post(workspace=workspace, external_id="a")
    posts = [{"content": f"{n}", "external_id": name} for n, name in enumerate(["a", "b", "", "b", ""])]

    told = client.post("/api/v2/bulk/posts/create", {"posts": posts}).json()

    assert [one["content"] for one in told["successful"]] == ["1", "2", "4"]
    assert [(one["index"], one["code"]) for one in told["failed"]] == [(0, TAKEN[1][0][1]), (3, TAKEN[1][0][1])]


def test_who_comes_second_in_a_race_is_told_the_same(client: APIClient, workspace: Workspace) -> None:
    """Both have looked before either has stored."""
    make_post(workspace=workspace, external_id="a")
    other = make_post(workspace=workspace)
    again = {"content": "Again", "external_id": "a"}
    looked = external_ids.holders
    bodies = [{"posts": [{"content": "Fine"}, again], "atomic": is_atomic} for is_atomic in (True, False)]

    def first_sees_nothing() -> Any:
        looks = iter([lambda *_: {}])
        return patch.object(external_ids, "holders", lambda *args: next(looks, looked)(*args))

    with first_sees_nothing():
        created = client.post(POSTS, again)
    with first_sees_nothing():
        edited = client.patch(f"{POSTS}/{other.id}", {"external_id": "a"})
    with first_sees_nothing():
        atomic = client.post("/api/v2/bulk/posts/create", bodies[0])
    with first_sees_nothing():
        told = client.post("/api/v2/bulk/posts/create", bodies[1])

    assert [faults(created), faults(edited)] == [TAKEN] * 2
    assert (atomic.status_code, atomic.json()["successful"]) == (422, [])
    for answer, done in ((atomic, []), (told, ["Fine"])):
        assert [one["content"] for one in answer.json()["successful"]] == done
        assert [(one["index"], one["code"]) for one in answer.json()["failed"]] == [(1, "external_id_taken")]
    assert Post.objects.in_workspace(workspace).count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time, who waits for nobody")
def test_requests_with_the_same_ids_in_another_order_do_not_hang_each_other(
    client: APIClient, workspace: Workspace
) -> None:
    """Who has stored `a` finds `b` free, though a request that waits for `a` named `b` first."""
    posts = [{"content": name, "external_id": name} for name in "ba"]
    answers: list[Any] = []

    def create() -> None:
        try:
            answers.append(client.post("/api/v2/bulk/posts/create", {"posts": posts}))
        finally:
            connection.close()

    with transaction.atomic():
        make_post(workspace=workspace, external_id="a")
        other = threading.Thread(target=create)
        other.start()
        while not somebody_waits():
            assert other.is_alive()
            time.sleep(0.01)
        make_post(workspace=workspace, external_id="b")
    other.join()

    assert [(one["index"], one["code"]) for one in answers[0].json()["failed"]] == [
        (0, "external_id_taken"),
        (1, "external_id_taken"),
    ]
    assert set(Post.objects.in_workspace(workspace).values_list("content", "external_id")) == {
        ("Hello", "a"),
        ("Hello", "b"),
    }


def test_posts_of_a_bulk_keep_their_order_whatever_their_ids(client: APIClient) -> None:
    posts = [{"content": str(number), "external_id": name} for number, name in enumerate("dbac")]

    client.post("/api/v2/bulk/posts/create", {"posts": posts})

    listed = client.get(POSTS).json()["posts"]
    assert [one["content"] for one in listed] == ["3", "2", "1", "0"]
