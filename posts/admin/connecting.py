"""Connecting a further account from Django admin, in the way of its platform; the services are those of the API."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Workspace
from integrations import registry
from integrations.services import app_password, oauth_connect
from integrations.services.operator_apps import BY_PASSWORD, is_configured
from mastablasta.core.errors import DomainError
from posts.admin.switches import PasswordForm
from posts.admin.triage import for_staff, shown_page, visible_accounts
from posts.admin.workspaces import person_of, workspace_to_write_in


class PlaceForm(forms.Form):
    """Which server is meant, of a platform that has many."""

    instance = forms.CharField(
        label=gettext_lazy("Server"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("Such as mastodon.social; left empty: the usual one of this installation."),
    )


@for_staff
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The platforms of which an account can be connected."""
    workspace, workspaces = workspace_to_write_in(request)
    accounts = visible_accounts(request).connected().filter(workspace=workspace)
    counts = Counter(accounts.values_list("platform", flat=True))
    found = [
        {
            "slug": slug,
            "label": registry.PLATFORMS[slug].label,
            "is_configured": is_configured(slug),
            "count": counts[slug],
        }
        for slug in registry.built()
    ]
    shown = {"platforms": found, "workspace": workspace, "workspaces": workspaces}
    return shown_page(request, "connecting/overview", _("Connect an account"), shown)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def platform(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin to connect an account of one platform; `?workspace=` says where it is to belong."""
    workspace, _others = workspace_to_write_in(request)
    if not (registry.is_built(slug) and is_configured(slug)):
        raise Http404("Accounts of this platform cannot be connected here.")
    sign_ins = [entry.name for entry in registry.PLATFORMS[slug].sign_ins if entry.name]
    form = _form(request, slug)
    shown: dict[str, Any] = {
        "slug": slug,
        "label": registry.PLATFORMS[slug].label,
        "workspace": workspace,
        "form": form,
        "sign_ins": sign_ins,
    }
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            if slug in BY_PASSWORD:
                account = _by_password(request, workspace, slug, form)
                messages.success(request, _("%(handle)s is connected.") % {"handle": account.handle})
                return redirect("admin:integrations_socialaccount_changelist")
            shown["started"] = _by_redirect(request, workspace, slug, form, sign_ins)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
    title = _("Connect an account of %(label)s") % {"label": shown["label"]}
    return shown_page(request, "connecting/platform", title, shown)


def _form(request: HttpRequest, slug: str) -> forms.Form | None:
    if slug in BY_PASSWORD:
        return PasswordForm(request.POST or None)
    return PlaceForm(request.POST or None) if registry.oauth_flow(slug).has_other_hosts else None


def _by_password(request: HttpRequest, workspace: Workspace, slug: str, form: forms.Form | None) -> Any:
    given = form.cleaned_data if form else {}
    return app_password.sign_in(
        workspace=workspace, user=person_of(request), platform=slug, handle=given["handle"],
        app_password=given["app_password"], service=None, at=timezone.now(),
    )  # fmt: skip


def _by_redirect(
    request: HttpRequest, workspace: Workspace, slug: str, form: forms.Form | None, sign_ins: list[str]
) -> oauth_connect.Started:
    chosen = request.POST.get("sign_in", "")
    return oauth_connect.start_connect(
        workspace=workspace, user=person_of(request), platform=slug, at=timezone.now(),
        instance=form.cleaned_data["instance"] if form else None, sign_in=chosen if chosen in sign_ins else None,
    )  # fmt: skip
