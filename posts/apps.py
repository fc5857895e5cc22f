from django.apps import AppConfig


class PostsConfig(AppConfig):
    name = "posts"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from mastablasta.core.state_triggers import install_after_migrate
        from posts.search import index
        from posts.states import DELIVERY_MOVES

        install_after_migrate(self, {"posts_delivery": DELIVERY_MOVES})
        index.install_after_migrate(self)
        connection_created.connect(index.add_functions, dispatch_uid="post_search")
