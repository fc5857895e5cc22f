"""The pages of Django admin that draw figures: what a workspace gained by day, and the history of a post.

They show the numbers that the API gives, from the same services.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from analytics.charts import Chart, bar_chart
from analytics.figures import FIGURES, WORDS, engagement_rate
from analytics.models import LatestMetrics, MetricSample
from analytics.services.overview import Overview, overview_of
from analytics.services.spans import Chosen, Days
from mastablasta.core.admin_base import Page, may_read, workspaces_of
from posts.models import Post

SPANS = (7, 30, 90)
NAMES = (*FIGURES, "engagement_rate")


class OverviewForm(forms.Form):
    """Whose figures, and of how many days."""

    workspace = forms.ModelChoiceField(
        Workspace.objects.kept(),
        label=gettext_lazy("Workspace"),
        widget=AutocompleteSelect(Post._meta.get_field("workspace"), admin.site),
    )
    days = forms.TypedChoiceField(
        coerce=int,
        label=gettext_lazy("Days"),
        choices=lambda: [(count, _("the last %(count)s days") % {"count": count}) for count in SPANS],
    )

    def __init__(self, workspaces: frozenset[UUID] | None, *args: Any, **kwargs: Any) -> None:
        """`workspaces`: those to choose from, None = all."""
        super().__init__(*args, **kwargs)
        if workspaces is not None:
            own = Workspace.objects.kept().filter(pk__in=workspaces)
            self.fields["workspace"].queryset = own  # type: ignore[attr-defined]


def overview_page(request: HttpRequest, page: Page) -> HttpResponse:
    """What a workspace gained in the last days of its zone, up to today."""
    form = OverviewForm(
        workspaces_of(request), request.GET if "workspace" in request.GET else None, initial={"days": 30}
    )
    shown: dict[str, Any] = {"form": form}
    if form.is_valid():
        workspace: Workspace = form.cleaned_data["workspace"]
        days = _last_days(workspace, form.cleaned_data["days"])
        found = overview_of(Chosen(workspace), days)
        rows = [(day.isoformat(), _values(sums.shown())) for day, sums in found.by_day.items()]
        shown |= {
            "charts": _charts(found),
            "names": [WORDS[name] for name in NAMES],
            "rows": [*rows, (_("In all"), _values(found.totals.shown()))],
            "workspace": workspace,
            "zone": days.zone,
        }
    return page.answer(request, "admin/analytics/overview.html", _("Figures by day"), shown)


def post_page(request: HttpRequest, page: Page, post_id: UUID) -> HttpResponse:
    """All that was collected of a post, by account."""
    post = get_object_or_404(Post, id=post_id)
    if not may_read(request, post.workspace_id):
        raise Http404
    shown = {"post": post, "accounts": figures_of(post), "names": [WORDS[name] for name in NAMES]}
    return page.answer(request, "admin/analytics/post.html", _("Figures of a post"), shown)


def figures_of(post: Post) -> list[dict[str, Any]]:
    """What was collected of a post's deliveries, each with its account, charts, rows of a table, newest first, and the
    numbers of the newest answer as the platform named them."""
    samples = MetricSample.objects.filter(delivery__post=post, part=0).select_related("delivery__account")
    by_delivery: dict[UUID, list[MetricSample]] = {}
    for sample in samples.order_by("delivery__created_at", "delivery", "collected_at"):
        by_delivery.setdefault(sample.delivery_id, []).append(sample)
    answers = LatestMetrics.objects.filter(delivery__in=by_delivery, part=0).values_list("delivery", "answer")
    told = dict(answers) if by_delivery else {}
    return [
        {
            "account": rows[0].delivery.account,
            "answer": told.get(delivery),
            "charts": [
                bar_chart(name, str(WORDS[name]), [(_moment(row), row.figures()[name]) for row in rows])
                for name in FIGURES
                if any(row.figures()[name] is not None for row in rows)
            ],
            "rows": [
                (_moment(row), [*row.figures().values(), engagement_rate(row.figures())]) for row in reversed(rows)
            ],
        }
        for delivery, rows in by_delivery.items()
    ]


def _last_days(workspace: Workspace, count: int) -> Days:
    zone = workspace.timezone or "UTC"
    with timezone.override(zone):
        today = timezone.localdate()
    return Days(today - timedelta(days=count - 1), today, zone)


def _charts(found: Overview) -> list[Chart]:
    """One for each figure that is told at all."""
    return [
        bar_chart(name, str(WORDS[name]), [(day.isoformat(), sums.figures[name]) for day, sums in found.by_day.items()])
        for name in FIGURES
        if found.totals.figures[name] is not None
    ]


def _values(shown: dict[str, int | float | None]) -> list[int | float | None]:
    return [shown[name] for name in NAMES]


def _moment(sample: MetricSample) -> str:
    return f"{sample.collected_at:%Y-%m-%d %H:%M} UTC"
