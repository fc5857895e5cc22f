"""Django admin as a whole."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

admin.site.site_header = "MastaBlasta"
admin.site.site_title = "MastaBlasta"
admin.site.index_title = "What is going on"
admin.site.site_url = "/api/v2/docs"
admin.site.enable_nav_sidebar = False
admin.site.unregister(Group)  # roles say who may do what; nobody is in a group
