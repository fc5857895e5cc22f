"""GET /: what this is, whether it is well, and where to go on, for people."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from mastablasta.ops import health

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CHECKS = {
    "database": "The database",
    "migrations": "The tables",
    "storage": "The storage of files",
    "worker": "The workers",
    "clock": "The clock",
    "due_work": "What is due",
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The page. It says of the instance what /readyz says, and nothing of anybody who uses it."""
    found = health.findings(health.READY)
    faults = [(CHECKS[name], finding.detail) for name, finding in found.items() if not finding.ok]
    if found["database"].ok and found["migrations"].ok and (reason := health.hold_reason()):
        faults.append(("Publishing", reason))
    shown = {
        "faults": faults,
        "simulator": f"http://127.0.0.1:{settings.SANDBOX_PORT}/" if settings.IS_DEVELOPMENT else "",
    }
    response = render(request, "home.html", shown)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


@require_safe
def icon(_: HttpRequest) -> HttpResponse:
    """GET /favicon.ico: browsers ask for it on pages that name no icon, as those of JSON."""
    return redirect(static("mastablasta/icon.svg"), permanent=True)
