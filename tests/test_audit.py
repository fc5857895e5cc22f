"""The audit log from outside: what people do by the API, in Django admin and by commands."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.roles import Role, SiteRole
from accounts.services import password_reset
from accounts.tests.factories import (
    BACKEND,
    PASSWORD,
    make_api_key,
    make_invitation,
    make_member,
    make_session,
    make_user,
    make_workspace,
    signed_in,
)
from integrations.models import SocialAccount
from integrations.services import accounts as account_changes
from integrations.services import hosts
from integrations.tests.factories import make_account
from mastablasta.core.audit.models import AuditEntry
from media_library.tests.factories import make_asset, photo
from posts.admin.acting import Held
from posts.api.bulk_items import STEPS
from posts.models import BulkJob, Delivery, Post
from posts.services import bulk_jobs
from posts.services.bulk_actions import BulkAction
from posts.states import DeliveryState
from posts.tests.factories import make_delivery, make_post
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> SocialAccount:
    return make_account()


@pytest.fixture
def workspace(account: SocialAccount) -> Workspace:
    return account.workspace


def owner_of(workspace: Workspace) -> Any:
    return workspace.memberships.get(role=Role.OWNER).user


def api_of(workspace: Workspace) -> APIClient:
    return signed_in(owner_of(workspace))


def browser_of(person: Any) -> Client:
    browser = Client()
    browser.force_login(person, backend=BACKEND)
    return browser


def told(**where: Any) -> list[tuple[str, str]]:
    found = AuditEntry.objects.filter(**where).order_by("at", "id")
    return list(found.values_list("object_type", "action"))


def test_each_way_to_prove_who_one_is_stands_in_the_log_with_the_request(workspace):
    owner = owner_of(workspace)
    _, key = make_api_key(owner, workspace)
    by_key = APIClient(headers={"X-API-Key": key})
    body = {"content": "Hello"}

    answers = [client.post("/api/v2/posts", body, format="json") for client in (api_of(workspace), by_key)]
    post = Post.objects.get(pk=answers[0].json()["id"])
    browser_of(make_user(site_role=SiteRole.ADMIN, email="root@example.test")).post(
        "/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [str(owner.api_keys.get().pk)]}
    )

    entries = list(AuditEntry.objects.order_by("at", "id"))
    assert [(one.via, one.actor_name, one.credential, one.action) for one in entries] == [
        ("token", owner.email, "", "created"),
        ("api_key", owner.email, key[:10], "created"),
        ("browser", "root@example.test", "", "revoked"),
    ]
    assert [one.request_id for one in entries[:2]] == [answer.headers["X-Request-ID"] for answer in answers]
    assert {one.workspace_id for one in entries} == {workspace.pk}
    assert (entries[0].object_id, entries[0].object_name) == (str(post.pk), "Hello")
    assert entries[0].changes["status"] == [None, "draft"]
    assert key not in str(AuditEntry.objects.values_list())


def told_of(context: CaptureQueriesContext) -> list[str]:
    """The statements that write to the audit log."""
    return [query["sql"] for query in context if re.search(r'INSERT INTO "?audit', query["sql"])]


def test_creating_a_post_is_told_in_at_most_one_statement(workspace, account):
    api = api_of(workspace)
    with CaptureQueriesContext(connection) as context:
        api.post("/api/v2/posts", {"content": "Hello", "accounts": [str(account.pk)], "publish": True}, format="json")

    assert len(told_of(context)) == 1
    assert [audited.startswith("WITH") for audited in told_of(context)] == [connection.vendor == "postgresql"]


def test_what_is_done_with_posts_is_told(workspace, account):
    api = api_of(workspace)
    later = (timezone.now() + timedelta(days=1)).isoformat()
    post = api.post("/api/v2/posts", {"content": "One", "accounts": [str(account.pk)]}, format="json").json()["id"]
    api.patch(f"/api/v2/posts/{post}", {"content": "Two", "tags": ["x"]}, format="json")
    api.patch(f"/api/v2/posts/{post}", {"content": "Two"}, format="json")  # no change, no entry
    api.patch(f"/api/v2/posts/{post}", {"scheduled_time": later}, format="json")
    api.post(f"/api/v2/posts/{post}/publish", format="json")
    api.post(f"/api/v2/posts/{post}/cancel", format="json")
    api.post(f"/api/v2/posts/{post}/reschedule", {"scheduled_time": later}, format="json")
    api.delete(f"/api/v2/posts/{post}")

    entries = AuditEntry.objects.filter(object_id=post).order_by("at", "id")
    assert [one.action for one in entries] == [
        "created", "edited", "edited", "published now", "cancelled", "rescheduled", "deleted",
    ]  # fmt: skip
    assert entries[1].changes == {"content": ["One", "Two"], "tags": [[], ["x"]]}
    assert list(entries[2].changes) == ["scheduled_at"]
    assert "status" not in entries[3].changes  # it was scheduled, and is


def test_what_a_person_decides_about_deliveries_is_told_and_a_refusal_is_not(workspace, account):
    api, at = api_of(workspace), timezone.now()
    failed = make_delivery(account, state=DeliveryState.FAILED, error_retryable=True)
    other = make_account(workspace=workspace)
    doubtful = make_delivery(other, state=DeliveryState.UNCONFIRMED, sent_at=at, doubted_at=at)
    Post.objects.filter(pk=failed.post_id).update(status="failed")

    api.post(f"/api/v2/posts/{failed.post_id}/retry", format="json")
    api.post(f"/api/v2/deliveries/{doubtful.pk}/resolve", {"outcome": "published"}, format="json")
    again = api.post(f"/api/v2/deliveries/{doubtful.pk}/resolve", {"outcome": "published"}, format="json")

    assert again.status_code == 409
    assert told(object_type="posts.delivery") == [("posts.delivery", "retried"), ("posts.delivery", "resolved")]
    found = AuditEntry.objects.get(action="resolved")
    assert found.changes["state"] == ["unconfirmed", "published"]


def test_bulk_work_with_a_thousand_is_told_row_by_row_set_based_and_a_rehearsal_not_at_all(workspace, account):
    posts = [
        Post(workspace=workspace, content=f"Post {number}", status="failed", scheduled_at=timezone.now())
        for number in range(1000)
    ]
    Post.objects.bulk_create(posts)
    Delivery.objects.bulk_create(
        Delivery(
            post=post, workspace=workspace, account=account, platform="mastodon", state="failed", error_retryable=True,
            error_code="x",
        )
        for post in posts
    )  # fmt: skip
    person = make_user(site_role=SiteRole.ADMIN)
    browser, address = browser_of(person), "/admin/triage/act/"
    chosen = list(Delivery.objects.values_list("id", flat=True))
    held = Held(BulkAction.RETRY, chosen, None, "/admin/triage/").signed(person)

    browser.post(address, {"action": "retry", "picked": [str(chosen[0])]})
    assert not AuditEntry.objects.exists()
    with CaptureQueriesContext(connection) as context:
        assert browser.post(address, {"held": held}).status_code == 302

    assert AuditEntry.objects.filter(action="retried", object_type="posts.delivery").count() == 1000
    assert len(told_of(context)) == 4  # one for each 250 posts, as they are locked


def test_bulk_job_is_told_as_its_person_and_by_what_it_did(workspace):
    owner = owner_of(workspace)
    job = bulk_jobs.begin(workspace, by=owner, kind="create", items=[{"content": "One"}, {"content": "Two"}])

    bulk_jobs.work(STEPS, should_stop=lambda: False)

    entries = AuditEntry.objects.order_by("at", "id")
    assert [one.action for one in entries] == ["begun", "created", "created"]
    assert entries[0].object_id == str(job.pk)
    assert {(one.via, one.actor_name) for one in entries[1:]} == {("job", owner.email)}


def test_accounts_hosts_keys_members_and_webhooks(workspace, account):
    owner = owner_of(workspace)
    member = make_member(workspace, email="bob@example.test")
    invitation = make_invitation(workspace)[0]
    api = api_of(workspace)
    endpoint = make_endpoint("https://127.0.0.1/hook", workspace=workspace)

    api.patch(f"/api/v2/accounts/{account.pk}", {"status": "paused"}, format="json")
    account_changes.change_account(account, at=timezone.now(), status="active")
    hosts.pause_host("mastodon", account.platform_host.host, reason="Repairs", at=timezone.now())
    hosts.resume_host("mastodon", account.platform_host.host, at=timezone.now())
    made = api.post("/api/v2/auth/api-keys", {"name": "CI"}, format="json").json()
    api.delete(f"/api/v2/auth/api-keys/{made['id']}")
    membership = member.memberships.get()
    api.patch(f"/api/v2/workspaces/{workspace.pk}/members/{member.pk}", {"role": "viewer"}, format="json")
    api.delete(f"/api/v2/workspaces/{workspace.pk}/members/{member.pk}")
    api.delete(f"/api/v2/workspaces/{workspace.pk}/invitations/{invitation.pk}")
    api.patch(f"/api/v2/webhooks/{endpoint.pk}", {"status": "paused"}, format="json")
    api.post(f"/api/v2/webhooks/{endpoint.pk}/rotate-secret", {}, format="json")
    api.delete(f"/api/v2/webhooks/{endpoint.pk}")

    assert told() == [
        ("integrations.socialaccount", "changed"),
        ("integrations.socialaccount", "changed"),
        ("integrations.platformhost", "paused"),
        ("integrations.platformhost", "resumed"),
        ("accounts.apikey", "created"),
        ("accounts.apikey", "revoked"),
        ("accounts.membership", "changed"),
        ("accounts.membership", "removed"),
        ("accounts.invitation", "withdrawn"),
        ("webhooks.endpoint", "changed"),
        ("webhooks.endpoint", "secret rotated"),
        ("webhooks.endpoint", "deleted"),
    ]
    changed = AuditEntry.objects.get(object_type="accounts.membership", action="changed")
    assert (changed.object_id, changed.object_name, changed.changes) == (
        str(membership.pk), "bob@example.test", {"role": ["editor", "viewer"]},
    )  # fmt: skip
    assert made["api_key"] not in str(list(AuditEntry.objects.values_list()))
    by_program = AuditEntry.objects.filter(via="program")
    assert by_program.count() == 3  # what no request stood around
    assert set(AuditEntry.objects.filter(via="token").values_list("actor_name", flat=True)) == {owner.email}


def test_forms_of_the_admin_tell_what_was_before_and_nothing_of_a_password():
    person = make_user(email="ada@example.test", password=PASSWORD)
    browser = browser_of(make_user(site_role=SiteRole.ADMIN))
    management = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    address = f"/admin/accounts/user/{person.pk}/change/"
    fields = {"email": person.email, "name": "Ada", "site_role": "viewer", "is_active": "on", "timezone": ""}

    browser.post(address, {**fields, **management, "has_staff_access": "on"})
    browser.post(address, {**fields, **management, "has_staff_access": "on"})  # no change, no entry
    new = {"password1": "analytical-engine", "password2": "analytical-engine", "usable_password": "true"}
    browser.post(f"/admin/accounts/user/{person.pk}/password/", new)
    page = browser.get(f"/admin/accounts/user/{person.pk}/history/").content.decode()

    first, second = AuditEntry.objects.filter(object_id=str(person.pk)).order_by("at", "id")
    assert first.changes["site_role"] == ["editor", "viewer"]
    assert first.changes["has_staff_access"] == [False, True]
    assert second.changes == {"password": [None, "(not shown)"]}
    assert "analytical-engine" not in page
    assert "site role: editor → viewer" in page


def test_members_that_a_form_adds_or_changes_are_told_each():
    workspace = make_workspace()
    member = make_member(workspace)
    membership, other = member.memberships.get(), make_user()
    browser = browser_of(make_user(site_role=SiteRole.ADMIN))
    fields = {
        "name": workspace.name, "duplicate_window_hours": 24, "clash_window_minutes": 5, "duplicate_policy": "warn",
        "memberships-TOTAL_FORMS": 2, "memberships-INITIAL_FORMS": 1, "memberships-0-id": str(membership.pk),
        "memberships-0-user": str(member.pk), "memberships-0-workspace": str(workspace.pk),
        "memberships-0-role": "admin", "memberships-1-user": str(other.pk), "memberships-1-role": "viewer",
        "memberships-1-workspace": str(workspace.pk),
    }  # fmt: skip

    browser.post(f"/admin/accounts/workspace/{workspace.pk}/change/", fields)

    found = AuditEntry.objects.filter(object_type="accounts.membership").order_by("action")
    assert [(one.action, one.changes["role"], one.workspace_id) for one in found] == [
        ("changed", ["editor", "admin"], workspace.pk),
        ("created", [None, "viewer"], workspace.pk),
    ]


def test_commands_act_under_their_own_name(workspace):
    call_command("set_site_role", owner_of(workspace).email, "viewer", stdout=io.StringIO())
    call_command("set_site_role", owner_of(workspace).email, "viewer", stdout=io.StringIO())

    entry = AuditEntry.objects.get()
    assert (entry.via, entry.actor_name, entry.changes) == (
        "command", "manage.py set_site_role", {"site_role": ["editor", "viewer"]},
    )  # fmt: skip


def test_admins_of_a_workspace_read_its_log_and_no_other_and_editors_none():
    own, foreign = make_workspace(), make_workspace()
    posts = {workspace: make_post(workspace=workspace) for workspace in (own, foreign)}
    for workspace, post in posts.items():
        api_of(workspace).patch(f"/api/v2/posts/{post.pk}", {"content": "Other"}, format="json")
    manager = browser_of(make_member(own, role=Role.ADMIN, has_staff_access=True))
    editor = browser_of(make_member(own, has_staff_access=True))

    listed = manager.get("/admin/audit/auditentry/").context["cl"].result_list

    assert [one.object_id for one in listed] == [str(posts[own].pk)]
    foreign_entry = AuditEntry.objects.get(object_id=str(posts[foreign].pk))
    assert manager.get(f"/admin/audit/auditentry/{foreign_entry.pk}/change/").status_code == 302
    assert editor.get("/admin/audit/auditentry/").status_code == 403
    assert "content: Hello → Other" in editor.get(f"/admin/posts/post/{posts[own].pk}/history/").content.decode()
    assert editor.get(f"/admin/posts/post/{posts[foreign].pk}/history/").status_code == 404


def test_the_log_outlives_what_it_tells_of():
    person = make_user(email="ada@example.test")
    workspace = make_workspace(owner=person)
    api_of(workspace).post("/api/v2/posts", {"content": "Hello"}, format="json")

    Post.objects.all().delete()
    workspace.delete()
    person.delete()
    page = browser_of(make_user(site_role=SiteRole.ADMIN)).get("/admin/audit/auditentry/")

    assert page.status_code == 200
    assert "ada@example.test" in page.content.decode()
    assert BulkJob.objects.count() == 0


def test_files_are_told_from_upload_to_deletion_and_the_same_bytes_once(workspace):
    api, other, bytes_of_it = api_of(workspace), make_asset(workspace=workspace), photo()

    def upload(**fields: Any) -> Any:
        return api.post(
            "/api/v2/media/upload", {"file": SimpleUploadedFile("beach.jpg", bytes_of_it), **fields}, format="multipart"
        ).json()

    file = upload()
    upload(alt_text="A beach")
    api.patch(f"/api/v2/media/{file['id']}", {"filename": "dawn.jpg"}, format="json")
    api.patch(f"/api/v2/media/{file['id']}", {"filename": "dawn.jpg"}, format="json")  # no change, no entry
    browser_of(make_user(site_role=SiteRole.ADMIN)).post(
        "/admin/media_library/asset/", {"action": "reprocess", "_selected_action": [file["id"], str(other.pk)]}
    )
    api.delete(f"/api/v2/media/{file['id']}")

    entries = AuditEntry.objects.filter(object_id=file["id"]).order_by("at", "id")
    assert [(one.action, one.object_name, one.changes) for one in entries] == [
        ("uploaded", "beach.jpg", {"mime_type": [None, "image/jpeg"], "size": [None, file["size"]]}),
        ("changed", "beach.jpg", {"alt_text": ["", "A beach"]}),
        ("changed", "dawn.jpg", {"filename": ["beach.jpg", "dawn.jpg"]}),
        ("made again", "dawn.jpg", {}),
        ("deleted", "dawn.jpg", {}),
    ]
    assert {one.workspace_id for one in entries} == {workspace.pk}
    assert told(object_id=str(other.pk)) == [("media_library.asset", "made again")]


NEW = "another-engine-1843"


def by_themselves_here(person: User) -> None:
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert browser_of(person).post("/admin/password_change/", fields).status_code == 302


def by_themselves_in_the_api(person: User) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert signed_in(person).post("/api/v2/auth/password", body, format="json").status_code == 200


def by_staff(person: User) -> None:
    fields = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert browser_of(person).post(f"/admin/accounts/user/{person.pk}/password/", fields).status_code == 302


def by_staff_taken_away(person: User) -> None:
    fields = {"password1": "", "password2": "", "usable_password": "false", "unset-password": "1"}
    assert browser_of(person).post(f"/admin/accounts/user/{person.pk}/password/", fields).status_code == 302


def by_reset(person: User) -> None:
    body = {"token": password_reset.token_of(person), "new_password": NEW}
    assert APIClient().post("/api/v2/auth/password/reset/confirm", body, format="json").status_code == 204


def by_command(person: User) -> None:
    person.set_password(NEW)
    person.save()


@pytest.mark.parametrize(
    "change",
    [by_themselves_here, by_themselves_in_the_api, by_staff, by_staff_taken_away, by_reset, by_command],
    ids=lambda one: one.__name__,
)
def test_each_change_of_a_password_is_told_once_without_it_and_ends_all_sign_ins(change):
    person = make_user(site_role=SiteRole.ADMIN, password=PASSWORD)
    session = make_session(person)

    change(person)

    entry = AuditEntry.objects.get(object_type="accounts.user")
    assert (entry.action, entry.object_id, entry.changes) == (
        "changed", str(person.pk), {"password": [None, "(not shown)"]},
    )  # fmt: skip
    assert NEW not in str(list(AuditEntry.objects.values_list()))
    session.refresh_from_db()
    assert session.revoked_at is not None
