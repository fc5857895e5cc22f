"""Writing the audit log: one statement, whoever acts, no secret, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import structlog
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from mastablasta.core.audit.actors import PROGRAM, Actor, Via, acting, current_actor
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.recording import Subject, difference, record
from mastablasta.core.audit.wording import in_words
from mastablasta.core.ids import new_id

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ADA = Actor(Via.API_KEY, UUID(int=7), "ada@example.test", "mb_1234567")


def subject(number: int = 1, **changes: tuple[object, object]) -> Subject:
    return Subject("posts.post", UUID(int=number), f"Post {number}", UUID(int=9), changes)


def test_an_entry_has_all_that_was_told():
    with acting(lambda: ADA), structlog.contextvars.bound_contextvars(request_id="r-1"):
        record("edited", [subject(status=("draft", "scheduled"), scheduled_at=(None, NOON))], at=NOON)

    entry = AuditEntry.objects.get()
    assert (entry.at, entry.action, entry.object_type, entry.object_id, entry.object_name) == (
        NOON, "edited", "posts.post", str(UUID(int=1)), "Post 1",
    )  # fmt: skip
    assert (entry.actor_id, entry.actor_name, entry.via, entry.credential) == (
        UUID(int=7), "ada@example.test", "api_key", "mb_1234567",
    )  # fmt: skip
    assert (entry.workspace_id, entry.request_id) == (UUID(int=9), "r-1")
    assert entry.changes == {"status": ["draft", "scheduled"], "scheduled_at": [None, NOON.isoformat()]}
    assert list(in_words(entry.changes)) == ["status: draft → scheduled", f"scheduled at: {NOON.isoformat()}"]


def test_what_did_not_change_is_not_told():
    same = {"state": ("active", "active"), "is_default": (False, True), "tags": ([], []), "reason": (None, None)}

    record("connected", [subject(**same)], at=NOON)

    assert AuditEntry.objects.get().changes == {"is_default": [False, True]}


def test_fields_are_told_as_people_write_them():
    told = {"is_default": [False, True], "avatar_url": ["", "https://a.example/"], "http_status": [None, 500]}

    assert list(in_words(told)) == [
        "default: no → yes", "avatar URL: nothing → https://a.example/", "HTTP status: 500",
    ]  # fmt: skip


def test_a_thousand_take_one_statement_and_none_takes_none():
    with CaptureQueriesContext(connection) as context:
        record("created", (subject(number) for number in range(1000)), at=NOON)
        record("created", [], at=NOON)

    assert len(context) == 1
    assert AuditEntry.objects.count() == 1000
    assert len(set(AuditEntry.objects.values_list("object_id", flat=True))) == 1000


def test_what_is_undone_is_not_told():
    with transaction.atomic():
        record("created", [subject()], at=NOON)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", ["password", "secret_enc", "access_token", "api_key"])
def test_a_secret_is_told_without_its_values(name):
    record("changed", [subject(**{name: ("canary-1", "canary-2"), "options": ({"token": "canary-3"}, None)})], at=NOON)

    assert AuditEntry.objects.get().changes == {
        name: [None, "(not shown)"], "options": [{"token": "(not shown)"}, None]
    }  # fmt: skip


def test_texts_are_short_and_hold_no_secret_and_nothing_that_a_database_refuses():
    told = {
        "url": (None, "https://ada:hunter2@example.test/"),
        "content": (None, "x" * 1000),
        "odd": (None, "a\x00\ud800"),
    }

    record("changed", [Subject("posts.post", 1, "n" * 500, None, told)], at=NOON)

    entry = AuditEntry.objects.get()
    assert "hunter2" not in str(entry.changes)
    assert len(entry.object_name) == 120
    assert len(entry.changes["content"][1]) == 300
    assert entry.changes["odd"] == [None, "a?"]


def test_who_acts_is_said_by_the_innermost_and_asked_only_when_something_is_told():
    asked = []

    def who() -> Actor:
        asked.append(1)
        return ADA

    with acting(who):
        assert not asked
        with acting(PROGRAM):
            assert current_actor() == PROGRAM
        assert current_actor() == ADA
    assert current_actor() == PROGRAM
    assert len(asked) == 1


def test_entries_are_kept_as_long_as_the_operator_says(settings):
    settings.AUDIT_KEEP_DAYS = 10
    for days in (9, 11, 12):
        record("created", [subject(days)], at=NOON - timedelta(days=days))

    assert AuditEntry.objects.prune(at=NOON, is_rehearsal=True) == 2
    assert AuditEntry.objects.count() == 3
    assert AuditEntry.objects.prune(at=NOON) == 2
    assert AuditEntry.objects.get().object_id == str(UUID(int=9))
    settings.AUDIT_KEEP_DAYS = 0
    assert AuditEntry.objects.prune(at=NOON + timedelta(days=9999)) == 0


def test_what_differs_is_what_is_something_else_now():
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": new_id}) == {"b": (2, 3), "c": (None, new_id)}
