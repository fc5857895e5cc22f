from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_zones_of_their_own")]

    operations = [
        migrations.AddField(
            "user",
            "has_staff_access",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="Lets them in here, to their own workspaces. Site admins need none.",
                verbose_name="staff access",
            ),
        ),
    ]
