"""Whether a browser's session has shown the second factor that Django admin asks of its person.

The API and its browsable pages ask for none: this stands before the pages where staff look after everybody.
"""

from __future__ import annotations

from enum import Enum, auto
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from accounts.models import SecondFactor, User
from accounts.roles import SiteRole

SHOWN = "second_factor"  # in the session: the id of the factor of which a code was given
_STANDING = "_second_factor_standing"  # on the request


class Standing(Enum):
    """What is left to be done: nothing, to give a code, to set a factor up."""

    DONE = auto()
    ASKED = auto()
    WANTED = auto()


def standing(request: HttpRequest) -> Standing:
    """How the session of who asks stands; one query a request. Who is not let in by other means is not asked."""
    user = request.user
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        return Standing.DONE
    found: Standing | None = getattr(request, _STANDING, None)
    if found is None:
        found = _look(request, user)
        setattr(request, _STANDING, found)
    return found


def _look(request: HttpRequest, user: User) -> Standing:
    factor = SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).values_list("pk", flat=True).first()
    if factor is not None:
        return Standing.DONE if request.session.get(SHOWN) == str(factor) else Standing.ASKED
    is_required = settings.SECOND_FACTOR_REQUIRED and user.site_role == SiteRole.ADMIN
    return Standing.WANTED if is_required else Standing.DONE


def has_shown(request: HttpRequest, factor: UUID) -> None:
    """This session has, from now on; under another key, so that one that somebody planted is worth nothing."""
    request.session.cycle_key()
    request.session[SHOWN] = str(factor)
    setattr(request, _STANDING, Standing.DONE)
