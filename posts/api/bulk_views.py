"""Many posts at once: what can be done of them is done, and of each other one it is said why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from mastablasta.core.api.errors import problems_in
from mastablasta.core.api.problems import MEDIA_TYPE
from mastablasta.core.api.schema import ProblemSerializer
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.errors import DomainError, FieldProblem, Invalid, summary
from posts.api import examples
from posts.api.serializers import NewPostSerializer
from posts.models import Post
from posts.services import cancellation, creation
from posts.services.creation import Made, NewPost, Refused

MOST = 1000  # posts in one request


class Rows(serializers.ListField):
    """A list of 1 to MOST items."""

    def __init__(self, **options: Any) -> None:
        messages: dict[str, Any] = {
            "max_length": gettext_lazy("At most {max_length} at once; send the others in another request."),
            "min_length": gettext_lazy("Name at least one."),
        }
        super().__init__(min_length=1, max_length=MOST, error_messages=messages, **options)


@extend_schema_field(NewPostSerializer(many=True))
class NewPosts(Rows):
    """Posts of which each is checked by itself, so that one that cannot be read refuses no other."""

    child = serializers.JSONField()


class BulkCreateSerializer(StrictSerializer):
    """Posts to be made, each as `POST /posts` takes it."""

    request_example = examples.BULK_CREATE

    posts = NewPosts(help_text="Each as in POST /posts.")
    atomic = serializers.BooleanField(required=False, default=False, help_text="All of them or none.")


class BulkDeleteSerializer(StrictSerializer):
    """Posts to be deleted here."""

    request_example = examples.BULK_DELETE

    post_ids = Rows(child=serializers.UUIDField(), help_text="Their ids.")
    atomic = serializers.BooleanField(required=False, default=False, help_text="All of them or none.")


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

    id = serializers.UUIDField()
    content = serializers.CharField()


class BulkResultSerializer(serializers.Serializer[Any]):
    """What became of each item."""

    example = examples.BULK_RESULT

    successful = DoneSerializer(many=True)
    failed = FailedSerializer(many=True)


# 422 also says that an Idempotency-Key came with another body.
ANSWERS = {
    200: BulkResultSerializer,
    (422, "application/json"): BulkResultSerializer,
    (422, MEDIA_TYPE): ProblemSerializer,
}


class BulkPostViewSet(WorkspaceScopedViewSet):
    """Up to a thousand posts in one request."""

    queryset = Post.objects.all()
    serializer_class = BulkResultSerializer

    @extend_schema(
        summary="Create posts: each is made or refused by itself; with atomic all or none",
        request=BulkCreateSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="create")
    def create_many(self, request: Request) -> Response:
        body, at = self.body(BulkCreateSerializer), timezone.now()
        read = [self._read(item) for item in body["posts"]]
        wanted = [one for one in read if isinstance(one, NewPost)]
        composed = iter(creation.compose_posts(self.workspace, by=self.caller.user, wanted=wanted, at=at))
        results = [next(composed) if isinstance(one, NewPost) else one for one in read]
        results = creation.store_each(results, is_atomic=body["atomic"], at=at)
        made = [one for one in results if isinstance(one, Made)]
        failed = [_failed(n, one.problems) for n, one in enumerate(results) if isinstance(one, Refused)]
        return _answer([one.post for one in made], failed, is_atomic=body["atomic"])

    @extend_schema(
        summary="Delete posts here: each by itself; with atomic all or none. What is out stays out",
        request=BulkDeleteSerializer,
        responses=ANSWERS,
    )
    @action(detail=False, methods=["post"], url_path="delete")
    def delete_many(self, request: Request) -> Response:
        body = self.body(BulkDeleteSerializer)
        ids: list[UUID] = body["post_ids"]
        results = cancellation.delete_posts(self.workspace, ids, is_atomic=body["atomic"], at=timezone.now())
        failed = [
            _failed(number, [FieldProblem("", error.code, error.detail)], post_id=post_id)
            for number, post_id in enumerate(ids)
            if isinstance(error := results[post_id], DomainError)
        ]
        gone = [post for post_id in dict.fromkeys(ids) if isinstance(post := results[post_id], Post)]
        return _answer(gone, failed, is_atomic=body["atomic"])

    def _read(self, item: Any) -> NewPost | Refused:
        """An item as `POST /posts` reads its body."""
        serializer = NewPostSerializer(data=item, context=self.get_serializer_context())
        try:
            serializer.is_valid(raise_exception=True)
            body = serializer.validated_data
            return NewPost(NewPostSerializer.draft(body), publish=body.get("publish", False))
        except ValidationError as error:
            return Refused(problems_in(error))
        except Invalid as error:
            return Refused(list(error.problems))


def _failed(number: int, problems: Sequence[FieldProblem], *, post_id: UUID | None = None) -> dict[str, Any]:
    code = problems[0].code if len(problems) == 1 else "invalid"
    details = [{"field": one.field, "code": one.code, "message": one.message} for one in problems]
    shown_id = None if post_id is None else str(post_id)
    return {"index": number, "id": shown_id, "error": summary(problems), "code": code, "details": details}


def _answer(done: Sequence[Post], failed: Sequence[dict[str, Any]], *, is_atomic: bool) -> Response:
    if is_atomic and failed:
        return Response({"successful": [], "failed": failed}, status=422)
    successful = [{"id": str(post.id), "content": post.content} for post in done]
    return Response({"successful": successful, "failed": failed})
