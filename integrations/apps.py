from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        from integrations import checks  # noqa: F401  registers them
        from integrations.states import ACCOUNT_MOVES
        from mastablasta.core.state_triggers import install_after_migrate

        install_after_migrate(self, {"integrations_socialaccount": ACCOUNT_MOVES})
