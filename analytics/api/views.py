"""Figures over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from analytics.api.parameters import WHOSE, read_chosen, read_days, spans
from analytics.api.presenting import figures_of_post, present_account_figures, present_change, present_overview
from analytics.api.serializers import (
    POST,
    AccountAnalyticsSerializer,
    BestTimesSerializer,
    FiguresRefreshedSerializer,
    FiguresRefreshSerializer,
    OverviewSerializer,
    PostAnalyticsSerializer,
)
from analytics.models import AccountSample
from analytics.services.best_times import best_times_of
from analytics.services.exporting import MEDIA_TYPE, export_figures
from analytics.services.overview import overview_of, totals_of
from analytics.services.refresh import refresh_posts
from integrations.models import SocialAccount
from mastablasta.core.api.conditional import CONDITIONAL, DISPOSITION, NOT_MODIFIED, SAYS, unless_known
from mastablasta.core.errors import Invalid
from posts.api.filters import is_asked
from posts.models import Post

OVERVIEW_DAYS = 30
BEST_TIMES_DAYS = 90


class PostAnalyticsViewSet(WorkspaceScopedViewSet):
    """The figures of one post."""

    queryset = Post.objects.all()
    query_parameters: ClassVar[Any] = {
        "retrieve": [
            OpenApiParameter("history", bool, description="Whether to give all that was collected, oldest first."),
            OpenApiParameter("parts", bool, description="Whether to give the parts of a thread too."),
        ]
    }

    def narrow(self, rows: Any) -> Any:
        return rows.kept()

    @extend_schema(
        summary="What the platforms count of a post",
        description=f"The newest figures of each account. {SAYS}",
        responses={200: PostAnalyticsSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def retrieve(self, request: Request, id: UUID) -> HttpResponseBase:
        shown = figures_of_post(
            id, self.workspace, is_history=is_asked(request, "history"), with_parts=is_asked(request, "parts")
        )
        if not shown:
            get_object_or_404(self.get_queryset(), id=id)
        return unless_known(request, {"analytics": shown})


class AccountAnalyticsViewSet(WorkspaceScopedViewSet):
    """The figures of one account as a whole."""

    queryset = SocialAccount.objects.all()
    query_parameters: ClassVar[Any] = {
        "retrieve": [
            OpenApiParameter("history", bool, description="Whether to give all that was collected, oldest first."),
        ]
    }

    @extend_schema(
        summary="What the platform counts of an account",
        description=f"The newest figures, which are collected once a day: followers and the like. {SAYS}",
        responses={200: AccountAnalyticsSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def retrieve(self, request: Request, id: UUID) -> HttpResponseBase:
        account = get_object_or_404(self.get_queryset(), id=id)
        samples = AccountSample.objects.in_workspace(self.workspace).filter(account=account)
        if is_asked(request, "history"):
            rows = samples.order_by("collected_at")
        else:
            rows = samples.order_by("-collected_at")[:1]
        shown = [present_account_figures(row, platform=account.platform) for row in rows]
        return unless_known(request, {"analytics": shown})


class OverviewViewSet(WorkspaceScopedViewSet):
    """Sums over days; they are in no table."""

    query_parameters: ClassVar[Any] = {
        "list": [
            *spans(OVERVIEW_DAYS),
            *WHOSE,
            OpenApiParameter("compare", str, enum=["previous"], description="previous: with as many days before."),
        ]
    }

    @extend_schema(
        summary="What accounts gained in a span of days",
        description="Figures are what posts gained in these days, whenever they were published; of `top_posts` what "
        f"they have now. {SAYS}",
        responses={200: OverviewSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def list(self, request: Request) -> HttpResponseBase:
        chosen = read_chosen(request, self.workspace)
        days = read_days(request, usual=OVERVIEW_DAYS, zone=self.caller.zone)
        compare = request.query_params.get("compare") or ""
        if compare not in {"", "previous"}:
            raise Invalid.field("compare", "invalid_choice", "Only previous can be compared with.", valid=["previous"])
        found = overview_of(chosen, days)
        shown = {**_span(days), "timezone": days.zone, **present_overview(found)}
        if compare:
            before = days.before()
            totals = totals_of(chosen, before)
            shown["previous"] = {**_span(before), "totals": {"posts": totals.posts, **totals.shown()}}
            shown["change"] = present_change(found.totals, totals)
        return unless_known(request, shown)


class BestTimesViewSet(WorkspaceScopedViewSet):
    """Hours of the week; they are in no table."""

    query_parameters: ClassVar[Any] = {"list": [*spans(BEST_TIMES_DAYS), *WHOSE]}

    @extend_schema(
        summary="At which hours of the week posts did best",
        description="Of the posts that were published in the span, by the local hour of that: what they have got until "
        f"now, and how many posts that rests on. {SAYS}",
        responses={200: BestTimesSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def list(self, request: Request) -> HttpResponseBase:
        chosen = read_chosen(request, self.workspace)
        days = read_days(request, usual=BEST_TIMES_DAYS, zone=self.caller.zone)
        cells = [
            {"weekday": cell.weekday, "hour": cell.hour, "posts": cell.sums.posts, **cell.sums.shown()}
            for cell in best_times_of(chosen, days)
        ]
        return unless_known(request, {**_span(days), "timezone": days.zone, "cells": cells})


class ExportViewSet(WorkspaceScopedViewSet):
    """Figures as a file, whatever somebody accepts."""

    query_parameters: ClassVar[Any] = {
        "export": [
            *spans(OVERVIEW_DAYS),
            *WHOSE,
            OpenApiParameter("format", str, enum=["csv"], description="The form of the file; left out: csv."),
        ]
    }

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"

    @extend_schema(
        summary="The newest figures of posts as CSV",
        description="Of all posts that were published in the span, oldest first, a row for each account.",
        responses={(200, "text/csv"): OpenApiTypes.STR},
        parameters=[DISPOSITION],
    )
    @action(detail=False, methods=["get"])
    def export(self, request: Request) -> StreamingHttpResponse:
        if request.query_params.get("format", "csv") != "csv":
            raise Invalid.field("format", "invalid_choice", "The file is csv.", valid=["csv"])
        chosen = read_chosen(request, self.workspace)
        days = read_days(request, usual=OVERVIEW_DAYS, zone=self.caller.zone)
        headers = {
            "Content-Disposition": 'attachment; filename="analytics.csv"',
            "Cache-Control": "private, no-store",
        }
        return StreamingHttpResponse(export_figures(chosen, days), content_type=MEDIA_TYPE, headers=headers)


class RefreshViewSet(WorkspaceScopedViewSet):
    """Figures that are wanted now."""

    @extend_schema(
        summary="Collect fresh figures now",
        description="Whatever the age of the posts; at most once a minute for each account of a post.",
        request=FiguresRefreshSerializer,
        responses={202: FiguresRefreshedSerializer},
        examples=[OpenApiExample("Of one post", value={"post_ids": [POST]}, request_only=True)],
    )
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        body = self.body(FiguresRefreshSerializer)
        done = refresh_posts(self.workspace, body.get("post_ids"), at=timezone.now())
        skipped = [{"id": str(post_id), "reason": reason} for post_id, reason in done.skipped]
        return Response({"queued": done.queued, "skipped": skipped}, status=202)


def _span(days: Any) -> dict[str, str]:
    return {"from": days.first.isoformat(), "to": days.last.isoformat()}
