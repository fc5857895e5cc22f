from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("posts", "0017_created_at_by_default")]

    operations = [
        migrations.AddField(
            "attempt", "request_id", models.CharField(blank=True, db_default="", max_length=100)
        ),
    ]
