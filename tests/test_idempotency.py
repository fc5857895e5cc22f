"""Idempotency-Key: sent twice, done once; whoever asks, however often at once, whatever breaks in between."""

from __future__ import annotations

import itertools
import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import PersonalView, PublicView, WorkspaceView
from accounts.models import Workspace
from accounts.tests.factories import make_api_key, make_member, make_membership, make_workspace, signed_in, with_key
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.errors import Conflict, Unreachable
from mastablasta.core.ids import new_id
from mastablasta.core.models import IdempotencyKey
from mastablasta.core.tests.answers import assert_problem, one
from mastablasta.ops.tasks import tidy
from posts.models import Post
from tests.serving import served

KEY = "4f0c61a0-6f0b-4d6c-9c1e-7d1f5a3f0f6e"
URL = "/api/v2/making"
_numbers = itertools.count(1)


class Body(StrictSerializer):
    name = serializers.CharField(max_length=50)


class Making(WorkspaceView):
    """Makes a workspace, as an example of something made, and does as `trouble` says before or after."""

    trouble: Any = staticmethod(lambda: None)

    def post(self, request: Request, id: UUID | None = None) -> Response:
        made = Workspace.objects.create(name=self.body(Body)["name"])
        type(self).trouble()
        headers = {"Location": f"{URL}/{made.id}", "ETag": '"1"', "Set-Cookie": "no=1"}
        return Response({"id": str(made.id), "z": 1, "a": next(_numbers)}, status=201, headers=headers)


class MakingOutside(Making):
    is_one_transaction = False


class MakingSecret(Making):
    answers_with_secret = True

    def post(self, request: Request, id: UUID | None = None) -> Response:
        response = super().post(request)
        return Response({**response.data, "secret": "canary-secret"}, status=201)


class Ending(WorkspaceView):
    def post(self, request: Request) -> Response:
        Workspace.objects.create(name="x")
        return Response(status=204)


class Refusing(WorkspaceView):
    def post(self, request: Request) -> Response:
        Workspace.objects.create(name="x")
        return Response({"successful": []}, status=422)


class Taking(WorkspaceView):
    parser_classes = (MultiPartParser,)

    def post(self, request: Request) -> Response:
        return Response({"size": len(request.data["file"].read()), "number": next(_numbers)})


class Own(PersonalView):
    def post(self, request: Request) -> Response:
        return Response({"number": next(_numbers)})


class Open(PublicView):
    def post(self, request: Request) -> Response:
        return Response({"number": next(_numbers)})


class NoPost(WorkspaceView):
    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path("api/v2/making", Making.as_view()),
    path("api/v2/making/<uuid:id>", Making.as_view()),
    path("api/v2/outside", MakingOutside.as_view()),
    path("api/v2/secret", MakingSecret.as_view()),
    path("api/v2/ending", Ending.as_view()),
    path("api/v2/refusing", Refusing.as_view()),
    path("api/v2/taking", Taking.as_view()),
    path("api/v2/own", Own.as_view()),
    path("api/v2/auth/own", Own.as_view()),
    path("api/v2/open", Open.as_view()),
    path("api/v2/no-post", NoPost.as_view()),
    path("", include("mastablasta.urls")),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def client(workspace: Workspace) -> Any:
    return signed_in(workspace.members.get())


def post(client: Any, url: str = URL, body: Any = None, key: str = KEY, **headers: str) -> Any:
    return client.post(url, {"name": "Mine"} if body is None else body, headers={"Idempotency-Key": key, **headers})


def made(name: str = "Mine") -> int:
    return Workspace.objects.filter(name=name).count()


