"""Bulk work that a job does: over HTTP, and by the worker's task, which may be ended at any moment."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from integrations.models import SocialAccount
from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat
from mastablasta.ops.tasks import tidy
from posts import tasks
from posts.api import bulk_items
from posts.models import BulkChunk, BulkJob, Post
from posts.services import bulk_jobs
from posts.tests.factories import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]
JOBS = "/api/v2/bulk/jobs"


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_jobs, "CHUNK", 2)


def begun(client: APIClient, what: str = "create", **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v2/bulk/posts/{what}", {"async": True, **body}, format="json")
    assert answer.status_code == 202, answer.content
    job: dict[str, Any] = answer.json()
    assert answer["Location"] == f"{JOBS}/{job['id']}"
    return job


def told(client: APIClient, job: dict[str, Any], rest: str = "") -> Any:
    answer = client.get(f"{JOBS}/{job['id']}{rest}")
    assert answer.status_code == 200, answer.content
    return json.loads(answer.getvalue())


def numbered(count: int, *bad: int) -> list[dict[str, Any]]:
    """Posts of which those at `bad` are none."""
    return [{"content": "" if n in bad else f"Post {n}", "platforms": ["mastodon"]} for n in range(count)]


# --- what a job does ---
def test_a_job_answers_as_one_request_would(client: APIClient) -> None:
    job = begun(client, posts=numbered(5, 3))
    waiting = told(client, job)
    nothing_yet = told(client, job, "/result")

    tasks.work_on_bulk_jobs()

    expected = {"id": job["id"], "kind": "create", "status": "queued", "atomic": False, "total": 5, "done": 0}
    assert waiting == job
    assert {name: job[name] for name in expected} == expected
    assert nothing_yet == {"successful": [], "failed": []}
    done = told(client, job)
    assert done | {"finished_at": None} == {**job, "status": "done", "done": 5, "successful": 4, "failed": 1}
    assert done["finished_at"] >= done["created_at"]
    at_once = client.post("/api/v2/bulk/posts/create", {"posts": numbered(5, 3)}, format="json").json()
    result = told(client, job, done["result_url"].partition(job["id"])[2])
    assert result["failed"] == at_once["failed"]
    assert [(one["index"], one["content"]) for one in result["successful"]] == [
        (one["index"], one["content"]) for one in at_once["successful"]
    ]
    assert Post.objects.filter(id__in=[one["id"] for one in result["successful"]]).count() == 4


def test_every_kind_is_done(client: APIClient, account: SocialAccount) -> None:
    ids = [str(make_post(accounts=[account]).id) for _ in range(3)]
    kinds: dict[str, Any] = {
        "update": {"updates": [{"id": post_id, "content": "Other"} for post_id in ids]},
        "publish": {"post_ids": ids},
        "retry": {"post_ids": ids},
        "delete": {"post_ids": ids},
    }
    for kind, body in kinds.items():
        begun(client, kind, **body)
        tasks.work_on_bulk_jobs()

    listed = client.get(JOBS).json()
    assert [(job["kind"], job["status"], job["successful"], job["failed"]) for job in listed["jobs"]] == [
        ("delete", "done", 3, 0),
        ("retry", "done", 0, 3),
        ("publish", "done", 3, 0),
        ("update", "done", 3, 0),
    ]
    assert [job["kind"] for job in client.get(f"{JOBS}?kind=retry&status=done").json()["jobs"]] == ["retry"]
    assert set(Post.objects.values_list("content", "status")) == {("Other", "cancelled")}
    assert not Post.objects.kept().exists()


def test_what_is_too_much_for_one_request_is_a_job(client: APIClient) -> None:
    answer = client.post("/api/v2/bulk/posts/create", {"posts": [0] * 1001}, format="json")

    assert (answer.status_code, answer.json()["total"]) == (202, 1001)


@pytest.mark.parametrize(("bad", "status", "posts"), [((), "done", 5), ((1, 4), "failed", 0)])
def test_all_or_none_in_one_go(client: APIClient, bad: tuple[int, ...], status: str, posts: int) -> None:
    job = begun(client, posts=numbered(5, *bad), atomic=True)

    tasks.work_on_bulk_jobs()

    done = told(client, job)
    assert (done["status"], done["successful"], done["failed"]) == (status, posts, len(bad))
    assert bool(done["error"]) is bool(bad)
    assert [one["index"] for one in told(client, job, "/result")["failed"]] == list(bad)
    assert Post.objects.count() == posts


def test_times_are_judged_as_of_the_request(client: APIClient) -> None:
    """What was ahead then goes out, though the worker comes late to it."""
    past = timezone.now() - timedelta(minutes=1)
    post = {"content": "Soon", "platforms": ["mastodon"], "scheduled_time": past.isoformat()}
    late, never = begun(client, posts=[post]), begun(client, posts=[post])
    BulkJob.objects.filter(id=late["id"]).update(created_at=past - timedelta(minutes=1))

    tasks.work_on_bulk_jobs()

    assert [told(client, job)["successful"] for job in (late, never)] == [1, 0]
    assert Post.objects.get().scheduled_at == past


def test_result_as_csv_is_a_line_an_item_and_no_formula(client: APIClient) -> None:
    posts = [*numbered(2, 1), {"content": "=1+1"}, {"content": 'Said "no",\nthen left'}]
    job = begun(client, posts=posts)
    tasks.work_on_bulk_jobs()

    answer = client.get(f"{JOBS}/{job['id']}/result?as=csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))
    assert [(row["index"], row["status"], row["content"], row["field"], row["code"]) for row in rows] == [
        ("0", "successful", "Post 0", "", ""),
        ("1", "failed", "", "content", "required"),
        ("2", "successful", "'=1+1", "", ""),
        ("3", "successful", 'Said "no",\nthen left', "", ""),
    ]
    assert rows[1]["message"].startswith("content: content is missing")
    wrong = client.get(f"{JOBS}/{job['id']}/result?as=xml")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "as")


@pytest.mark.django_db(transaction=True)
def test_same_key_begins_one_job_and_rings_for_it(client: APIClient) -> None:
    body = {"posts": numbered(2), "async": True}
    first, again = (
        client.post("/api/v2/bulk/posts/create", body, format="json", headers={"Idempotency-Key": "k"}) for _ in "12"
    )

    assert (first.status_code, again.status_code, again["Location"]) == (202, 202, first["Location"])
    assert first.json() == again.json()
    assert BulkJob.objects.count() == 1
    assert jobs.waiting()[bulk_jobs.TASK] == 1


# --- cancelling ---
def test_cancel_ends_between_chunks_and_says_what_was_done(client: APIClient) -> None:
    job = begun(client, posts=numbered(5))
    assert work_once() == 1

    cancelled = client.post(f"{JOBS}/{job['id']}/cancel")
    tasks.work_on_bulk_jobs()

    assert cancelled.status_code == 200
    assert {name: cancelled.json()[name] for name in ("status", "done", "total")} == {
        "status": "cancelled", "done": 2, "total": 5,
    }  # fmt: skip
    assert told(client, job) == cancelled.json() == client.post(f"{JOBS}/{job['id']}/cancel").json()
    assert Post.objects.count() == 2
    assert len(told(client, job, "/result")["successful"]) == 2


def test_what_is_done_cannot_be_cancelled(client: APIClient) -> None:
    job = begun(client, posts=numbered(1))
    tasks.work_on_bulk_jobs()

    answer = client.post(f"{JOBS}/{job['id']}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


# --- workers that end, fail and meet ---
def work_once() -> int:
    """One chunk, and then the worker is told to stop."""
    answers = iter([False, True])
    return bulk_jobs.work(bulk_items.STEPS, should_stop=lambda: next(answers, True))


def test_jobs_take_turns(client: APIClient) -> None:
    first, second = begun(client, posts=numbered(4)), begun(client, posts=numbered(4))

    assert [work_once(), work_once(), work_once()] == [1, 1, 1]

    assert [told(client, job)["done"] for job in (first, second)] == [4, 2]


class Killed(BaseException):
    """Ends the worker at once, as SIGKILL does."""


@pytest.mark.parametrize("moment", ["before", "within", "written"])
def test_a_worker_that_is_ended_loses_and_doubles_nothing(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    job = begun(client, posts=numbered(5, 2))
    with monkeypatch.context() as patch:
        patch.setattr(*killer(moment))
        with pytest.raises(Killed):
            tasks.work_on_bulk_jobs()
    assert Post.objects.count() == told(client, job)["done"] == 0

    tasks.work_on_bulk_jobs()

    done = told(client, job)
    assert (done["status"], done["successful"], done["failed"]) == ("done", 4, 1)
    assert sorted(Post.objects.values_list("content", flat=True)) == ["Post 0", "Post 1", "Post 3", "Post 4"]


def killer(moment: str) -> tuple[Any, str, Any]:
    """What to replace so that the worker is ended at that moment of a chunk."""
    original = bulk_items.creation.store_posts

    def kill(*_: Any, **__: Any) -> None:
        raise Killed

    def store_and_kill(*arguments: Any, **options: Any) -> None:
        original(*arguments, **options)
        raise Killed

    return {
        "before": (bulk_jobs, "_locked", kill),
        "within": (bulk_items.creation, "store_posts", store_and_kill),
        "written": (bulk_jobs.BulkJob, "save", kill),
    }[moment]


def test_work_that_fails_again_and_again_is_given_up_and_holds_up_nobody(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, good = begun(client, posts=[{"content": "Poison"}]), begun(client, posts=numbered(1))
    original = bulk_items.creation.compose_posts

    def compose(*arguments: Any, **options: Any) -> Any:
        if options["wanted"][0].draft.content == "Poison":
            raise ZeroDivisionError
        return original(*arguments, **options)

    monkeypatch.setattr(bulk_items.creation, "compose_posts", compose)

    for _ in range(bulk_jobs.MOST_TRIES + 1):
        tasks.work_on_bulk_jobs()

    given_up = told(client, poison)
    assert (given_up["status"], given_up["error"], given_up["done"]) == ("failed", bulk_jobs.GIVEN_UP, 0)
    assert told(client, good)["status"] == "done"


def test_one_worker_at_a_time(client: APIClient) -> None:
    job = begun(client, posts=numbered(1))
    Heartbeat.objects.lead(bulk_jobs.BEAT, owner="another", at=timezone.now(), within=bulk_jobs.LEAD)

    tasks.work_on_bulk_jobs()
    assert told(client, job)["status"] == "queued"

    Heartbeat.objects.update(at=timezone.now() - bulk_jobs.LEAD)
    tasks.work_on_bulk_jobs()
    assert told(client, job)["status"] == "done"


@pytest.mark.django_db(transaction=True)
def test_a_job_that_somebody_holds_is_left_to_them(client: APIClient) -> None:
    """Whatever the heartbeat says: its row is the lock."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    job = begun(client, posts=numbered(1))

    with another_connection() as other:
        other.execute("SELECT 1 FROM posts_bulkjob FOR UPDATE")
        tasks.work_on_bulk_jobs()
        assert told(client, job)["status"] == "queued"

    tasks.work_on_bulk_jobs()
    assert told(client, job)["status"] == "done"


