"""What requests may say of a post, and what a checked one asks for as a draft."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from rest_framework import serializers

from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField, utc_text
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.errors import FieldProblem, Invalid
from posts.api import examples
from posts.api.answers import DeliverySerializer, PostWarningSerializer
from posts.api.fields import MediaField, ThreadField
from posts.models import PostType
from posts.services.drafts import Draft
from posts.services.media import MediaChoice, Place


class OverrideSerializer(StrictSerializer):
    """What one platform or account gets instead; what is left out stays as it is for all."""

    content = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    thread = ThreadField(required=False, max_length=100)
    media = MediaField(required=False, help_text="Instead of everybody's files, those of all parts; [] = none.")
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class OverridesField(serializers.DictField):
    """Overrides by platform slug or account id."""

    child = OverrideSerializer()


class AllowDuplicateField(serializers.BooleanField):
    """Whether a person means the same text again."""

    def __init__(self) -> None:
        says = "The same text again is meant: it is not refused, whatever the workspace says of duplicates."
        super().__init__(required=False, write_only=True, help_text=says)


class LocalTimeSerializer(StrictSerializer):
    """Has a `scheduled_time`, which may be local; of one that comes twice its checked body has a note in `notes`."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        field = self.fields["scheduled_time"]
        if isinstance(field, OffsetDateTimeField) and field.twice and "scheduled_time" in value:
            value["notes"] = (_comes_twice(data["scheduled_time"], data["timezone"], field.twice),)
        return value


def _comes_twice(local: str, zone: str, moments: tuple[datetime, datetime]) -> FieldProblem:
    earlier, later = map(utc_text, moments)
    sentence = (
        f"{local} comes twice in {zone}, at {earlier} and {later}; the earlier is taken. "
        "Send the time with an offset to choose."
    )
    return FieldProblem("scheduled_time", "time_comes_twice", sentence, {"moments": [earlier, later]})


