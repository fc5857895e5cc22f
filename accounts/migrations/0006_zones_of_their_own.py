from typing import Any

from django.db import migrations


def forget_the_default(apps: Any, _: Any) -> None:
    """Until now UTC was what everybody had who chose nothing; without a zone of their own they have the workspace's."""
    apps.get_model("accounts", "User").objects.filter(timezone="UTC").update(timezone="")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_invitations")]

    operations = [migrations.RunPython(forget_the_default, migrations.RunPython.noop)]
