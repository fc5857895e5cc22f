import integrations.registry
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0002_lane_ready_at"),
    ]

    operations = [
        migrations.AlterField(
            model_name="metricalert",
            name="platform",
            field=models.CharField(blank=True, choices=integrations.registry.choices, max_length=20),
        ),
    ]