def test_second_request_gets_the_first_answer(client):
    first, second = post(client), post(client)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    for name in ("Location", "ETag", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert "Set-Cookie" not in second.headers
    assert made() == 1


def test_without_key_every_request_does_its_work(client, django_assert_num_queries):
    with django_assert_num_queries(2):  # who asks, and the INSERT
        client.post(URL, {"name": "Mine"})
    client.post(URL, {"name": "Mine"})

    assert made() == 2
    assert not IdempotencyKey.objects.exists()


def test_key_costs_two_queries_and_a_replay_two_in_all_besides_who_asks(client):
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as context:
            post(client)
        counts.append([one["sql"].split()[0] for one in context.captured_queries if "SAVEPOINT" not in one["sql"]])

    assert counts == [["SELECT", "INSERT", "INSERT", "UPDATE"], ["SELECT", "INSERT", "SELECT"]]


def test_answer_without_a_body(client):
    first, second = post(client, "/api/v2/ending"), post(client, "/api/v2/ending")

    assert (first.status_code, second.status_code) == (204, 204)
    assert second.content == b""
    assert made("x") == 1


@pytest.mark.parametrize("other", [{"name": "Another"}, {"name": "Mine "}, {"name": None}])
def test_another_body_is_422(client, other):
    post(client)

    sentence = "Idempotency-Key: this key came with another body before; send a new key for a new request."
    assert_problem(post(client, body=other), 422, "idempotency_key_reused", sentence)
    assert Workspace.objects.filter(name="Another").count() == 0


def test_another_query_is_another_request(client):
    post(client)

    assert post(client, f"{URL}?format=json").status_code == 422


def test_same_body_written_another_way_is_the_same(client):
    def send(text: str) -> Any:
        headers = {"Idempotency-Key": KEY}
        return client.post(URL, text, content_type="application/json", headers=headers)

    first = send('{"name":"Mine"}')

    assert send('{ "name" : "\\u004dine" }').content == first.content


def test_same_file_in_another_multipart_envelope_is_the_same(client):
    def send(content: bytes) -> Any:
        file = SimpleUploadedFile("a.png", content, "image/png")
        headers = {"Idempotency-Key": KEY}
        return client.post("/api/v2/taking", {"file": file}, format="multipart", headers=headers)

    first = send(b"abc")

    assert first.json()["size"] == 3
    assert send(b"abc").json() == first.json()
    assert send(b"abd").status_code == 422


def test_key_belongs_to_person_workspace_and_path(client, workspace):
    user = workspace.members.get()
    other = make_workspace()
    make_membership(user, other)
    post(client)

    assert "Idempotent-Replayed" not in post(signed_in(make_member(workspace))).headers
    assert "Idempotent-Replayed" not in post(signed_in(user, workspace=other)).headers
    assert "Idempotent-Replayed" not in post(client, f"{URL}/{workspace.id}").headers
    assert "Idempotent-Replayed" in post(client, f"{URL}").headers
    assert "Idempotent-Replayed" in post(with_key(make_api_key(user, workspace)[1])).headers
    assert made() == 4


def test_without_any_workspace_the_key_is_the_persons(workspace):
    user = workspace.members.get()
    user.default_workspace = None
    user.save()

    first, second = post(signed_in(user), "/api/v2/own"), post(signed_in(user), "/api/v2/own")

    assert first.json() == second.json()


def test_auth_and_public_operations_take_no_key(client):
    assert post(client, "/api/v2/auth/own").json() != post(client, "/api/v2/auth/own").json()
    assert post(client, "/api/v2/open").json() != post(client, "/api/v2/open").json()
    assert not IdempotencyKey.objects.exists()


def test_key_where_there_is_no_post_is_405(client):
    assert post(client, "/api/v2/no-post").status_code == 405


@pytest.mark.parametrize(
    ("key", "code", "sentence", "params"),
    [
        ("", "empty", "The header is empty; send a key of your own, such as a UUID.", {}),
        ("k" * 256, "too_long", "The key has 256 characters; the limit is 255.", {"limit": 255, "actual": 256}),
        ("a\x01", "not_printable", "The key may hold printable ASCII characters only.", {}),
        ("é", "not_printable", "The key may hold printable ASCII characters only.", {}),
    ],
)
def test_bad_key_is_400_and_names_the_header(client, key, code, sentence, params):
    detail = f"Idempotency-Key: {sentence}"
    errors = [one("Idempotency-Key", code, sentence, **params)]

    assert_problem(post(client, key=key), 400, code, detail, errors)
    assert made() == 0


@pytest.mark.parametrize("key", ["k" * 255, "a b", "!~", "1"])
def test_keys_that_are_taken(client, key):
    assert post(client, key=key).status_code == 201


def test_refused_request_leaves_the_key_free_for_a_corrected_one(client, monkeypatch):
    assert post(client, body={"name": ""}).status_code == 400
    monkeypatch.setattr(Making, "trouble", staticmethod(raising(Conflict("busy", "It is busy."))))
    assert post(client).status_code == 409
    assert made() == 0
    monkeypatch.undo()

    assert post(client, body={"name": "Right"}).status_code == 201
    assert post(client, body={"name": "Right"}).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("url", [URL, "/api/v2/outside"])
@pytest.mark.parametrize("error", [RuntimeError("bug"), Unreachable("platform_silent", "It does not answer.")])
def test_failure_is_not_stored(client, monkeypatch, url, error):
    monkeypatch.setattr(Making, "trouble", staticmethod(raising(error)))
    assert post(client, url).status_code in {500, 502}
    monkeypatch.undo()

    assert made() == (0 if url == URL else 1)  # a view that is no one transaction has done what it has done
    assert post(client, url).status_code == 201


def test_refusal_that_a_view_returns_is_not_stored(client):
    assert post(client, "/api/v2/refusing").status_code == 422
    assert not IdempotencyKey.objects.exists()


def test_those_who_may_not_are_refused_before_any_key_is_looked_at(workspace, client):
    post(client)

    assert post(signed_in(make_workspace().members.get()), **{"X-Workspace": str(workspace.id)}).status_code == 404
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.parametrize("url", [URL, "/api/v2/outside"])
def test_while_the_first_is_at_work_it_is_409(client, workspace, url, monkeypatch):
    seen = []

    def ask_again() -> None:
        seen.append(post(signed_in(workspace.members.get()), url))
        seen.append(post(signed_in(workspace.members.get()), url, body={"name": "Another"}))

    monkeypatch.setattr(Making, "trouble", staticmethod(ask_again))

    assert post(client, url).status_code == 201

    sentence = "Idempotency-Key: the first request with this key is still at work; send it again a little later."
    assert_problem(seen[0], 409, "idempotency_in_flight", sentence)
    assert seen[0].headers["Retry-After"] == "1"
    assert seen[1].status_code == 422
    assert made() == 1


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


@pytest.mark.parametrize("url", [URL, "/api/v2/outside"])
def test_claim_of_a_crashed_process_is_free_after_a_minute(client, monkeypatch, url):
    monkeypatch.setattr(type(IdempotencyKey.objects.all()), "release", lambda *_: None)
    monkeypatch.setattr(Making, "trouble", staticmethod(raising(Killed())))
    with pytest.raises(Killed):
        post(client, url)
    monkeypatch.undo()

    assert post(client, url).status_code == 409
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        assert post(client, url, body={"name": "Another"}).status_code == 422
        assert post(client, url).status_code == 201
        assert post(client, url).headers["Idempotent-Replayed"] == "true"


def test_work_that_outlives_its_claim_changes_nothing(client, monkeypatch):
    taken_over = staticmethod(lambda: IdempotencyKey.objects.update(id=new_id()))
    monkeypatch.setattr(Making, "trouble", taken_over)

    sentence = "This took too long and was undone; send it again with the same key."
    assert_problem(post(client), 503, "unavailable", sentence)
    assert made() == 0


def test_key_is_forgotten_after_a_day(client):
    post(client)

    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1), tick=False):
        client = signed_in(Workspace.objects.first().members.get())
        response = post(client, body={"name": "Another"})

    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers


