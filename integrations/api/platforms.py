"""GET /platforms: what each platform takes, and whether it can be connected here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.base import PersonalViewSet
from integrations import registry
from integrations.api.examples import PLATFORM, answer
from integrations.capabilities import Capabilities, Prices, RateRule, Source, TextLimit
from integrations.services import operator_apps
from mastablasta.core.api.conditional import CONDITIONAL, NOT_MODIFIED, SAYS, unless_known
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.media_rules import MediaRule


class SourceSerializer(StrictSerializer):
    url = serializers.URLField(help_text="The vendor's own page.")
    read = serializers.DateField(help_text="The day on which it was read there.")


class TextLimitSerializer(StrictSerializer):
    limit = serializers.IntegerField()
    unit = serializers.CharField(help_text="How it is counted: `graphemes`, `weighted`, `characters`, `bytes`.")
    is_stock = serializers.BooleanField(help_text="A server of this platform may allow more or less.")
    source = SourceSerializer()  # type: ignore[assignment]  # the metaclass takes fields out of the class


class SizeLimitsSerializer(StrictSerializer):
    at_most = serializers.IntegerField(help_text="How many in one post.")
    mime_types = serializers.ListField(child=serializers.CharField(), help_text="The first is what is made.")
    max_bytes = serializers.IntegerField()
    max_width = serializers.IntegerField(allow_null=True)
    max_height = serializers.IntegerField(allow_null=True)
    max_pixels = serializers.IntegerField(allow_null=True, help_text="Width x height.")
    min_width = serializers.IntegerField(allow_null=True)
    min_height = serializers.IntegerField(allow_null=True)
    min_aspect = serializers.FloatField(allow_null=True, help_text="Width ÷ height.")
    max_aspect = serializers.FloatField(allow_null=True)


class PictureLimitsSerializer(SizeLimitsSerializer):
    """null = no bound."""

    max_frames = serializers.IntegerField(allow_null=True, help_text="Of an animation.")
    max_pixels_in_all = serializers.IntegerField(allow_null=True, help_text="Of all frames of an animation together.")


class VideoLimitsSerializer(SizeLimitsSerializer):
    """null = no bound."""

    min_duration_s = serializers.FloatField(allow_null=True)
    max_duration_s = serializers.FloatField(allow_null=True)
    video_codecs = serializers.ListField(child=serializers.CharField())
    audio_codecs = serializers.ListField(child=serializers.CharField())
    max_fps = serializers.FloatField(allow_null=True)


class DocumentLimitsSerializer(StrictSerializer):
    """null = no bound."""

    at_most = serializers.IntegerField(help_text="How many in one post.")
    mime_types = serializers.ListField(child=serializers.CharField())
    max_bytes = serializers.IntegerField()
    max_pages = serializers.IntegerField(allow_null=True)


class CaptionLimitsSerializer(StrictSerializer):
    at_most = serializers.IntegerField(help_text="How many files with the role `captions` in one post.")
    mime_types = serializers.ListField(
        child=serializers.CharField(), help_text="SubRip is made into the first where it is not among them."
    )
    max_bytes = serializers.IntegerField()


class MediaLimitsSerializer(StrictSerializer):
    """What one post may carry; null = none of that kind. A server of the platform may take more or less."""

    images = PictureLimitsSerializer(allow_null=True)
    animations = PictureLimitsSerializer(allow_null=True)
    videos = VideoLimitsSerializer(allow_null=True)
    documents = DocumentLimitsSerializer(allow_null=True)
    captions = CaptionLimitsSerializer(allow_null=True)
    may_mix = serializers.BooleanField(help_text="Whether kinds go together in one post.")
    alt_text_limit = serializers.IntegerField(help_text="Characters; 0 = none is taken.")
    source = SourceSerializer()  # type: ignore[assignment]  # the metaclass takes fields out of the class


class CostSerializer(StrictSerializer):
    """What the platform charges the operator's app, in US dollars."""

    post = serializers.CharField(help_text="Each visible post: a thread is one for each part.")
    post_with_link = serializers.CharField(help_text="Each visible post with a link in its text.")
    alt_text = serializers.CharField(help_text="Each alt text, on top.")
    source = SourceSerializer()  # type: ignore[assignment]  # the metaclass takes fields out of the class


class LimitsSerializer(StrictSerializer):
    text = TextLimitSerializer(allow_null=True)
    media = serializers.DictField(
        child=MediaLimitsSerializer(), help_text="By post type; each part of a thread carries what `standard` does."
    )
    cost = CostSerializer(allow_null=True, help_text="null = calls are free.")


