"""Bring a database of make.py up to date and go on with it, as `manage.py migrate` and a worker do.

    python -m tests.old_databases.go_on http://127.0.0.1:PORT      # of a simulator; DATABASE_URL names the database

The people of the database are let in at the simulator first, and one post more is in doubt: it is out, and whoever
sent it died before it could say so. Prints as JSON what the API shows before anything was sent and after all that is
due has been, and what the commands said.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.parse
import urllib.request
from datetime import timedelta
from typing import Any

import django
from django.core.management import call_command

from tests.old_databases import make

IN_DOUBT, TOLD = "In doubt when the worker died", timedelta(seconds=30)


def main(simulator: str) -> None:
    django.setup()
    from tests.world import Sandbox

    sandbox = Sandbox(simulator)
    doubt()
    call_command("migrate", verbosity=0)
    sandbox.limits(idempotency=False, duplicates=False)
    let_in(sandbox)
    shown = look()
    said = [published(), published()]
    json.dump({"shown": shown, "said": said, "after": look()["posts"]}, sys.stdout)


def doubt() -> None:
    """In the words of the old schema: put the post in doubt beside "For a far day", and let what is due be due now."""
    from django.db import connection
    from django.utils import timezone

    at = timezone.now()
    adapted = connection.ops.adapt_datetimefield_value
    moment, sent_at = adapted(at), adapted(at - TOLD)
    number = list(make.POSTS).index("For a far day")
    ids = {kind: identity(make.id_of(first + number)) for kind, first in (("post", 100), ("delivery", 300))}
    new = {kind: identity(make.id_of(first + 50)) for kind, first in (("post", 100), ("delivery", 300))}
    with connection.cursor() as cursor:
        copy(cursor, "posts_post", ids["post"], id=new["post"], content=IN_DOUBT, status="publishing")
        copy(
            cursor, "posts_delivery", ids["delivery"], id=new["delivery"], post_id=new["post"], state="unknown",
            due_at=sent_at, next_attempt_at=moment, sent_at=sent_at, doubted_at=sent_at, visible_calls=1,
            attempt_count=1,
        )  # fmt: skip
        cursor.execute("UPDATE posts_lane SET ready_at = %s WHERE account_id = %s", [moment, identity(make.id_of(20))])
        # What was due days ago would wait for a person.
        due = identity(make.id_of(300 + len(make.POSTS)))
        cursor.execute(
            "UPDATE posts_delivery SET due_at = %s, next_attempt_at = %s WHERE id = %s", [moment, moment, due]
        )


def identity(value: Any) -> Any:
    from django.db import connection

    return connection.ops.adapt_unknown_value(value) if connection.features.has_native_uuid_field else value.hex


def copy(cursor: Any, table: str, of: Any, **changed: Any) -> None:
    cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [of])
    row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True)) | changed
    places = ", ".join(["%s"] * len(row))
    cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values()))


def let_in(sandbox: Any) -> None:
    """Put tokens of the simulator in the place of those that no server knows, and the post in doubt into its world."""
    from integrations.models import Credential, PlatformHost, SocialAccount
    from tests.kit.connector_contract import visit

    for account in SocialAccount.objects.order_by("id"):
        visited = visit(sandbox, "mastodon", account.remote_id)
        base_url = visited.target.base_url
        PlatformHost.objects.update(base_url=base_url, info=dict(visited.target.info))
        Credential.objects.filter(pk=account.credential_id).update(access_enc=visited.token)
        if account.id == make.id_of(20):
            body = urllib.parse.urlencode({"status": IN_DOUBT}).encode()
            headers = {"Authorization": f"Bearer {visited.token}"}
            urllib.request.urlopen(
                urllib.request.Request(f"{base_url}/api/v1/statuses", data=body, headers=headers), timeout=20
            ).close()
        SocialAccount.objects.filter(pk=account.pk).update(remote_id=visited.target.remote_id)


def look() -> dict[str, Any]:
    """What somebody sees who had an account and a key."""
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1", headers={"X-API-Key": make.API_KEY})

    def get(path: str, **query: Any) -> Any:
        return client.get(f"/api/v2/{path}", query).json()

    credentials = {"email": make.EMAIL, "password": make.PASSWORD}
    return {
        "me": get("auth/me")["email"],
        "signed_in": Client(SERVER_NAME="127.0.0.1").post(
            "/api/v2/auth/login", credentials, content_type="application/json"
        ).status_code,
        "posts": {post["content"]: post for post in get("posts", limit=50)["posts"]},
        "found": [post["content"] for post in get("search/posts", q="漢字")["posts"]],
        "tagged": get("posts", tag=make.TAG)["total"],
        "accounts": [account["name"] for account in get("accounts")["accounts"]],
    }  # fmt: skip


def published() -> dict[str, Any]:
    out = io.StringIO()
    try:
        call_command("publish_due", json=True, stdout=out)
    except SystemExit as end:
        return {"status": end.code, "said": out.getvalue()}
    said: dict[str, Any] = json.loads(out.getvalue())
    return said


if __name__ == "__main__":
    main(sys.argv[1])
