"""Posts by day, and times that are taken."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from accounts.roles import Action
from mastablasta.core.api.date_ranges import Edge, read_edge
from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField, utc_text
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.zones import zone_names
from posts.api.filters import is_asked
from posts.models import Post, PostType
from posts.services.calendar import EXCERPT, MOST_A_DAY, MOST_CONFLICTS, MOST_DAYS, days_of, find_conflicts
from posts.services.costs import MOST_ESTIMATED, cost_to_come
from posts.states import PostStatus

POST = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10"
ACCOUNT = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b11"


class CalendarPostSerializer(serializers.Serializer[Any]):
    """A post in short."""

    id = serializers.UUIDField()
    content = serializers.CharField(help_text=f"The first {EXCERPT} characters.")
    post_type = serializers.ChoiceField(PostType.choices)
    status = serializers.ChoiceField(PostStatus.choices)
    scheduled_time = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)
    platforms = serializers.ListField(child=serializers.CharField())
    accounts = serializers.ListField(child=serializers.UUIDField())


class CalendarDaySerializer(serializers.Serializer[Any]):
    """One local day."""

    date = serializers.DateField()
    posts = CalendarPostSerializer(many=True, help_text=f"In due order, at most {MOST_A_DAY}.")
    total = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="By status, only those there are.")


class CalendarSerializer(serializers.Serializer[Any]):
    """Days in order, also the empty ones. `from` and `to` as they were asked for: days, or times in UTC."""

    from_ = serializers.CharField()
    to = serializers.CharField()
    timezone = serializers.CharField()
    days = CalendarDaySerializer(many=True)
    total = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    cost = serializers.CharField(
        allow_null=True,
        help_text="What platforms charge the operator for all that is still to go out, in US dollars, estimated; null "
        "unless asked for.",
    )

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        fields = super().get_fields()
        return {name.removesuffix("_"): one for name, one in fields.items()}


class WantedTimeSerializer(StrictSerializer):
    """A time, and the accounts that it is meant for."""

    scheduled_time = OffsetDateTimeField()
    timezone = ZoneNameField(required=False, allow_blank=True)
    platforms = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=20,
        help_text="Each stands for its default account; without platforms and accounts all are meant.",
    )
    accounts = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    minutes = serializers.IntegerField(
        required=False, default=15, min_value=1, max_value=1440, help_text="How far apart posts of an account are."
    )
    exclude_post = serializers.UUIDField(required=False, allow_null=True, help_text="The post that is being moved.")


class ConflictSerializer(serializers.Serializer[Any]):
    """Something else that an account publishes then."""

    post_id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    platform = serializers.CharField()
    scheduled_time = serializers.DateTimeField()
    seconds_apart = serializers.IntegerField()
    content = serializers.CharField(help_text=f"The first {EXCERPT} characters.")


class SuggestionSerializer(serializers.Serializer[Any]):
    """A time that would do."""

    scheduled_time = serializers.DateTimeField()


class ConflictsSerializer(serializers.Serializer[Any]):
    """What stands in the way, and times that do not."""

    has_conflicts = serializers.BooleanField()
    conflicts = ConflictSerializer(many=True, help_text=f"The nearest first, at most {MOST_CONFLICTS}.")
    total = serializers.IntegerField(help_text="How many conflicts there are.")
    suggestions = SuggestionSerializer(
        many=True, help_text="The next three free times after the wanted one; fewer when 10,000 posts leave no room."
    )


CALENDAR = {
    "from": "2030-03-31",
    "to": "2030-03-31",
    "timezone": "Europe/Berlin",
    "days": [
        {
            "date": "2030-03-31",
            "posts": [
                {
                    "id": POST,
                    "content": "Good morning!",
                    "post_type": "standard",
                    "status": "scheduled",
                    "scheduled_time": "2030-03-31T07:00:00Z",
                    "published_at": None,
                    "platforms": ["mastodon"],
                    "accounts": [ACCOUNT],
                }
            ],
            "total": 1,
            "counts": {"scheduled": 1},
        }
    ],
    "total": 1,
    "counts": {"scheduled": 1},
    "cost": None,
}
WANTED = {"scheduled_time": "2030-01-31T09:00:00", "timezone": "Europe/Berlin", "platforms": ["mastodon"]}
CONFLICTS = {
    "has_conflicts": True,
    "conflicts": [
        {
            "post_id": POST,
            "account_id": ACCOUNT,
            "platform": "mastodon",
            "scheduled_time": "2030-01-31T08:05:00Z",
            "seconds_apart": 300,
            "content": "Good morning!",
        }
    ],
    "total": 1,
    "suggestions": [
        {"scheduled_time": "2030-01-31T08:20:00Z"},
        {"scheduled_time": "2030-01-31T08:35:00Z"},
        {"scheduled_time": "2030-01-31T08:50:00Z"},
    ],
}


class CalendarViewSet(WorkspaceScopedViewSet):
    """Days; they are in no table."""

    query_parameters = {
        "list": [
            OpenApiParameter("from", str, required=True, description="The first day, or a time; it belongs to it."),
            OpenApiParameter(
                "to", str, required=True, description=f"The last day, or a time; at most {MOST_DAYS} days."
            ),
            OpenApiParameter(
                "timezone", str, description="Whose days: an IANA name; left out: one's own zone, else the workspace's."
            ),
            OpenApiParameter(
                "cost",
                bool,
                description=f"Estimate what platforms charge; of at most {MOST_ESTIMATED:,} posts where they do.",
            ),
        ]
    }

    @extend_schema(
        summary="Posts by local day",
        description="A post belongs to the day of the time that it is promised for; drafts have none.",
        responses=CalendarSerializer,
        examples=[OpenApiExample("A day on which clocks change", value=CALENDAR, response_only=True)],
    )
    def list(self, request: Request) -> Response:
        begin, end, zone = self._span()
        wants_cost = is_asked(request, "cost")
        days = days_of(Post.objects.in_workspace(self.workspace), begin=begin.at, end=end.at, zone=zone)
        counts: Counter[str] = Counter()
        for day in days:
            counts.update(day.counts)
        return Response(
            {
                "from": _echo(begin),
                "to": _echo(end, is_end=True),
                "timezone": zone,
                "days": [
                    {
                        "date": day.date.isoformat(),
                        "posts": [_compact(row) for row in day.posts],
                        "total": day.total,
                        "counts": day.counts,
                    }
                    for day in days
                ],
                "total": counts.total(),
                "counts": {status: counts[status] for status in PostStatus.values if status in counts},
                "cost": str(cost_to_come(self.workspace, begin=begin.at, end=end.at)) if wants_cost else None,
            }
        )

    def _span(self) -> tuple[Edge, Edge, str]:
        """Both ends and the zone. Raises ValidationError with every fault."""
        query, faults = self.request.query_params, {}
        named = query.get("timezone", "")
        if named and named not in zone_names():
            sentence = f"{named[:64]!r} is not an IANA time zone; write for example Europe/Berlin."
            raise ValidationError({"timezone": [fault("unknown_zone", sentence)]})
        zone = named or self.caller.zone
        edges: dict[str, Edge] = {}
        for name in ("from", "to"):
            try:
                edges[name] = read_edge(query.get(name, ""), is_end=name == "to", zone=named, day_zone=zone)
            except ValidationError as error:
                missing = [fault("required", f"{name} is missing; give a day or a time.")]
                faults[name] = error.detail if query.get(name) else missing
        if not faults and edges["to"].at <= edges["from"].at:
            faults["to"] = [fault("before_from", "This lies before from; swap the two.")]
        if faults:
            raise ValidationError(faults)
        return edges["from"], edges["to"], zone


class ScheduleViewSet(WorkspaceScopedViewSet):
    """What accounts have before them."""

    actions_needed = {"conflicts": Action.READ}  # it stores nothing

    @extend_schema(
        summary="What else the same accounts publish around a time, and free times after it",
        request=WantedTimeSerializer,
        responses={200: ConflictsSerializer},
        examples=[
            OpenApiExample("Nine in Berlin", value=WANTED, request_only=True),
            OpenApiExample("Five minutes before another", value=CONFLICTS, response_only=True, status_codes=["200"]),
        ],
    )
    @action(detail=False, methods=["post"])
    def conflicts(self, request: Request) -> Response:
        body = self.body(WantedTimeSerializer)
        found = find_conflicts(
            self.workspace,
            wanted=body["scheduled_time"],
            gap=timedelta(minutes=body["minutes"]),
            platforms=body.get("platforms", ()),
            accounts=body.get("accounts", ()),
            exclude_post=body.get("exclude_post"),
            at=timezone.now(),
        )
        conflicts = [
            {
                "post_id": str(clash.post_id),
                "account_id": str(clash.account_id),
                "platform": clash.platform,
                "scheduled_time": utc_text(clash.scheduled_at),
                "seconds_apart": clash.seconds_apart,
                "content": clash.excerpt,
            }
            for clash in found.clashes
        ]
        return Response(
            {
                "has_conflicts": bool(conflicts),
                "conflicts": conflicts,
                "total": found.total,
                "suggestions": [{"scheduled_time": utc_text(free)} for free in found.free],
            }
        )


def _echo(edge: Edge, *, is_end: bool = False) -> str:
    if edge.day:
        return edge.day.isoformat()
    return utc_text(edge.at - timedelta(microseconds=1) if is_end else edge.at)


def _compact(row: dict[str, Any]) -> dict[str, Any]:
    published_at: datetime | None = row["published_at"]
    return {
        "id": str(row["id"]),
        "content": row["excerpt"],
        "post_type": row["post_type"],
        "status": row["status"],
        "scheduled_time": utc_text(row["scheduled_at"]),
        "published_at": utc_text(published_at) if published_at else None,
        "platforms": sorted({platform for platform, _ in row["deliveries"]} | set(row["wanted_platforms"])),
        "accounts": [str(account_id) for _, account_id in row["deliveries"]],
    }
