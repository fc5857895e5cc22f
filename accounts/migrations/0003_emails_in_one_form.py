from typing import Any

from django.core.exceptions import ValidationError
from django.db import migrations

from accounts.emails import one_form


def bring_into_one_form(apps: Any, _: Any) -> None:
    """Bring addresses whose domain was stored as it was typed into the form that is looked for, unless it is taken."""
    users = apps.get_model("accounts", "User").objects
    for user in users.exclude(email__regex=r"^[ -~]*$").iterator():
        try:
            email = one_form(user.email)
        except ValidationError:
            continue
        if not users.filter(email=email).exists():
            users.filter(pk=user.pk).update(email=email)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_requires_alt_text")]

    operations = [migrations.RunPython(bring_into_one_form, migrations.RunPython.noop)]
