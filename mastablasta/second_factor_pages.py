"""The pages of Django admin where a person gives a code, and looks after their own second factor."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.forms import PageForm
from accounts.models import User
from accounts.services import second_factor
from accounts.services.sign_in import prove_password
from mastablasta.admin_site import policy
from mastablasta.core.api.limits import limited
from mastablasta.core.errors import DomainError, TooOften
from mastablasta.second_factor_gate import Standing, has_shown, standing

View = Callable[..., HttpResponseBase]


class CodeForm(PageForm):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )


class PasswordForm(PageForm):
    """What is done to a second factor is done by who knows the password, not by who finds a browser open."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        label=gettext_lazy("Your password"),
    )


def for_themselves(view: View) -> View:
    """For staff, also before they have given a code; what is answered is kept by no cache."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not (isinstance(user, User) and user.is_active and user.is_staff):
            return redirect(f"{reverse('admin:login')}?{urlencode({REDIRECT_FIELD_NAME: request.path})}")
        response: HttpResponseBase = view(request, user)
        response.headers["Content-Security-Policy"] = policy()
        return response

    return guarded


@limited
@for_themselves
def ask(request: HttpRequest, user: User) -> HttpResponse:
    """Ask for a code, and go on to where the person wanted to."""
    if (left := standing(request)) != Standing.ASKED:
        return redirect("second-factor:own" if left == Standing.WANTED else _onward(request))
    form, status = CodeForm(request.POST if request.method == "POST" else None), 200
    if form.is_valid():
        try:
            factor = second_factor.verify(user, form.cleaned_data["code"], at=timezone.now())
        except DomainError as refusal:
            form.take(refusal)
            status = _status(refusal)
        else:
            if factor is not None:
                has_shown(request, factor)
            return redirect(_onward(request))
    shown = {"form": form, "next": _onward(request), "title": _("Second factor")}
    return _page(request, "ask", shown, status=status)


@limited
@for_themselves
def own(request: HttpRequest, user: User) -> HttpResponse:
    """Set one up, get other recovery codes, or do without one again."""
    if standing(request) == Standing.ASKED:
        return redirect(f"{reverse('second-factor:ask')}?{urlencode({REDIRECT_FIELD_NAME: request.path})}")
    step = STEPS.get(request.POST.get("do", "")) if request.method == "POST" else None
    if step is None:
        return _own(request, user)
    form = (CodeForm if step is _confirm else PasswordForm)(request.POST)
    if not form.is_valid():
        return _own(request, user, form)
    try:
        if isinstance(form, PasswordForm):
            prove_password(user, form.cleaned_data["password"], request=request, field="password")
        return step(request, user, form)
    except DomainError as refusal:
        form.take(refusal)
        return _own(request, user, form, status=_status(refusal))


def _begin(_request: HttpRequest, user: User, _form: forms.Form) -> HttpResponse:
    second_factor.begin(user, at=timezone.now())
    return redirect("second-factor:own")


def _confirm(request: HttpRequest, user: User, form: forms.Form) -> HttpResponse:
    codes = second_factor.confirm(user, form.cleaned_data["code"], at=timezone.now())
    factor = second_factor.factor_of(user)
    if factor is not None:
        has_shown(request, factor.pk)
    return _page(request, "codes", {"codes": codes, "title": _("Recovery codes"), "is_new": True})


def _renew(request: HttpRequest, user: User, _form: forms.Form) -> HttpResponse:
    codes = second_factor.renew_codes(user, at=timezone.now())
    return _page(request, "codes", {"codes": codes, "title": _("Recovery codes")})


def _remove(request: HttpRequest, user: User, _form: forms.Form) -> HttpResponse:
    if second_factor.remove(user, at=timezone.now()):
        messages.success(request, _("Your second factor is removed."))
    return redirect("second-factor:own")


STEPS: dict[str, Callable[[HttpRequest, User, forms.Form], HttpResponse]] = {
    "begin": _begin,
    "confirm": _confirm,
    "renew": _renew,
    "remove": _remove,
}


def _own(request: HttpRequest, user: User, form: forms.Form | None = None, *, status: int = 200) -> HttpResponse:
    """The page as it is now; `form`: what was sent and could not be done, beside its button."""
    factor = second_factor.factor_of(user)
    waiting = second_factor.enrolment(factor) if factor else None
    shown = {
        "title": _("Your second factor"),
        "factor": factor if factor and factor.confirmed_at else None,
        "codes_left": len(factor.recovery_hashes) if factor else 0,
        "waiting": waiting,
        "picture": _picture(waiting.uri) if waiting else "",
        "code_form": form if isinstance(form, CodeForm) else CodeForm(),
        "password_form": form if isinstance(form, PasswordForm) else PasswordForm(),
        "tried": request.POST.get("do", ""),
        "is_wanted": standing(request) == Standing.WANTED,
    }
    return _page(request, "own", shown, status=status)


def _picture(uri: str) -> SafeString:
    """The QR code as inline SVG: black on white in both modes, as scanners want it, and with no style of its own."""
    code = segno.make(uri, error="m", micro=False)
    return SafeString(code.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None))


def _page(request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
    context = {**admin.site.each_context(request), **shown}
    if standing(request) != Standing.DONE:  # nothing else is open to them yet
        context |= {"places": [], "available_apps": [], "has_permission": False}
    return TemplateResponse(request, f"admin/second_factor/{name}.html", context, status=status)


def _onward(request: HttpRequest) -> str:
    """Where the person wanted to go, as long as it is here."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours and wanted.startswith("/admin/") else reverse("admin:index")


def _status(refusal: DomainError) -> int:
    return 429 if isinstance(refusal, TooOften) else 200


app_name = "second-factor"
urlpatterns = [path("", ask, name="ask"), path("own/", own, name="own")]
