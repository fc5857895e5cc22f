"""Django admin as an app, with a site of our own."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "mastablasta.admin_site.Site"
