"""GET /api/v2: where the API's resources are."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import CallerView
from accounts.api.urls import router as accounts_router
from accounts.caller import Caller
from analytics.api.urls import router as analytics_router
from integrations.api.urls import router as integrations_router
from posts.api.urls import router as posts_router
from webhooks.api.urls import router as webhooks_router

ROUTERS = (accounts_router, integrations_router, posts_router, webhooks_router, analytics_router)
PUBLIC = {
    "status": "status",
    "schema": "schema",
    "docs": "docs",
    "register": "auth/register",
    "login": "auth/login",
}


def _resources() -> dict[str, str]:
    """The path of each resource of the routers that has a list, and of oneself, by name: its own, or all of its path
    where another has that name (search_posts)."""
    found = {"me": "auth/me"}
    for router in ROUTERS:
        for path, viewset in router.resources():
            if hasattr(viewset, "list") and "<" not in path:
                words = path.replace("-", "_")
                name = words.rpartition("/")[2]
                found[words.replace("/", "_") if name in found else name] = path
    return found


class Root(CallerView):
    """Not made by a router: the apps have one each, and who is not signed in sees what is public."""

    name = "API"
    permission_classes = (AllowAny,)
    header_parameters = ()
    has_public_page = True

    @extend_schema(
        operation_id="root",
        tags=["root"],
        summary="Where everything is: each resource with its address",
        description="Without signing in only what is public.",
        responses={200: {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}},
        examples=[
            OpenApiExample(
                "Nobody is signed in",
                value={name: f"http://127.0.0.1:33766/api/v2/{path}" for name, path in PUBLIC.items()},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        shown: dict[str, Any] = {**PUBLIC, **(_resources() if isinstance(request.auth, Caller) else {})}
        addresses = {name: f"{settings.PUBLIC_URL}/api/v2/{path}" for name, path in shown.items()}
        return Response(addresses, headers={"Cache-Control": "private, no-cache"})
