"""Many posts at once: what can be done of them is done, and of each other one it is said why not.

Up to MOST items are done while the request waits; more, or with `async`, are done by a job (bulk_job_views.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WORKSPACE_HEADER, WorkspaceScopedViewSet
from mastablasta.core.api.conditional import LOCATION
from mastablasta.core.api.problems import MEDIA_TYPE
from mastablasta.core.api.schema import ProblemSerializer
from mastablasta.core.api.serializers import StrictSerializer
from posts.api import bulk_items, examples
from posts.api.bulk_items import Batch, EditItemSerializer
from posts.api.bulk_job_views import BulkJobSerializer, accepted
from posts.api.bulk_shapes import MOST, BulkResultSerializer
from posts.api.requests import NewPostSerializer
from posts.models import BulkKind, Post
from posts.services import bulk_jobs
from posts.services.bulk_jobs import MOST_AT_ONCE


class Rows(serializers.ListField):
    """A list of 1 to MOST items."""

    def __init__(self, **options: Any) -> None:
        messages: dict[str, Any] = {
            "max_length": gettext_lazy("At most {max_length} at once; send the others in another request."),
            "min_length": gettext_lazy("Name at least one."),
        }
        super().__init__(min_length=1, max_length=MOST, error_messages=messages, **options)


class Item(serializers.JSONField):
    """Any JSON, as it was read: to write it once more would only say again that it is JSON."""

    def to_internal_value(self, data: Any) -> Any:
        return data


@extend_schema_field(NewPostSerializer(many=True))
class NewPosts(Rows):
    """Posts of which each is checked by itself, so that one that cannot be read refuses no other."""

    child = Item()


@extend_schema_field(EditItemSerializer(many=True, partial=True))
class Edits(Rows):
    """Changes of which each is checked by itself."""

    child = Item()


class BulkSerializer(StrictSerializer):
    """What every bulk request takes beside its items."""

    atomic = serializers.BooleanField(
        required=False, default=False, help_text=f"All of them or none; at most {MOST_AT_ONCE} then."
    )

    def get_fields(self) -> dict[str, Any]:
        sentence = f"Let a job do them, as it does whatever is more than {MOST_AT_ONCE}."
        own = serializers.BooleanField(required=False, default=False, help_text=sentence)
        return {**super().get_fields(), "async": own}  # a word of Python: no name in a class


class BulkCreateSerializer(BulkSerializer):
    """Posts to be made, each as `POST /posts` takes it."""

    request_example = examples.BULK_CREATE

    posts = NewPosts(help_text="Each as in POST /posts.")


class BulkUpdateSerializer(BulkSerializer):
    """Changes of posts, each as `PATCH /posts/{id}` takes it, with the post's id."""

    request_example = examples.BULK_UPDATE

    updates = Edits(help_text="Each as in PATCH /posts/{id}, and the id.")


class BulkIdsSerializer(BulkSerializer):
    """Posts by their ids."""

    request_example = examples.BULK_IDS

    post_ids = Rows(child=serializers.UUIDField(), help_text="Their ids.")


# 422 also says that an Idempotency-Key came with another body.
ANSWERS = {
    200: BulkResultSerializer,
    202: BulkJobSerializer,
    (422, "application/json"): BulkResultSerializer,
    (422, MEDIA_TYPE): ProblemSerializer,
}


SAYS = (
    f"Up to {MOST_AT_ONCE:,} items are done at once. With `async`, or more items, a job does them as of now: 202, and "
    "Location names the job. With `atomic` one fault means that nothing is done: 422, with all faults in `failed`."
)


class BulkPostViewSet(WorkspaceScopedViewSet):
    """Many posts in one request."""

    header_parameters = (WORKSPACE_HEADER, LOCATION)
    queryset = Post.objects.all()
    serializer_class = BulkResultSerializer

    @property
    def body_limit(self) -> int:
        """What as many items take as one request may have."""
        return int(settings.BULK_BODY_MAX_BYTES)

    @extend_schema(
        summary="Create posts: each is made or refused by itself; with atomic all or none",
        description=SAYS,
        request=BulkCreateSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="create")
    def create_many(self, request: Request) -> Response:
        return self._carry_out(BulkKind.CREATE, self.body(BulkCreateSerializer), "posts")

    @extend_schema(
        summary="Change posts: each by itself, in this order; with atomic all or none",
        description=SAYS,
        request=BulkUpdateSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="update")
    def update_many(self, request: Request) -> Response:
        return self._carry_out(BulkKind.UPDATE, self.body(BulkUpdateSerializer), "updates")

    @extend_schema(
        summary="Publish drafts and scheduled posts now: each by itself; with atomic all or none",
        description=SAYS,
        request=BulkIdsSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="publish")
    def publish_many(self, request: Request) -> Response:
        return self._carry_out(BulkKind.PUBLISH, self.body(BulkIdsSerializer), "post_ids")

    @extend_schema(
        summary="Send again what failed of these posts: each by itself; with atomic all or none",
        description=SAYS,
        request=BulkIdsSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="retry")
    def retry_many(self, request: Request) -> Response:
        return self._carry_out(BulkKind.RETRY, self.body(BulkIdsSerializer), "post_ids")

    @extend_schema(
        summary="Delete posts here: each by itself; with atomic all or none. What is out stays out",
        description=SAYS,
        request=BulkIdsSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="delete")
    def delete_many(self, request: Request) -> Response:
        return self._carry_out(BulkKind.DELETE, self.body(BulkIdsSerializer), "post_ids")

    def _carry_out(self, kind: BulkKind, body: dict[str, Any], name: str) -> Response:
        """Do it now, or let a job do it; `name`: of the items in the body."""
        items: Sequence[Any] = body[name]
        if body["async"] or len(items) > MOST_AT_ONCE:
            return accepted(
                bulk_jobs.begin(
                    self.workspace,
                    by=self.caller.user,
                    kind=kind,
                    items=[str(item) for item in items] if name == "post_ids" else items,
                    is_atomic=body["atomic"],
                )
            )
        batch = Batch(self.workspace, self.caller.user, timezone.now(), is_atomic=body["atomic"])
        result = bulk_items.carry_out(kind, batch, bulk_items.read_items(kind, items))
        is_refused = body["atomic"] and bool(result.failed)
        answer = {"successful": result.successful, "failed": result.failed}
        return Response(answer, status=422 if is_refused else 200)
