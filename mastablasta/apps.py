from django.apps import AppConfig, apps


class ProjectConfig(AppConfig):
    name = "mastablasta"
    label = "project"

    def ready(self) -> None:
        from mastablasta import checks  # noqa: F401  registers the start-up checks
        from mastablasta.core.model_words import look_up_names

        look_up_names(apps.get_app_configs())
