"""Schemathesis asks every operation of the served description, rightly and wrongly, and holds it to what it says."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User, Workspace
from accounts.tests.factories import make_api_key, make_session, make_user, make_workspace
from accounts.tokens import tokens_for
from integrations.tests.factories import connect
from mastablasta.core.outbound import addresses
from media_library.tests.factories import make_asset, make_rendition
from posts.services import bulk_jobs
from posts.tests.factories import make_post
from tests.serving import served
from tests.tenancy import failed_webhook_delivery_of
from tests.world import Sandbox
from webhooks.models import EndpointDelivery

SEED = 20_300_131
RUN = "from schemathesis.cli import schemathesis; schemathesis(prog_name='schemathesis')"
PASSWORD = "correct horse battery"

# What a description cannot say (what is written must make sense to the platforms, times must be ahead, a cursor is one
# of ours and goes with no offset): requests that fit it may be refused with 400 all the same.
BEYOND_THE_SCHEMA = (
    "POST /api/v2/auth/register",
    "POST /api/v2/auth/password",
    "POST /api/v2/auth/password/reset/confirm",
    "POST /api/v2/auth/api-keys",
    "PATCH /api/v2/auth/me",
    "GET /api/v2/oauth/{platform}/authorize",
    "GET /api/v2/oauth/{platform}/callback",
    "POST /api/v2/posts",
    "PUT /api/v2/posts/{id}",
    "PATCH /api/v2/posts/{id}",
    "POST /api/v2/posts/{id}/publish",
    "POST /api/v2/posts/{id}/reschedule",
    "POST /api/v2/posts/validate",
    "POST /api/v2/schedule/conflicts",
    "GET /api/v2/calendar",
    "GET /api/v2/search/posts",
    "GET /api/v2/analytics/overview",
    "GET /api/v2/analytics/best-times",
    "GET /api/v2/analytics/export",
    "GET /api/v2/analytics/alerts",
    "POST /api/v2/analytics/alerts",
    "POST /api/v2/bulk/posts/create",
    "POST /api/v2/bulk/posts/update",
    "POST /api/v2/bulk/posts/publish",
    "POST /api/v2/bulk/posts/retry",
    "POST /api/v2/bulk/posts/delete",
    "POST /api/v2/bulk/posts/import",
    "GET /api/v2/posts/export",
    "GET /api/v2/bulk/jobs",
    "GET /api/v2/accounts",
    "POST /api/v2/accounts",
    "GET /api/v2/auth/api-keys",
    "GET /api/v2/media",
    "GET /api/v2/media/{id}/renditions",
    "PATCH /api/v2/media/{id}",
    "GET /api/v2/posts",
    "GET /api/v2/posts/{id}/attempts",
    "GET /api/v2/workspaces",
    "PATCH /api/v2/workspaces/{id}",
    "GET /api/v2/workspaces/{id}/members",
    "GET /api/v2/workspaces/{id}/invitations",
    "POST /api/v2/workspaces",
    "POST /api/v2/workspaces/{id}/invitations",
    "POST /api/v2/invitations/accept",
    "GET /api/v2/webhooks",
    "POST /api/v2/webhooks",
    "PATCH /api/v2/webhooks/{id}",
    "POST /api/v2/webhooks/{id}/rotate-secret",
    "GET /api/v2/webhooks/{id}/deliveries",
)
OF_FILES = {  # bytes have rules of their own
    "POST /api/v2/media/upload": [400, 415],
    "POST /api/v2/media/from-url": [400, 415],
    "GET /api/v2/media/{id}/file": [416],
    "GET /api/v2/media/{id}/thumbnail": [416],
}
# Parameters of most operations, which one piece of code reads. They hide the rest: a body under an Idempotency-Key that
# another body had is refused unread, and so is a list with a cursor and an offset; X-Workspace is a run's own, whatever
# is made up for it, and `fields` leaves out what is described. WHOLE are asked with them.
SHARED = {"Idempotency-Key", "X-Workspace", "cursor", "fields"}
WHOLE = {"/api/v2/webhooks/{id}/redeliver", "/api/v2/bulk/jobs"}
# Items of a bulk request are refused one by one, in an answer of 200; what one is, POST and PATCH of a post are asked.
ITEMS = {"BulkCreateRequest": "posts", "BulkUpdateRequest": "updates"}
EMPTY_IS_LEFT_OUT = "/api/v2/analytics/"  # `?to=`, which no date is, counts as not there
SIGNS_OUT = "/api/v2/auth/logout"  # asked last: nothing works after it
# By part, the paths of its operations; parts can go side by side. The rest is one more.
PARTS = {
    "posts": r"^/api/v2/posts$",
    "one post": r"^/api/v2/posts/\{id\}$",
    "its course": r"^/api/v2/(posts/(\{id\}/|retry-failed|validate)|deliveries|calendar|schedule)",
    "files": r"^/api/v2/media",
    "webhooks": r"^/api/v2/webhooks",
    "analytics": r"^/api/v2/analytics",
}
REST = "others"


def runs_of(part: str) -> list[list[str]]:
    """The operations that each run of schemathesis takes."""
    if part != REST:
        return [["--include-path-regex", PARTS[part]]]
    return [["--exclude-path-regex", "|".join([*PARTS.values(), f"^{SIGNS_OUT}$"])], ["--include-path", SIGNS_OUT]]


def described() -> dict[str, Any]:
    """The description as it is served, with SHARED in WHOLE only, and with anything for ITEMS."""
    description: dict[str, Any] = Client().get("/api/v2/schema", headers={"Accept": "application/json"}).json()
    for path, operations in description["paths"].items():
        for operation in operations.values() if path not in WHOLE else ():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [one for one in parameters if one["name"] not in SHARED]
            for one in parameters:
                if path.startswith(EMPTY_IS_LEFT_OUT) and one["schema"].get("format") == "date":
                    one["schema"] = {"anyOf": [one["schema"], {"type": "string", "enum": [""]}]}
    for name, field in ITEMS.items():
        description["components"]["schemas"][name]["properties"][field]["items"] = {}
    return description


def configuration(
    *, post: str, account: str, key: str, asset: str, job: str, team: str, leaving: str, webhook: str, instance: str
) -> str:
    """Real rows for the paths to name, and what is expected beyond schemathesis's own rules."""
    accepted = ["2xx", "3xx", 401, 403, 404, 409, 412, 422, 429, 502]
    lines = ['parameters = { "query.fields" = "" }']  # all: a part of an answer is not the answer that is described
    lines += ["[generation]", "with-security-parameters = false"]  # the run is signed in; ignored_auth asks without
    lines += ["[checks.not_a_server_error]", 'expected-statuses = ["2xx", "3xx", "4xx", 502]']  # a platform is silent
    lines += ["[checks.positive_data_acceptance]", f"expected-statuses = {json.dumps(accepted)}"]
    for name, also in {**{name: [400] for name in BEYOND_THE_SCHEMA}, **OF_FILES}.items():
        lines += ["[[operations]]", f"include-name = {json.dumps(name)}"]
        lines += ["[operations.checks.positive_data_acceptance]", f"expected-statuses = {json.dumps(accepted + also)}"]
    things = {
        "posts": post,
        "analytics/posts": post,
        "analytics/accounts": account,
        "accounts": account,
        "auth/api-keys": key,
        "media": asset,
        "bulk/jobs": job,
    }
    for prefix, value in things.items():
        lines += ["[[operations]]", f'include-path-regex = "^/api/v2/{prefix}/{{id}}"']
        lines += [f'parameters = {{ "path.id" = "{value}" }}']
    for path, value in {"": leaving, "/.*": team}.items():
        lines += ["[[operations]]", f'include-path-regex = "^/api/v2/workspaces/{{id}}{path}$"']
        lines += [f'parameters = {{ "path.id" = "{value}" }}']
    lines += ["[[operations]]", 'include-path-regex = "^/api/v2/webhooks/"']  # of which a delivery has the id too
    lines += [f'parameters = {{ "path.id" = "{webhook}", "path.webhook_id" = "{webhook}" }}']
    lines += ["[[operations]]", 'include-path = "/api/v2/oauth/{platform}/authorize"']
    # no name of a stranger is looked up, and no sign-in named that is none
    lines += [f'parameters = {{ "query.instance" = "{instance}", "query.sign_in" = "" }}']
    return "\n".join(lines) + "\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", [*PARTS, REST])
