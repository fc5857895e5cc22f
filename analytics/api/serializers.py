"""Shapes of the answers about figures, for the API's description, and what a refresh takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics.services.refresh import REASONS
from mastablasta.core.api.serializers import StrictSerializer

POST = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10"
ACCOUNT = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b11"
DELIVERY = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b12"
FIGURES = {"views": 1250, "likes": 45, "shares": 12, "comments": 8, "reach": None, "clicks": None}
SHOWN: dict[str, Any] = {**FIGURES, "engagement_rate": 5.2}
MOST_POSTS = 1000


def _figure(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(allow_null=True, help_text=help_text)


class FiguresSerializer(serializers.Serializer[Any]):
    """What platforms count; null = they do not tell."""

    views = _figure("How often it was seen.")
    likes = _figure("Likes, favourites and other reactions.")
    shares = _figure("Reposts and quotes together.")
    comments = _figure("Replies and comments.")
    reach = _figure("How many accounts saw it.")
    clicks = _figure("Clicks on its links.")
    engagement_rate = serializers.FloatField(
        allow_null=True, help_text="Likes, shares and comments in per cent of the reach, else of the views."
    )


class PostFiguresSerializer(FiguresSerializer):
    """What a platform said of one part of a delivery."""

    platform = serializers.CharField()
    account_id = serializers.UUIDField()
    delivery_id = serializers.UUIDField()
    part = serializers.IntegerField(help_text="0 = the post itself, 1 and on = the parts of its thread.")
    extra = serializers.DictField(child=serializers.IntegerField(), help_text="What else the platform counts.")
    collected_at = serializers.DateTimeField(help_text="When the platform said so.")
    gone_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when the platform does not show the post any more; null = it does."
    )


class PostAnalyticsSerializer(serializers.Serializer[Any]):
    """The figures of a post."""

    example = {
        "analytics": [
            {
                "platform": "twitter",
                "account_id": ACCOUNT,
                "delivery_id": DELIVERY,
                "part": 0,
                **FIGURES,
                "extra": {"quotes": 2, "bookmarks": 5},
                "engagement_rate": 5.2,
                "collected_at": "2030-01-31T10:00:00Z",
                "gone_at": None,
            }
        ]
    }

    analytics = PostFiguresSerializer(many=True)


class AccountFiguresSerializer(serializers.Serializer[Any]):
    """What a platform said of an account as a whole."""

    platform = serializers.CharField()
    account_id = serializers.UUIDField()
    followers = _figure("How many follow the account.")
    following = _figure("How many the account follows.")
    posts = _figure("How many posts the account has at the platform, whoever sent them.")
    collected_at = serializers.DateTimeField(help_text="When the platform said so.")


class AccountAnalyticsSerializer(serializers.Serializer[Any]):
    """The figures of an account."""

    example = {
        "analytics": [
            {
                "platform": "twitter",
                "account_id": ACCOUNT,
                "followers": 812,
                "following": 33,
                "posts": 421,
                "collected_at": "2030-01-31T10:00:00Z",
            }
        ]
    }

    analytics = AccountFiguresSerializer(many=True)


class GainsSerializer(FiguresSerializer):
    """What posts gained in the span."""

    posts = serializers.IntegerField(help_text="How many were published in the span, each on each account.")


class PlatformGainsSerializer(GainsSerializer):
    """What posts on one platform gained."""

    platform = serializers.CharField()


class AccountGainsSerializer(PlatformGainsSerializer):
    """What posts of one account gained."""

    account_id = serializers.UUIDField()


class DayGainsSerializer(FiguresSerializer):
    """What posts gained on one local day."""

    date = serializers.DateField()


class TagGainsSerializer(FiguresSerializer):
    """What posts with one tag gained."""

    tag = serializers.CharField()


class TopPostSerializer(FiguresSerializer):
    """A post that was published in the span, with its figures of now."""

    post_id = serializers.UUIDField()
    content = serializers.CharField(help_text="The first 80 characters.")
    published_at = serializers.DateTimeField(allow_null=True)
    platforms = serializers.ListField(child=serializers.CharField())


class ChangeSerializer(serializers.Serializer[Any]):
    """How a figure differs from that of the span before."""

    difference = serializers.FloatField(allow_null=True)
    percent = serializers.FloatField(allow_null=True, help_text="null where there was nothing before.")


class _Span(serializers.Serializer[Any]):
    from_ = serializers.DateField()
    to = serializers.DateField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's."""
        return {name.removesuffix("_"): one for name, one in super().get_fields().items()}


