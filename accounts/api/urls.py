from __future__ import annotations

from accounts.api import views
from mastablasta.core.api.routers import ApiRouter

router = ApiRouter()
router.register("auth", views.AuthViewSet, basename="auth")
router.register("auth", views.ProfileViewSet, basename="profile")
router.register("auth/api-keys", views.ApiKeyViewSet)
router.register("workspaces", views.WorkspaceViewSet)

urlpatterns = router.urls
