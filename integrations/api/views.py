"""Connecting accounts, and reading them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import CallerView, PublicView, WorkspaceScopedViewSet, WorkspaceView
from accounts.models import User
from accounts.roles import Action
from integrations.api.examples import (
    ACCOUNT,
    CONNECTED,
    NOT_REVOKED,
    PAGE,
    PAUSED,
    SIGN_IN,
    SIGNED_IN,
    STARTED,
    answer,
    question,
)
from integrations.api.filters import AccountFilter
from integrations.api.serializers import (
    AccountChangeSerializer,
    AccountSerializer,
    AccountSignInSerializer,
    ConfirmSerializer,
    ConnectedSerializer,
    DisconnectedSerializer,
    StartedSerializer,
)
from integrations.models import SocialAccount
from integrations.services import account_check, accounts, app_password, disconnection, oauth_connect
from mastablasta.core.api.pages import POLICY
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.api.views import ApiView
from mastablasta.core.errors import Invalid

# The address holds code and state: it is not to be kept, nor told to the next page.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class AccountViewSet(WorkspaceScopedViewSet):
    """Accounts at platforms. The list leaves out what is disconnected unless it asks for a status."""

    queryset = SocialAccount.objects.all()
    rows_name = "accounts"
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    query_parameters = {
        "destroy": [OpenApiParameter("force", bool, description="Also while posts are scheduled for it: they wait.")]
    }
    refusals = {
        "create": (502,),
        "partial_update": (409,),
        "destroy": (409,),
        "refresh": (409, 502),
        "test": (409, 502),
        "activate": (409,),
    }
    is_one_transaction = False  # platforms are waited for

    def narrow(self, rows: Any) -> Any:
        rows = rows.without_tokens().with_forecast()
        if self.action != "list":
            return rows
        shown = rows if "status" in self.request.query_params else rows.connected()
        return shown.order_by("created_at", "id")

    @extend_schema(summary="List connected accounts, oldest first")
    def list(self, request: Request) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="Connect an account by an app password",
        description="For platforms without a redirect. Connecting the same account again renews its sign-in. 502 when "
        "the host does not answer.",
        request=AccountSignInSerializer,
        responses={201: AccountSerializer},
        examples=[question("Bluesky", SIGN_IN), answer("Connected", SIGNED_IN, status=201)],
    )
    def create(self, request: Request) -> Response:
        fields = self.body(AccountSignInSerializer)
        account = app_password.sign_in(
            workspace=self.workspace,
            user=self.caller.user,
            platform=fields["platform"],
            handle=fields["handle"],
            app_password=fields["app_password"],
            service=fields.get("service"),
            at=timezone.now(),
        )
        return Response(AccountSerializer(self.get_queryset().get(id=account.id)).data, status=201)

    @extend_schema(summary="One connected account", examples=[answer("Ada", ACCOUNT), answer("A page", PAGE)])
    def retrieve(self, request: Request, id: UUID) -> Response:
        return Response(self._shown())

    @extend_schema(
        summary="Make it the default, pause it, or let it go on",
        description="The default moves here from the account that was it. What is due at a paused account waits "
        "(`waiting_for: account`) and goes out when the account goes on. 409 `needs_reauth`, `disconnected`, "
        "`account_pending` or `move_not_allowed` where the account is in no state for it.",
        request=AccountChangeSerializer,
        responses=AccountSerializer,
        examples=[
            question("Pause", {"status": "paused"}),
            question("Default", {"is_default": True}),
            answer("Paused", PAUSED),
        ],
    )
    def partial_update(self, request: Request, id: UUID) -> Response:
        account = self.get_object()
        changes = self.body(AccountChangeSerializer, partial=True)
        accounts.change_account(account, at=timezone.now(), **changes)
        return Response(self._shown())

    @extend_schema(
        summary="Disconnect it",
        description="Its tokens are erased here and, where no other account stands on the same sign-in, taken back at "
        "the platform; what it published stays, and connecting it again goes on with the same account. 409 "
        "`in_flight` or `unconfirmed` while that is so of one of its posts, `account_in_use` while posts are "
        "scheduled for it. 200 instead of 204 where there is something to know.",
        responses={204: None, 200: DisconnectedSerializer},
        examples=[answer("The platform did not answer", NOT_REVOKED)],
    )
    def destroy(self, request: Request, id: UUID) -> Response:
        warnings = disconnection.disconnect(self.get_object(), force=self._is_forced(), at=timezone.now())
        if not warnings:
            return Response(status=204)
        said = [{"code": one.code, "message": one.message} for one in warnings]
        return Response({"account": self._shown(), "warnings": said})

    @extend_schema(
        summary="Refresh its token now",
        description="409 `no_refresh_token` where the platform gave none, `needs_reauth` when it refuses; 502 when it "
        "does not answer: then everything is as it was.",
        request=None,
        responses=AccountSerializer,
        examples=[answer("Refreshed", {**ACCOUNT, "token_expires_at": "2030-01-31T11:00:00Z"})],
    )
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, id: UUID) -> Response:
        self.body(StrictSerializer)
        account_check.refresh_account(self.get_object(), at=timezone.now())
        return Response(self._shown())

    @extend_schema(
        summary="Ask the platform whose account it is",
        description="Brings handle, name and picture up to date. 409 `needs_reauth` when the platform refuses the "
        "sign-in, or lets nobody use the account (deactivated, suspended, moved); once it may be used again, this "
        "makes it `active`. 409 `other_identity` or `place_gone` when the sign-in no longer stands for this account; "
        "502 when the platform does not answer: then everything is as it was.",
        request=None,
        responses=AccountSerializer,
        examples=[answer("It is Ada", ACCOUNT)],
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, id: UUID) -> Response:
        self.body(StrictSerializer)
        account_check.check_account(self.get_object(), at=timezone.now())
        return Response(self._shown())

    @extend_schema(
        summary="Use one of several accounts that a sign-in gave",
        description="It becomes the default where its platform has none. 409 `not_pending` for any other account.",
        request=None,
        responses=AccountSerializer,
        examples=[answer("Active", ACCOUNT)],
    )
    @action(detail=True, methods=["post"], is_one_transaction=True)
    def activate(self, request: Request, id: UUID) -> Response:
        self.body(StrictSerializer)
        accounts.activate_account(self.get_object(), at=timezone.now())
        return Response(self._shown())

    def _shown(self) -> dict[str, Any]:
        """The account as it is now."""
        return dict(self.get_serializer(self.get_object()).data)

    def _is_forced(self) -> bool:
        given = self.request.query_params.get("force", "false")
        if given not in {"true", "false"}:
            raise Invalid.field("force", "invalid_choice", "This is not one of: true, false.", valid=["true", "false"])
        return given == "true"


# --- OAuth: plain views, since its addresses are steps of a person's way through a browser and no resource ---
class Authorize(WorkspaceView):
    actions_needed = {"GET": Action.WRITE}
    query_parameters = {
        "GET": [
            OpenApiParameter(
                "instance",
                description="Platforms of many servers: which. `mastodon.social`, `@you@mastodon.social` or its URL.",
            ),
            OpenApiParameter(
                "sign_in",
                description="Platforms with several sign-ins: which. Instagram: `facebook`, or `instagram`; left out: "
                "the first.",
            ),
        ]
    }
    refusals = {"GET": (502,)}

    @extend_schema(
        summary="Begin to connect an account",
        description="Send the person's browser to `url`. `state` works once, within 10 minutes.",
        responses=StartedSerializer,
        examples=[answer("Begun", STARTED)],
    )
    def get(self, request: Request, platform: str) -> Response:
        started = oauth_connect.start_connect(
            workspace=self.workspace,
            user=self.caller.user,
            platform=platform,
            instance=request.query_params.get("instance"),
            sign_in=request.query_params.get("sign_in"),
            at=timezone.now(),
        )
        return Response(StartedSerializer(started).data, headers=PRIVATE)


class PageRenderer(TemplateHTMLRenderer):
    exception_template_names = ["oauth/failed.html"]


class PageView(ApiView):
    """For programs JSON, for browsers a page."""

    renderer_classes = (JSONRenderer, PageRenderer)

    @property
    def wants_page(self) -> bool:
        return isinstance(getattr(self.request, "accepted_renderer", None), PageRenderer)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if self.wants_page:
            response.content_type = None
        return response

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Whatever it says, it is for one person and once."""
        answered = super().finalize_response(request, response, *args, **kwargs)
        for name, value in PRIVATE.items():
            answered.headers[name] = value
        if self.wants_page:
            answered.headers["Content-Security-Policy"] = POLICY
        return answered

    def connected(self, accounts: list[SocialAccount]) -> Response:
        shown = AccountSerializer(accounts, many=True).data
        answer = {"success": True, "account_id": accounts[0].id, "accounts": shown}
        return Response(answer, template_name="oauth/connected.html")