def another_connection() -> Any:
    import psycopg

    return psycopg.connect(**connection.get_connection_params())


# --- whose they are, and for how long ---
def test_jobs_of_a_deleted_workspace_are_left_alone(client: APIClient, workspace: Workspace) -> None:
    begun(client, posts=numbered(1))
    Workspace.objects.update(deleted_at=timezone.now())

    tasks.work_on_bulk_jobs()

    assert not Post.objects.exists()


def test_foreign_posts_are_not_there_for_a_job_either(client: APIClient) -> None:
    foreign = make_post(workspace=make_workspace())
    job = begun(client, "delete", post_ids=[str(foreign.id)])

    tasks.work_on_bulk_jobs()

    assert [one["code"] for one in told(client, job, "/result")["failed"]] == ["not_found"]


def test_what_ended_30_days_ago_is_removed(client: APIClient) -> None:
    old, young, open_ = (begun(client, posts=numbered(1)) for _ in range(3))
    ended = timezone.now() - timedelta(days=30)
    BulkJob.objects.filter(id=old["id"]).update(status="done", finished_at=ended)
    BulkJob.objects.filter(id=young["id"]).update(status="done", finished_at=ended + timedelta(hours=1))

    tidy()

    assert {str(job_id) for job_id in BulkJob.objects.values_list("id", flat=True)} == {young["id"], open_["id"]}
    assert BulkChunk.objects.count() == 2
