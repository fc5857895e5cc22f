"""Shapes of files of the library: what a request may say, what an answer holds (presenting.py makes the answers)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mastablasta.core.api.serializers import StrictSerializer
from media_library import filenames
from media_library.api import examples
from media_library.models import LONGEST_ALT_TEXT, AssetStatus

KINDS = ("image", "animation", "video", "document", "captions")
ALT_TEXT = "What it shows, for people who cannot see it."


class DimensionsSerializer(serializers.Serializer[Any]):
    """In pixels, as people see it."""

    width = serializers.IntegerField()
    height = serializers.IntegerField()


class MediaSerializer(serializers.Serializer[Any]):
    """A file of the library."""

    example = examples.PICTURE

    id = serializers.UUIDField()
    filename = serializers.CharField()
    url = serializers.CharField(help_text="The original as it came, for the workspace; a path on this host.")
    thumbnail_url = serializers.CharField(
        allow_null=True, help_text="A small JPEG; 404 `not_ready` until it is made; null for documents and captions."
    )
    kind = serializers.ChoiceField(
        KINDS, help_text="A GIF or WebP of several frames is an animation; a PDF is a document."
    )
    mime_type = serializers.CharField(help_text="As its bytes say.")
    size = serializers.IntegerField(help_text="Bytes.")
    dimensions = DimensionsSerializer(allow_null=True, help_text="null for documents and captions.")
    duration = serializers.FloatField(allow_null=True, help_text="Seconds, of videos, animations and captions.")
    pages = serializers.IntegerField(allow_null=True, help_text="Of documents.")
    sha256 = serializers.CharField()
    alt_text = serializers.CharField(allow_blank=True, help_text=ALT_TEXT)
    status = serializers.ChoiceField(
        AssetStatus.choices, help_text="Of its thumbnail and preview; the file itself can be used at once."
    )
    status_reason = serializers.CharField(allow_blank=True, help_text="Why it failed.")
    used = serializers.BooleanField(help_text="Whether a post has it.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class MediaWarningSerializer(serializers.Serializer[Any]):
    """What a file lost: words that came with it when the same bytes were there before, or what a form cannot show."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField(help_text="What is otherwise than meant, and how to change it.")
    params = serializers.DictField()


class NewMediaSerializer(MediaSerializer):
    """A file that was just uploaded."""

    example = examples.NEW_PICTURE

    warnings = MediaWarningSerializer(many=True)


class UseSerializer(serializers.Serializer[Any]):
    """A post that has the file."""

    post_id = serializers.UUIDField()
    status = serializers.CharField()
    scheduled_time = serializers.DateTimeField(allow_null=True)


class UsedMediaSerializer(MediaSerializer):
    """A file and the posts that have it."""

    example = examples.USED_PICTURE

    used_by = UseSerializer(many=True, help_text="The newest 100.")


class EditedMediaSerializer(StrictSerializer):
    """Other words for a file."""

    request_example = examples.OTHER_WORDS

    filename = serializers.CharField(required=False, max_length=filenames.LONGEST)
    alt_text = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_ALT_TEXT, help_text=ALT_TEXT)

    # what GET gave may come back
    id = serializers.UUIDField(read_only=True)
    url = serializers.CharField(read_only=True)
    thumbnail_url = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    mime_type = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    dimensions = DimensionsSerializer(read_only=True)
    duration = serializers.FloatField(read_only=True)
    pages = serializers.IntegerField(read_only=True)
    sha256 = serializers.CharField(read_only=True)
    status = serializers.CharField(read_only=True)
    status_reason = serializers.CharField(read_only=True)
    used = serializers.BooleanField(read_only=True)
    used_by = UseSerializer(many=True, read_only=True)
    warnings = MediaWarningSerializer(many=True, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class LinkSerializer(serializers.Serializer[Any]):
    """An address that works without signing in, for a while."""

    url = serializers.URLField()
    expires_at = serializers.DateTimeField()


class RenditionSerializer(serializers.Serializer[Any]):
    """A file in the form in which it leaves: no metadata, orientation applied."""

    example = examples.RENDITION

    key = serializers.CharField(help_text="`web` is the preview; for `?rendition=` of the file's address.")
    platforms = serializers.ListField(child=serializers.CharField(), help_text="Where it is sent; the preview nowhere.")
    status = serializers.ChoiceField(AssetStatus.choices)
    status_reason = serializers.CharField(allow_blank=True, help_text="Why it failed.")
    url = serializers.CharField(help_text="For the workspace; a path on this host.")
    link = LinkSerializer(allow_null=True, help_text="For whoever has it; null until it is ready.")
    mime_type = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField()
    dimensions = DimensionsSerializer(allow_null=True, help_text="null for documents and captions.")
    duration = serializers.FloatField(allow_null=True)
    sha256 = serializers.CharField(allow_blank=True)
    warnings = MediaWarningSerializer(many=True, help_text="What the file lost in this form.")
    created_at = serializers.DateTimeField()


class FromUrlSerializer(StrictSerializer):
    """Where a file is, and what it shows."""

    url = serializers.CharField(max_length=2000, help_text="A public https address.")
    alt_text = serializers.CharField(max_length=LONGEST_ALT_TEXT, required=False, allow_blank=True, help_text=ALT_TEXT)
    filename = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, help_text="Left out: the last part of the address."
    )
