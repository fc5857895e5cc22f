from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0011_bulk_jobs'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='fingerprint',
            field=models.BigIntegerField(blank=True, editable=False, null=True),
        ),
    ]
