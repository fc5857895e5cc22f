"""The API in a browser: every address, for everybody, as a page that stands; forms filled, a workspace to choose."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User, Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import (
    BACKEND,
    PASSWORD,
    browser_of,
    make_api_key,
    make_member,
    make_membership,
    make_user,
    make_workspace,
    with_key,
)
from mastablasta.core.api.schema import description
from media_library.tests.factories import photo
from posts.tests.factories import make_post
from tests.tenancy import OPERATIONS, Kind, Operation
from tests.test_description import HTML
from tests.test_tenancy import named_in, owner_of

ROOT, POSTS = "/api/v2", "/api/v2/posts"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


@pytest.fixture(autouse=True, scope="module")
def _described() -> None:
    """The program makes its description at the first page; that is no test's time."""
    description()


def routes(resolver: Any = None, before: str = "/") -> Iterator[str]:
    """Every address of the site map below /api/v2, as `/api/v2/posts/{id}`."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, address)
        elif isinstance(pattern, URLPattern) and address.startswith(ROOT):
            yield address


ROUTES = sorted(set(routes()))
NOT_DESCRIBED = {"platform": "mastodon", "code": "1x2"}


def operations_at(route: str) -> dict[str, Operation]:
    """What tests/tenancy.py knows of an address, by method."""
    named = {name.split(" ")[0]: one for name, one in OPERATIONS.items() if ROOT + name.split(" ")[1] == route}
    return dict(sorted(named.items(), key=lambda one: one[0] != "GET"))


def address_in(workspace: Workspace, route: str, fixture: Callable[[str], Any]) -> str:
    """The route with the ids of what it names in that workspace."""
    operation = next(iter(operations_at(route).values()), Operation())
    if "sandbox" in operation.fixtures:
        fixture("sandbox")
    thing = operation.thing(workspace) if operation.thing else uuid4()
    return route.format(**{"id": thing, **NOT_DESCRIBED, **named_in(operation, workspace)}) + operation.query


def everybody(workspace: Workspace) -> dict[str, Client]:
    superuser = User.objects.create_superuser(f"{uuid4().hex}@example.org")
    people = {
        "somebody without a workspace": make_user(),
        "an owner": owner_of(workspace),
        "a viewer": make_member(workspace, role=Role.VIEWER),
        "an editor": make_member(workspace),
        "a superuser without a workspace": superuser,
    }
    assert superuser.default_workspace is None
    return {"nobody": Client(), **{name: browser_of(user) for name, user in people.items()}}


def page_of(client: Client, address: str, **headers: str) -> Any:
    client.raise_request_exception = False
    return client.get(address, headers={"Accept": HTML, **headers})


@pytest.mark.parametrize("route", ROUTES)
def test_no_page_breaks_for_anybody_and_its_forms_are_filled(request, route):
    workspace = make_workspace()
    address = address_in(workspace, route, request.getfixturevalue)
    people = everybody(workspace)
    read = operations_at(route).get("GET")

    for name, client in people.items():
        response = page_of(client, address)

        assert response.status_code < 500, (name, response.content[:500])
        if name != "nobody" and is_browsable(route):
            assert response.headers["Content-Type"].startswith("text/html"), name
            assert "Sign out" in response.content.decode(), name
        if name in {"an owner", "a viewer"} and read is not None and read.kind is not Kind.PUBLIC:
            if read.gives_bytes:
                assert (response.status_code, response.headers["Content-Type"]) == (200, read.media_type), name
            else:
                assert response.status_code == (403 if read.begins_a_write and name == "a viewer" else 200), name
        takes_an_admin = any(one.takes_an_admin for one in operations_at(route).values())
        if is_browsable(route) and name == ("an owner" if takes_an_admin else "an editor"):
            assert response.status_code == (200 if read else 405)  # the page of what takes no GET holds its form
            put_or_patch = example_body(route, "PUT") or example_body(route, "PATCH")  # one form for both
            filled = (example_body(route, "POST"), put_or_patch)
            assert forms_of(response) == [one for one in filled if one is not None], name


def is_browsable(route: str) -> bool:
    """Whether it is an address of DRF's pages: no file, and no page of our own."""
    oauth = f"{ROOT}/oauth/{{platform}}/"
    ours = ("/api-auth/", f"{ROOT}/docs", f"{ROOT}/schema", f"{ROOT}/media/links/")
    own = (*ours, f"{oauth}c", f"{oauth}d")  # callback, confirm; what platforms call
    reads = operations_at(route).get("GET")
    return not route.startswith(own) and not (reads and reads.gives_bytes)


