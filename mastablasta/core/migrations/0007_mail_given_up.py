from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0006_instance_record'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('next_try_at', None), ('sent_at', None)), fields=['id'], name='mail_given_up'),
        ),
    ]
