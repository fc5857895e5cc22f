"""What people do in Django admin is told by the audit log: every action of a list, every switch and form of a page.

The actions come from the pages: a new one fails until TOLD has it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user, make_workspace
from integrations.tests.factories import make_account
from mastablasta.core.audit.models import AuditEntry
from posts.models import Delivery
from posts.services.bulk_actions import BulkAction
from posts.tests.factories import make_post
from tests.test_admin import MAKE
from tests.test_admin_permissions import WHO, request_of
from webhooks.models import Endpoint, EndpointDelivery
from webhooks.tests.factories import make_delivery as make_endpoint_delivery
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db


# What each action of a list tells the audit log; "" = it shows first what it would do, or only looks.
TOLD = {
    ("accounts.invitation", "withdraw"): "withdrawn",
    ("accounts.session", "sign_out"): "ended",
    ("accounts.apikey", "revoke"): "revoked",
    ("accounts.secondfactor", "remove"): "removed",
    ("accounts.user", "delete_selected"): "deleted",
    ("accounts.membership", "delete_selected"): "removed",
    ("axes.accessattempt", "unlock"): "unlocked",
    ("media_library.asset", "reprocess"): "made again",
    ("posts.bulkjob", "cancel"): "cancelled",
    ("posts.post", "export_as_csv"): "",
    **{("posts.delivery", action.value): "" for action in BulkAction if action != BulkAction.RESCHEDULE},
    ("webhooks.endpoint", "send_what_was_missed"): "sent again",
    ("webhooks.endpoint", "pause"): "changed",
    ("webhooks.endpoint", "go_on"): "changed",
    ("webhooks.endpointdelivery", "send_again"): "sent again",
}


def test_each_action_of_a_list_is_told_by_the_audit_log():
    at = timezone.now()
    operator = Client()
    operator.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    request = request_of(WHO["site admin"], make_workspace())
    make = {
        **MAKE,
        AccessAttempt: lambda: AccessAttempt.objects.create(username="ada", failures_since_start=9),
        Endpoint: lambda: make_endpoint(status="disabled", disabled_at=at, disabled_reason="It was silent."),
        EndpointDelivery: lambda: make_endpoint_delivery(state="failed"),
        User: make_user,
    }
    told: dict[tuple[str, str], str] = {}
    for model, page in admin.site._registry.items():
        for name in page.get_actions(request):
            row = make_endpoint() if (model, name) == (Endpoint, "pause") else make[model]()
            before = AuditEntry.objects.count()
            chosen = {"action": name, "_selected_action": [str(row.pk)], "post": "yes"}
            operator.post(f"/admin/{model._meta.app_label}/{model._meta.model_name}/", chosen)
            entries = AuditEntry.objects.order_by("at", "id")[before:]
            told[model._meta.label_lower, name] = " ".join(dict.fromkeys(entry.action for entry in entries))

    assert told == TOLD


def test_each_switch_and_form_of_a_page_of_its_own_is_told_by_the_audit_log():
    """Others: of rows tests/test_audit.py, of second factors accounts/tests/test_second_factor.py; an account that is
    connected is told once the platform lets us in, by whichever way."""
    workspace = make_workspace()
    account = make_account(workspace=workspace)
    post = make_post(accounts=[account], scheduled_at=timezone.now() + timedelta(days=1), status="scheduled")
    Delivery.objects.update(state="queued", due_at=post.scheduled_at, next_attempt_at=post.scheduled_at)
    operator = Client()
    operator.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    file = SimpleUploadedFile("posts.csv", b"content\nImported\n")
    asked = operator.post("/admin/posts/post/import/", {"workspace": str(workspace.pk), "file": file})
    triage, reason = "/admin/triage", {"reason": "Fire"}
    moved = {"day": "2031-01-31", "time": "09:00", "seen": post.scheduled_at.isoformat()}
    done: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
        (f"{triage}/accounts/{account.pk}/pause/", {}, ("integrations.socialaccount", "changed")),
        (f"{triage}/accounts/{account.pk}/resume/", {}, ("integrations.socialaccount", "changed")),
        (f"{triage}/platforms/{account.platform_host_id}/pause/", reason, ("integrations.platformhost", "paused")),
        (f"{triage}/platforms/{account.platform_host_id}/resume/", {}, ("integrations.platformhost", "resumed")),
        (f"{triage}/everything/pause/", reason, ("integrations.globalpause", "paused")),
        (f"{triage}/everything/resume/", {}, ("integrations.globalpause", "resumed")),
        (f"/admin/calendar/{post.pk}/move/", moved, ("posts.post", "rescheduled")),
        ("/admin/posts/post/import/", {"held": asked.context["held"]}, ("posts.post", "created")),
    ]

    found = []
    for path, fields, _ in done:
        before = AuditEntry.objects.count()
        operator.post(path, fields)
        found.append(list(AuditEntry.objects.order_by("at", "id").values_list("object_type", "action")[before:]))

    assert found == [[told] for _, _, told in done]
