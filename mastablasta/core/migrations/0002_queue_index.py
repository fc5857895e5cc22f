from django.db import migrations


class Migration(migrations.Migration):
    """django-q2 looks for work by (key, lock) five times a second and has no index for it."""

    dependencies = [
        ("core", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX core_ormq_key_lock ON django_q_ormq (key, lock)",
            "DROP INDEX core_ormq_key_lock",
        )
    ]
