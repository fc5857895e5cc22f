"""Posts over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from accounts.roles import Action
from mastablasta.core.api.conditional import CONDITIONAL, ETAG, LOCATION, NOT_MODIFIED, SAYS
from posts.api import validation
from posts.api.answers import (
    AttemptSerializer,
    DeliverySerializer,
    MessageSerializer,
    PostSerializer,
    RetriedSerializer,
)
from posts.api.etags import created, tagged, unchanged_since, unless_known
from posts.api.examples import OUTCOMES
from posts.api.filters import EXPAND_PARAMETER, AttemptFilter, PostFilter, expands_media, is_asked
from posts.api.presenting import (
    POST_COLUMNS,
    find_post,
    newest_posts,
    present_attempt,
    present_made,
    present_post,
    present_posts,
)
from posts.api.requests import (
    EditedPostSerializer,
    NewPostSerializer,
    PublishSerializer,
    RescheduleSerializer,
    ResolveSerializer,
    TriedPostSerializer,
)
from posts.api.waiting import PREFERENCES, OutcomeSerializer, asked_wait_s, publishing_answer, told, wait_for_outcome
from posts.models import Attempt, Delivery, Post
from posts.services import cancellation, creation, edits, remote_deletion, rescheduling, resolution, retries, scheduling
from posts.services.drafts import Draft
from posts.services.standings import standings_of
from posts.services.validation import validate_draft

EXAMPLE = OpenApiExample(
    "Scheduled for Mastodon",
    value={
        "content": "Good morning!",
        "platforms": ["mastodon"],
        "scheduled_time": "2030-01-31T09:00:00+01:00",
    },
    request_only=True,
)


IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag that was read; 412 when the post moved on."
)


class PostViewSet(WorkspaceScopedViewSet):
    """Posts, and what people do with them."""

    queryset = Post.objects.all()
    rows_name = "posts"
    serializer_class = PostSerializer
    filterset_class = PostFilter
    query_parameters: ClassVar[Any] = {
        "list": [EXPAND_PARAMETER],
        "retrieve": [EXPAND_PARAMETER],
        "destroy": [OpenApiParameter("remote", bool, description="Whether to delete it on its platforms too.")],
    }
    actions_needed: ClassVar[Any] = {"validate": Action.READ}  # it stores nothing
    refusals: ClassVar[Any] = dict.fromkeys(("update", "partial_update", "destroy"), (409, 412))

    @property
    def is_one_transaction(self) -> bool:  # type: ignore[override]  # here it depends on the request
        """A transaction around a request that waits would hide from the worker what it waits for."""
        return not (self.action in {"create", "publish"} and asked_wait_s(self.request))

    def narrow(self, rows: Any) -> Any:
        rows = rows.kept()
        if self.action == "list":
            rows = rows.order_by("-created_at", "-id").values_list(*POST_COLUMNS, named=True)
        return rows

    @extend_schema(summary="List posts, newest first")
    def list(self, request: Request) -> Response:
        is_filtered = bool(PostFilter.read_of(request.query_params))
        rows: Any = self.filter_queryset(self.get_queryset()) if is_filtered else newest_posts(self.workspace.pk)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(present_posts(page or [], expands_media=expands_media(request)))

    @extend_schema(
        summary="Create a post: a draft, scheduled, or published now",
        request=NewPostSerializer,
        responses={201: PostSerializer},
        parameters=[*PREFERENCES, ETAG, LOCATION],
        examples=[EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        body = self.body(NewPostSerializer)
        made = creation.create_post(
            self.workspace,
            by=self.caller.user,
            draft=NewPostSerializer.draft(body),
            publish=body.get("publish", False),
            at=timezone.now(),
        )
        waited = bool(body.get("publish")) and wait_for_outcome(request, made.post)
        return told(created(present_post(made.post) if waited else present_made(made)), waited=waited)

    @extend_schema(
        summary="One post and what became of it",
        description=SAYS,
        responses={200: PostSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def retrieve(self, request: Request, id: UUID) -> HttpResponseBase:
        shown = find_post(id, self.workspace.pk)
        if shown is None:
            raise Http404
        if not expands_media(request):
            return unless_known(request, shown)
        return tagged(present_post(self.get_object(), expands_media=True), as_=shown)

    @extend_schema(
        summary="Replace what a post says, where and when it goes",
        request=EditedPostSerializer,
        parameters=[IF_MATCH, ETAG],
        examples=[EXAMPLE],
    )
    def update(self, request: Request, id: UUID) -> Response:
        body = self.body(EditedPostSerializer)
        return self._edit(self.get_object(), EditedPostSerializer.draft(body))

    @extend_schema(
        summary="Change some of what a post says, where and when it goes",
        request=EditedPostSerializer(partial=True),
        parameters=[IF_MATCH, ETAG],
        examples=[EXAMPLE],
    )
    def partial_update(self, request: Request, id: UUID) -> Response:
        post = self.get_object()
        body = self.body(EditedPostSerializer, partial=True)
        standing = standings_of([post])[post.id]
        draft = EditedPostSerializer.draft(body, onto=standing.draft, platforms=standing.platforms)
        return self._edit(post, draft)

    def _edit(self, post: Post, draft: Draft) -> Response:
        edited = edits.edit_post(post, draft, check=unchanged_since(self.request), at=timezone.now())
        return tagged(present_post(edited))

    @extend_schema(
        summary="Delete a post here, and with remote=true on its platforms",
        responses={204: None},
        parameters=[IF_MATCH],
    )
    def destroy(self, request: Request, id: UUID) -> Response:
        if is_asked(request, "remote"):
            post = self.get_object()
            unchanged_since(request)(post)
            remote_deletion.retract_post(post, at=timezone.now())
            cancellation.delete_post(post, at=timezone.now())
            return Response(status=204)
        cancellation.delete_post(self.get_object(), check=unchanged_since(request), at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Publish a draft or scheduled post now",
        description="202, and with `Prefer: wait=N` 200 once every delivery has settled.",
        request=PublishSerializer,
        responses={200: OutcomeSerializer, 202: OutcomeSerializer},
        parameters=PREFERENCES,
        examples=OUTCOMES,
    )
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, id: UUID) -> Response:
        body = self.body(PublishSerializer)
        post = scheduling.publish_post(
            self.get_object(), allow_duplicate=body.get("allow_duplicate", False), at=timezone.now()
        )
        return publishing_answer(request, post)

    @extend_schema(summary="Cancel what has not begun", request=None, parameters=[ETAG])
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: UUID) -> Response:
        return tagged(present_post(cancellation.cancel_post(self.get_object(), at=timezone.now())))

    @extend_schema(summary="Promise another time", request=RescheduleSerializer, parameters=[ETAG])
    @action(detail=True, methods=["post"])
    def reschedule(self, request: Request, id: UUID) -> Response:
        body = self.body(RescheduleSerializer)
        post = rescheduling.reschedule_post(
            self.get_object(),
            scheduled_at=body["scheduled_time"],
            timezone=body.get("timezone", ""),
            notes=body.get("notes", ()),
            allow_duplicate=body.get("allow_duplicate", False),
            at=timezone.now(),
        )
        return tagged(present_post(post))

    @extend_schema(
        summary="Make a draft that says the same",
        request=None,
        responses={201: PostSerializer},
        parameters=[ETAG, LOCATION],
    )
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, id: UUID) -> Response:
        copy = rescheduling.duplicate_post(self.get_object(), by=self.caller.user, at=timezone.now())
        return created(present_post(copy))

    @extend_schema(summary="Send again what failed", request=None, responses={200: MessageSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, id: UUID) -> Response:
        retries.retry_post(self.get_object(), at=timezone.now())
        return Response({"message": "Post scheduled for retry"})

    @extend_schema(
        summary="Send again every failed post that may be retried", request=None, responses={200: RetriedSerializer}
    )
    @action(detail=False, methods=["post"], url_path="retry-failed")
    def retry_failed(self, request: Request) -> Response:
        retried, still = retries.retry_failed(self.workspace, at=timezone.now())
        return Response(
            {
                "retried": [str(post_id) for post_id in retried],
                "still_failed": [{"id": str(one.post_id), "error": one.error} for one in still],
            }
        )

    @extend_schema(
        summary="Try a post out: problems, counted lengths, and what would be sent",
        description="Takes what POST /posts takes, and the `id` of the post that it is to replace, if any; stores "
        "nothing. Problems are an answer here (200); only a body that cannot be read as a post is refused (400).",
        request=TriedPostSerializer,
        responses={200: validation.VerdictSerializer},
        examples=validation.EXAMPLES,
    )
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        body = self.body(TriedPostSerializer)
        verdict = validate_draft(
            self.workspace,
            draft=TriedPostSerializer.draft(body),
            publish=body.get("publish", False),
            exclude_post=body.get("id"),
            at=timezone.now(),
        )
        return Response(validation.present_verdict(verdict))


class DeliveryViewSet(WorkspaceScopedViewSet):
    """What goes to one account; a post shows its own."""

    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer

    def narrow(self, rows: Any) -> Any:
        return rows.filter(post__deleted_at=None).select_related("post")

    @extend_schema(
        summary="Say whether an unconfirmed delivery is out",
        request=ResolveSerializer,
        responses={200: DeliverySerializer},
    )
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, id: UUID) -> Response:
        body = self.body(ResolveSerializer)
        delivery = resolution.resolve_delivery(
            self.get_object(),
            is_published=body["outcome"] == "published",
            url=body.get("url", ""),
            by=self.caller.user,
            at=timezone.now(),
        )
        shown = present_post(delivery.post)["deliveries"]
        return Response(next(row for row in shown if row["id"] == str(delivery.id)))


class AttemptViewSet(WorkspaceScopedViewSet):
    """What was tried for one post."""

    queryset = Attempt.objects.all()
    rows_name = "attempts"
    serializer_class = AttemptSerializer
    filterset_class = AttemptFilter

    def narrow(self, rows: Any) -> Any:
        post = get_object_or_404(Post.objects.in_workspace(self.workspace).kept(), id=self.kwargs["id"])
        return rows.filter(delivery__post=post).select_related("delivery").order_by("id")

    @extend_schema(summary="Everything that was tried for a post, oldest first")
    def list(self, request: Request, id: UUID) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([present_attempt(attempt) for attempt in page or []])
