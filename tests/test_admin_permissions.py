"""Who gets where in Django admin: every address and every action, by role, in one's own workspace and in a foreign one.

The addresses come from the URL configuration and the actions from the pages: a new one is in the walk by itself, and
fails until WORKSPACE_PAGES or SITE_PAGES has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import results
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.models import Model
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import Invitation, Membership, User, Workspace
from accounts.roles import Role, SiteRole
from accounts.tests.factories import (
    BACKEND,
    PASSWORD,
    make_invitation,
    make_member,
    make_membership,
    make_user,
    make_workspace,
)
from analytics.models import AccountSample, LatestMetrics, MetricAlert, MetricAlertHit, MetricSample, Rollup
from analytics.recording import AccountFigures, Sample, record, record_accounts
from analytics.services.alerts import create_alert
from analytics.tests.factories import make_published
from integrations.models import Credential, SocialAccount
from integrations.tests.factories import make_account
from mastablasta.admin_site import Site
from mastablasta.core.admin_base import Page
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.recording import record as record_audit
from mastablasta.core.audit.recording import subject_of
from mastablasta.core.ids import new_id
from media_library.models import Asset, Rendition
from media_library.tests.factories import make_asset
from posts.models import Attempt, BulkJob, Delivery, Post, PostMedia, PostTag
from posts.services import bulk_jobs
from posts.states import AttemptKind
from posts.tests.factories import make_post
from tests.test_admin import BY_HAND
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery, Event
from webhooks.tests.factories import make_delivery as make_endpoint_delivery
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db
Rows = dict[type[Model], Model]


def rows_in(workspace: Workspace) -> Rows:
    """One row of each model that belongs to workspaces, in this one."""
    owner, at = workspace.members.earliest("created_at"), timezone.now()
    account = make_account(workspace=workspace, handle=f"@{workspace.name}")
    delivery = make_published(account, content=workspace.name)
    record([Sample(delivery.id, at, likes=1)], at=at)
    record_accounts([AccountFigures(account.id, at, followers=1)])
    asset = make_asset(workspace=workspace, filename=workspace.name)
    endpoint_delivery = make_endpoint_delivery(make_endpoint(workspace=workspace))
    alert = create_alert(workspace, by=owner, figure="views", threshold=10)
    record_audit("created", [subject_of(workspace)], at=at)
    made: list[Model] = [
        AuditEntry.objects.filter(object_id=str(workspace.pk)).latest("id"),
        workspace, owner.memberships.get(), make_invitation(workspace)[0], account, account.credential, delivery.post,
        delivery, asset, endpoint_delivery.endpoint, endpoint_delivery.event, endpoint_delivery, alert,
        delivery.samples.get(), delivery.latest_metrics.get(), account.samples.get(),
        Rollup.objects.get(account=account),
        PostTag.objects.create(post=delivery.post, name="tag"),
        PostMedia.objects.create(post=delivery.post, asset=asset, position=0),
        Rendition.objects.create(asset=asset, recipe_key="web", status="ready", stored_name=f"renditions/{asset.id}"),
        Attempt.objects.create(
            delivery=delivery, number=1, kind=AttemptKind.SEND, lease_token=new_id(), started_at=at, worker="w1"
        ),
        bulk_jobs.begin(workspace, by=owner, kind="create", items=[{"content": "x"}]),
        EndpointAttempt.objects.create(
            delivery=endpoint_delivery, number=1, started_at=at, duration_ms=9, url="https://r.test/"
        ),
        MetricAlertHit.objects.create(alert=alert, delivery=delivery, value=11, at=at),
    ]  # fmt: skip
    return {type(row): row for row in made}


WORKSPACE_PAGES = {
    Workspace, Membership, SocialAccount, Credential, Post, PostTag, PostMedia, Delivery, Attempt, BulkJob, Asset,
    Rendition, Endpoint, Event, EndpointDelivery, EndpointAttempt, LatestMetrics, MetricSample, Rollup, AccountSample,
    MetricAlert, MetricAlertHit,
}  # fmt: skip
FOR_MANAGERS = {Invitation, AuditEntry}
NO_PAGES = {"logout"}  # it is a POST alone
# What asks for a field to search for, what leads to the page of a row outside (none has one), and what is no page.
ODD = {"/admin/autocomplete/", "/admin/r/<path:content_type_id>/<path:object_id>/", "/admin/(?P<url>.*)$"}
WRITERS_PAGES = {"posts_post_import", "posts_post_write", "posts_post_rewrite"}


@dataclass(frozen=True, slots=True)
class Who:
    """A kind of person: `role` is theirs in the own workspace."""

    site_role: SiteRole | None
    has_staff_access: bool = False
    role: Role = Role.EDITOR

    @property
    def gets_in(self) -> bool:
        return self.has_staff_access or self.site_role == SiteRole.ADMIN

    @property
    def pages(self) -> set[type[Model]]:
        if self.site_role == SiteRole.ADMIN:
            return set(admin.site._registry)
        return WORKSPACE_PAGES | (FOR_MANAGERS if self.role == Role.ADMIN else set())

    @property
    def writes(self) -> bool:
        return self.site_role != SiteRole.VIEWER and self.role != Role.VIEWER


WHO = {
    "nobody": Who(None),
    "member without staff access": Who(SiteRole.EDITOR),
    "staff viewer": Who(SiteRole.VIEWER, has_staff_access=True),
    "staff, viewer there": Who(SiteRole.EDITOR, has_staff_access=True, role=Role.VIEWER),
    "staff editor": Who(SiteRole.EDITOR, has_staff_access=True),
    "staff, admin there": Who(SiteRole.EDITOR, has_staff_access=True, role=Role.ADMIN),
    "site admin": Who(SiteRole.ADMIN),
}
STAFF = {name: who for name, who in WHO.items() if who.has_staff_access}
each = pytest.mark.parametrize("who", WHO.values(), ids=WHO)
each_staff = pytest.mark.parametrize("who", STAFF.values(), ids=STAFF)


def request_of(who: Who, workspace: Workspace, path: str = "/admin/", **posted: Any) -> HttpRequest:
    """A request of such a person, as it reaches a view; a POST of `posted`."""
    request = RequestFactory().post(path, posted) if posted else RequestFactory().get(path)
    request.user = AnonymousUser()
    if who.site_role is not None:
        flags = {"site_role": who.site_role, "has_staff_access": who.has_staff_access}
        request.user = make_member(workspace, role=who.role, **flags)
    request.session = SessionStore()
    request._messages = CookieStorage(request)  # type: ignore[attr-defined]
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    return request


@cache
def addresses() -> list[tuple[str, URLPattern]]:
    """Every address below /admin/, with its parameters in it as `<uuid:id>`."""
    return list(_addresses(get_resolver(), "/"))


def _addresses(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern, route)
        elif route.startswith("/admin/") and pattern.name not in NO_PAGES:
            yield route, pattern


def model_of(route: str) -> type[Model] | None:
    """Whose page it is."""
    for model in admin.site._registry:
        if route.startswith(f"/admin/{model._meta.app_label}/{model._meta.model_name}/"):
            return model
    return None


def answer(pattern: URLPattern, request: HttpRequest, row: Model | None = None) -> tuple[str, list[Model]]:
    """What becomes of the request ("in", "kept out" as from what is not there, "out" to the sign-in page), and the rows
    of the list that it shows."""
    names = pattern.pattern.regex.groupindex
    arguments = {name: "posts" if name == "app_label" else str(row.pk if row else new_id()) for name in names}
    try:
        response = pattern.callback(request, **arguments)
    except Http404:
        return "kept out", []
    if response.status_code == 403:
        return "kept out", []
    if response.status_code == 302:
        return {"/admin/login/": "out", "/admin/": "kept out"}.get(response["Location"].split("?")[0], "in"), []
    shown = (getattr(response, "context_data", None) or {}).get("cl")
    return "in" if response.status_code == 200 else f"{response.status_code}", list(shown.result_list) if shown else []


def own_and_foreign() -> tuple[Rows, Rows]:
    return rows_in(make_workspace(name="Own workspace")), rows_in(make_workspace(name="Foreign workspace"))


def name_of(pattern: URLPattern, model: type[Model]) -> str:
    """As "changelist", "delete"."""
    return (pattern.name or "").removeprefix(f"{model._meta.app_label}_{model._meta.model_name}_")


def expected(who: Who, model: type[Model], pattern: URLPattern, is_own: bool) -> str:
    if not who.gets_in:
        return "out"
    if pattern.name is None:
        return "in"  # it only leads on to the page of the row
    if (name := name_of(pattern, model)) in {"add", "delete"}:
        return "in" if who.site_role == SiteRole.ADMIN and name in BY_HAND.get(model, ()) else "kept out"
    if model not in who.pages or (pattern.name in WRITERS_PAGES and not who.writes):
        return "kept out"
    is_there = is_own or who.site_role == SiteRole.ADMIN or not pattern.pattern.converters
    return "in" if is_there else "kept out"


@each
def test_addresses_of_rows_lead_to_those_of_ones_own_workspaces(who, monkeypatch):
    monkeypatch.setattr(Site, "get_app_list", lambda *_: [])  # half the work of each page, and none of its rows
    own, foreign = own_and_foreign()
    request = request_of(who, own[Workspace])
    wrong = {}
    for route, pattern in addresses():
        model = model_of(route)
        if model not in own:
            continue
        for rows in (own, foreign) if pattern.pattern.converters else (own,):
            row = rows[Post] if "post_id" in pattern.pattern.converters else rows[model]
            found, listed = answer(pattern, request, row)
            if found != (wanted := expected(who, model, pattern, rows is own)):
                wrong[route, rows is own] = f"{found}, not {wanted}"
            elif found == "in" and name_of(pattern, model) == "changelist":
                sees = [own[model] in listed, foreign[model] in listed]
                if sees != [True, who.site_role == SiteRole.ADMIN]:
                    wrong[route] = f"own and foreign row in the list: {sees}"

    assert wrong == {}


def test_lists_cost_staff_the_same_for_one_row_and_for_two(monkeypatch):
    monkeypatch.setattr(Site, "get_app_list", lambda *_: [])
    workspace = make_workspace(name="Own workspace")
    request = request_of(WHO["staff, admin there"], workspace)
    lists = [
        pattern
        for route, pattern in addresses()
        if (model := model_of(route)) in WORKSPACE_PAGES and name_of(pattern, model) == "changelist"
    ]

    def costs() -> dict[str, int]:
        found = {}
        for pattern in lists:
            with CaptureQueriesContext(connection) as context:
                list(results(pattern.callback(request).context_data["cl"]))  # every cell of its table
            found[str(pattern.name)] = len(context)
        return found

    rows_in(workspace)
    lists[0].callback(request)  # what the person may do is asked once for each request
    one = costs()
    rows_in(workspace)

    assert costs() == one
    assert len(one) == len(WORKSPACE_PAGES)


@each_staff
def test_what_belongs_to_no_workspace_is_for_site_admins(who):
    request = request_of(who, make_workspace())
    others = [model for model in admin.site._registry if model not in WORKSPACE_PAGES | FOR_MANAGERS]
    found = {
        route: answer(pattern, request)[0]
        for route, pattern in addresses()
        if model_of(route) in others and pattern.name is not None
    }

    assert len(found) > 60
    assert {route: verdict for route, verdict in found.items() if verdict != "kept out"} == {}


@each
def test_addresses_of_the_site(who):
    request = request_of(who, make_workspace())
    found = {route: answer(pattern, request)[0] for route, pattern in addresses() if model_of(route) is None}
    triage = {route: found.pop(route) for route in list(found) if route.startswith("/admin/triage/")}
    ours = {
        route: found.pop(route) for route in list(found) if route.startswith(("/admin/calendar/", "/admin/connect/"))
    }
    # Who has no second factor is asked for none, and led on.
    assert found.pop("/admin/second-factor/") == ("kept out" if who.gets_in else "out")
    others = {route: verdict for route, verdict in found.items() if route not in {"/admin/login/", *ODD}}

    assert found["/admin/login/"] == ("kept out" if who.gets_in else "in")  # who is signed in is led on to the index
    assert {"/admin/", "/admin/password_change/"} <= set(others)
    assert others == dict.fromkeys(others, "in" if who.gets_in else "out")
    assert {found[route] for route in ODD} == {"kept out" if who.gets_in else "out"}
    assert triage == {route: _expected_of_triage(who, route) for route in triage}
    assert ours == {route: _expected_of_ours(who, route) for route in ours}
    assert len(ours) == 6


def _expected_of_triage(who: Who, route: str) -> str:
    """Of a GET without what it is about; posts/tests/test_triage.py and test_switches.py have the rest."""
    if not who.gets_in:
        return "out"
    if route == "/admin/triage/act/":
        return "405"
    is_open = route == "/admin/triage/" or (route == "/admin/triage/platforms/" and who.site_role == SiteRole.ADMIN)
    return "in" if is_open else "kept out"


def _expected_of_ours(who: Who, route: str) -> str:
    """Of the calendar, and of connecting accounts; without a post or platform that is there."""
    if not who.gets_in:
        return "out"
    if route == "/admin/connect/":
        return "in" if who.writes else "kept out"
    return "kept out" if "<" in route else "in"


@each_staff
def test_actions_are_offered_to_writers_and_given_their_own_rows(who, monkeypatch):
    own, foreign = own_and_foreign()
    person = request_of(who, own[Workspace]).user
    operator = request_of(WHO["site admin"], own[Workspace])
    given: list[set[Model]] = []
    monkeypatch.setattr(admin.ModelAdmin, "response_action", lambda _, __, rows, *___: given.append(set(rows)))

    for model, row in own.items():
        page = admin.site._registry[model]
        assert isinstance(page, Page)
        for name, (function, *_) in page.get_actions(operator).items():
            asked = {"action": name, "_selected_action": [str(row.pk), str(foreign[model].pk)]}
            request = request_of(Who(None), own[Workspace], **asked)
            request.user = person
            only_looks = getattr(function, "allowed_permissions", None) == ["view"]
            may_act = who.writes and model in who.pages and model not in BY_HAND and name != "delete_selected"
            may_see = model in who.pages
            assert (name in page.get_actions(request)) == (may_see if only_looks else may_act), (model, name)
            page.response_action(request, page.get_queryset(request))
            assert given.pop() & {row, foreign[model]} == ({row} if may_see else set()), (model, name)


def test_an_action_of_a_staff_editor_leaves_others_rows_as_they_are():
    own, viewed, foreign = (make_workspace() for _ in range(3))
    person = make_member(own, has_staff_access=True)
    make_membership(person, viewed, role=Role.VIEWER)
    jobs = [
        bulk_jobs.begin(workspace, by=workspace.members.earliest("created_at"), kind="create", items=[{"content": "x"}])
        for workspace in (own, viewed, foreign)
    ]
    browser = Client()
    browser.force_login(person, backend=BACKEND)

    chosen = {"action": "cancel", "_selected_action": [str(job.pk) for job in jobs]}
    said = browser.post("/admin/posts/bulkjob/", chosen, follow=True).content.decode()

    assert [BulkJob.objects.get(pk=job.pk).status for job in jobs] == ["cancelled", "queued", "queued"]
    assert "Left out, as your role there does not allow it: 1." in said
    assert "1 cancelled." in said


@each
def test_fields_that_search_find_what_the_person_may_see(who):
    own, foreign = make_workspace(), make_workspace()
    page = next(pattern for _, pattern in addresses() if pattern.name == "autocomplete")
    asked = "/admin/autocomplete/?app_label=accounts&model_name=membership&field_name="
    request = request_of(who, own, f"{asked}workspace")
    if not who.gets_in:
        assert answer(page, request)[0] == "out"
        return

    found = {row["id"] for row in json.loads(page.callback(request).content)["results"]}
    people = answer(page, request_of(who, own, f"{asked}user"))[0]

    is_admin = who.site_role == SiteRole.ADMIN
    assert found == ({str(own.pk), str(foreign.pk)} if is_admin else {str(own.pk)})
    assert people == ("in" if is_admin else "kept out")


def test_invitations_are_withdrawn_by_admins_of_the_workspace_unless_they_were_accepted():
    own, foreign = make_workspace(), make_workspace()
    browser = Client()
    browser.force_login(make_member(own, role=Role.ADMIN, has_staff_access=True), backend=BACKEND)
    waiting, other = make_invitation(own)[0], make_invitation(foreign)[0]
    used = make_invitation(own, accepted_at=timezone.now())[0]

    chosen = {"action": "withdraw", "_selected_action": [str(row.pk) for row in (waiting, other, used)]}
    said = browser.post("/admin/accounts/invitation/", chosen, follow=True).content.decode()

    assert "1 withdrawn." in said
    assert "This invitation was accepted already; remove the member instead." in said
    assert list(Invitation.objects.exclude(withdrawn_at=None)) == [waiting]


def test_lists_are_filtered_by_the_workspaces_that_one_sees():
    first, second, foreign = (make_workspace(name=name) for name in ("Museum", "Harbour", "Foreign"))
    posts = {workspace: make_post(workspace=workspace) for workspace in (first, second, foreign)}
    person = make_member(first, has_staff_access=True)
    make_membership(person, second)
    browser = Client()
    browser.force_login(person, backend=BACKEND)

    def listed(workspace: Workspace) -> list[Model]:
        return list(browser.get("/admin/posts/post/", {"workspace": str(workspace.pk)}).context["cl"].result_list)

    page = browser.get("/admin/posts/post/")

    assert [name for _, name in page.context["cl"].filter_specs[0].lookup_choices] == ["Harbour", "Museum"]
    assert "Foreign" not in page.content.decode()
    assert [listed(workspace) for workspace in posts] == [[posts[first]], [posts[second]], []]


def test_groups_hold_what_each_role_may_do():
    held = {
        group.name: {permission.codename for permission in group.permissions.all()}
        for group in Group.objects.prefetch_related("permissions")
    }

    assert set(held) == {"Site admins", "Site editors", "Site viewers"}
    assert {"view_post", "view_workspace", "view_invitation"} < held["Site viewers"] < held["Site editors"]
    assert {"change_post", "change_bulkjob"} < held["Site editors"] < held["Site admins"]
    assert {name for name in held["Site editors"] if name.startswith(("add", "delete"))} == set()
    assert not {"view_user", "change_membership", "view_session", "view_lane", "view_mail"} & held["Site editors"]


def test_groups_are_written_anew_by_migrate():
    viewers = Group.objects.get(name="Site viewers")
    before = set(viewers.permissions.all())
    viewers.permissions.add(Permission.objects.get(codename="view_user"))
    viewers.permissions.remove(Permission.objects.get(codename="view_post"))
    Permission.objects.filter(codename="view_apikey").update(name="Can view api key")  # as an earlier version wrote it

    emit_post_migrate_signal(0, False, "default")

    assert set(viewers.permissions.all()) == before
    assert Permission.objects.get(codename="view_apikey").name == "Can view API key"


def test_settings_of_a_workspace_are_changed_by_its_admins_and_roles_by_nobody_of_them():
    workspace = make_workspace(name="Before")
    manager = make_member(workspace, role=Role.ADMIN, has_staff_access=True)
    editor = make_member(workspace, has_staff_access=True)
    address = f"/admin/accounts/workspace/{workspace.pk}/change/"
    settings = {"name": "After", "duplicate_window_hours": 24, "clash_window_minutes": 5, "duplicate_policy": "warn"}
    raised = {
        "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1,
        "memberships-0-id": str(manager.memberships.get().pk), "memberships-0-workspace": str(workspace.pk),
        "memberships-0-user": str(manager.pk), "memberships-0-role": "owner",
    }  # fmt: skip

    answers = []
    for person in (editor, manager):
        browser = Client()
        browser.force_login(person, backend=BACKEND)
        answers.append(browser.post(address, {**settings, **raised}).status_code)
        workspace.refresh_from_db()
        answers.append(workspace.name)

    assert answers == [403, "Before", 302, "After"]
    assert manager.memberships.get().role == Role.ADMIN


def test_staff_access_is_given_by_a_site_admin_and_counts_at_once():
    person = make_member(make_workspace(), password=PASSWORD)
    operator, browser = Client(), Client()
    operator.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    browser.force_login(person, backend=BACKEND)
    address = f"/admin/accounts/user/{person.pk}/change/"
    said = {"email": person.email, "site_role": "editor", "is_active": "on", "timezone": ""}
    inline = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}

    before = browser.get("/admin/posts/post/").status_code
    operator.post(address, {**said, **inline, "has_staff_access": "on"})
    given = browser.get("/admin/posts/post/").status_code
    operator.post(address, {**said, **inline})
    taken = browser.get("/admin/posts/post/").status_code

    assert (before, given, taken) == (302, 200, 302)


@pytest.mark.parametrize("asked", ["has_staff_access", "is_staff", "site_role"])
def test_nobody_gets_staff_access_by_registering(asked):
    body = {"email": "ada@example.test", "password": PASSWORD, asked: "admin" if asked == "site_role" else True}

    refused = Client().post("/api/v2/auth/register", body, content_type="application/json")

    assert refused.status_code == 400
    assert not User.objects.exists()
