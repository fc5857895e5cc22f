"""The roles of this site as Django's groups, with what each may do in Django admin.

The pages of Django admin say which kinds of rows belong to workspaces (`Page.workspace_path`), and `migrate` writes the
groups anew: what somebody changes in them by hand lasts until then. A person's group is that of their `site_role`.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet

from accounts.roles import SiteRole
from mastablasta.core.admin_base import Page


def write_groups(app_config: AppConfig, *, using: str, **_: Any) -> None:
    """Give the group of each role its permissions on the rows of an app, and take away others; after each migration."""
    of_app = Permission.objects.using(using).filter(content_type__app_label=app_config.label)
    _name_anew(app_config, of_app)
    for role in SiteRole:
        group, _made = Group.objects.using(using).get_or_create(name=role.group_name)
        wanted = of_app if role == SiteRole.ADMIN else of_app.filter(codename__in=_codenames(app_config, role))
        held = group.permissions.filter(content_type__app_label=app_config.label)
        group.permissions.remove(*held.exclude(pk__in=wanted))
        group.permissions.add(*wanted)


def _name_anew(app_config: AppConfig, of_app: QuerySet[Permission]) -> None:
    """Permissions by what rows are called now: Django names them once, and pages of roles show these names."""
    options = [model._meta for model in app_config.get_models()]
    names = {
        get_permission_codename(verb, one): f"Can {verb} {one.verbose_name_raw}"
        for one in options
        for verb in one.default_permissions
    }
    stale = [held for held in of_app if held.name != names.get(held.codename, held.name)]
    for held in stale:
        held.name = names[held.codename]
    if stale:
        of_app.bulk_update(stale, ["name"])


def _codenames(app_config: AppConfig, role: SiteRole) -> list[str]:
    found = []
    for model in app_config.get_models():
        page = admin.site._registry.get(model)
        if isinstance(page, Page) and page.workspace_path is not None:
            verbs = ("view",) if role == SiteRole.VIEWER or page.writing is None else ("view", "change")
            found += [f"{verb}_{model._meta.model_name}" for verb in verbs]
    return found
