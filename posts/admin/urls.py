"""The addresses of the triage, below /admin/triage/."""

from __future__ import annotations

from django.urls import path

from posts.admin import acting, switches, triage

app_name = "triage"
urlpatterns = [
    path("", triage.overview, name="overview"),
    path("group/", triage.group, name="group"),
    path("act/", acting.act, name="act"),
    path("accounts/<uuid:account_id>/reconnect/", switches.reconnect, name="reconnect"),
    path("accounts/<uuid:account_id>/<slug:change>/", switches.account, name="account"),
    path("platforms/", switches.all_hosts, name="hosts"),
    path("platforms/<uuid:host_id>/<slug:change>/", switches.host, name="host"),
    path("everything/<slug:change>/", switches.everything, name="everything"),
]