def example_body(route: str, method: str) -> Any:
    """The first example of the body that the description gives for it."""
    operation = description()["paths"].get(route, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return next((one["value"] for one in content.get("examples", {}).values()), None)


def forms_of(response: Any) -> list[Any]:
    """What the forms of a page would send as they stand."""
    texts = re.findall(r"<textarea[^>]*>(.*?)</textarea>", response.content.decode(), re.DOTALL)
    return [json.loads(html.unescape(text)) for text in texts if text.strip()]


def test_a_form_can_be_sent_as_it_stands():
    browser = browser_of(make_member(make_workspace()))
    body = forms_of(page_of(browser, f"{ROOT}/workspaces"))[0]

    assert browser.post(f"{ROOT}/workspaces", body, content_type="application/json").status_code == 201


def test_viewer_is_shown_no_form_for_what_they_may_not():
    workspace = make_workspace()

    response = page_of(browser_of(make_member(workspace, role=Role.VIEWER)), POSTS)

    assert response.status_code == 200
    assert forms_of(response) == []


def test_upload_has_a_form_for_a_file():
    page = page_of(browser_of(make_member(make_workspace())), f"{ROOT}/media/upload").content.decode()

    assert 'type="file"' in page
    assert 'name="alt_text"' in page


def test_upload_by_a_browser_whose_token_is_in_the_header():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_member(make_workspace()), backend=BACKEND)
    page = page_of(client, f"{ROOT}/media/upload").content.decode()
    token = re.search(r'"csrfToken": "(\w+)"', page)
    assert token is not None

    file = {"file": SimpleUploadedFile("beach.jpg", photo())}
    done = client.post(f"{ROOT}/media/upload", file, headers={"X-CSRFToken": token[1], "Accept": HTML})

    assert done.status_code == 201, done.content[:500]


def test_page_describes_the_address_in_the_words_of_the_description():
    page = page_of(browser_of(make_member(make_workspace())), POSTS).content.decode()

    assert "List posts, newest first" in page


def test_list_has_a_form_with_its_filters():
    page = page_of(browser_of(make_member(make_workspace())), POSTS).content.decode()

    filters = page[page.index('id="filtersModal"') :]
    assert '<select name="status"' in filters
    assert '<input type="text" name="created_from"' in filters
    assert '<option value="partially_published">' in filters
    assert "invalid name" not in filters


def test_filters_show_what_was_asked_for():
    page = page_of(browser_of(make_member(make_workspace())), f"{POSTS}?status=failed&q=harbour").content.decode()

    assert '<option value="failed" selected>' in page
    assert 'value="harbour"' in page


def test_filters_as_the_form_sends_them_are_a_list():
    """A form sends every field, also the empty ones."""
    workspace = make_workspace()
    make_post(workspace=workspace, content="Seen in a list")

    response = page_of(browser_of(owner_of(workspace)), f"{POSTS}?created_from=&q=seen&tag=&ordering=&has_media=")

    assert response.status_code == 200
    assert "Seen in a list" in response.content.decode()


# --- the root -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [ROOT, f"{ROOT}/"])
def test_root_names_what_is_public_to_everybody(client, settings, address):
    settings.PUBLIC_URL = "https://social.example"

    response = client.get(address)

    assert response.status_code == 200
    assert response.json() == {
        "status": "https://social.example/api/v2/status",
        "schema": "https://social.example/api/v2/schema",
        "docs": "https://social.example/api/v2/docs",
        "register": "https://social.example/api/v2/auth/register",
        "login": "https://social.example/api/v2/auth/login",
    }


