import integrations.registry
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_global_pause"),
    ]

    operations = [
        migrations.AlterField(
            model_name="platformhost",
            name="platform",
            field=models.CharField(choices=integrations.registry.choices, max_length=20),
        ),
        migrations.AlterField(
            model_name="socialaccount",
            name="platform",
            field=models.CharField(choices=integrations.registry.choices, max_length=20),
        ),
    ]
