"""A browser that somebody is signed in with: other sites can neither use it, nor frame us, nor be led to by us."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.roles import SiteRole
from accounts.tests.factories import PASSWORD, make_user, make_workspace, signed_in
from tests.tenancy import OPERATIONS, Kind

BACKEND = "django.contrib.auth.backends.ModelBackend"
EVIL = "https://evil.example"
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
FORMS = (
    "/admin/login/", "/admin/logout/", "/admin/password_change/", "/api-auth/login", "/api-auth/logout",
    "/api-auth/workspace", "/invitation", "/password-reset", "/password-reset/confirm",
)  # fmt: skip
PAGES = (
    "/", "/admin/", "/admin/login/", "/admin/nowhere/", "/admin/triage/", "/api-auth/login", "/api/v2", "/api/v2/docs",
    "/api/v2/posts", "/api/v2/nowhere", "/invitation?token=x", "/nowhere", "/password-reset",
    "/password-reset/confirm?token=x",
)  # fmt: skip
PROGRAMS = (
    "/healthz",
    "/metrics",
    "/api/v2/status",
    "/api/v2/auth/me",
    "/api/v2/nowhere",
    "/api/health",
    "/api/export",
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    user = make_user(email="operator@example.test", password=PASSWORD, site_role=SiteRole.ADMIN)
    make_workspace(owner=user)
    return user


def browser_of(user: User, kind: type[Client] = Client, **more: Any) -> Any:
    browser = kind(enforce_csrf_checks=True, **more)
    browser.force_login(user, backend=BACKEND)
    return browser


# --- other sites' forms ---


def test_no_write_of_the_api_is_done_for_another_site(operator: User) -> None:
    browser = browser_of(operator, APIClient, raise_request_exception=False)
    writes = [
        name.split(" ")
        for name, operation in OPERATIONS.items()
        if operation.kind is not Kind.PUBLIC and not name.startswith("GET")
    ]

    said = {}
    for method, path in writes:
        address = "/api/v2" + path.replace("{", "").replace("}", "")
        for name in ("id", "user_id", "invitation_id", "webhook_id"):
            address = address.replace(f"/{name}", f"/{uuid4()}")
        answer = browser.generic(method, address, b"{}", content_type="application/json", HTTP_ORIGIN=EVIL)
        said[f"{method} {path}"] = (answer.status_code, answer.json()["code"])

    assert len(said) > 40
    assert {name: answer for name, answer in said.items() if answer != (403, "csrf_failed")} == {}


def test_no_form_of_the_site_is_taken_from_another_one(operator: User) -> None:
    browser = browser_of(operator)
    names = [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]
    lists = [reverse(f"admin:{name}_{which}") for name in names for which in ("changelist", "add")]

    said = {path: browser.post(path, {"_selected_action": "1"}).status_code for path in (*FORMS, *lists)}

    assert len(lists) > 30
    assert {path: status for path, status in said.items() if status != 403} == {}


def test_token_of_one_browser_is_none_in_another(operator: User) -> None:
    ours, theirs = browser_of(operator), browser_of(make_user())
    for browser in (ours, theirs):
        browser.get("/admin/login/" if browser is theirs else "/admin/")
        browser.get("/api-auth/login")
    stolen = theirs.cookies["csrftoken"].value if "csrftoken" in theirs.cookies else "x" * 32

    assert ours.post("/api-auth/logout", {"csrfmiddlewaretoken": stolen}).status_code == 403


def test_signing_in_at_the_api_gives_a_browser_nothing() -> None:
    """So another site cannot sign somebody in as somebody else."""
    make_workspace(owner=make_user(email="ada@example.test", password=PASSWORD))

    answer = APIClient().post("/api/v2/auth/login", {"email": "ada@example.test", "password": PASSWORD})

    assert (answer.status_code, dict(answer.cookies)) == (200, {})


# --- other origins' scripts ---


@pytest.mark.parametrize("path", PROGRAMS)
def test_no_other_origin_may_read_an_answer(path: str) -> None:
    preflight = {"HTTP_ORIGIN": EVIL, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    answers = [APIClient().get(path, HTTP_ORIGIN=EVIL), APIClient().options(path, **preflight)]

    assert [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")] == []


# --- frames, types, referrers, policies ---


@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS])
@pytest.mark.parametrize("who", ["nobody", "operator"])
def test_every_answer_carries_what_browsers_are_to_heed(path: str, who: str, operator: User) -> None:
    browser = browser_of(operator) if who == "operator" else Client()
    browser.raise_request_exception = False

    answer = browser.get(path, HTTP_ACCEPT=HTML if path in PAGES else "application/json")

    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By"} & answer.headers.keys()
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        rules = dict(rule.strip().partition(" ")[::2] for rule in answer.headers["Content-Security-Policy"].split(";"))
        assert rules["frame-ancestors"] == "'none'"
        assert rules["default-src"] in {"'none'", "'self'"}
        assert "unsafe" not in rules.get("script-src", "")
        assert rules["base-uri"] == "'none'"


def test_pages_of_refusals_run_nothing_either(operator: User) -> None:
    """Those that Django writes itself: of a form without its token, of a bad request, of an unknown page."""
    browser = browser_of(operator)
    answers = {
        "no token": browser.post("/password-reset"),
        "too many fields": browser.get("/password-reset?" + "&".join(f"f{number}=1" for number in range(2_000))),
        "nowhere": browser.get("/nowhere"),
        "nowhere in the admin": browser.get("/admin/accounts/user/nobody/nothing/"),
    }

    for name, answer in answers.items():
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            assert "default-src 'none'" in answer.headers.get("Content-Security-Policy", ""), name
        assert answer.headers["X-Frame-Options"] == "DENY", name
    assert answers["no token"].status_code == 403


def test_https_is_kept_to_and_cookies_are_for_this_site_alone(operator: User, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    browser = Client()

    page = browser.get("/api-auth/login", secure=True)
    body = {"username": operator.email, "password": PASSWORD}
    browser.post("/api-auth/login", body, secure=True)

    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    session, token = browser.cookies["sessionid"], browser.cookies["csrftoken"]
    assert (session["httponly"], session["secure"], session["samesite"], session["domain"]) == (True, True, "Lax", "")
    assert (token["secure"], token["samesite"], token["domain"]) == (True, "Lax", "")


def test_session_is_another_one_after_signing_in(operator: User) -> None:
    """One that somebody planted before is worth nothing afterwards."""
    browser = Client()
    browser.cookies["sessionid"] = "planted-by-somebody-else-0123456"
    browser.post("/api-auth/login", {"username": operator.email, "password": PASSWORD})

    assert browser.cookies["sessionid"].value not in {"", "planted-by-somebody-else-0123456"}


# --- where we lead to ---

TARGETS = (
    f"{EVIL}/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "http:///evil.example", "https://127.0.0.1@evil.example/", "javascript:alert(1)", "data:text/html,x",
    " https://evil.example", "\thttps://evil.example", "%2f%2fevil.example", "/%09/evil.example",
    "https:\\\\evil.example",
)  # fmt: skip


@pytest.mark.parametrize("door", ["/admin/login/", "/api-auth/login", "/api-auth/logout"])
def test_doors_lead_nowhere_else(door: str, operator: User) -> None:
    for target in TARGETS:
        browser = Client()
        if door.endswith("logout"):
            browser.force_login(operator, backend=BACKEND)
        body = {"username": operator.email, "password": PASSWORD, "next": target}
        answer = browser.post(door, body, query_params={"next": target})

        leads_to = urlsplit(answer.headers.get("Location", ""))
        assert (leads_to.scheme, leads_to.netloc) == ("", ""), target
        assert "\\" not in answer.headers.get("Location", ""), target
        assert not answer.headers.get("Location", "").startswith("//"), target


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "//evil.example/admin", "/admin//evil.example", "/\\evil.example/", "/api/v2//evil.example"],
)
def test_odd_paths_lead_nowhere_else(path: str, operator: User) -> None:
    for client in (Client(), browser_of(operator), signed_in(operator)):
        client.raise_request_exception = False
        answer = client.generic("GET", path)

        assert urlsplit(answer.headers.get("Location", "")).netloc == ""
        assert not answer.headers.get("Location", "").startswith("//")
