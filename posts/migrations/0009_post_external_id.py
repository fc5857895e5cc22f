from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0008_postsearch'),
    ]

    operations = [
        migrations.AddField(
            model_name='post',
            name='external_id',
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddConstraint(
            model_name='post',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None), ('external_id__isnull', False)), fields=('workspace', 'external_id'), name='post_external_id_once'),
        ),
    ]
