"""Pausing in Django admin: one account, one host, or everything; and connecting an account again.

Each shows first what waits for it; a link that somebody was sent does nothing by being opened.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from integrations import registry
from integrations.models import SocialAccount
from integrations.services import accounts as account_changes
from integrations.services import app_password, global_pause, hosts, oauth_connect
from integrations.services.operator_apps import BY_PASSWORD
from integrations.states import AccountState
from mastablasta.core.admin_base import is_site_admin, may_write
from mastablasta.core.errors import DomainError
from posts.admin.triage import answer, for_staff, visible_accounts, visible_hosts
from posts.admin.workspaces import person_of
from posts.services import triage

PAUSE, RESUME = "pause", "resume"


class ReasonForm(forms.Form):
    """Why something is paused; whoever looks at what waits reads it."""

    reason = forms.CharField(
        max_length=400,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Whoever looks at a post that waits reads this."),
    )


class PasswordForm(forms.Form):
    """A sign-in by a password that the person made for this."""

    handle = forms.CharField(label=gettext_lazy("Handle"), max_length=255)
    app_password = forms.CharField(
        label=gettext_lazy("App password"),
        max_length=255,
        widget=forms.PasswordInput,
        help_text=gettext_lazy("Made for this at the platform; it is not kept."),
    )


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest, account_id: UUID, change: str) -> HttpResponse:
    """Pause an account, or let it go on."""
    row = _account(request, account_id)
    if request.method == "POST":
        wanted = AccountState.PAUSED if change == PAUSE else AccountState.ACTIVE
        try:
            account_changes.change_account(row, at=timezone.now(), status=wanted)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, _changed(row.handle, change))
        return redirect("triage:overview")
    waiting = {"count": f"{row.waiting:,}"}
    waits = _("Its posts wait from now on, %(count)s of them already, and go out when it goes on.") % waiting
    goes = (
        _("%(count)s of its posts are due and go out, as far as they are not too late for their workspace.") % waiting
    )
    named = {"handle": row.handle, "platform": registry.PLATFORMS[row.platform].label}
    return _ask(request, change, _("%(handle)s on %(platform)s") % named, waits, goes)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def host(request: HttpRequest, host_id: UUID, change: str) -> HttpResponse:
    """Pause a host of a platform for everybody, or let it go on."""
    _require_site_admin(request)
    row: Any = get_object_or_404(triage.with_waiting(_hosts(request)), id=host_id)
    form = _reason(request, change)
    if request.method == "POST" and (form is None or form.is_valid()):
        at = timezone.now()
        if form is not None:
            is_done = hosts.pause_host(row.platform, row.host, reason=form.cleaned_data["reason"], at=at)
        else:
            is_done = hosts.resume_host(row.platform, row.host, at=at)
        _say(request, row.host, change, is_done=is_done)
        return redirect("triage:hosts")
    waits = _("Nothing is published there from now on, for nobody: what is due waits.")
    goes = _("%(count)s posts are due there and go out, as far as they are not too late for their workspace.")
    goes %= {"count": f"{row.waiting:,}"}
    return _ask(request, change, f"{row.host} ({registry.PLATFORMS[row.platform].label})", waits, goes, form)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def everything(request: HttpRequest, change: str) -> HttpResponse:
    """Publish nothing anywhere, or let all go on."""
    person = _require_site_admin(request)
    form = _reason(request, change)
    if request.method == "POST" and (form is None or form.is_valid()):
        at = timezone.now()
        if form is not None:
            is_done = global_pause.pause_everything(reason=form.cleaned_data["reason"], by=person, at=at)
        else:
            is_done = global_pause.resume_everything(at=at)
        _say(request, _("Everything"), change, is_done=is_done)
        return redirect("triage:overview")
    waits = _("Nothing is published anywhere from now on, for nobody: what is due waits. It takes a few seconds.")
    goes = _("What is due goes out, as far as it is not too late there. Hosts paused by themselves stay so.")
    return _ask(request, change, _("everything"), waits, goes, form)


@for_staff
@require_safe
def all_hosts(request: HttpRequest) -> HttpResponse:
    """Every host that accounts are on, to be paused or let go on."""
    _require_site_admin(request)
    rows = triage.with_waiting(_hosts(request).filter(accounts__isnull=False).distinct())[:500]
    return answer(request, "hosts", _("Platforms"), {"hosts": rows, "global_pause": global_pause.global_pause()})


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def reconnect(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Begin to connect an account again, in the way of its platform."""
    row, person = _account(request, account_id), person_of(request)
    by_password = row.platform in BY_PASSWORD
    form = PasswordForm(request.POST or None, initial={"handle": row.handle}) if by_password else None
    shown: dict[str, Any] = {"account": row, "label": registry.PLATFORMS[row.platform].label, "form": form}
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            if form is not None:
                _sign_in(row, person, form)
                messages.success(request, _("%(handle)s is connected.") % {"handle": row.handle})
                return redirect("triage:overview")
            shown["started"] = _started(row, person)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
    return answer(request, "reconnect", _("Connect %(handle)s again") % {"handle": row.handle}, shown)


