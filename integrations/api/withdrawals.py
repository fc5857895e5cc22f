"""Where platforms tell what people took back there: plain views, since their addresses are the platforms' to call."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import PublicView
from integrations.services import withdrawals


class SignedView(PublicView):
    """A view whose caller proves itself by the field `signed_request`; platforms may send more with it."""

    parser_classes = (FormParser, MultiPartParser)
    renderer_classes = (JSONRenderer,)

    @property
    def signed(self) -> str:
        return str(self.request.POST.get("signed_request", ""))[:10_000]


class Deauthorize(SignedView):
    @extend_schema(exclude=True)
    def post(self, request: Request, platform: str) -> Response:
        withdrawals.end_withdrawn(platform, self.signed, at=timezone.now())
        return Response({})


class DataDeletion(SignedView):
    @extend_schema(exclude=True)
    def post(self, request: Request, platform: str) -> Response:
        """Answer as Meta wants it: a code, and where a person can see what came of their wish."""
        code = withdrawals.erase_withdrawn(platform, self.signed, at=timezone.now())
        url = f"{settings.PUBLIC_URL}/api/v2/oauth/{platform}/data-deletion/{code}"
        return Response({"url": url, "confirmation_code": code})


class DataDeletionStatus(PublicView):
    renderer_classes = (JSONRenderer,)

    @extend_schema(exclude=True)
    def get(self, request: Request, platform: str, code: str) -> Response:
        deleted_at = withdrawals.erased_at(platform, code)
        return Response({"status": "deleted", "deleted_at": deleted_at.isoformat().replace("+00:00", "Z")})
