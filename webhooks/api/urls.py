from __future__ import annotations

from django.urls import path

from mastablasta.core.api.routers import ApiRouter
from webhooks.api import views

router = ApiRouter()
router.register("webhooks", views.WebhookViewSet)

DELIVERY = "webhooks/<uuid:webhook_id>/deliveries/<uuid:id>"
urlpatterns = [
    *router.urls,
    path("webhooks/<uuid:id>/deliveries", views.WebhookDeliveryViewSet.as_view({"get": "list"})),
    path(DELIVERY, views.WebhookDeliveryViewSet.as_view({"get": "retrieve"})),
    path(f"{DELIVERY}/redeliver", views.WebhookDeliveryViewSet.as_view({"post": "redeliver"})),
]