def _sign_in(row: SocialAccount, person: User, form: forms.Form) -> None:
    app_password.sign_in(
        workspace=row.workspace, user=person, platform=row.platform, handle=form.cleaned_data["handle"],
        app_password=form.cleaned_data["app_password"], service=row.platform_host.base_url, at=timezone.now(),
    )  # fmt: skip


def _started(row: SocialAccount, person: User) -> oauth_connect.Started:
    """Named as people would: the sign-in where a platform has several, the server where it has many."""
    place = row.platform_host
    has_other_hosts = registry.oauth_flow(row.platform, place.sign_in).has_other_hosts
    return oauth_connect.start_connect(
        workspace=row.workspace, user=person, platform=row.platform, sign_in=place.sign_in, at=timezone.now(),
        instance=place.base_url if has_other_hosts else None,
    )  # fmt: skip


def _ask(
    request: HttpRequest, change: str, what: str, waits: str, goes: str, form: forms.Form | None = None
) -> HttpResponse:
    if change not in {PAUSE, RESUME}:
        raise Http404("There is no such switch.")
    title, sentence, button = (
        (_("Pause %(what)s"), waits, _("Pause"))
        if change == PAUSE
        else (_("Let go on: %(what)s"), goes, _("Let go on"))
    )
    shown = {"sentence": sentence, "button": button, "change": change, "form": form}
    return answer(request, "switch", title % {"what": what}, shown)


def _reason(request: HttpRequest, change: str) -> ReasonForm | None:
    """Asked for where something is paused."""
    if change not in {PAUSE, RESUME}:
        raise Http404("There is no such switch.")
    return ReasonForm(request.POST if request.method == "POST" else None) if change == PAUSE else None


def _say(request: HttpRequest, what: str, change: str, *, is_done: bool) -> None:
    if is_done:
        messages.success(request, _changed(what, change))
    elif change == PAUSE:
        messages.warning(request, _("%(what)s is paused already.") % {"what": what})
    else:
        messages.warning(request, _("%(what)s is not paused by itself.") % {"what": what})


def _changed(what: str, change: str) -> str:
    return (_("%(what)s is paused.") if change == PAUSE else _("%(what)s goes on.")) % {"what": what}


def _account(request: HttpRequest, account_id: UUID) -> Any:
    """The account, where who asks may change it. Raises Http404 and PermissionDenied."""
    row = get_object_or_404(triage.with_parked(visible_accounts(request)), id=account_id)
    if not may_write(request, row.workspace_id):
        raise PermissionDenied
    return row


def _hosts(request: HttpRequest) -> Any:
    return visible_hosts(request, visible_accounts(request))


def _require_site_admin(request: HttpRequest) -> User:
    """Hosts are everybody's. Raises PermissionDenied."""
    if not is_site_admin(request):
        raise PermissionDenied
    return person_of(request)
