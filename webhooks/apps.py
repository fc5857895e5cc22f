from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from mastablasta.core.state_triggers import install_after_migrate
        from webhooks.states import ENDPOINT_DELIVERY_MOVES

        install_after_migrate(self, {"webhooks_endpointdelivery": ENDPOINT_DELIVERY_MOVES})
