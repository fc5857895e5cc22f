"""Entries of the audit log. They are written by `recording.record` alone, and never changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F

from mastablasta.core.audit.actors import Via
from mastablasta.core.ids import new_id


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def about(self, row: models.Model) -> AuditEntryQuerySet:
        """What was done with this row, the newest first."""
        return self.filter(object_type=row._meta.label_lower, object_id=str(row.pk)).order_by("-at", "-id")

    def prune(self, *, at: datetime, is_rehearsal: bool = False) -> int:
        """Remove what is older than AUDIT_KEEP_DAYS (0 = nothing); returns how many that is."""
        if not settings.AUDIT_KEEP_DAYS:
            return 0
        old = self.filter(at__lt=at - timedelta(days=settings.AUDIT_KEEP_DAYS))
        return old.count() if is_rehearsal else old.delete()[0]


class AuditEntry(models.Model):
    """That somebody did `action` with one object.

    It outlives all that it names, so its references are no constraints, and the names as they were stand beside them.
    `object_type`: as `posts.post`. `changes`: by field, what it was before and is now; null where there was nothing.
    `workspace` null: it concerns the whole site. `request_id`: that of the log's lines.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField()
    workspace: Any = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    actor: Any = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    actor_name = models.CharField(max_length=254, blank=True)
    via = models.CharField(max_length=10, choices=Via.choices)
    credential = models.CharField("API key", max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=120, blank=True)
    changes = models.JSONField(default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index("object_id", F("at").desc(), name="audit_of_object"),
            models.Index("workspace", F("at").desc(), name="audit_of_workspace"),
            models.Index(F("at").desc(), name="audit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
