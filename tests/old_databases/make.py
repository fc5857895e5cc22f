"""Fill the database of an earlier commit, and write it down as SQL; run by that commit's own code.

    git worktree add /tmp/old COMMIT
    cd /tmp/old && python PATH/tests/old_databases/make.py PATH/tests/old_databases/DAY.COMMIT [postgres://…]

The same rows whatever the commit: a person, their key, two accounts at Mastodon, and a post of every kind that a worker
or a person must find as it was left. Only columns that the commit has are filled. PostgreSQL's address needs
`pg_dump` of its version in PATH.
"""

from __future__ import annotations

import lzma
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

KEYS = {
    "JWT_SECRET_KEY": "of-the-old-databases-" + "0123456789abcdef" * 4,
    "ENCRYPTION_KEY": "b2YgdGhlIG9sZCBkYXRhYmFzZXMsIDMyIGJ5dGVzISE=",
    "SECRET_KEY": "of-the-old-databases-" + "fedcba9876543210" * 4,
}
EMAIL, PASSWORD, API_KEY = "ada@example.org", "correct horse battery", "mb_of-the-old-databases-0123456789abcdefghijkl"
THEN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
FAR = datetime(2031, 1, 31, 9, 0, tzinfo=UTC)
ACCESS = "access token of anna"
# Content, state of the post, state of its delivery, what else its delivery has.
POSTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "A draft": ("draft", "draft", {}),
    "For a far day": ("scheduled", "queued", {"due_at": FAR, "next_attempt_at": FAR}),
    "Out since long": ("published", "published", {
        "remote_id": "1156", "url": "https://mastodon.test/@anna/1156", "published_at": THEN, "visible_calls": 1,
        "attempt_count": 1, "due_at": THEN,
    }),
    "Refused": ("failed", "failed", {
        "error_code": "text_rejected", "error_kind": "rejected", "error_message": "The text was refused.",
        "due_at": THEN, "visible_calls": 1, "attempt_count": 1,
    }),
    "Perhaps out": ("unconfirmed", "unconfirmed", {
        "sent_at": THEN, "doubted_at": THEN, "visible_calls": 1, "attempt_count": 3, "due_at": THEN,
    }),
    "Called off": ("cancelled", "cancelled", {"due_at": THEN}),
}  # fmt: skip
DUE = "Grüße, 漢字: due when the worker stopped"  # by the second account, whose lane rings
TAG = "harbour"


def id_of(number: int) -> UUID:
    return UUID(f"01990000-0000-7000-8000-{number:012d}")


def known(model: Any, **fields: Any) -> dict[str, Any]:
    """Of these columns those that the model has."""
    names = {field.name for field in model._meta.get_fields()} | {
        field.attname for field in model._meta.concrete_fields
    }
    return {name: value for name, value in fields.items() if name in names}


def fill() -> None:
    import hashlib

    from accounts.models import ApiKey, Membership, User, Workspace
    from integrations.models import Credential, PlatformHost, SocialAccount
    from posts.models import Delivery, Lane, Post, PostTag

    user = User(id=id_of(1), email=EMAIL, name="Ada")
    user.set_password(PASSWORD)
    user.save()
    workspace = Workspace.objects.create(id=id_of(2), name="Ada's")
    user.default_workspace = workspace
    user.save()
    Membership.objects.create(id=id_of(3), user=user, workspace=workspace, role="owner")
    digest = hashlib.sha256(API_KEY.encode()).hexdigest()
    ApiKey.objects.create(id=id_of(4), user=user, workspace=workspace, name="Old", prefix=API_KEY[:10], sha256=digest)
    host = PlatformHost.objects.create(
        **known(
            PlatformHost, id=id_of(5), platform="mastodon", host="mastodon.test", base_url="https://mastodon.test",
            client_id="client", client_secret_enc="client secret", info={"limits": {"max_characters": 500}},
            info_at=THEN,
        )
    )  # fmt: skip
    accounts = []
    for number, handle in enumerate(("anna", "bert")):
        grant = Credential.objects.create(
            **known(
                Credential, id=id_of(10 + number), workspace=workspace, platform_host=host, subject=handle,
                access_enc=ACCESS, scopes=["read:statuses", "write:statuses"],
            )
        )  # fmt: skip
        accounts.append(
            SocialAccount.objects.create(
                **known(
                    SocialAccount, id=id_of(20 + number), workspace=workspace, credential=grant, platform_host=host,
                    platform="mastodon", remote_id=handle, handle=f"@{handle}@mastodon.test",
                    display_name=handle.title(),
                    state="active", is_default=not number, connected_at=THEN,
                )
            )
        )  # fmt: skip
    due = ("scheduled", "queued", {"due_at": THEN, "next_attempt_at": THEN})
    for number, (content, (status, state, fields)) in enumerate([*POSTS.items(), (DUE, due)]):
        account = accounts[content == DUE]
        post = Post.objects.create(
            **known(
                Post, id=id_of(100 + number), workspace=workspace, author=user, content=content, status=status,
                scheduled_at=fields.get("due_at"), published_at=fields.get("published_at"), timezone="Europe/Berlin",
            )
        )  # fmt: skip
        PostTag.objects.create(**known(PostTag, post=post, workspace=workspace, name=TAG))
        Delivery.objects.create(
            **known(
                Delivery, id=id_of(300 + number), post=post, workspace=workspace, account=account, platform="mastodon",
                state=state, **fields,
            )
        )  # fmt: skip
    for account, at in zip(accounts, (FAR, THEN), strict=True):
        Lane.objects.update_or_create(account=account, defaults={"ready_at": at})


def loadable(dumped: Iterable[str]) -> Iterator[str]:
    """What sqlite3 dumps of a database with a virtual table, without the tables that this makes by itself.

    It puts that table into sqlite_master by hand, where the connection that reads it does not see it.
    """
    virtual: list[str] = []
    for line in dumped:
        if made := re.search(r"'(CREATE VIRTUAL TABLE \"?(\w+).*)'\);$", line, re.DOTALL):
            virtual.append(made[2])
            yield made[1].replace("''", "'") + ";"
        elif not line.startswith("PRAGMA writable_schema") and not any(
            line.startswith((f"CREATE TABLE '{name}_", f'INSERT INTO "{name}_')) for name in virtual
        ):
            yield line


def main(target: str, url: str = "") -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {**KEYS, "MASTABLASTA_HOME": home, "MASTABLASTA_MODE": "development", "DATABASE_URL": url}
        os.environ["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"
        sys.path.insert(0, os.getcwd())
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        call_command("migrate", verbosity=0)
        fill()
        if url:
            command = ["pg_dump", "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=200", url]
            text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            left_out = ("SET ", "--", "\\", "SELECT pg_catalog.set_config('search_path'")  # our functions need the last
            text = "\n".join(line for line in text.splitlines() if not line.startswith(left_out) and line)
        else:
            connection.close()
            text = "\n".join(loadable(sqlite3.connect(Path(home) / "db.sqlite3").iterdump()))
    vendor = "postgresql" if url else "sqlite"
    Path(f"{target}.{vendor}.sql.xz").write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    main(*sys.argv[1:])
