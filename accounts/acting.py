"""Who acts in a request, for the audit log: the person, and what they proved it with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.caller import Caller
from accounts.models import User
from mastablasta.core.audit.actors import Actor, Via, acting


def actor_of(request: HttpRequest) -> Actor:
    """Who has been found to ask. Of the API that is known once its view has asked who it is."""
    user: Any = getattr(request, "user", None)
    if not isinstance(user, User):
        return Actor(Via.NOBODY)
    caller = getattr(request, "auth", None)
    if not isinstance(caller, Caller):
        return actor_for(user, Via.BROWSER)
    if caller.api_key is not None:
        return Actor(Via.API_KEY, user.pk, user.email, caller.api_key.prefix)
    return actor_for(user, Via.BROWSER if caller.session is None else Via.TOKEN)


def actor_for(user: User | None, via: Via) -> Actor:
    """That person, acting in this way; None = they are gone."""
    return Actor(via) if user is None else Actor(via, user.pk, user.email)


class ActingMiddleware:
    """Around each request, after the one that finds the browser's session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(partial(actor_of, request)):
            return self.get_response(request)
