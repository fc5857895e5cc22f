from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0019_captions_role'),
    ]

    operations = [
        migrations.AlterField(
            model_name='bulkjob',
            name='kind',
            field=models.CharField(choices=[('create', 'Create posts'), ('update', 'Change posts'), ('publish', 'Publish posts now'), ('retry', 'Send again what failed'), ('delete', 'Delete posts here'), ('import', 'Import posts from a file'), ('import_dry_run', 'Say what an import would do')], max_length=20),
        ),
    ]
