"""Files that a job takes in: as a request would, chunk by chunk, by workers that may be ended at any moment."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user, make_workspace, signed_in
from integrations.tests.factories import make_account
from posts import tasks
from posts.api import import_export_views
from posts.import_export import admin_page
from posts.models import BulkJob, Post
from posts.services import bulk_jobs
from posts.tests.factories import make_post
from posts.tests.test_bulk_jobs import JOBS, Killed, killer, told, work_once
from posts.tests.test_import_admin import ADDRESS, held_in, look
from posts.tests.test_import_export import client_of, counts, rows, send, took, world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "CHUNK", 2)


def begun(client: APIClient, data: str, **fields: Any) -> dict[str, Any]:
    answer = send(client, data, **{"async": "true"}, **fields)
    assert answer.status_code == 202, answer.content
    job: dict[str, Any] = answer.json()
    assert answer["Location"] == f"{JOBS}/{job['id']}"
    return job


def result_of(client: APIClient, data: str, **fields: Any) -> Any:
    """What a job that takes in this file comes to."""
    job = begun(client, data, **fields)
    tasks.work_on_bulk_jobs()
    return told(client, job, "/result")


def without_ids(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "successful": [{**one, "id": None} for one in result["successful"]]}


def test_a_job_answers_as_the_request_would_and_twice_is_the_same(client: APIClient, workspace: Workspace) -> None:
    elsewhere = client_of(make_account().workspace)
    data = f"{rows(7, bad=(3,))}\ncrm-1,Again,,,\n,No id,mastodon,,"
    job = begun(client, data)
    waiting = told(client, job)
    assert without_ids(told(client, job, "/result")) == {
        "successful": [], "failed": [], "dry_run": False, "created": 0, "updated": 0, "unchanged": 0, "refused": 0,
    }  # fmt: skip

    tasks.work_on_bulk_jobs()

    expected = {"kind": "import", "status": "queued", "atomic": False, "total": 9, "done": 0}
    assert waiting == job
    assert {name: job[name] for name in expected} == expected
    done, result = told(client, job), told(client, job, "/result")
    assert done | {"finished_at": None} == {**job, "status": "done", "done": 9, "successful": 7, "failed": 2}
    assert without_ids(result) == without_ids(took(elsewhere, data))
    assert [post | {"warnings": []} for post in world(client)] == [post | {"warnings": []} for post in world(elsewhere)]
    before = client.get("/api/v2/posts?limit=200").json()
    assert counts(result_of(client, rows(7, bad=(3,)))) == (0, 0, 6, 1)
    assert client.get("/api/v2/posts?limit=200").json() == before
    other = rows(7, bad=(3,)).replace("Post ", "Another ")
    assert counts(result_of(client, f"{other}\nnew,New,mastodon,,")) == (1, 6, 0, 1)
    assert Post.objects.in_workspace(workspace).count() == 8


def test_the_result_as_csv_is_a_line_a_row_and_no_formula(client: APIClient) -> None:
    job = begun(client, "external_id,content\n'=1,One\nb,\n,Three")
    tasks.work_on_bulk_jobs()

    answer = client.get(f"{JOBS}/{job['id']}/result?as=csv")

    lines = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert [tuple(line[name] for name in ("row", "status", "external_id", "field", "code")) for line in lines] == [
        ("2", "created", "'=1", "", ""), ("3", "refused", "b", "content", "required"), ("4", "created", "", "", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "within", "written"])
def test_a_worker_that_is_ended_makes_no_row_twice_also_without_external_ids(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    job = begun(client, "content,platforms\nOne,mastodon\nTwo,mastodon\nThree,mastodon\n,mastodon\nFive,mastodon")
    assert work_once() == 1
    with monkeypatch.context() as patch:
        patch.setattr(*killer(moment))
        with pytest.raises(Killed):
            tasks.work_on_bulk_jobs()
    assert Post.objects.count() == told(client, job)["done"] == 2

    tasks.work_on_bulk_jobs()

    done = told(client, job)
    assert (done["status"], done["successful"], done["failed"]) == ("done", 4, 1)
    assert sorted(Post.objects.values_list("content", flat=True)) == ["Five", "One", "Three", "Two"]


def test_it_is_cancelled_between_chunks(client: APIClient) -> None:
    job = begun(client, rows(5))
    assert work_once() == 1

    cancelled = client.post(f"{JOBS}/{job['id']}/cancel").json()
    tasks.work_on_bulk_jobs()

    assert (cancelled["status"], cancelled["done"], Post.objects.count()) == ("cancelled", 2, 2)


def test_a_dry_run_says_the_same_and_stores_nothing(client: APIClient, workspace: Workspace) -> None:
    there = make_post(workspace=workspace, external_id="crm-1")
    data = rows(4, bad=(2,))

    result = result_of(client, data, dry_run="true")

    assert result == took(client, data, dry_run="true")
    assert (result["dry_run"], *counts(result)) == (True, 2, 1, 0, 1)
    assert list(Post.objects.values_list("id", "content")) == [(there.id, "Hello")]
    assert client.get(f"{JOBS}?kind=import_dry_run").json()["jobs"][0]["successful"] == 3


def test_rows_about_one_post_are_found_across_chunks(client: APIClient, workspace: Workspace) -> None:
    """By whichever of its two names, and whatever becomes of the first."""
    post = make_post(workspace=workspace, external_id="mine")
    lines = ["mine,,One", "x,,Two", "y,,", f",{post.id},Again", "y,,Three", "x,,Four"]

    result = result_of(client, "\n".join(["external_id,id,content", *lines]))

    assert counts(result) == (1, 1, 0, 4)
    assert [(one["row"], one["details"][0]["field"], one["code"]) for one in result["failed"]] == [
        (4, "content", "required"), (5, "id", "row_repeated"),
        (6, "external_id", "row_repeated"), (7, "external_id", "row_repeated"),
    ]  # fmt: skip


def test_what_is_too_much_for_one_request_is_a_job(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_export_views, "MOST_AT_ONCE", 3)

    assert (send(client, rows(3)).status_code, send(client, rows(4)).status_code) == (200, 202)
    assert BulkJob.objects.get().total == 4
    refused = send(client, "content\nx", **{"async": "perhaps"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "async")


def test_a_row_that_no_database_can_hold_is_refused_alone(client: APIClient) -> None:
    data = "external_id,content,accounts\na\0b,One,\n,T\0wo,\n,Three,mastodon:\0\nd,Four,"

    result = result_of(client, data)

    at_once = took(client_of(make_account().workspace), data)
    assert without_ids(result) == without_ids(json.loads(json.dumps(at_once).replace("\\u0000", "\\ufffd")))
    assert [one["row"] for one in result["failed"]] == [2, 3, 4]


def test_in_the_admin_a_long_file_is_a_job_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_page, "MOST_AT_ONCE", 2)
    operator, person = Client(), make_user(site_role=SiteRole.ADMIN)
    operator.force_login(person, backend=BACKEND)
    held = held_in(look(operator, workspace, "content\nOne\nTwo\nThree\n"))

    page = operator.post(ADDRESS, {"held": held}, follow=True)
    again = operator.post(ADDRESS, {"held": held}, follow=True)

    job = BulkJob.objects.get()
    assert (job.kind, job.total, job.author, job.workspace) == ("import", 3, person, workspace)
    assert page.redirect_chain == [(f"/admin/posts/bulkjob/{job.id}/change/", 302)]
    assert "A job imports the 3 rows" in page.content.decode()
    assert "This was imported already." in again.content.decode()
    tasks.work_on_bulk_jobs()
    assert Post.objects.in_workspace(workspace).count() == 3


def test_jobs_are_of_their_workspace(client: APIClient) -> None:
    job = begun(client, rows(1))
    stranger = signed_in(make_workspace().members.get())

    assert stranger.get(f"{JOBS}/{job['id']}/result").status_code == 404
