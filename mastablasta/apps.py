from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "mastablasta"
    label = "project"

    def ready(self) -> None:
        from mastablasta import checks  # noqa: F401  registers the start-up checks
