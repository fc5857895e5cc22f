"""Which workspace a page of Django admin is about that is of no row, and whose time it shows."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User, Workspace
from mastablasta.core.admin_base import READ, WRITE, workspaces_of
from mastablasta.core.admin_lists import MOST_CHOICES


def workspaces_for(request: HttpRequest, action: str = READ) -> list[Workspace]:
    """The workspaces where who asks may do `action`, by name: the first of them, and the one that is asked for."""
    rows = Workspace.objects.filter(deleted_at=None)
    if (allowed := workspaces_of(request, action)) is not None:
        rows = rows.filter(pk__in=allowed)
    found = list(rows.order_by("name", "pk")[:MOST_CHOICES])
    asked = request.GET.get("workspace", "")
    if len(found) == MOST_CHOICES and asked and all(str(one.pk) != asked for one in found):
        with suppress(ValueError):
            found += rows.filter(pk=UUID(asked))
    return found


def zone_of(request: HttpRequest, workspace: Workspace | None) -> tuple[str, str]:
    """Whose days are meant: the person's zone, else the workspace's, else UTC; and whose that is, in words."""
    own = request.user.timezone if isinstance(request.user, User) else ""
    if own:
        return own, _("your time zone")
    if workspace is not None and workspace.timezone:
        return workspace.timezone, _("the time zone of the workspace")
    return "UTC", _("nobody has chosen another zone")


def workspace_to_write_in(request: HttpRequest) -> tuple[Workspace, list[Workspace]]:
    """The workspace that is asked for, else the person's own, else the first; and all where they may write.

    Raises PermissionDenied where they may write in none, Http404 for one that is not there or not for them.
    """
    found = workspaces_for(request, WRITE)
    if not found:
        raise PermissionDenied
    asked = request.GET.get("workspace", "")
    wanted = asked or str(getattr(request.user, "default_workspace_id", ""))
    named = [one for one in found if str(one.pk) == wanted]
    if asked and not named:
        raise Http404("There is no such workspace.")
    return (named or found)[0], found


def person_of(request: HttpRequest) -> User:
    """Who asks. Raises PermissionDenied for who is not signed in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
