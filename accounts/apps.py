from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts.api import schema  # noqa: F401  drf-spectacular finds it by being imported
        from accounts.groups import write_groups

        post_migrate.connect(write_groups, dispatch_uid="accounts.groups")
