"""The page of Django admin where a post is written: its chips, fields and words. The rest is the API's.

The script of the page (static/posts/compose) asks POST /posts/validate while one writes, takes files from /media, and
saves by POST and PATCH /posts, in the browser's session: what is counted, warned of and refused is what programs get.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Workspace
from integrations import registry
from integrations.capabilities import Capabilities
from integrations.models import SocialAccount
from integrations.states import AccountState
from mastablasta.core.admin_base import may_write
from mastablasta.core.errors import Conflict
from posts.admin.triage import shown_page, visible_accounts
from posts.admin.workspaces import workspace_to_write_in, zone_of
from posts.models import Post, PostType
from posts.services.preconditions import raise_if_out

MOST_ACCOUNTS = 200
AHEAD = timedelta(hours=1)  # of the time that is offered for a post of today
MORNING = time(9)  # that is offered for one of another day


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a platform as a form asks for it; `kind` is also how the script reads it."""

    name: str
    kind: str
    about: str
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one platform that a form can ask for; `more`: others, which the API takes."""

    slug: str
    label: str
    shown: tuple[Option, ...]
    more: tuple[str, ...]


def write_page(request: HttpRequest, post: Post | None = None) -> HttpResponse:
    """The page for a new post, or for other words of `post`. Raises PermissionDenied, Http404."""
    if post is None:
        workspace, workspaces = workspace_to_write_in(request)
    elif post.deleted_at is not None:
        raise Http404("There is no such post.")
    elif not may_write(request, post.workspace_id):
        raise PermissionDenied
    else:
        workspace, workspaces = post.workspace, [post.workspace]
    title = _("Write a post") if post is None else _("Edit the post")
    shown = {"post": post, "workspaces": workspaces, "workspace": workspace, **_fields_of(request, workspace, post)}
    return shown_page(request, "writing/write", title, shown)


def may_rewrite(request: HttpRequest, post: Post) -> bool:
    """Whether who asks may write the post anew: it is theirs to change, and nothing of it is out."""
    return post.deleted_at is None and may_write(request, post.workspace_id) and not _obstacle(post)


def _fields_of(request: HttpRequest, workspace: Workspace, post: Post | None) -> dict[str, Any]:
    zone, whose = zone_of(request, workspace)
    accounts = visible_accounts(request).connected().filter(workspace=workspace).order_by("platform", "handle", "pk")
    chips = [_chip(account) for account in accounts[:MOST_ACCOUNTS]]
    slugs = list(dict.fromkeys(chip["platform"] for chip in chips))
    types = [one for slug in slugs for one in registry.capabilities(slug).post_types if registry.is_built(slug)]
    day, at = _offered(request.GET.get("day", ""), zone)
    return {
        "chips": chips,
        "options": [_options_of(registry.capabilities(slug)) for slug in slugs if registry.is_built(slug)],
        "post_types": [(one.value, one.label) for one in PostType if one.value in types],
        "day": day,
        "time": at,
        "is_for_a_day": bool(request.GET.get("day")),
        "zone": zone,
        "whose": whose,
        "obstacle": _obstacle(post),
        "config": {
            "workspace": str(workspace.pk),
            "zone": zone,
            "post": str(post.pk) if post else None,
            "handles": {chip["id"]: f"{chip['label']} {chip['handle']}" for chip in chips},
            "labels": {chip["platform"]: chip["label"] for chip in chips},
            "after": reverse("admin:posts_post_change", args=["0"]),
            "words": _words(),
        },
    }


def _chip(account: SocialAccount) -> dict[str, Any]:
    return {
        "id": str(account.pk),
        "platform": account.platform,
        "label": registry.PLATFORMS[account.platform].label,
        "handle": account.handle,
        "state": account.state,
        "trouble": "" if account.state == AccountState.ACTIVE else account.get_state_display(),
    }


def _obstacle(post: Post | None) -> str:
    """Why nothing of the post can be changed any more; "" = it can."""
    if post is None:
        return ""
    try:
        raise_if_out(post.deliveries.all(), remedy=_("write another one"))
    except Conflict as refusal:
        return refusal.detail
    return ""


def _offered(asked: str, zone: str) -> tuple[str, str]:
    """A day and a time (local) to begin with: of the day that was asked for, else within the next hours."""
    now = timezone.now().astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    soon = (now + AHEAD).replace(minute=0) + timedelta(hours=1)
    try:
        wanted = date.fromisoformat(asked)
    except ValueError:
        wanted = soon.date()
    moment = soon if wanted == soon.date() else datetime.combine(wanted, MORNING)
    return moment.date().isoformat(), moment.strftime("%H:%M")


def _options_of(capabilities: Capabilities) -> Options:
    found = {name: _option(name, schema) for name, schema in capabilities.options.get("properties", {}).items()}
    return Options(
        capabilities.slug,
        capabilities.label,
        tuple(one for one in found.values() if one is not None),
        tuple(name for name, one in found.items() if one is None),
    )


def _option(name: str, schema: Mapping[str, Any]) -> Option | None:
    """None = no simple field can ask for it."""
    about = str(schema.get("description", ""))
    if "enum" in schema:
        return Option(name, "choice", about, tuple(map(str, schema["enum"])))
    match schema.get("type"):
        case "boolean":
            return Option(name, "boolean", about)
        case "integer" | "number":
            return Option(name, "number", about)
        case "string":
            return Option(name, "text", about)
        case "array" if _are_texts(schema.get("items", {})):
            return Option(name, "lines", about)
    return None


def _are_texts(items: Mapping[str, Any]) -> bool:
    return items.get("type") == "string" and "enum" not in items


def _words() -> dict[str, str]:
    """What the script says by itself; all else is said by the API."""
    return {
        "text": _("Text"),
        "part": _("Part %s"),
        "addFile": _("Add a picture or video"),
        "remove": _("Remove"),
        "earlier": _("Earlier"),
        "altText": _("What it shows, for who cannot see it"),
        "draft": _("Save as a draft"),
        "schedule": _("Schedule it"),
        "publish": _("Publish it now"),
        "saving": _("Saving …"),
        "nothing": _("Nothing stands against it."),
        "checking": _("Checking …"),
        "silent": _("The server did not answer; nothing was saved. Try it again."),
        "signedOut": _("You are signed out; sign in again in another tab, then save here."),
        "stale": _("Somebody changed this post meanwhile. Open it again to see how; what you wrote is not saved."),
        "noFiles": _("No file of that kind. Upload one."),
        "uploading": _("Uploading %s …"),
    }