class Callback(PageView, CallerView):
    permission_classes = (AllowAny,)
    http_method_names = ["get"]  # no HEAD: it would use up the state
    query_parameters = {
        "GET": [
            OpenApiParameter("code"),
            OpenApiParameter("state"),
            OpenApiParameter("error", description="Instead of `code`, when the person or the platform refused."),
        ]
    }

    def known_parameters(self, method: str) -> list[str]:
        """Platforms add parameters of their own."""
        return [*super().known_parameters(method), *self.request.query_params]

    @extend_schema(
        summary="Where platforms send people back to",
        description="Needs no sign-in: the state is the proof. A browser that is not signed in as who began gets a "
        "page with a button, and the account is connected by that.",
        responses=ConnectedSerializer,
        examples=[answer("Connected", CONNECTED)],
    )
    def get(self, request: Request, platform: str) -> Response:
        query = request.query_params
        caller = request.user if isinstance(request.user, User) else None
        came_back: dict[str, Any] = {
            "platform": platform,
            "code": query.get("code", ""),
            "state": query.get("state", ""),
            "error": query.get("error", ""),
            "caller": caller,
            "at": timezone.now(),
        }
        if self.wants_page and caller is None:
            held = oauth_connect.hold_connect(**came_back)
            return Response({"held": held, "slug": platform}, template_name="oauth/confirm.html")
        return self.connected(oauth_connect.finish_connect(**came_back))


class Confirm(PageView, PublicView):
    """The button of the callback's page; its token, which only that page has, is the proof."""

    parser_classes = (FormParser,)

    @extend_schema(exclude=True)
    def post(self, request: Request, platform: str) -> Response:
        token = self.body(ConfirmSerializer)["token"]
        return self.connected(oauth_connect.confirm_connect(platform=platform, token=token, at=timezone.now()))
