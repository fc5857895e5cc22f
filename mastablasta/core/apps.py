from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "mastablasta.core"
    label = "core"