class PreviousSerializer(_Span):
    """The span before: as many days."""

    totals = GainsSerializer()


class OverviewSerializer(_Span):
    """What accounts gained in a span of days."""

    example: dict[str, Any] = {
        "from": "2030-01-31",
        "to": "2030-01-31",
        "timezone": "Europe/Berlin",
        "totals": {"posts": 1, **SHOWN},
        "by_platform": [{"platform": "twitter", "posts": 1, **SHOWN}],
        "by_account": [{"account_id": ACCOUNT, "platform": "twitter", "posts": 1, **SHOWN}],
        "by_day": [{"date": "2030-01-31", **SHOWN}],
        "by_tag": [{"tag": "harbour", **SHOWN}],
        "top_posts": [
            {
                "post_id": POST,
                "content": "Good morning!",
                "published_at": "2030-01-31T08:00:01Z",
                "platforms": ["twitter"],
                **SHOWN,
            }
        ],
        "collected_at": "2030-01-31T10:00:00Z",
    }

    timezone = serializers.CharField()
    totals = GainsSerializer()
    by_platform = PlatformGainsSerializer(many=True)
    by_account = AccountGainsSerializer(many=True)
    by_day = DayGainsSerializer(many=True, help_text="Every day, also those without gains.")
    by_tag = TagGainsSerializer(many=True, help_text="The 50 with the most likes, shares and comments.")
    top_posts = TopPostSerializer(many=True, help_text="At most 10.")
    collected_at = serializers.DateTimeField(
        allow_null=True, help_text="The newest answer about posts that were published in the span."
    )
    previous = PreviousSerializer(required=False, help_text="With `compare=previous`.")
    change = serializers.DictField(
        child=ChangeSerializer(), required=False, help_text="By figure, with `compare=previous`."
    )


class CellSerializer(FiguresSerializer):
    """An hour of the week, with what the posts published in it have got until now."""

    weekday = serializers.IntegerField(help_text="1 = Monday.")
    hour = serializers.IntegerField()
    posts = serializers.IntegerField(help_text="How many these figures rest on, each on each account.")


class BestTimesSerializer(_Span):
    """Hours of the week in which anything was published, Monday first."""

    example = {
        "from": "2029-11-03",
        "to": "2030-01-31",
        "timezone": "Europe/Berlin",
        "cells": [{"weekday": 4, "hour": 9, "posts": 1, **SHOWN}],
    }

    timezone = serializers.CharField()
    cells = CellSerializer(many=True)


class FiguresRefreshSerializer(StrictSerializer):
    """Whose figures are to be collected now."""

    post_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        min_length=1,
        max_length=MOST_POSTS,
        help_text="Left out: all posts whose figures are still collected.",
    )


class SkippedSerializer(serializers.Serializer[Any]):
    """A post that is not asked for, and why."""

    id = serializers.UUIDField()
    reason = serializers.ChoiceField(REASONS)


class FiguresRefreshedSerializer(serializers.Serializer[Any]):
    """What will be collected."""

    example = {"queued": 2, "skipped": [{"id": POST, "reason": "too_soon"}]}

    queued = serializers.IntegerField(help_text="How many deliveries, of which a post has one for each account.")
    skipped = SkippedSerializer(many=True)