def test_root_names_every_list_to_who_is_signed_in():
    workspace = make_workspace()

    found = browser_of(owner_of(workspace)).get(ROOT).json()

    lists = {
        path
        for path, methods in description()["paths"].items()
        if "get" in methods
        and "{" not in path
        and path not in {ROOT, f"{ROOT}/auth/me", f"{ROOT}/posts/export", f"{ROOT}/analytics/export"}
    }
    addresses = {address.removeprefix("http://127.0.0.1:33766") for address in found.values()}
    assert lists <= {re.sub(r"^https?://[^/]+", "", address) for address in addresses}
    assert set(found) > {"me", "api_keys", "workspaces", "platforms", "accounts", "posts", "media", "calendar"}


def test_every_address_that_the_root_names_is_there():
    browser = browser_of(owner_of(make_workspace()))

    for address in browser.get(ROOT).json().values():
        path = re.sub(r"^https?://[^/]+", "", address)
        assert browser.get(path).status_code in {200, 400, 405}, path


def test_root_is_a_page_for_everybody_with_the_way_to_sign_in():
    response = page_of(Client(), ROOT)

    assert response.headers["Content-Type"].startswith("text/html")
    assert "/api-auth/login?next=/api/v2" in response.content.decode()
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]


def test_programs_get_the_root_as_json():
    user = owner_of(make_workspace())
    program = with_key(make_api_key(user, user.default_workspace)[1])

    assert "posts" in program.get(ROOT, headers={"Accept": "text/html"}).json()


# --- signing in and out -------------------------------------------------------------------------------------------


@pytest.fixture
def known_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "check_password", lambda self, text: text == PASSWORD)


@pytest.mark.usefixtures("known_password")
def test_anybody_signs_in_with_e_mail_and_password_and_comes_back():
    user = make_member(make_workspace())
    client = Client(enforce_csrf_checks=True)
    page = client.get(f"/api-auth/login?next={POSTS}")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert token is not None

    body = {"username": user.email, "password": PASSWORD, "next": POSTS, "csrfmiddlewaretoken": token[1]}
    done = client.post("/api-auth/login", body)

    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert (done.status_code, done.headers["Location"]) == (302, POSTS)
    assert page_of(client, POSTS).status_code == 200
    assert user.email in page_of(client, POSTS).content.decode()


@pytest.mark.usefixtures("known_password")
@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_sign_in_leads_to_no_other_site(next):
    user = make_user()

    done = Client().post("/api-auth/login", {"username": user.email, "password": PASSWORD, "next": next})

    assert done.headers["Location"] == ROOT


@pytest.mark.usefixtures("known_password")
def test_wrong_password_is_said_on_the_page():
    done = Client().post("/api-auth/login", {"username": make_user().email, "password": "another"})

    assert done.status_code == 200
    assert "Please enter a correct" in done.content.decode()


@pytest.mark.usefixtures("known_password")
def test_failures_at_the_page_lock_out_like_those_at_the_api(settings):
    settings.AXES_FAILURE_LIMIT = 3
    user, wrong = make_user(), "another"

    answers = [Client().post("/api-auth/login", {"username": user.email, "password": wrong}) for _ in range(3)]
    rightly = Client().post("/api-auth/login", {"username": user.email, "password": PASSWORD})
    at_the_api = Client().post(
        f"{ROOT}/auth/login", {"email": user.email, "password": PASSWORD}, content_type="application/json"
    )

    assert [one.status_code for one in (*answers, rightly, at_the_api)] == [200, 200, 429, 429, 429]


def test_sign_out_takes_a_post():
    browser = browser_of(make_member(make_workspace()))

    assert browser.get("/api-auth/logout").status_code == 405
    assert browser.post("/api-auth/logout").headers["Location"] == ROOT
    assert browser.get(POSTS).status_code == 401


