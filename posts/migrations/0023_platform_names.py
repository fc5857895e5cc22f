import integrations.registry
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0022_postsearch_created_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="platform",
            field=models.CharField(choices=integrations.registry.choices, max_length=20),
        ),
    ]
