from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('media_library', '0003_documents_and_captions'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['id'], name='asset_failed'),
        ),
        migrations.AddIndex(
            model_name='rendition',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['id'], name='rendition_failed'),
        ),
    ]