class EditedPostSerializer(LocalTimeSerializer):
    """What a post says, where and when it goes; without `scheduled_time` it is a draft."""

    content = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The text; each platform counts its own way.",
    )
    platforms = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=20,
        help_text="Each stands for that platform's default account.",
    )
    accounts = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    post_type = serializers.ChoiceField(PostType.choices, required=False)
    scheduled_time = OffsetDateTimeField(required=False, allow_null=True)
    timezone = ZoneNameField(required=False, allow_blank=True)
    post_options = serializers.DictField(
        child=serializers.DictField(),
        required=False,
        help_text="By platform; names are the vendor's, in snake_case.",
    )
    overrides = OverridesField(
        required=False, help_text="By platform or account id: content, thread, media, first_comment."
    )
    thread = ThreadField(required=False, max_length=100, help_text="The parts, in order; content may be left out.")
    media = MediaField(
        required=False, help_text="The files of the post, in order; of a thread those of its first part."
    )
    first_comment = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=50)
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="What your own system calls it; no other post of the workspace has it. Empty or null = none.",
    )
    allow_duplicate = AllowDuplicateField()

    # what GET gave may come back
    id = serializers.UUIDField(read_only=True)
    status = serializers.CharField(read_only=True)
    published_at = serializers.DateTimeField(read_only=True)
    author = serializers.UUIDField(read_only=True)
    deliveries = DeliverySerializer(many=True, read_only=True)
    warnings = PostWarningSerializer(many=True, read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @staticmethod
    def draft(body: dict[str, Any], *, onto: Draft | None = None, platforms: Collection[str] = ()) -> Draft:
        """What the checked body asks for, in the service's words; what it leaves out is as in `onto`.

        `platforms`: those that the post of `onto` goes to.
        """
        if onto is not None:
            body = _changes(body, onto, platforms)
        own = {"id", "publish", "scheduled_time", "media", "thread", "overrides"}
        fields = {name: value for name, value in body.items() if name not in own}
        if "scheduled_time" in body:
            fields["scheduled_at"] = body["scheduled_time"]
        if "external_id" in body:
            fields["external_id"] = body["external_id"] or ""
        if "thread" in body:
            fields["thread"] = [part.text for part in body["thread"]]
        if "overrides" in body:
            fields["overrides"] = {key: _texts(override) for key, override in body["overrides"].items()}
        fields["named_in_thread"] = _named_in_thread(body)
        if onto is None:
            return Draft(**fields, media=_chosen(body))
        if "content" in fields and "thread" not in fields:
            fields["thread"] = []
        if fields.get("thread") and "content" not in fields:
            fields["content"] = ""
        if "platforms" in fields and "accounts" not in fields:
            fields["accounts"] = []
        if "accounts" in fields and "platforms" not in fields:
            fields["platforms"] = []
        return replace(onto, **fields, media={**_left(onto, body), **_chosen(body)})


def _changes(body: dict[str, Any], onto: Draft, platforms: Collection[str]) -> dict[str, Any]:
    """A partial edit without what is so already, where saying it anew would take away what goes with it.

    A text takes the place of a thread and a thread that of a text, platforms that of accounts and accounts theirs.
    """
    same = set()
    if "thread" not in body and onto.thread and body.get("content") == onto.thread[0]:
        same.add("content")
    if "accounts" not in body and set(body.get("platforms", ())) == set(platforms):
        same.add("platforms")
    if "platforms" not in body and set(body.get("accounts", ())) == set(onto.accounts):
        same.add("accounts")
    return {name: value for name, value in body.items() if name not in same}


def _texts(override: dict[str, Any]) -> dict[str, Any]:
    texts = {name: value for name, value in override.items() if name != "media"}
    if "thread" in texts:
        texts["thread"] = [part.text for part in texts["thread"]]
    return texts


def _chosen(body: dict[str, Any]) -> dict[Place, tuple[MediaChoice, ...]]:
    """The files that a checked body names, by place. What is said twice of a first part must be the same."""
    found: dict[Place, tuple[MediaChoice, ...]] = {}
    for scope, said in (("", body), *body.get("overrides", {}).items()):
        own = {n: tuple(p.media) for n, p in enumerate(said.get("thread", ())) if p.media is not None}
        if "media" in said:
            first = tuple(said["media"])
            if own.get(0, first) != first:
                name = f"overrides.{scope}.media" if scope else "media"
                sentence = "media are those of the thread's first part, which names others; leave one of the two out."
                raise Invalid.field(name, "contradiction", sentence)
            own[0] = first
        found |= {(scope, part): chosen for part, chosen in own.items() if chosen}
        if scope and own:  # an override that names media has its own, maybe none
            found.setdefault((scope, 0), ())
    return found


def _named_in_thread(body: dict[str, Any]) -> list[str]:
    """The scopes whose first files are named as those of a thread's first part, and there alone."""
    return [
        scope
        for scope, said in (("", body), *body.get("overrides", {}).items())
        if "media" not in said and any(part.media for part in said.get("thread", ())[:1])
    ]


def _left(onto: Draft, body: dict[str, Any]) -> dict[Place, tuple[MediaChoice, ...]]:
    """What a partial edit leaves of the files: those of texts and overrides that it does not name."""
    left = dict(onto.media)
    if "overrides" in body:
        left = {place: chosen for place, chosen in left.items() if not place[0]}
    if "thread" in body or "content" in body:  # another text has no further parts, or its own
        left = {place: chosen for place, chosen in left.items() if place[0] or not place[1]}
    says_first = "media" in body or any(part.media is not None for part in body.get("thread", ())[:1])
    return {place: chosen for place, chosen in left.items() if not (says_first and place == ("", 0))}


class NewPostSerializer(EditedPostSerializer):
    """A post to be created. Without `scheduled_time` and `publish` it is a draft."""

    publish = serializers.BooleanField(required=False, help_text="Publish it now.")


class TriedPostSerializer(NewPostSerializer):
    """A post to be tried out."""

    id = serializers.UUIDField(required=False, help_text="The post that this would replace: it is no duplicate of it.")


class RescheduleSerializer(LocalTimeSerializer):
    """Another time for a post."""

    request_example = examples.ANOTHER_TIME

    scheduled_time = OffsetDateTimeField()
    timezone = ZoneNameField(required=False, allow_blank=True)
    allow_duplicate = AllowDuplicateField()


class PublishSerializer(StrictSerializer):
    """How to publish a post; nothing has to be said."""

    request_example = examples.PUBLISH_AGAIN

    allow_duplicate = AllowDuplicateField()


class ResolveSerializer(StrictSerializer):
    """What a person found out."""

    request_example = examples.FOUND_OUT

    outcome = serializers.ChoiceField(["published", "not_published"])
    url = serializers.CharField(required=False, allow_blank=True, max_length=1000, help_text="Where it is out.")
