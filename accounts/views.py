"""Pages around the browsable API: signing in and out, and choosing the workspace that its pages are about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.api.authentication import CHOSEN_WORKSPACE
from accounts.credential_queries import caller_of_user
from accounts.models import User
from mastablasta.core.api.pages import POLICY

API_ROOT = "/api/v2"


class SignInPage(LoginView):
    """Signs in by Django's session, as /admin/ does, but everybody; failures count towards the same lock-out."""

    template_name = "accounts/sign_in.html"
    next_page = API_ROOT
    redirect_authenticated_user = True

    def render_to_response(self, context: Any, **options: Any) -> Any:
        response = super().render_to_response(context, **options)
        response.headers["Content-Security-Policy"] = POLICY
        return response


@require_POST
def choose_workspace(request: HttpRequest) -> HttpResponse:
    """Keep in the browser's session which workspace its pages are about, and go back. 404 unless it is one's own.

    Each request is checked again: a choice opens nothing that X-Workspace would not.
    """
    if not isinstance(request.user, User):
        return redirect("rest_framework:login")
    try:
        wanted = UUID(request.POST.get("workspace", ""))
    except ValueError as error:
        raise Http404 from error
    if caller_of_user(request.user.pk, workspace=wanted).workspace is None:
        raise Http404
    request.session[CHOSEN_WORKSPACE] = str(wanted)
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(back if is_ours else API_ROOT)
