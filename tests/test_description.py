"""The API describes itself, to programs and to people, and browsers that are signed in may click through it."""

from __future__ import annotations

import pytest
import yaml
from django.test import Client

from accounts.models import User
from accounts.roles import SiteRole
from accounts.tests.factories import browser_of, make_api_key, make_user, make_workspace, signed_in, with_key
from mastablasta.core.tests.answers import assert_problem
from posts.tests.factories import make_post

SCHEMA, DOCS, LIST = "/api/v2/schema", "/api/v2/docs", "/api/v2/posts"
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def site_admin() -> User:
    return make_workspace(owner=make_user(site_role=SiteRole.ADMIN)).members.get()


# --- /schema ------------------------------------------------------------------------------------------------------


def test_schema_is_json_and_says_what_is_checked_in(client):
    response = client.get(SCHEMA)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.json()["openapi"].startswith("3.")
    assert "/api/v2/posts" in response.json()["paths"]


@pytest.mark.parametrize("ask", [{"QUERY_STRING": "format=yaml"}, {"HTTP_ACCEPT": "application/vnd.oai.openapi"}])
def test_schema_as_yaml(client, ask):
    response = client.get(SCHEMA, **ask)

    assert response.headers["Content-Type"].startswith(("application/vnd.oai.openapi", "application/yaml"))
    assert yaml.load(response.content, Loader=yaml.CSafeLoader) == client.get(SCHEMA).json()


def test_schema_has_an_etag_and_is_304_while_it_is_the_same(client):
    etag = client.get(SCHEMA).headers["ETag"]

    same = client.get(SCHEMA, headers={"If-None-Match": etag})
    other = client.get(SCHEMA, headers={"If-None-Match": '"another"'})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert same.headers["Cache-Control"] == "private, no-cache"
    assert other.status_code == 200
    assert client.get(SCHEMA, QUERY_STRING="format=yaml").headers["ETag"] != etag


def test_schema_by_head_and_with_a_trailing_slash(client):
    assert client.head(SCHEMA).headers["ETag"] == client.get(f"{SCHEMA}/").headers["ETag"]


def test_schema_refuses_unknown_parameters(client):
    assert client.get(f"{SCHEMA}?lang=de").json()["code"] == "invalid"


# --- /docs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [DOCS, f"{DOCS}?script="])
def test_docs_may_run_no_script_but_our_own(client, address):
    policy = client.get(address).headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_docs_hold_no_inline_script_and_no_foreign_host(client):
    page = client.get(DOCS).content.decode()
    script = client.get(f"{DOCS}?script=")

    assert "<style" not in page
    assert all(' src="/' in tag for tag in page.split("<script")[1:])
    assert "http" not in page
    assert '"validatorUrl": null' in script.content.decode()
    assert script.headers["Content-Type"] == "application/javascript"


# --- browsable pages ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_browsable_list_for_who_is_signed_in_at_the_admin():
    user = site_admin()
    make_post(workspace=user.default_workspace, content="Seen in a list")

    response = browser_of(user).get(LIST, headers={"Accept": HTML})

    page = response.content.decode()
    assert response.headers["Content-Type"].startswith("text/html")
    assert "Seen in a list" in page
    assert "- MastaBlasta</title>" in page
    assert 'href="/admin/"' in page
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("accept", [HTML, "text/html"])
def test_browser_that_nobody_is_signed_in_with_gets_json(accept):
    response = Client().get(LIST, headers={"Accept": accept})

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_programs_get_json_whatever_they_accept():
    user = site_admin()
    for client in (signed_in(user), with_key(make_api_key(user, user.default_workspace)[1])):
        response = client.get(LIST, headers={"Accept": "text/html"})

        assert response.json()["posts"] == []


@pytest.mark.django_db
def test_page_by_format_takes_a_session_too():
    assert "<html" in browser_of(site_admin()).get(f"{LIST}?format=api").content.decode()
    assert Client().get(f"{LIST}?format=api").status_code == 404


@pytest.mark.django_db
def test_what_is_no_page_nor_json_is_406():
    sentence = "Answers are JSON; send `Accept: application/json`."
    assert_problem(Client().get("/api/v2/status", headers={"Accept": "text/css"}), 406, "not_acceptable", sentence)


@pytest.mark.django_db
def test_error_is_a_page_for_who_sees_pages():
    response = browser_of(site_admin()).get(f"{LIST}/00000000-0000-0000-0000-000000000000", headers={"Accept": HTML})

    assert response.status_code == 404
    assert "not_found" in response.content.decode()