def test_api_does_as_it_is_described(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, part: str):
    person: User = make_user(password=PASSWORD)
    workspace: Workspace = make_workspace(owner=person)
    account = connect(sandbox, "anna", workspace=workspace)
    post = make_post(workspace=workspace, accounts=[account])
    asset = make_asset(workspace=workspace)
    make_rendition(asset)
    key, _ = make_api_key(person, workspace)
    team, leaving = make_workspace(owner=person), make_workspace(owner=person)  # the second is deleted
    job = bulk_jobs.begin(workspace, by=person, kind="create", items=[{"content": "Hello"}])
    token = tokens_for(make_session(person))["access_token"]

    webhook = EndpointDelivery.objects.get(id=failed_webhook_delivery_of(workspace))
    if part == "webhooks":  # where an address leads is asked of nobody
        monkeypatch.setattr(addresses, "getaddrinfo", lambda _, port, **how: socket.getaddrinfo("1.1.1.1", port, **how))
    monkeypatch.setattr(logging.root.manager, "disable", logging.WARNING)  # some 3,000 requests
    with served() as address, tempfile.TemporaryDirectory(prefix="mb-fuzz-") as folder:
        config = Path(folder) / "schemathesis.toml"
        things = {"post": post, "account": account, "key": key, "asset": asset, "job": job}
        things |= {"team": team, "leaving": leaving, "webhook": webhook}
        ids = {name: str(thing.id) for name, thing in things.items()}
        config.write_text(configuration(**ids, instance=f"{sandbox.url}/mastodon"))
        description = Path(folder) / "openapi.json"
        description.write_text(json.dumps(described()))
        for which in runs_of(part):
            done = subprocess.run(
                [
                    sys.executable, "-c", RUN, "--config-file", str(config), "run", str(description), "--url", address,
                    "-H", f"Authorization: Bearer {token}", "-H", f"X-Workspace: {workspace.id}",
                    "--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--seed", str(SEED),
                    "--continue-on-failure", "--generation-database", "none", "--no-color", "--warnings", "off", *which,
                ],
                cwd=folder, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False,
            )  # fmt: skip

            assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
