"""Bulk work that workers do: how far it is, what became of each item, and ending it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from mastablasta.core.api.conditional import DISPOSITION
from mastablasta.core.api.fields import utc_text
from mastablasta.core.api.filters import ParameterSet, choice, ordering_by
from mastablasta.core.errors import Invalid
from posts.api import examples
from posts.api.bulk_shapes import DoneSerializer, FailedSerializer
from posts.import_export import import_jobs
from posts.import_export.importing import REFUSED, STORED
from posts.import_export.report import present_counts
from posts.models import BulkJob, BulkKind, BulkStatus
from posts.services import bulk_jobs

JSON, CSV = "json", "csv"
LINES = 500  # sent at a time
COLUMNS = ("index", "status", "id", "content", "field", "code", "message")
OF_IMPORTS = ("row", "status", "id", "external_id", "field", "code", "message")
AS = OpenApiParameter(
    "as", str, enum=[JSON, CSV], description="json, as the request itself answers; csv: a line an item, in order."
)


class BulkJobSerializer(serializers.Serializer[Any]):
    """Bulk work that a worker does."""

    example = examples.BULK_JOB

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(BulkKind.choices)
    status = serializers.ChoiceField(BulkStatus.choices)
    atomic = serializers.BooleanField()
    total = serializers.IntegerField(help_text="Items.")
    done = serializers.IntegerField(help_text="Items that were done or refused so far.")
    successful = serializers.IntegerField()
    failed = serializers.IntegerField()
    error = serializers.CharField(allow_null=True, help_text="Why the job as a whole has failed.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    result_url = serializers.CharField(help_text="What became of each item; so far, while it is under way.")


def present_job(job: BulkJob) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "kind": job.kind,
        "status": job.status,
        "atomic": job.is_atomic,
        "total": job.total,
        "done": job.done,
        "successful": job.successful,
        "failed": job.failed,
        "error": job.error or None,
        "created_at": utc_text(job.created_at),
        "finished_at": utc_text(job.finished_at) if job.finished_at else None,
        "result_url": f"{settings.PUBLIC_URL}/api/v2/bulk/jobs/{job.id}/result",
    }


def accepted(job: BulkJob) -> Response:
    """202 with the job, and where to look for it."""
    return Response(present_job(job), status=202, headers={"Location": f"/api/v2/bulk/jobs/{job.id}"})


class JobDoneSerializer(DoneSerializer):
    """An item that was done, or a row of a file that is a post now."""

    index = serializers.IntegerField(required=False, help_text="Of an item: where it stands in the request, from 0.")
    row = serializers.IntegerField(required=False, help_text="Of a row, as in the answer to an import.")
    status = serializers.ChoiceField(STORED, required=False, help_text="Of a row.")
    id = serializers.UUIDField(allow_null=True, help_text="The post's; null where a dry run made none.")
    content = serializers.CharField(required=False, help_text="Of an item.")
    external_id = serializers.CharField(allow_null=True, required=False, help_text="Of a row.")


class JobFailedSerializer(FailedSerializer):
    """An item or a row that was refused, and why."""

    index = serializers.IntegerField(required=False, help_text="Of an item: where it stands in the request, from 0.")
    row = serializers.IntegerField(required=False, help_text="Of a row, as in the answer to an import.")
    id = serializers.CharField(allow_null=True, required=False, help_text="Of an item: its post's, if it names one.")
    external_id = serializers.CharField(allow_null=True, required=False, help_text="Of a row.")


class BulkJobResultSerializer(serializers.Serializer[Any]):
    """What became of each item, or of an import of each row; of an import also how many came to what."""

    example = examples.BULK_RESULT

    successful = JobDoneSerializer(many=True)
    failed = JobFailedSerializer(many=True)
    dry_run = serializers.BooleanField(required=False, help_text="Of an import.")
    created = serializers.IntegerField(required=False, help_text="Of an import, like the three after it: rows.")
    updated = serializers.IntegerField(required=False)
    unchanged = serializers.IntegerField(required=False)
    refused = serializers.IntegerField(required=False)


class BulkJobFilter(ParameterSet):
    status = choice("status", BulkStatus.values)
    kind = choice("kind", BulkKind.values)
    ordering = ordering_by({"created_at": "created_at", "finished_at": "finished_at"}, usual="newest first")

    class Meta:
        model = BulkJob
        fields: list[str] = []


class BulkJobViewSet(WorkspaceScopedViewSet):
    """Bulk work of a workspace; it is kept for 30 days."""

    queryset = BulkJob.objects.all()
    rows_name = "jobs"
    serializer_class = BulkJobSerializer
    filterset_class = BulkJobFilter
    query_parameters: ClassVar[Any] = {"result": [AS]}

    def narrow(self, rows: Any) -> Any:
        return rows.order_by("-created_at", "-id") if self.action == "list" else rows

    @extend_schema(summary="List bulk jobs, newest first")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([present_job(job) for job in page or []])

    @extend_schema(summary="How far a bulk job is")
    def retrieve(self, request: Request, id: UUID) -> Response:
        return Response(present_job(self.get_object()))

    @extend_schema(
        summary="Do no more of a bulk job", description="What is done stays done; the answer says how far it came.",
        request=None,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: UUID) -> Response:
        return Response(present_job(bulk_jobs.cancel(self.get_object(), at=timezone.now())))

    @extend_schema(
        summary="What became of each item of a bulk job, so far while it is under way",
        responses={(200, "application/json"): BulkJobResultSerializer, (200, "text/csv"): OpenApiTypes.STR},
        parameters=[DISPOSITION],
    )
    @action(detail=True, methods=["get"])
    def result(self, request: Request, id: UUID) -> HttpResponseBase:
        job, form = self.get_object(), request.query_params.get("as", JSON)
        if form not in {JSON, CSV}:
            raise Invalid.field("as", "invalid_choice", f"{form[:20]!r} is not one of: json, csv.", valid=[JSON, CSV])
        if form == CSV:
            name = f"attachment; filename=bulk-job-{job.id}.csv"
            return StreamingHttpResponse(
                _csv(job), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name}
            )
        if getattr(request.accepted_renderer, "format", JSON) != JSON:  # a page for people: what one request would do
            return Response({name: next(bulk_jobs.results(job, name), []) for name in ("successful", "failed")})
        return StreamingHttpResponse(_json(job), content_type="application/json")


def _json(job: BulkJob) -> Iterator[str]:
    """The result as the request would have answered, a few chunks in memory."""
    is_import, counts = job.kind in import_jobs.KINDS, Counter[str]()
    yield '{"successful":['
    yield from _listed(_counted(bulk_jobs.results(job, "successful"), counts if is_import else None))
    yield '],"failed":['
    yield from _listed(_counted(bulk_jobs.results(job, "failed"), counts if is_import else None))
    yield "]"
    if is_import:
        told = {"dry_run": job.kind == BulkKind.REHEARSAL, **present_counts(counts)}
        yield f",{json.dumps(told)[1:-1]}"
    yield "}"


def _counted(chunks: Iterator[list[dict[str, Any]]], counts: Counter[str] | None) -> Iterator[list[dict[str, Any]]]:
    """The chunks of rows, of which `counts` gets to know how many came to what."""
    for rows in chunks:
        if counts is not None:
            counts.update(row.get("status", REFUSED) for row in rows)
        yield rows


def _listed(chunks: Iterator[Sequence[Any]]) -> Iterator[str]:
    comma = ""
    for rows in chunks:
        if rows:
            yield comma + ",".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
            comma = ","


def _csv(job: BulkJob) -> Iterator[str]:
    """A line an item or row, in the order of the request, with its first fault."""
    is_import = job.kind in import_jobs.KINDS
    columns, refused = (OF_IMPORTS, REFUSED) if is_import else (COLUMNS, "failed")
    successful = ({"status": "successful", **row} for rows in bulk_jobs.results(job, "successful") for row in rows)
    failed = ({"status": refused, **row} for rows in bulk_jobs.results(job, "failed") for row in rows)
    yield _lines([columns])
    rows = merge(successful, failed, key=lambda row: int(row[columns[0]]))
    while some := list(islice(rows, LINES)):
        yield _lines([_values(row, columns) for row in some])


def _values(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    first: Mapping[str, Any] = next(iter(row.get("details", ())), {})
    shown = {**row, "field": first.get("field"), "message": row.get("error")}
    return [_cell(shown.get(name)) for name in columns]


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet takes what begins so for a formula, and does what it says."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
