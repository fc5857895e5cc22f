from django.apps import AppConfig


class PostsConfig(AppConfig):
    name = "posts"

    def ready(self) -> None:
        from mastablasta.core.state_triggers import install_after_migrate
        from posts.states import DELIVERY_MOVES

        install_after_migrate(self, {"posts_delivery": DELIVERY_MOVES})
