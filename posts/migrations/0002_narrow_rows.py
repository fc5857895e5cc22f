"""PostgreSQL: leave room in each page, so that the engine's updates of a row stay in it (HOT)."""

from django.db import migrations


def leave_room(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE posts_delivery SET (fillfactor = 75)")
        schema_editor.execute("ALTER TABLE posts_lane SET (fillfactor = 50)")


class Migration(migrations.Migration):
    dependencies = [("posts", "0001_initial")]
    operations = [migrations.RunPython(leave_room, migrations.RunPython.noop)]
