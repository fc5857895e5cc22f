"""One shape for every error, whoever refuses: the router, the parser, a view, a service, or a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.test import Client
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.api.base import PublicView
from accounts.tests.factories import make_user, make_workspace
from mastablasta.core.api.errors import STATUS, PreconditionFailed
from mastablasta.core.api.problems import SENTENCES
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.errors import (
    Conflict,
    DomainError,
    FieldProblem,
    Forbidden,
    Invalid,
    NoRoom,
    NotSignedIn,
    NotThere,
    TooLarge,
    TooOften,
    Unreachable,
    WrongType,
)
from mastablasta.core.tests.answers import assert_problem, one

RAISED: dict[str, Exception] = {
    "invalid": Invalid.field("content", "too_long", "The text has 501 characters.", limit=500, actual=501),
    "invalid-many": Invalid(
        "invalid", "a: wrong", [FieldProblem("a", "wrong", "a: wrong"), FieldProblem("b.0", "wrong", "wrong too")]
    ),
    "not-signed-in": NotSignedIn("token_reused", "Sign in again."),
    "forbidden": Forbidden("role_too_low", "Ask an owner."),
    "not-there": NotThere("not_found", "There is no such post."),
    "conflict": Conflict("already_out", "It is out; duplicate it."),
    "too-large": TooLarge("too_large", "It is larger than 10 MB; send less."),
    "wrong-type": WrongType("not_media", "It is no picture; send one."),
    "no-room": NoRoom("no_room", "The disk is full; ask the operator."),
    "too-often": TooOften("locked_out", "Wait a minute.", retry_after_s=60),
    "unreachable": Unreachable("platform_silent", "The platform does not answer; try again later."),
    "precondition": PreconditionFailed(),
    "throttled": exceptions.Throttled(wait=7),
    "http404": Http404("SELECT secret FROM posts"),
    "django-denied": PermissionDenied("/srv/secret"),
    "suspicious": SuspiciousOperation("/srv/secret"),
    "client-left": UnreadablePostError("canary-secret"),
    "no-database": OperationalError("connection to canary-secret failed"),
    "crash": RuntimeError("canary-secret at /srv/app SELECT 1"),
}


class Raising(PublicView):
    def get(self, request: Request, name: str) -> Response:
        raise RAISED[name]


class Child(StrictSerializer):
    content = serializers.CharField(max_length=5)


class Parent(StrictSerializer):
    name = serializers.CharField()
    thread = Child(many=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False, max_length=2)
    first = Child(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["name"] == "body":
            raise serializers.ValidationError("Name and thread do not fit.", code="unfit")
        return attrs


class Taking(PublicView):
    def post(self, request: Request) -> Response:
        return Response(self.body(Parent))


def plain_crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("canary-secret")


def plain_denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("canary-secret")


def plain_suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("canary-secret")


@require_GET
def plain_get(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


@csrf_protect
def plain_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def plain_body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


urlpatterns = [
    path("api/v2/raising/<str:name>", Raising.as_view()),
    path("api/v2/taking", Taking.as_view()),
    path("api/plain/crash", plain_crash),
    path("api/plain/denied", plain_denied),
    path("api/plain/suspicious", plain_suspicious),
    path("api/plain/get", plain_get),
    path("api/plain/form", plain_form),
    path("api/plain/body", plain_body),
    path("pages/crash", plain_crash),
    path("pages/denied", plain_denied),
    path("", include("mastablasta.urls")),
]
handler400 = "mastablasta.core.api.error_pages.bad_request"
handler403 = "mastablasta.core.api.error_pages.permission_denied"
handler404 = "mastablasta.core.api.error_pages.not_found"
handler500 = "mastablasta.core.api.error_pages.server_error"

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def api() -> APIClient:
    return APIClient(raise_request_exception=False)


def test_statuses_cover_every_kind_of_refusal():
    assert set(STATUS) == set(DomainError.__subclasses__())


@pytest.mark.parametrize(
    ("name", "status", "code", "detail", "errors"),
    [
        (
            "invalid",
            400,
            "too_long",
            "content: The text has 501 characters.",
            [one("content", "too_long", "The text has 501 characters.", limit=500, actual=501)],
        ),
        (
            "invalid-many",
            400,
            "invalid",
            "a: a: wrong (1 more fault is listed in errors.)",
            [one("a", "wrong", "a: wrong"), one("b.0", "wrong", "wrong too")],
        ),
        ("not-signed-in", 401, "token_reused", "Sign in again.", []),
        ("forbidden", 403, "role_too_low", "Ask an owner.", []),
        ("not-there", 404, "not_found", "There is no such post.", []),
        ("conflict", 409, "already_out", "It is out; duplicate it.", []),
        ("too-large", 413, "too_large", "It is larger than 10 MB; send less.", []),
        ("wrong-type", 415, "not_media", "It is no picture; send one.", []),
        ("no-room", 507, "no_room", "The disk is full; ask the operator.", []),
        ("too-often", 429, "locked_out", "Wait a minute.", []),
        ("unreachable", 502, "platform_silent", "The platform does not answer; try again later.", []),
        ("precondition", 412, "changed_meanwhile", PreconditionFailed.default_detail, []),
        ("throttled", 429, *SENTENCES[429], []),
        ("http404", 404, *SENTENCES[404], []),
        ("django-denied", 403, *SENTENCES[403], []),
        ("suspicious", 400, *SENTENCES[400], []),
        ("client-left", 400, *SENTENCES[400], []),
        ("no-database", 503, *SENTENCES[503], []),
        ("crash", 500, *SENTENCES[500], []),
    ],
)
def test_whatever_a_view_raises_is_a_problem(api, name, status, code, detail, errors):
    response = api.get(f"/api/v2/raising/{name}")

    assert_problem(response, status, code, detail, errors)


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("too-often", "Retry-After", "60"),
        ("throttled", "Retry-After", "7"),
        ("not-signed-in", "WWW-Authenticate", "Bearer"),
    ],
)
def test_problem_carries_the_header_of_its_status(api, name, header, value):
    assert api.get(f"/api/v2/raising/{name}").headers[header] == value


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/v2/nowhere", 404),
        ("get", "/api/v3/", 404),
        ("get", "/api/nowhere", 404),
        ("get", "/api/v2/auth/api-keys/not-an-id", 404),
        ("get", "/api/plain/crash", 500),
        ("get", "/api/plain/denied", 403),
        ("get", "/api/plain/suspicious", 400),
        ("post", "/api/plain/get", 405),
        ("delete", "/api/v2/taking", 405),
        ("options", "/api/v2/taking", 405),
        ("trace", "/api/v2/taking", 405),
    ],
)
def test_what_django_or_drf_refuse_is_a_problem(api, method, path, status):
    assert_problem(getattr(api, method)(path), status, *SENTENCES[status])


def test_405_names_what_is_allowed(api):
    assert api.delete("/api/v2/taking").headers["Allow"] == "POST"
    assert api.post("/api/plain/get").headers["Allow"] == "GET"


def test_406_when_no_json_is_wanted(api):
    assert_problem(api.get("/api/v2/raising/crash", HTTP_ACCEPT="text/csv"), 406, *SENTENCES[406])


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "nonsense", ""])
def test_415_says_what_to_send(api, content_type):
    sentence = "The body is of a type that this address does not read; send Content-Type: application/json."

    response = api.generic("POST", "/api/v2/taking", b"name=1", content_type=content_type)

    assert_problem(response, 415, "unsupported_media_type", sentence)


def test_413_for_a_body_beyond_the_limit(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
    body = b'{"name":"' + b"x" * 1_000_000 + b'"}'

    of_the_api, elsewhere = (
        api.generic("POST", path, body, content_type="application/json")
        for path in ("/api/v2/taking", "/api/plain/body")
    )

    [problem] = of_the_api.json()["errors"]
    assert (problem["code"], problem["params"]) == ("body_too_large", {"limit": 1_000_000, "actual": len(body)})
    assert_problem(of_the_api, 413, "body_too_large", problem["message"], [problem])
    assert "1,000,000" in problem["message"]
    assert_problem(elsewhere, 413, *SENTENCES[413])


def test_411_for_a_body_without_its_length(api):
    response = api.generic(
        "POST", "/api/v2/taking", b"", content_type="application/json", HTTP_TRANSFER_ENCODING="chunked"
    )

    assert_problem(response, 411, *SENTENCES[411])


def test_csrf_failure_of_a_plain_view_is_a_problem():
    response = Client(enforce_csrf_checks=True).post("/api/plain/form")

    sentence = "A browser's session needs a CSRF token with it; send X-CSRFToken, or use a Bearer token instead."
    assert_problem(response, 403, "csrf_failed", sentence)


@pytest.mark.django_db
def test_csrf_failure_of_the_browser_session_is_a_problem():
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_workspace().members.get(), backend="django.contrib.auth.backends.ModelBackend")

    response = client.post("/api/v2/workspaces", {"name": "Mine"})

    sentence = "A browser's session needs its CSRF token with it; send X-CSRFToken."
    assert_problem(response, 403, "csrf_failed", sentence)


def test_unknown_host_names_the_setting_and_is_one_line_of_the_log(api, caplog):
    sentence = "This server is not served under that name; its operator has to add the name to ALLOWED_HOSTS."
    with capture_logs() as lines:
        assert_problem(api.get("/api/v2/nowhere", HTTP_HOST="evil.example"), 400, "unknown_host", sentence)
        page = api.get("/", HTTP_HOST="evil.example")

    assert (page.status_code, page["Content-Type"], page.content.decode()) == (
        400,
        "text/plain; charset=utf-8",
        sentence,
    )
    assert [(one["log_level"], one["host"]) for one in lines if one["event"] == "unknown_host"] == [
        ("warning", "evil.example")
    ] * 2
    assert not [record for record in caplog.records if record.exc_info]


def malformed(what: str) -> tuple[str, str]:
    return "malformed_json", f"The body {what}."


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"", None),
        (b"{}x", "is not JSON: Extra data at line 1, column 3"),
        (b'{"name": NaN}', "is not JSON: NaN is not a JSON number"),
        (b'{"name": -Infinity}', "is not JSON: -Infinity is not a JSON number"),
        (b'{"name": 1e999}', "has a number that is too large"),
        (b'{"name": ' + b"9" * 5_000 + b"}", "has a number with too many digits"),
        (b'{"name": "\xff"}', "is not UTF-8 (byte 10); send UTF-8"),
        ('{"name": "ä"}'.encode("latin-1"), "is not UTF-8 (byte 10); send UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "is not UTF-8 (byte 0); send UTF-8"),
        (b"[" * 100_000, "is nested deeper than 64 levels"),
        (b'{"name": ' + b"[" * 70 + b"]" * 70 + b"}", "is nested deeper than 64 levels"),
    ],
)
def test_malformed_body(api, body, what):
    response = api.generic("POST", "/api/v2/taking", body, content_type="application/json")

    if what is None:
        missing = one("name", "required", "This field is required.")
        assert_problem(response, 400, "invalid", "name: This field is required.", [missing])
    else:
        assert_problem(response, 400, *malformed(what))


@pytest.mark.parametrize(
    ("body", "field", "code", "message"),
    [
        ({"name": "a\0b"}, "name", "nul_character", "NUL characters (\\u0000) cannot be kept; leave them out."),
        (
            {"name": "a", "thread": [{"content": "a"}, {"content": "\0"}]},
            "thread.1.content",
            "nul_character",
            "NUL characters (\\u0000) cannot be kept; leave them out.",
        ),
        ({"na\0me": "a"}, "", "nul_character", "NUL characters (\\u0000) cannot be kept; leave them out."),
        (
            {"name": "\ud800"},
            "name",
            "lone_surrogate",
            "Half of a surrogate pair is not a character; send whole characters.",
        ),
    ],
)
def test_text_that_no_database_keeps(api, body, field, code, message):
    response = api.generic("POST", "/api/v2/taking", json.dumps(body).encode(), content_type="application/json")

    detail = f"{field}: {message}" if field else message
    assert_problem(response, 400, "invalid", detail, [one(field, code, message)])


@pytest.mark.parametrize("body", ["[]", '"name"', "1", "null", "true", "[{}]"])
def test_body_that_is_no_object(api, body):
    response = api.generic("POST", "/api/v2/taking", body, content_type="application/json")

    expected = one("", "not_an_object", "A JSON object is expected: {…}.")
    assert_problem(response, 400, "invalid", expected["message"], [expected])


def test_faults_of_nested_fields_have_dotted_names(api):
    body = {
        "name": "x",
        "thread": [{"content": "ok"}, {"content": "too long", "extra": 1}, 5],
        "tags": ["abcd", 5],
        "first": "text",
        "nmae": 1,
    }

    response = api.post("/api/v2/taking", body)

    valid = "This name is not known here; valid names: name, thread, tags, first."
    assert sorted(response.json()["errors"], key=lambda fault: fault["field"]) == [
        one("first", "not_an_object", "A JSON object is expected: {…}."),
        one("nmae", "unknown", valid, valid=["name", "thread", "tags", "first"]),
        one("tags.0", "max_length", "Ensure this field has no more than 3 characters.", limit=3, actual=4),
        one("tags.1", "wrong_type", "This must be text, not a number."),
        one("thread.1.content", "max_length", "Ensure this field has no more than 5 characters.", limit=5, actual=8),
        one("thread.1.extra", "unknown", "This name is not known here; valid names: content.", valid=["content"]),
        one("thread.2", "not_an_object", "A JSON object is expected: {…}."),
    ]


def test_fault_of_the_body_as_a_whole_has_an_empty_field(api):
    expected = one("", "unfit", "Name and thread do not fit.")
    assert_problem(api.post("/api/v2/taking", {"name": "body"}), 400, "invalid", expected["message"], [expected])


@pytest.mark.parametrize("path", ["/api/v2/raising/crash", "/api/plain/crash"])
def test_crash_is_logged_under_its_request_id_and_nothing_leaves(api, path):
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        response = api.get(path)

    assert "canary-secret" not in response.content.decode()
    failed = [line for line in lines if line["event"] == "request_failed"]
    assert [line["request_id"] for line in failed] == [response.headers["X-Request-ID"]]
    assert failed[0]["exc_info"]


@pytest.mark.parametrize(
    ("name", "level"),
    [("invalid", "info"), ("unreachable", "info"), ("no-room", "warning"), ("crash", "error")],
)
def test_a_refusal_is_no_failure_of_the_program(api, name, level):
    with capture_logs() as lines:
        api.get(f"/api/v2/raising/{name}")

    assert max((line["log_level"] for line in lines), key=["debug", "info", "warning", "error"].index) == level
    assert [line for line in lines if "exc_info" in line] == [one for one in lines if one["event"] == "request_failed"]


@pytest.mark.parametrize(("path", "status"), [("/pages/crash", 500), ("/pages/denied", 403), ("/nowhere", 404)])
def test_pages_outside_the_api_are_djangos_own(api, path, status):
    response = api.get(path)

    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"canary-secret" not in response.content


def test_every_answer_names_its_request(api):
    first, second = api.get("/api/plain/get"), api.get("/api/plain/get", HTTP_X_REQUEST_ID="chosen-by-the-caller")

    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert second.headers["X-Request-ID"] != "chosen-by-the-caller"


@pytest.mark.django_db
def test_browsable_page_shows_the_error_as_html():
    client = APIClient()
    client.force_login(make_user(), backend="django.contrib.auth.backends.ModelBackend")

    response = client.get("/api/v2/workspaces?limit=0", HTTP_ACCEPT="text/html")

    assert response.status_code == 400
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"out_of_range" in response.content