def test_expired_keys_are_tidied_away(client):
    post(client)
    post(client, key="younger")
    IdempotencyKey.objects.filter(key=KEY).update(expires_at=timezone.now() - timedelta(seconds=1))

    tidy()

    assert [row.key for row in IdempotencyKey.objects.all()] == ["younger"]


def test_secrets_are_never_stored(client):
    first, second = post(client, "/api/v2/secret"), post(client, "/api/v2/secret")

    made_id = first.json()["id"]
    sentence = "Idempotency-Key: this was done already, and its answer held a secret that is shown only once."
    assert first.json()["secret"] == "canary-secret"
    assert_problem(second, 409, "already_done", sentence, [one("", "already_done", sentence, id=made_id)])
    assert "canary" not in json.dumps(list(IdempotencyKey.objects.values()), default=str)


def raising(error: BaseException) -> Any:
    def trouble() -> None:
        raise error

    return trouble


# --- over a real socket -------------------------------------------------------------------------------------------


def ask(url: str, token: str, body: dict[str, Any], key: str) -> tuple[int, bytes, dict[str, str]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": key}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


@pytest.mark.django_db(transaction=True)
def test_hundred_at_once_make_one_post():
    workspace = make_workspace()
    client = signed_in(workspace.members.get())
    token = client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    together = threading.Barrier(100)

    with served() as address, ThreadPoolExecutor(100) as people:

        def create(_: int) -> tuple[int, bytes, dict[str, str]]:
            together.wait()
            return ask(f"{address}/api/v2/posts", token, {"content": "Once"}, KEY)

        answers = list(people.map(create, range(100)))
        again = ask(f"{address}/api/v2/posts", token, {"content": "Once"}, KEY)

    created = [(body, headers) for status, body, headers in answers if status == 201]
    refused = [json.loads(body)["code"] for status, body, _ in answers if status != 201]
    assert Post.objects.count() == 1
    assert len({body for body, _ in created}) == 1
    assert sum("Idempotent-Replayed" not in headers for _, headers in created) == 1
    assert set(refused) <= {"idempotency_in_flight"}
    assert (again[0], again[1], again[2]["Idempotent-Replayed"]) == (201, created[0][0], "true")


@pytest.mark.django_db(transaction=True)
def test_claim_is_committed_before_the_work_and_the_answer_with_it(workspace, client, monkeypatch):
    seen: list[Any] = []

    def look() -> None:
        def from_outside() -> None:
            seen.append((list(IdempotencyKey.objects.values_list("status", flat=True)), made()))
            connection.close()

        other = threading.Thread(target=from_outside)
        other.start()
        other.join()

    monkeypatch.setattr(Making, "trouble", staticmethod(look))
    post(client)

    assert seen == [([None], 0)]
    assert (list(IdempotencyKey.objects.values_list("status", flat=True)), made()) == ([201], 1)


def test_store_fails_and_so_does_the_work(client, monkeypatch):
    monkeypatch.setattr(type(IdempotencyKey.objects.all()), "settle", raising_for_any(RuntimeError("disk full")))

    assert post(client).status_code == 500
    assert made() == 0


def raising_for_any(error: Exception) -> Any:
    def trouble(*_: Any) -> None:
        raise error

    return trouble


def test_views_outside_of_one_transaction_open_none(client, monkeypatch):
    depth: list[int] = []
    monkeypatch.setattr(Making, "trouble", staticmethod(lambda: depth.append(len(connection.savepoint_ids))))

    post(client)
    post(client, "/api/v2/outside")

    assert depth == [1, 0]
