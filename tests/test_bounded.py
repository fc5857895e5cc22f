"""No table grows for ever but those that hold what people made: ninety days of work, tidied as an instance does it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Task

from accounts.models import Invitation, Session, Workspace
from accounts.tests.factories import make_invitation, make_session, make_workspace
from analytics.models import AccountSample, MetricSample
from analytics.recording import AccountFigures, Sample, record, record_accounts
from analytics.tests.factories import make_published
from integrations.models import OAuthState
from integrations.tests.factories import make_account, make_oauth_state
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.ids import new_id
from mastablasta.core.models import Heartbeat, IdempotencyKey, Mail, RequestCount
from mastablasta.ops import tasks
from posts.models import Attempt, BulkChunk, BulkJob
from posts.services import bulk_jobs
from posts.states import AttemptKind, AttemptOutcome
from webhooks.models import EndpointDelivery, Event
from webhooks.tests.factories import make_delivery, make_endpoint

BEGINNING = datetime(2030, 1, 1, 9, tzinfo=UTC)
DAYS, STEP = 90, 10
# For how many days rows of work are kept, with the settings of this test.
KEPT_DAYS: dict[Any, int] = {
    Session: 20,
    Invitation: 20,
    BrowserSession: 1,
    OAuthState: 2,
    IdempotencyKey: 2,
    RequestCount: 2,
    Heartbeat: 2,
    Mail: 31,
    BulkJob: 31,
    BulkChunk: 31,
    Event: 31,
    EndpointDelivery: 31,
    MetricSample: 30,
    AccountSample: 30,
    Attempt: 30,
    AuditEntry: 30,
    Task: 31,
}
# Rows that people made, or as many as there are of those, of hosts, of names: who deletes one deletes the other.
OF_PEOPLE = {
    "accounts": "User Workspace Membership ApiKey SecondFactor User_groups User_user_permissions",
    "analytics": "CollectionPlan CollectionLane LatestMetrics Rollup MetricAlert MetricAlertHit",
    "core": "Tally InstanceRecord",
    "integrations": "PlatformHost GlobalPause RateBudget Credential SocialAccount",
    "media_library": "Asset Rendition",
    "posts": "Post PostTag PostSearch PostMedia Delivery Lane",
    "webhooks": "Endpoint EndpointLane",
    "admin": "LogEntry",  # who did what: kept
    "auth": "Permission Group Group_permissions",
    "contenttypes": "ContentType",
    "django_q": "Schedule OrmQ Success Failure",  # a queue that is emptied; two views of Task
    "axes": "AccessAttempt AccessAttemptExpiration AccessFailureLog AccessLog",  # cleared at the next failure
}
WITH_THEIR_PARENT = {"EndpointAttempt"}  # of an EndpointDelivery
pytestmark = pytest.mark.django_db


def test_every_table_is_one_of_people_or_has_an_end() -> None:
    named = {(label, name) for label, names in OF_PEOPLE.items() for name in names.split()}
    pruned = {(model._meta.app_label, model.__name__) for model in KEPT_DAYS}
    there = {(model._meta.app_label, model.__name__) for model in apps.get_models(include_auto_created=True)}

    assert {one for one in there - named - pruned if one[1] not in WITH_THEIR_PARENT} == set()


def test_ninety_days_leave_what_is_kept_and_no_more(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ANALYTICS_KEEP_DAYS = settings.ATTEMPTS_KEEP_DAYS = settings.AUDIT_KEEP_DAYS = 30
    monkeypatch.setattr("accounts.services.pruning.KEPT_FOR", timedelta(days=20))
    with time_machine.travel(BEGINNING, tick=False) as clock:
        workspace = make_workspace()
        account, endpoint = make_account(workspace=workspace), make_endpoint(workspace=workspace)
        first = make_published(account, published_at=BEGINNING)
        for _ in range(DAYS // STEP):
            work(workspace, account, endpoint, first)
            clock.shift(timedelta(days=STEP))
            tasks.tidy()
            call_command("prune", "--json")
        after = {model: model._default_manager.count() for model in KEPT_DAYS}

    # A step makes one row of each; tokens of sign-ins live for 30 days, before they count as ended.
    lives = {Session: 30, Invitation: 7, BrowserSession: 14, BulkChunk: 0}
    most = {model: (days + lives.get(model, 0)) // STEP + 1 for model, days in KEPT_DAYS.items()}
    assert {model.__name__: count for model, count in after.items() if count > most[model]} == {}
    kept = {model for model, count in after.items() if count}
    assert {Session, Mail, BulkJob, Event, EndpointDelivery, MetricSample, Attempt, AuditEntry, Task} <= kept


def work(workspace: Workspace, account: Any, endpoint: Any, delivery: Any) -> None:
    """A row of everything that work leaves behind."""
    at, user = timezone.now(), workspace.members.get()
    make_session(user)
    make_invitation(workspace)
    BrowserSession.objects.create(session_key=new_id().hex, session_data="", expire_date=at + timedelta(days=14))
    make_oauth_state(workspace=workspace)
    IdempotencyKey.objects.create(
        scope_sha256=new_id().hex, user=user.id, method_path="POST /posts", key="k", body_sha256="0" * 64,
        locked_until=at, expires_at=at + timedelta(days=1),
    )  # fmt: skip
    RequestCount.objects.add(f"limit:{at}", ends_at=at + timedelta(minutes=1))
    Heartbeat.objects.beat(f"drain:{at}", at=at)
    Mail.objects.create(recipient="ada@example.test", subject="Hello", expires_at=at, sent_at=at)
    job = bulk_jobs.begin(workspace, by=user, kind="create", items=[{"content": "Hello"}])
    BulkJob.objects.filter(pk=job.pk).update(finished_at=at, status="done")
    make_delivery(endpoint, state="delivered")
    record([Sample(delivery.id, at, likes=1)], at=at)
    record_accounts([AccountFigures(account.id, at, followers=1)])
    number = Attempt.objects.count() + int((at - BEGINNING).days) + 1
    Attempt.objects.create(
        delivery=delivery, number=number, kind=AttemptKind.SEND, lease_token=new_id(), started_at=at, ended_at=at,
        outcome=AttemptOutcome.PUBLISHED,
    )  # fmt: skip
    Task.objects.create(id=new_id().hex, name="a", func="a", started=at, stopped=at, success=False)
