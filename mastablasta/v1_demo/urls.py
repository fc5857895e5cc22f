"""The addresses of the demo below /api/."""

from __future__ import annotations

from django.urls import URLPattern, path

from mastablasta.v1_demo import accounts, general, posts
from mastablasta.v1_demo.memory import memory_of_instance
from mastablasta.v1_demo.rules import Rules
from mastablasta.v1_demo.views import Endpoint, Handler

Methods = dict[str, Handler]
ENDPOINTS: dict[str, tuple[Methods, Methods]] = {
    "health": ({"GET": general.health}, {}),
    "platforms": ({"GET": general.list_platforms}, {}),
    "platforms/<str:platform>/post-types": ({"GET": general.post_types}, {}),
    "platforms/<str:platform>/details": ({"GET": general.details}, {}),
    "accounts": ({"GET": accounts.list_accounts}, {"POST": accounts.add_account}),
    "accounts/<str:account_id>": (
        {"GET": accounts.get_account},
        {"PUT": accounts.change_account, "DELETE": accounts.delete_account},
    ),
    "accounts/<str:account_id>/test": ({"POST": accounts.try_account}, {}),
    "oauth/init/<str:platform>": ({}, {"GET": accounts.begin_sign_in}),
    "oauth/callback/<str:platform>": ({}, {"GET": accounts.end_sign_in}),
    "post": ({}, {"POST": posts.publish}),
    "post/preview": ({"POST": posts.preview}, {}),
    "schedule": ({}, {"POST": posts.schedule}),
    "schedule/conflicts": ({"POST": posts.conflicts}, {}),
    "posts": ({"GET": posts.list_posts}, {}),
    "posts/<str:post_id>": ({"GET": posts.get_post}, {"DELETE": posts.delete_post}),
    "export": ({"GET": posts.export}, {}),
}
"""What reads and what changes the memory, by method."""


def patterns(rules: Rules) -> list[URLPattern]:
    """The addresses, without trailing slash, on the memory of this instance."""
    memory = memory_of_instance()
    return [
        path(route, Endpoint(memory, rules, reads=reads, changes=changes))
        for route, (reads, changes) in ENDPOINTS.items()
    ]
