"""Shapes of what became of many posts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from posts.api import examples

MOST = 100_000  # items in one request


class DetailSerializer(serializers.Serializer[Any]):
    """One fault of one item."""

    field = serializers.CharField(help_text="Within the item.")
    code = serializers.CharField()
    message = serializers.CharField()


class FailedSerializer(serializers.Serializer[Any]):
    """An item that was refused, and why."""

    index = serializers.IntegerField(help_text="Where it stands in the request, from 0.")
    id = serializers.CharField(allow_null=True, help_text="The post's id, where the item names one.")
    error = serializers.CharField()
    code = serializers.CharField()
    details = DetailSerializer(many=True)


class DoneSerializer(serializers.Serializer[Any]):
    """An item that was done."""

    index = serializers.IntegerField(help_text="Where it stands in the request, from 0.")
    id = serializers.UUIDField()
    content = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """What became of each item."""

    example = examples.BULK_RESULT

    successful = DoneSerializer(many=True)
    failed = FailedSerializer(many=True)
