"""The bases of all views and viewsets that know who asks.

How a resource of workspace rows is written, here and in every app above:

    class PostViewSet(WorkspaceScopedViewSet):
        queryset = Post.objects.all()            # a WorkspaceScopedQuerySet
        rows_name = "posts"                      # `list` answers {"posts": […], "total": …}
        serializer_class = PostSerializer        # a StrictSerializer
        filterset_class = PostFilter             # optional, of `list`; other query parameters: query_parameters
        refusals = {"cancel": (409,)}            # by action, for the API's description

        def narrow(self, rows):                  # optional: which of the workspace's rows, with what joined
            return rows.kept().select_related("author")

        def list(self, request):
            return self.list_rows()

        def create(self, request):
            fields = self.body(PostSerializer)   # checked, or 400
            post = create_post(workspace=self.workspace, author=self.caller.user, **fields)
            return Response(PostSerializer(post).data, status=201)

        def destroy(self, request, id):
            delete_post(self.get_object(), by=self.caller.user)   # another workspace's id: 404
            return Response(status=204)

        @action(detail=True, methods=["post"])
        def cancel(self, request, id): …

    router = ApiRouter()                         # in the app's api/urls.py
    router.register("posts", PostViewSet)        # posts, posts/<uuid:id>, posts/<uuid:id>/cancel

Reads need the role viewer and all else editor; `actions_needed = {"destroy": Action.MANAGE}` says otherwise. A
resource without rows of its own (a calendar) is a WorkspaceScopedViewSet too and asks for its rows
`.in_workspace(self.workspace)`. What is no resource (an upload, a step of OAuth, a file's bytes) is a WorkspaceView,
PersonalView or PublicView with `get` and `post`, and declares by method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast, final
from uuid import UUID

from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.viewsets import ViewSetMixin

from accounts.caller import Caller
from accounts.credential_queries import caller_in
from accounts.models import Workspace
from accounts.querysets import WorkspaceScopedQuerySet
from accounts.roles import Action
from mastablasta.core.api.operations import operation_of
from mastablasta.core.api.views import ApiView
from mastablasta.core.errors import NotThere


class PublicView(ApiView):
    """A view that nobody signs in for; a token that comes with the request is not looked at."""

    authentication_classes = ()
    permission_classes = ()


WORKSPACE_HEADER = OpenApiParameter(
    "X-Workspace",
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="The workspace that is meant; left out: the API key's, or one's default.",
)


class CallerView(ApiView):
    """A view that knows who asks."""

    header_parameters: ClassVar[Sequence[OpenApiParameter]] = (WORKSPACE_HEADER,)

    @property
    def caller(self) -> Caller:
        return cast(Caller, self.request.auth)

    def counted_as(self, request: Request) -> tuple[str, str]:
        caller = request.auth
        if operation_of(self, request.method or "") in self.limits or not isinstance(caller, Caller):
            return super().counted_as(request)
        return ("key", str(caller.api_key.pk)) if caller.api_key else ("user", str(caller.user.pk))

    @property
    def idempotency_scope(self) -> tuple[UUID, UUID | None] | None:
        caller = self.request.auth
        if not isinstance(caller, Caller):
            return None
        return caller.user.pk, caller.workspace.pk if caller.workspace else None


class PersonalView(CallerView):
    """A view about the caller, whatever the workspace. `needs_sign_in` names what refuses API keys."""

    is_personal: ClassVar[bool] = True
    needs_sign_in: ClassVar[frozenset[str]] = frozenset()


class WorkspaceView(CallerView):
    """A view of rows of the caller's workspace: its queryset is scoped, and nothing that a view writes unscopes it.

    `actions_needed` names the Action of what does not go by the usual rule, `needs_sign_in` what refuses API keys.
    """

    actions_needed: ClassVar[Mapping[str, Action]] = {}
    needs_sign_in: ClassVar[frozenset[str]] = frozenset()

    @property
    def workspace(self) -> Workspace:
        """The workspace that X-Workspace names, or the key's, or the caller's default; its columns load on use."""
        if self.caller.workspace is None:
            raise NotThere("workspace_not_found", "There is no such workspace.")
        return self.caller.workspace

    @final
    def get_queryset(self) -> QuerySet[Any]:
        """The workspace's rows. Override `narrow()` instead."""
        rows = cast("WorkspaceScopedQuerySet[Model]", super().get_queryset())
        narrowed: QuerySet[Any] = self.narrow(rows.in_workspace(self.workspace))
        return narrowed

    def narrow(self, rows: Any) -> Any:
        """Return which of the workspace's `rows` this view shows, with what they need joined."""
        return rows


class PublicViewSet(ViewSetMixin, PublicView):
    """Calls that nobody signs in for."""


class PersonalViewSet(ViewSetMixin, PersonalView):
    """A resource of the caller's, whatever the workspace."""


class WorkspaceScopedViewSet(ViewSetMixin, WorkspaceView):
    """A resource of the caller's workspace."""


class NamedWorkspaceViewSet(WorkspaceScopedViewSet):
    """A resource of the workspace that the path names (`{id}`), whichever X-Workspace does; else like its base."""

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        caller = request.auth
        if isinstance(caller, Caller) and not caller.is_refused:
            try:
                request.auth = caller_in(caller, self.kwargs["id"])
            except Workspace.DoesNotExist as error:
                sentence = "There is no such workspace; GET /workspaces lists yours."
                raise NotThere("workspace_not_found", sentence) from error
