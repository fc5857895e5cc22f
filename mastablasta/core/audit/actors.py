"""Who does what is being done: said around a request, a command or a piece of work, asked where an entry is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _


class Via(models.TextChoices):
    """By what right somebody acts."""

    BROWSER = "browser", _("Signed in in a browser")
    TOKEN = "token", _("Signed in to the API")
    API_KEY = "api_key", _("API key")
    COMMAND = "command", _("Command")
    JOB = "job", _("Bulk job")
    NOBODY = "nobody", _("Not signed in")
    PROGRAM = "program", _("The program by itself")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `name`: the e-mail address of the person, or the command. `credential`: how their API key begins."""

    via: Via
    user_id: UUID | None = None
    name: str = ""
    credential: str = ""


PROGRAM = Actor(Via.PROGRAM)
Source = Actor | Callable[[], Actor]
_source: ContextVar[Source] = ContextVar("audit_actor", default=PROGRAM)


@contextmanager
def acting(who: Source) -> Iterator[None]:
    """What the block does is done by `who`; a function is asked only when an entry is written."""
    before = _source.set(who)
    try:
        yield
    finally:
        _source.reset(before)


def current_actor() -> Actor:
    """Who acts now."""
    source = _source.get()
    return source if isinstance(source, Actor) else source()