class RateSerializer(StrictSerializer):
    operation = serializers.CharField()
    limit = serializers.IntegerField(help_text="Calls.")
    window_s = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField(help_text="Who shares it: `account`, `app` or `host`.")
    source = SourceSerializer()  # type: ignore[assignment]  # the metaclass takes fields out of the class


class PlatformSerializer(StrictSerializer):
    slug = serializers.CharField()
    name = serializers.CharField(help_text="For people.")
    configured = serializers.BooleanField(help_text="Accounts can be connected here and now.")
    built = serializers.BooleanField(help_text="This version can speak to it.")
    proof = serializers.CharField(allow_null=True, help_text="`simulator-proven` or `live-proven`; null = neither.")
    post_types = serializers.ListField(child=serializers.CharField())
    limits = LimitsSerializer()
    options = serializers.DictField(help_text="The JSON schema of `post_options.<slug>`.")
    reconcile = serializers.CharField(
        allow_null=True,
        help_text="How surely it can be found out whether a post is out: `exact`, `best_effort`, `none`.",
    )
    can_delete = serializers.BooleanField(
        allow_null=True, help_text="Whether `DELETE /posts/{id}?remote=true` takes a post back there."
    )
    needs_media = serializers.BooleanField(allow_null=True, help_text="Whether every post there carries a file.")
    rates = RateSerializer(many=True)


class PlatformsSerializer(StrictSerializer):
    platforms = PlatformSerializer(many=True)


def platforms() -> Iterator[dict[str, Any]]:
    """Every platform of the registry, as PlatformSerializer describes it; those not built yet say so."""
    for slug, entry in registry.PLATFORMS.items():
        is_built = registry.is_built(slug)
        yield {
            "slug": slug,
            "name": entry.label,
            "configured": operator_apps.is_configured(slug),
            "built": is_built,
            **(_abilities(registry.capabilities(slug)) if is_built else _NOTHING),
        }


_NOTHING: dict[str, Any] = {
    "proof": None,
    "post_types": [],
    "limits": {"text": None, "media": {}, "cost": None},
    "options": {},
    "reconcile": None,
    "can_delete": None,
    "needs_media": None,
    "rates": [],
}


def _abilities(can: Capabilities) -> dict[str, Any]:
    return {
        "proof": can.proof,
        "post_types": list(can.post_types),
        "limits": {
            "text": _text_limit(can.text),
            "media": {post_type: _media_limits(rule) for post_type, rule in can.media.items()},
            "cost": can.prices and _cost(can.prices),
        },
        "options": can.options,
        "reconcile": can.reconcile,
        "can_delete": can.can_delete,
        "needs_media": can.needs_media,
        "rates": [_rate(rule) for rule in can.rates],
    }


def _text_limit(text: TextLimit) -> dict[str, Any]:
    return {"limit": text.limit, "unit": text.unit, "is_stock": text.is_stock, "source": _source(text.source)}


def _cost(prices: Prices) -> dict[str, Any]:
    return {
        "post": str(prices.post),
        "post_with_link": str(prices.post_with_link),
        "alt_text": str(prices.alt_text),
        "source": _source(prices.source),
    }


def _media_limits(rule: MediaRule) -> dict[str, Any]:
    return {
        "images": rule.images and {"at_most": rule.max_images, **asdict(rule.images)},
        "animations": rule.animations and {"at_most": rule.max_animations, **asdict(rule.animations)},
        "videos": rule.videos and {"at_most": rule.max_videos, **asdict(rule.videos)},
        "documents": rule.documents and {"at_most": rule.max_documents, **asdict(rule.documents)},
        "captions": rule.captions and {"at_most": rule.max_captions, **asdict(rule.captions)},
        "may_mix": rule.may_mix,
        "alt_text_limit": rule.alt_text_limit,
        "source": {"url": rule.url, "read": rule.read},
    }


def _rate(rule: RateRule) -> dict[str, Any]:
    return {
        "operation": rule.operation,
        "limit": rule.limit,
        "window_s": rule.window_s,
        "scope": rule.scope,
        "source": _source(rule.source),
    }


def _source(source: Source) -> dict[str, str]:
    return {"url": source.url, "read": source.read}


class PlatformViewSet(PersonalViewSet):
    """The platforms of the registry, in one answer without pages."""

    serializer_class = PlatformsSerializer

    @extend_schema(
        summary="Every platform: what it takes, and whether it can be connected here",
        description=SAYS,
        responses={200: PlatformsSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
        examples=[answer("One of them", {"platforms": [PLATFORM]})],
    )
    def list(self, request: Request) -> HttpResponseBase:
        return unless_known(request, {"platforms": [*platforms()]})
