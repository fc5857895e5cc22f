"""Django admin: every page opens for a site admin and nobody else, shows no secret, costs the same however long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, SecondFactor, Session, User, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import (
    BACKEND,
    PASSWORD,
    browser_of,
    make_api_key,
    make_invitation,
    make_session,
    make_user,
    make_workspace,
    signed_in,
)
from analytics.models import (
    AccountSample,
    CollectionLane,
    CollectionPlan,
    LatestMetrics,
    MetricAlert,
    MetricAlertHit,
    MetricSample,
    Rollup,
)
from analytics.recording import AccountFigures, Sample, record, record_accounts
from analytics.services.alerts import create_alert
from analytics.tests.factories import make_published
from integrations.models import Credential, GlobalPause, OAuthState, PlatformHost, RateBudget, SocialAccount
from integrations.tests.factories import make_account, make_credential, make_host, make_oauth_state
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.recording import Subject
from mastablasta.core.audit.recording import record as record_audit
from mastablasta.core.ids import new_id
from mastablasta.core.models import Heartbeat, IdempotencyKey, InstanceRecord, Mail, RequestCount, Tally
from media_library.models import Asset, Rendition
from media_library.tests.factories import make_asset
from posts.models import Attempt, BulkChunk, BulkJob, Delivery, Lane, Post, PostMedia, PostTag
from posts.services import bulk_jobs
from posts.states import AttemptKind, DeliveryState
from posts.tests.factories import make_delivery, make_post
from tests.clones import clones
from tests.words import data, made_up_language, not_looked_up
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery, EndpointLane, Event
from webhooks.tests.factories import make_delivery as make_endpoint_delivery
from webhooks.tests.factories import make_endpoint, make_events

OURS = ("accounts", "audit", "core", "integrations", "posts", "webhooks", "media_library", "analytics")
CANARY = "canary-7f3a"
SECRETS = ("lease_token", "password", "sha256", "current_jti", "scope_sha256")
NO_SECRET = {(Asset, "sha256"), (Rendition, "sha256")}  # that of a file's bytes, for whoever wants to compare
pytestmark = pytest.mark.django_db


def make_attempt() -> Attempt:
    delivery = make_delivery()
    at = timezone.now()
    return Attempt.objects.create(
        delivery=delivery, number=1, kind=AttemptKind.SEND, lease_token=new_id(), started_at=at, worker="w1"
    )


def make_key_of_request() -> IdempotencyKey:
    at = timezone.now()
    key = new_id().hex
    return IdempotencyKey.objects.create(
        scope_sha256=f"{CANARY}{key}", user=new_id(), workspace=new_id(), method_path="POST /api/v2/posts", key=key,
        body_sha256=CANARY, status=201, answer=f'{{"content": "{CANARY}"}}', headers={"Location": CANARY},
        locked_until=at, expires_at=at + timedelta(days=1),
    )  # fmt: skip


def make_held_delivery() -> Delivery:
    at = timezone.now()
    token = new_id()
    return make_delivery(
        state=DeliveryState.SENDING, lease_token=token, lease_expires_at=at, progress={"upload": CANARY}, parts=[]
    )


def make_lane() -> Lane:
    delivery = make_delivery()
    return Lane.objects.get(account=delivery.account)


def make_state() -> OAuthState:
    number = new_id().hex
    return make_oauth_state(state=number, verifier_enc=CANARY, held_enc=CANARY, confirm_sha256=f"{CANARY}{number}"[:64])


def make_bulk_job() -> BulkJob:
    workspace = make_workspace()
    return bulk_jobs.begin(workspace, by=workspace.members.get(), kind="create", items=[{"content": CANARY}])


def make_figures() -> Delivery:
    delivery = make_published()
    record([Sample(delivery.id, timezone.now(), likes=1)], at=timezone.now())
    return delivery


def make_plan() -> CollectionPlan:
    delivery = make_published()
    return CollectionPlan.objects.create(delivery=delivery, account=delivery.account, next_at=timezone.now())


def make_collection_lane() -> CollectionLane:
    at = timezone.now()
    return CollectionLane.objects.create(account=make_account(), lease_token=new_id(), lease_expires_at=at)


def make_account_sample() -> AccountSample:
    account = make_account()
    record_accounts([AccountFigures(account.id, timezone.now(), followers=1)])
    return AccountSample.objects.get(account=account)


def make_alert() -> MetricAlert:
    workspace = make_workspace()
    return create_alert(workspace, by=workspace.members.get(), figure="views", threshold=10)


def make_hit() -> MetricAlertHit:
    return MetricAlertHit.objects.create(alert=make_alert(), delivery=make_published(), value=11, at=timezone.now())


def make_second_factor() -> SecondFactor:
    codes = [f"{CANARY}-code"]
    return SecondFactor.objects.create(
        user=make_user(), secret_enc=CANARY, confirmed_at=timezone.now(), recovery_hashes=codes
    )


def make_audit_entry() -> AuditEntry:
    workspace = make_workspace()
    told = {"password": (CANARY, CANARY), "name": ("x", "y")}
    subject = Subject("accounts.workspace", workspace.pk, workspace.name, workspace.pk, told)
    record_audit("changed", [subject], at=timezone.now())
    return AuditEntry.objects.get(object_id=str(workspace.pk))


def make_global_pause() -> GlobalPause:
    return GlobalPause.objects.get_or_create(defaults={"reason": "Repairs", "paused_at": timezone.now()})[0]


MAKE: dict[type[Model], Callable[[], Any]] = {
    User: lambda: make_user(password=PASSWORD),
    Workspace: make_workspace,
    Membership: lambda: make_workspace().memberships.get(),
    Session: lambda: make_session(make_user(), user_agent="Firefox"),
    ApiKey: lambda: make_api_key(make_user(), make_workspace())[0],
    SecondFactor: make_second_factor,
    AuditEntry: make_audit_entry,
    PlatformHost: lambda: make_host(host=f"{new_id().hex}.test", client_secret_enc=CANARY),
    GlobalPause: lambda: GlobalPause.objects.get_or_create(defaults={"reason": "Repairs", "paused_at": timezone.now()})[
        0
    ],
    Credential: lambda: make_credential(access_enc=CANARY, refresh_enc=CANARY),
    SocialAccount: lambda: make_account(facts={"page_token": CANARY}),
    OAuthState: make_state,
    RateBudget: lambda: RateBudget.objects.create(
        key=f"x:{new_id().hex}:publish", limit=9, remaining=4, resets_at=timezone.now()
    ),
    Post: make_post,
    PostTag: lambda: PostTag.objects.create(post=make_post(), name="tag"),
    PostMedia: lambda: PostMedia.objects.create(post=make_post(), asset=make_asset(), position=0),
    Asset: make_asset,
    Rendition: lambda: Rendition.objects.create(
        asset=make_asset(), recipe_key="web", status="ready", stored_name="renditions/test/web"
    ),
    Delivery: make_held_delivery,
    Attempt: make_attempt,
    Lane: make_lane,
    BulkJob: make_bulk_job,
    BulkChunk: lambda: make_bulk_job().chunks.get(),
    Heartbeat: lambda: Heartbeat.objects.create(name=new_id().hex, at=timezone.now()),
    Tally: lambda: Tally.objects.create(name=new_id().hex, platform="x", kind="send", outcome="published", count=1),
    IdempotencyKey: make_key_of_request,
    Invitation: lambda: make_invitation(make_workspace())[0],
    Mail: lambda: Mail.objects.create(
        recipient="ada@example.test", subject="Hello", text_enc=CANARY, expires_at=timezone.now()
    ),
    InstanceRecord: lambda: InstanceRecord.objects.update_or_create(id=1)[0],
    RequestCount: lambda: RequestCount.objects.create(key=new_id().hex, count=1, ends_at=timezone.now()),
    Endpoint: lambda: make_endpoint(secret_enc=CANARY, old_secret_enc=CANARY),
    EndpointLane: lambda: make_endpoint().lane,
    Event: lambda: make_events(make_workspace())[0],
    EndpointDelivery: make_endpoint_delivery,
    CollectionPlan: make_plan,
    CollectionLane: make_collection_lane,
    MetricSample: lambda: make_figures().samples.get(),
    LatestMetrics: lambda: make_figures().latest_metrics.get(),
    Rollup: lambda: Rollup.objects.get(account=make_figures().account),
    AccountSample: make_account_sample,
    MetricAlert: make_alert,
    MetricAlertHit: make_hit,
    EndpointAttempt: lambda: EndpointAttempt.objects.create(
        delivery=make_endpoint_delivery(), number=1, started_at=timezone.now(), duration_ms=9, url="https://r.test/"
    ),
}
BY_HAND = {User: {"add", "change", "delete"}, Membership: {"add", "change", "delete"}, Workspace: {"change"}}
ONE_ROW = {GlobalPause, InstanceRecord}  # they have no second one
MODELS = sorted(MAKE, key=lambda model: model._meta.label)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def client_of(role: SiteRole) -> Client:
    return browser_of(make_user(site_role=role))


@pytest.fixture
def operator() -> Client:
    """A browser of a site admin."""
    return client_of(SiteRole.ADMIN)


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_every_model_of_ours_has_a_page():
    registered = {model for model in admin.site._registry if model._meta.app_label in OURS}

    assert registered == set(MAKE)


@each_model
def test_site_admin_reads_all_but_secrets_in_a_language_and_writes_what_is_no_truth_of_the_program(operator, model):
    row = MAKE[model]()
    names = [name for name in SECRETS if (model, name) not in NO_SECRET]
    secrets = [CANARY, *(str(found) for name in names if (found := getattr(row, name, None)))]
    may = BY_HAND.get(model, set())

    with made_up_language():
        shown = operator.get(address(model, "changelist"))
        found = operator.get(address(model, "changelist"), {"q": "x"})
        opened = operator.get(address(model, "change", row.pk))
        history = operator.get(address(model, "history", row.pk))

    assert [one.status_code for one in (shown, found, opened, history)] == [200] * 4
    known = data()
    for response in (shown, found, opened, history):
        page = response.content.decode()
        assert [secret for secret in secrets if secret in page] == []
        assert not_looked_up(page, known) == []
    assert operator.get(address(model, "add")).status_code == (200 if "add" in may else 403)
    assert operator.get(address(model, "delete", row.pk)).status_code == (200 if "delete" in may else 403)
    assert operator.post(address(model, "change", row.pk), {}).status_code == (200 if "change" in may else 403)


@each_model
def test_nobody_else_is_let_in(model):
    row = MAKE[model]()
    pages = address(model, "changelist"), address(model, "change", row.pk), address(model, "add")

    for who in (SiteRole.EDITOR, SiteRole.VIEWER, None):
        client = client_of(who) if who else Client()
        for page in pages:
            response = client.get(page)
            told = response.status_code, response.headers["Location"].split("?")[0]
            assert told == (302, "/admin/login/"), (who, page)


@pytest.mark.parametrize("model", [model for model in MODELS if model not in ONE_ROW], ids=lambda one: one._meta.label)
def test_list_costs_the_same_for_one_row_and_a_hundred(operator, model):
    def queries(rows: int) -> int:
        with CaptureQueriesContext(connection) as context:
            shown = operator.get(address(model, "changelist"), {"all": ""})
        assert len(shown.context["cl"].result_list) >= rows
        return len(context)

    row = MAKE[model]()
    queries(1)
    first = queries(1)
    clones(row, 99)

    assert queries(100) == first


def test_index_names_the_program(operator):
    page = operator.get("/admin/").content.decode()

    assert "MastaBlasta" in page
    assert "Groups" not in page


def test_person_who_is_no_site_admin_any_more_is_out_at_once():
    person = make_user(site_role=SiteRole.ADMIN)
    client = Client()
    client.force_login(person, backend=BACKEND)

    User.objects.update(site_role=SiteRole.EDITOR)

    assert client.get("/admin/").status_code == 302


def test_making_a_person(operator):
    fields = {"email": "Ada@Example.TEST", "name": "Ada", "site_role": "viewer"}
    passwords = {"password1": "analytical-engine", "password2": "analytical-engine"}

    response = operator.post("/admin/accounts/user/add/", {**fields, **passwords})

    assert response.status_code == 302, response.context["adminform"].form.errors
    ada = User.objects.get(email="ada@example.test")
    assert (ada.name, ada.site_role, ada.check_password("analytical-engine")) == ("Ada", "viewer", True)


@pytest.mark.parametrize("password", ["short", "x1" * 65, "password"])
def test_rules_for_passwords_hold_here_too(operator, password):
    fields = {"email": "ada@example.test", "site_role": "editor", "password1": password, "password2": password}

    response = operator.post("/admin/accounts/user/add/", fields)

    assert response.status_code == 200
    assert not User.objects.filter(email="ada@example.test").exists()


def test_changing_a_person_keeps_the_password_and_lower_case(operator):
    person = make_user(password=PASSWORD)
    page = operator.get(address(User, "change", person.pk))
    inline = page.context["inline_admin_formsets"][0].formset.management_form.initial
    management = {f"memberships-{name}": value for name, value in inline.items()}

    response = operator.post(
        address(User, "change", person.pk),
        {"email": "New@Example.test", "name": "New", "site_role": "viewer", "timezone": "", **management},
    )

    person.refresh_from_db()
    assert response.status_code == 302
    assert (person.email, person.site_role, person.is_active) == ("new@example.test", "viewer", False)
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posix/Europe/Berlin", "Europe/Atlantis"])
def test_zone_of_a_person_is_one_here_too(operator, zone):
    person = make_user(password=PASSWORD)
    page = operator.get(address(User, "change", person.pk))
    inline = page.context["inline_admin_formsets"][0].formset.management_form.initial
    management = {f"memberships-{name}": value for name, value in inline.items()}
    fields = {"email": person.email, "name": "New", "site_role": "viewer", "timezone": zone, **management}

    response = operator.post(address(User, "change", person.pk), fields)

    sentence = f"{zone!r} is not an IANA time zone; write for example Europe/Berlin."
    assert response.context["errors"] == [[sentence]]
    person.refresh_from_db()
    assert person.timezone == ""


def test_new_password_signs_the_person_out_everywhere(operator):
    person = make_workspace(owner=make_user(password=PASSWORD)).members.get()
    api = signed_in(person)
    assert api.get("/api/v2/auth/me").status_code == 200

    new = {"password1": "analytical-engine", "password2": "analytical-engine", "usable_password": "true"}
    response = operator.post(f"/admin/accounts/user/{person.pk}/password/", new)

    person.refresh_from_db()
    assert response.status_code == 302
    assert person.check_password("analytical-engine")
    assert api.get("/api/v2/auth/me").json()["code"] == "session_ended"


@pytest.mark.parametrize(("model", "action"), [(Session, "sign_out"), (ApiKey, "revoke")])
def test_actions_end_what_was_chosen_and_nothing_else(operator, model, action):
    chosen, other = MAKE[model](), MAKE[model]()

    response = operator.post(address(model, "changelist"), {"action": action, "_selected_action": [str(chosen.pk)]})

    assert response.status_code == 302
    assert list(model.objects.filter(revoked_at=None)) == [other]


@pytest.mark.parametrize("by", ["page", "action"])
def test_membership_that_is_deleted_takes_its_keys_along(operator, by):
    workspace = make_workspace()
    membership = workspace.memberships.get()
    key, _ = make_api_key(membership.user, workspace)

    if by == "page":
        operator.post(address(Membership, "delete", membership.pk), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [str(membership.pk)], "post": "yes"}
        operator.post(address(Membership, "changelist"), chosen)

    assert not workspace.memberships.exists()
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert User.objects.get(pk=membership.user_id).default_workspace is None


def test_bulk_jobs_are_cancelled_by_an_action_where_they_have_not_ended(operator):
    chosen, ended, other = make_bulk_job(), make_bulk_job(), make_bulk_job()
    BulkJob.objects.filter(id=ended.id).update(status="done", finished_at=timezone.now())
    selected = {"action": "cancel", "_selected_action": [str(chosen.pk), str(ended.pk)]}

    response = operator.post(address(BulkJob, "changelist"), selected, follow=True)

    assert "1 cancelled." in response.content.decode()
    found = dict(BulkJob.objects.values_list("id", "status"))
    assert found == {chosen.id: "cancelled", ended.id: "done", other.id: "queued"}
