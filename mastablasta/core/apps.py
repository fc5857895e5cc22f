from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "mastablasta.core"
    label = "core"

    def ready(self) -> None:
        from mastablasta.core import lookups

        lookups.register()
