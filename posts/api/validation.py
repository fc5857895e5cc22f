"""What POST /posts/validate answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from mastablasta.core.errors import FieldProblem
from posts.api.answers import PostWarningSerializer
from posts.services.validation import Preview, Verdict


class SentFileSerializer(serializers.Serializer[Any]):
    """One file in the form that it would get."""

    id = serializers.UUIDField()
    mime_type = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    alt_text = serializers.CharField()


class SentTextSerializer(serializers.Serializer[Any]):
    """One visible post as it would be sent."""

    index = serializers.IntegerField()
    kind = serializers.CharField(help_text="post, reply (to the part before) or comment (to the first).")
    text = serializers.CharField()
    length = serializers.IntegerField(allow_null=True, help_text="As the platform counts; null = not built yet.")
    limit = serializers.IntegerField(allow_null=True, help_text="The most that it takes there.")
    media = SentFileSerializer(many=True)


class PreviewSerializer(serializers.Serializer[Any]):
    """What one account would get."""

    account_id = serializers.UUIDField(allow_null=True, help_text="null = none is connected; stock limits count.")
    valid = serializers.BooleanField()
    problems = PostWarningSerializer(many=True)
    parts = SentTextSerializer(many=True)
    options = serializers.DictField(help_text="By the vendor's names.")
    cost = serializers.CharField(
        allow_null=True, help_text="What the platform charges the operator, in US dollars, estimated; null = nothing."
    )


class VerdictSerializer(serializers.Serializer[Any]):
    """Whether a post could go out."""

    valid = serializers.BooleanField(help_text="It could be scheduled or published just so.")
    problems = PostWarningSerializer(many=True, help_text="Everything; those of one platform name it in `params`.")
    warnings = PostWarningSerializer(many=True, help_text="What may be meant otherwise; it refuses nothing.")
    platforms = serializers.DictField(child=PreviewSerializer(many=True), help_text="By platform slug.")


LONG = {"content": "Good morning!" + "!" * 490, "platforms": ["mastodon"]}
TOO_LONG: dict[str, Any] = {
    "field": "content",
    "code": "too_long",
    "message": "mastodon.example takes at most 500 characters; this counts as 503.",
    "params": {"limit": 500, "actual": 503},
}
ACCOUNT = "01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b11"
REFUSED = {
    "valid": False,
    "problems": [{**TOO_LONG, "params": {**TOO_LONG["params"], "platform": "mastodon", "account_id": ACCOUNT}}],
    "warnings": [],
    "platforms": {
        "mastodon": [
            {
                "account_id": ACCOUNT,
                "valid": False,
                "problems": [TOO_LONG],
                "parts": [
                    {"index": 0, "kind": "post", "text": LONG["content"], "length": 503, "limit": 500, "media": []}
                ],
                "options": {},
                "cost": None,
            }
        ]
    },
}  # fmt: skip


EXAMPLES = [
    OpenApiExample("Too long", value=LONG, request_only=True),
    OpenApiExample("Too long for this account", value=REFUSED, response_only=True, status_codes=["200"]),
]


def present_verdict(verdict: Verdict) -> dict[str, Any]:
    """The verdict as VerdictSerializer describes it."""
    platforms: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for preview in verdict.previews:
        platforms[preview.platform].append(_shown(preview))
    return {
        "valid": not verdict.problems,
        "problems": _problems(verdict.problems),
        "warnings": _problems(verdict.warnings),
        "platforms": platforms,
    }


def _shown(preview: Preview) -> dict[str, Any]:
    return {
        "account_id": str(preview.account_id) if preview.account_id else None,
        "valid": not preview.problems,
        "problems": _problems(preview.problems),
        "parts": [
            {
                "index": part.index,
                "kind": part.kind,
                "text": part.text,
                "length": part.measure.length if part.measure else None,
                "limit": part.measure.limit if part.measure else None,
                "media": [
                    {
                        "id": str(file.asset_id),
                        "mime_type": file.mime_type,
                        "width": file.width,
                        "height": file.height,
                        "alt_text": file.alt_text,
                    }
                    for file in part.media
                ],
            }
            for part in preview.parts
        ],
        "options": preview.options,
        "cost": None if preview.cost is None else str(preview.cost),
    }


def _problems(problems: Iterable[FieldProblem]) -> list[dict[str, Any]]:
    return [
        {"field": one.field, "code": one.code, "message": one.message, "params": dict(one.params)} for one in problems
    ]
