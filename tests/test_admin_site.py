"""Django admin as a whole: its sections, top bar, and what a page may load."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.roles import Role, SiteRole
from accounts.tests.factories import BACKEND, make_member, make_user, make_workspace
from integrations.tests.factories import make_account, make_credential
from mastablasta.admin_site import FOR_ENGINEERS, SECTIONS

pytestmark = pytest.mark.django_db
STRICT = "default-src 'none'; script-src 'self'; style-src 'self';"


@pytest.fixture
def operator() -> Client:
    """A browser of a site admin."""
    browser = Client()
    browser.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    return browser


@pytest.fixture
def editor() -> Client:
    """A browser of somebody with staff access, an editor of one workspace."""
    browser = Client()
    browser.force_login(make_member(make_workspace(), has_staff_access=True), backend=BACKEND)
    return browser


def sections(browser: Client) -> dict[str, list[str]]:
    found = browser.get("/admin/").context["app_list"]
    return {section["name"]: [shown["name"] for shown in section["models"]] for section in found}


def test_sections_begin_with_what_is_done_daily_and_end_with_what_engineers_need(operator):
    found = sections(operator)

    assert list(found) == [*SECTIONS, FOR_ENGINEERS]
    assert found["Publishing"][:5] == ["Posts", "Deliveries", "Attempts", "Bulk jobs", "Media"]
    assert found["Webhooks"] == ["Webhooks", "Webhook deliveries", "Webhook attempts", "Events"]
    assert {"Lanes", "Tallies", "Heartbeats", "Wrong passwords", "Queued tasks"} <= set(found[FOR_ENGINEERS])
    assert sum(len(names) for names in found.values()) == len(admin.site._registry)


def test_each_model_of_a_section_is_one(operator):
    labels = [label for labels in SECTIONS.values() for label in labels]

    assert [label for label in labels if not admin.site.is_registered(apps.get_model(label))] == []
    assert len(labels) == len(set(labels))


def test_staff_see_what_is_theirs_and_nothing_for_engineers(editor):
    found = sections(editor)

    assert list(found) == ["Publishing", "Accounts", "People", "Webhooks", "Analytics"]
    assert found["People"] == ["Workspaces", "Memberships"]
    assert found["Accounts"] == ["Connected accounts", "Credentials"]


def test_top_bar_has_the_places_of_every_day_that_one_may_go_to(operator, editor):
    everywhere = operator.get(reverse("admin:posts_post_changelist")).context["places"]
    named = [place["name"] for place in everywhere if place["name"] != "Triage"]

    assert named == ["Dashboard", "Calendar", "Posts", "Media", "Accounts", "Figures", "Webhooks", "People"]
    assert [place["name"] for place in everywhere if place["is_here"]] == ["Posts"]
    assert "People" not in {place["name"] for place in editor.get("/admin/").context["places"]}
    assert Client().get("/admin/login/").context["places"] == []


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/posts/post/", "/admin/jsi18n/"])
def test_pages_load_nothing_inline_and_nothing_from_elsewhere(operator, path):
    browser = Client() if path == "/admin/login/" else operator

    policy = browser.get(path).headers["Content-Security-Policy"]

    assert policy.startswith(STRICT)
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    ("label", "place"),
    [
        ("posts.delivery", "Posts"), ("posts.attempt", "Posts"), ("media_library.rendition", "Posts"),
        ("media_library.asset", "Media"), ("integrations.credential", "Accounts"), ("accounts.apikey", "People"),
        ("audit.auditentry", "People"), ("webhooks.event", "Webhooks"), ("analytics.rollup", "Figures"),
        ("core.tally", None),
    ],
)  # fmt: skip
def test_a_page_shows_in_the_bar_what_it_belongs_to(operator, label, place):
    page = operator.get(f"/admin/{label.replace('.', '/')}/")

    assert [one["name"] for one in page.context["places"] if one["is_here"]] == [place] * (place is not None)


def test_what_one_may_not_do_is_not_offered():
    workspace = make_workspace()
    account = make_account(workspace=workspace)
    lost = make_account(workspace=workspace, state="needs_reauth", is_default=False)
    offered = {}
    for role in (Role.VIEWER, Role.EDITOR):
        browser = Client()
        browser.force_login(make_member(workspace, role=role, has_staff_access=True), backend=BACKEND)
        pages = [browser.get(f"/admin/integrations/socialaccount/{one.pk}/change/") for one in (account, lost)]
        pages.append(browser.get("/admin/posts/post/"))
        words = ("/pause/", "/reconnect/", "/post/import/")
        offered[role] = [word in page.content.decode() for word, page in zip(words, pages, strict=True)]

    assert offered == {Role.VIEWER: [False] * 3, Role.EDITOR: [True] * 3}


def test_list_of_accounts_says_how_each_is_and_when_its_sign_in_ends(operator):
    grant = make_credential(expires_at=datetime(2027, 3, 4, 5, 6, tzinfo=UTC), refresh_enc=None)
    account = make_account(workspace=grant.workspace, credential=grant, state="needs_reauth")

    page = operator.get(reverse("admin:integrations_socialaccount_changelist")).content.decode()

    assert "2027-03-04 05:06:00 UTC" in page
    assert '<span class="badge state-needs_reauth">Has to be connected again</span>' in page
    assert "<h1>Connected accounts</h1>" in page
    opened = operator.get(reverse("admin:integrations_socialaccount_change", args=[account.pk])).content.decode()
    assert '<a href="/admin/integrations/socialaccount/">Connected accounts</a>' in opened


def test_what_a_role_does_not_allow_is_said_on_a_page_of_the_admin(editor):
    refused = editor.get("/admin/accounts/user/")

    assert refused.status_code == 403
    assert refused.headers["Content-Security-Policy"].startswith(STRICT)
    assert "Your role does not allow this" in refused.content.decode()
    assert 'href="/admin/posts/post/"' in refused.content.decode()


def test_files_may_come_from_object_storage_where_that_hands_them_out(operator, settings):
    settings.MEDIA_SERVING = "redirect"

    policy = operator.get("/admin/media_library/asset/").headers["Content-Security-Policy"]

    assert "img-src 'self' data: https:; media-src 'self' https:;" in policy
    assert policy.startswith(STRICT)


def test_page_of_a_role_says_what_it_may(operator):
    viewers = Group.objects.get(name="Site viewers")

    page = operator.get(reverse("admin:auth_group_change", args=[viewers.pk])).content.decode()

    assert "Can view post" in page
    assert "Can change" not in page
    admins = Group.objects.get(name="Site admins")
    assert "Everything that can be" in operator.get(f"/admin/auth/group/{admins.pk}/change/").content.decode()


def test_people_who_typed_wrong_passwords_are_unlocked(operator):
    attempt = AccessAttempt.objects.create(
        username="ada@example.test", ip_address="192.0.2.1", post_data="password=secret", failures_since_start=10
    )
    address = reverse("admin:axes_accessattempt_changelist")

    assert "secret" not in operator.get(reverse("admin:axes_accessattempt_change", args=[attempt.pk])).content.decode()
    operator.post(address, {"action": "unlock", "_selected_action": [attempt.pk]})

    assert not AccessAttempt.objects.exists()
