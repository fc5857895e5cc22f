from django.db import migrations

import mastablasta.core.indexes


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0020_import_jobs'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='post',
            index=mastablasta.core.indexes.BlockRangeIndex(autosummarize=True, fields=['scheduled_at'], name='post_by_time', pages_per_range=16),
        ),
    ]
