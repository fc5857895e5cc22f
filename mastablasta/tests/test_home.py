"""GET /"""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.tests.factories import make_user, make_workspace
from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat
from mastablasta.ops import health
from mastablasta.ops.home import CHECKS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    for probe in health.READY.values():
        probe._last = None


@pytest.fixture
def works() -> None:
    jobs.beat()
    Heartbeat.objects.beat("clock", at=timezone.now())


def shown(client: Client) -> str:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer.content.decode()


def test_page_says_that_all_is_well(client: Client, works: None) -> None:
    page = shown(client)

    assert "Everything works." in page
    assert "Not everything works." not in page


def test_page_names_what_is_not(client: Client) -> None:
    page = shown(client)

    assert "Not everything works." in page
    assert "<strong>The workers:</strong> No heartbeat has come through the queue yet." in page


def test_every_check_has_a_name() -> None:
    assert CHECKS.keys() == health.READY.keys()


@pytest.mark.parametrize("is_development", [True, False])
def test_simulated_world_is_named_in_development_only(client: Client, settings: Settings, is_development: bool) -> None:
    settings.IS_DEVELOPMENT = is_development

    assert (f":{settings.SANDBOX_PORT}/" in shown(client)) is is_development


def test_every_link_of_the_page_leads_somewhere(client: Client, works: None) -> None:
    links = re.findall(r'href="(/[^"]*)"', shown(client))

    assert {"/api/v2/docs", "/admin/", "/api-auth/login", "/readyz"} <= set(links)
    for link in links:
        assert client.get(link, follow=True).status_code == 200


def test_page_tells_nothing_of_tenants(client: Client, works: None) -> None:
    make_workspace(name="Harbour Museum")
    user = make_user()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    page = shown(client)

    assert "Harbour Museum" not in page
    assert user.email not in page


def test_page_runs_nothing_and_loads_nothing_foreign(client: Client, works: None) -> None:
    answer = client.get("/")

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|style=|<style", answer.content.decode())
    assert not answer.cookies


def test_icon_is_found_where_browsers_look(client: Client) -> None:
    assert client.get("/favicon.ico", follow=True).status_code == 200
