"""The program, and beside it under /bare/ the limits: what the same server takes for the least that a view can do.

`gunicorn -c python:mastablasta.gunicorn bench.bare_requests:application`

Bare views have none of our middleware and ask nobody who they are. /bare/cpu tells the CPU seconds of the process. With
`X-Count-Statements` an answer says how many statements its request had the database carry out (BEGIN and COMMIT aside).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID
from wsgiref.types import StartResponse, WSGIApplication

from mastablasta.wsgi import application as program  # sets Django up, which the rest asks for

# isort: split
import orjson
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, transaction
from django.http import HttpResponse
from django.test.utils import override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.models import SocialAccount
from posts.api.presenting import DELIVERY_COLUMNS, POST_COLUMNS
from posts.models import Delivery, Post, PostTag


class BareView(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)


class Empty(BareView):
    def get(self, _: Request) -> Response:
        return Response({})


class ListOfPosts(BareView):
    """Posts with their deliveries and tags as the database gives them: the columns that the API shows."""

    def get(self, _: Request, workspace: UUID) -> HttpResponse:
        kept = Post.objects.filter(workspace=workspace, deleted_at=None)
        posts = list(kept.order_by("-created_at", "-id").values(*POST_COLUMNS)[:50])
        ids = [post["id"] for post in posts]
        deliveries, tags = defaultdict(list), defaultdict(list)
        for row in Delivery.objects.filter(post__in=ids).values(*DELIVERY_COLUMNS):
            deliveries[row["post_id"]].append(row)
        for row in PostTag.objects.filter(post__in=ids).values("post_id", "name"):
            tags[row["post_id"]].append(row["name"])
        rows = [{**post, "deliveries": deliveries[post["id"]], "tags": tags[post["id"]]} for post in posts]
        return HttpResponse(orjson.dumps({"posts": rows}), content_type="application/json")


class NewPost(serializers.Serializer[Any]):
    content = serializers.CharField()
    account = serializers.PrimaryKeyRelatedField(queryset=SocialAccount.objects.all())
    scheduled_time = serializers.DateTimeField(required=False)


class CreatePost(BareView):
    """A post and its delivery."""

    def post(self, request: Request) -> Response:
        body = NewPost(data=request.data)
        body.is_valid(raise_exception=True)
        account, due_at = body.validated_data["account"], body.validated_data.get("scheduled_time")
        workspace = account.workspace_id
        with transaction.atomic():
            post = Post.objects.create(
                workspace_id=workspace,
                content=body.validated_data["content"],
                status="scheduled" if due_at else "draft",
                scheduled_at=due_at,
            )
            delivery = Delivery.objects.create(
                post=post,
                workspace_id=workspace,
                account=account,
                platform=account.platform,
                state="queued" if due_at else "draft",
                due_at=due_at,
                next_attempt_at=due_at,
            )
        shown = {"id": post.id, "content": post.content, "status": post.status, "deliveries": [{"id": delivery.id}]}
        return Response(shown, status=201)


urlpatterns = [
    path("bare/empty", Empty.as_view()),
    path("bare/posts/<uuid:workspace>", ListOfPosts.as_view()),
    path("bare/create", CreatePost.as_view()),
]


class Bare(WSGIHandler):
    """Django with no middleware and these addresses."""

    def __init__(self) -> None:
        with override_settings(MIDDLEWARE=[]):
            super().__init__()

    def resolve_request(self, request: Any) -> Any:
        request.urlconf = __name__
        return super().resolve_request(request)


bare = Bare()


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/bare/cpu":
        told = str(time.process_time()).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(told)))])
        return [told]
    serve: WSGIApplication = bare if environ["PATH_INFO"].startswith("/bare/") else program
    if "HTTP_X_COUNT_STATEMENTS" not in environ:
        return serve(environ, start_response)
    return _counting(serve, environ, start_response)


def _counting(serve: WSGIApplication, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    statements: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, ("X-Statements", str(len(statements)))], *rest)

    with connection.execute_wrapper(note):
        return serve(environ, start)
