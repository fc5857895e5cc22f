"""Pages behind links in e-mails: joining a workspace, and choosing a new password."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.forms import AddressForm, JoinForm, ResetForm
from accounts.models import Invitation, User
from accounts.services.invitations import accept, pending_invitation
from accounts.services.password_reset import request_reset, reset_password, user_of
from accounts.services.people import join
from mastablasta.core.api.limits import limited
from mastablasta.core.api.pages import POLICY
from mastablasta.core.errors import DomainError, Invalid

BACKEND = "django.contrib.auth.backends.ModelBackend"
get_and_post = require_http_methods(["GET", "HEAD", "POST"])


def _page(request: HttpRequest, name: str, shown: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """It is for one person: the address holds what lets them in. (Its Referrer-Policy must not be no-referrer, with
    which browsers hide the origin of a form.)
    """
    response = render(request, f"accounts/{name}.html", shown, status=status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _ended(request: HttpRequest, error: DomainError) -> HttpResponse:
    return _page(request, "link_ended", {"detail": error.detail, "code": error.code}, status=400)


@get_and_post
@limited
def invitation(request: HttpRequest) -> HttpResponse:
    """What is offered, by whom, and a button for who is signed in; for others a form to register with."""
    token = request.POST.get("token") or request.GET.get("token", "")
    try:
        offer = pending_invitation(token, at=timezone.now())
    except Invalid as error:
        return _ended(request, error)
    user = request.user if isinstance(request.user, User) else None
    if request.method == "POST":
        return _accept(request, offer, token, user) if user else _register(request, offer, token)
    return _offer(request, offer, token, user=user, form=JoinForm(initial={"email": offer.email}))


def _offer(request: HttpRequest, offer: Invitation, token: str, **shown: Any) -> HttpResponse:
    back = f"{reverse('invitation')}?{urlencode({'token': token})}"
    sign_in = f"{reverse('rest_framework:login')}?{urlencode({'next': back})}"
    return _page(request, "invitation", {"offer": offer, "token": token, "sign_in": sign_in, **shown})


def _accept(request: HttpRequest, offer: Invitation, token: str, user: User) -> HttpResponse:
    try:
        membership = accept(user, token, at=timezone.now())
    except DomainError as error:
        return _offer(request, offer, token, user=user, refusal=error.detail)
    return _page(request, "joined", {"workspace": membership.workspace})


def _register(request: HttpRequest, offer: Invitation, token: str) -> HttpResponse:
    form = JoinForm(request.POST)
    if form.is_valid():
        try:
            user = join(**form.cleaned_data, invitation=token, at=timezone.now())
        except DomainError as error:
            form.take(error)
        else:
            login(request, user, backend=BACKEND)
            return _page(request, "joined", {"workspace": offer.workspace})
    return _offer(request, offer, token, user=None, form=form)


@get_and_post
@limited
def password_reset(request: HttpRequest) -> HttpResponse:
    """A form for an address, and then a sentence that says the same of every address."""
    form = AddressForm(request.POST or None)
    if form.is_valid():
        return _page(
            request, "password_reset", {"answer": request_reset(form.cleaned_data["email"], at=timezone.now())}
        )
    return _page(request, "password_reset", {"form": form})


@get_and_post
@limited
def password_reset_confirm(request: HttpRequest) -> HttpResponse:
    """A form for the new password."""
    token = request.POST.get("token") or request.GET.get("token", "")
    form = ResetForm(request.POST if request.method == "POST" else None)
    try:
        user_of(token)
        if form.is_valid():
            reset_password(token, new=form.cleaned_data["new_password"], at=timezone.now())
            return _page(request, "password_reset_confirm", {"is_done": True})
    except Invalid as error:
        if error.code == "reset_token_invalid":
            return _ended(request, error)
        form.take(error)
    return _page(request, "password_reset_confirm", {"form": form, "token": token})