# --- which workspace ----------------------------------------------------------------------------------------------


@pytest.fixture
def two() -> tuple[User, Workspace, Workspace]:
    """Somebody with two workspaces; the first is the default one."""
    first, second = make_workspace(name="Harbour Museum"), make_workspace(name="Lighthouse")
    user = owner_of(first)
    make_membership(user, second)
    make_post(workspace=first, content="In the harbour")
    make_post(workspace=second, content="In the lighthouse")
    return user, first, second


def choose(browser: Client, workspace: Any, next: str = POSTS) -> Any:
    return browser.post("/api-auth/workspace", {"workspace": str(workspace), "next": next})


def test_page_offers_ones_own_workspaces(two):
    user, first, second = two
    foreign = make_workspace(name="Foreign Office")

    page = page_of(browser_of(user), POSTS).content.decode()

    assert f'<option value="{first.id}" selected>Harbour Museum</option>' in page
    assert f'<option value="{second.id}">Lighthouse</option>' in page
    assert str(foreign.id) not in page


def test_chosen_workspace_is_what_the_pages_are_about(two):
    user, _, second = two
    browser = browser_of(user)

    back = choose(browser, second.id, f"{POSTS}?limit=5")
    page = page_of(browser, POSTS).content.decode()

    assert (back.status_code, back.headers["Location"]) == (302, f"{POSTS}?limit=5")
    assert "In the lighthouse" in page
    assert "In the harbour" not in page
    assert f'<option value="{second.id}" selected>' in page


def test_header_goes_before_what_was_chosen(two):
    user, first, second = two
    browser = browser_of(user)
    choose(browser, second.id)

    response = browser.get(POSTS, headers={"X-Workspace": str(first.id)})

    assert [post["content"] for post in response.json()["posts"]] == ["In the harbour"]


def test_choice_is_this_browsers_alone(two):
    user, _, second = two
    choose(browser_of(user), second.id)

    posts = browser_of(user).get(POSTS).json()["posts"]
    assert [post["content"] for post in posts] == ["In the harbour"]


@pytest.mark.parametrize("which", ["foreign", "unknown", "no id"])
def test_what_is_not_ones_own_cannot_be_chosen(two, which):
    browser = browser_of(two[0])
    wanted = {"foreign": make_workspace().id, "unknown": uuid4(), "no id": "x"}[which]

    assert choose(browser, wanted).status_code == 404
    assert [post["content"] for post in browser.get(POSTS).json()["posts"]] == ["In the harbour"]


def test_choice_opens_nothing_once_the_membership_has_ended(two):
    user, first, second = two
    browser = browser_of(user)
    choose(browser, second.id)

    second.memberships.filter(user=user).delete()
    response = page_of(browser, POSTS)

    assert (response.status_code, "In the lighthouse" in response.content.decode()) == (404, False)
    choose(browser, first.id)  # the page still offers the others
    assert f'<option value="{first.id}">' in response.content.decode()
    assert page_of(browser, POSTS).status_code == 200


def test_superuser_without_a_workspace_chooses_one():
    workspace = make_workspace(name="Harbour Museum")
    make_post(workspace=workspace, content="In the harbour")
    browser = browser_of(make_user(site_role=SiteRole.ADMIN))

    before = page_of(browser, POSTS)
    choose(browser, workspace.id)

    assert (before.status_code, "workspace_required" in before.content.decode()) == (400, True)
    assert "Choose a workspace" in before.content.decode()
    assert "In the harbour" in page_of(browser, POSTS).content.decode()


def test_choosing_takes_a_sign_in_a_token_and_leads_to_no_other_site(two):
    user, first, _ = two
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user, backend=BACKEND)

    assert choose(Client(), first.id).headers["Location"] == reverse("rest_framework:login")
    assert choose(strict, first.id).status_code == 403
    assert choose(browser_of(user), first.id, "https://evil.example/").headers["Location"] == ROOT
    assert browser_of(user).get("/api-auth/workspace").status_code == 405
