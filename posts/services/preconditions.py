"""What must hold before a person may change a post; each raises Conflict that says what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mastablasta.core.errors import Conflict
from posts.models import Delivery, Post
from posts.services.retries import S
from posts.states import (
    IN_FLIGHT_OR_UNCERTAIN,
    OUT,
)

Check = Callable[[Post], None]


def no_check(post: Post) -> None:
    """No check."""


def raise_if_out(deliveries: Iterable[Delivery], *, remedy: str) -> None:
    if any(d.state in OUT or d.parts_done or d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
        raise Conflict("already_out", f"Something of this post is out already, or may be; {remedy}.")


def raise_if_under_way(deliveries: Iterable[Delivery]) -> None:
    states = {d.state for d in deliveries}
    if S.UNCONFIRMED in states:
        raise Conflict("unconfirmed", "Nobody knows whether this post is out; resolve its delivery first.")
    if states & set(IN_FLIGHT_OR_UNCERTAIN):
        raise Conflict("in_flight", "This post is being published; wait for its outcome.")
