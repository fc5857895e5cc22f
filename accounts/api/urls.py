from __future__ import annotations

from accounts.api import team_views, views, workspace_views
from mastablasta.core.api.routers import ApiRouter

router = ApiRouter()
router.register("auth", views.AuthViewSet, basename="auth")
router.register("auth", views.ProfileViewSet, basename="profile")
router.register("auth/api-keys", views.ApiKeyViewSet)
router.register("workspaces", workspace_views.WorkspaceViewSet)
router.register("workspaces/<uuid:id>/members", team_views.MemberViewSet)
router.register("workspaces/<uuid:id>/invitations", team_views.InvitationViewSet)
router.register("invitations", team_views.AcceptanceViewSet, basename="acceptance")

urlpatterns = router.urls
