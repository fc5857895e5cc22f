"""Fingerprints of what is there already, in batches, so that nothing is locked for long; it may be run again.

Before the index is made: without it an update of a row stays in its page (HOT).
"""

from uuid import UUID

from django.db import migrations, transaction

from integrations.contract import MediaUse
from posts.guard.fingerprints import fingerprint_of
from posts.services.post_content import CONTENT_FIELDS, content_for

BATCH = 500  # posts
WRITE_POSTGRESQL = """
UPDATE posts_delivery d SET fingerprint = new.fingerprint
  FROM unnest(%s::uuid[], %s::bigint[]) AS new(id, fingerprint) WHERE d.id = new.id
"""
WRITE_SQLITE = "UPDATE posts_delivery SET fingerprint = %s WHERE id = %s"


def fill(apps, schema_editor):
    connection, last = schema_editor.connection, UUID(int=0)
    rows = apps.get_model("posts", "Post").objects.using(connection.alias).order_by("id")
    while posts := {row["id"]: row for row in rows.filter(id__gt=last).values("id", *CONTENT_FIELDS)[:BATCH]}:
        last = max(posts)
        with transaction.atomic(using=connection.alias):
            write(connection, [*found(apps, connection.alias, posts)])


def found(apps, alias, posts):
    """Delivery and fingerprint of each that has none yet."""
    files = {}
    uses = apps.get_model("posts", "PostMedia").objects.using(alias).filter(post__in=list(posts))
    for post, scope, part, asset in uses.order_by("position").values_list("post", "scope", "part", "asset"):
        places = files.setdefault(post, {})
        places[scope, part] = (*places.get((scope, part), ()), MediaUse(str(asset), "", "", 0))
    waiting = apps.get_model("posts", "Delivery").objects.using(alias).filter(post__in=list(posts), fingerprint=None)
    for delivery, post, platform, account in waiting.values_list("id", "post", "platform", "account"):
        content = content_for(posts[post], platform=platform, account_id=account, files=files.get(post, {}))
        fingerprint = fingerprint_of(content)
        if fingerprint is not None:
            yield delivery, fingerprint


def write(connection, rows):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(WRITE_POSTGRESQL, [[one for one, _ in rows], [fingerprint for _, fingerprint in rows]])
        else:
            cursor.executemany(WRITE_SQLITE, [(fingerprint, one.hex) for one, fingerprint in rows])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("posts", "0012_delivery_fingerprint")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
