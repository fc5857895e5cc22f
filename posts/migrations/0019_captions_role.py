from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("posts", "0018_attempt_request_id"),
    ]

    operations = [
        migrations.AlterField(
            model_name="postmedia",
            name="role",
            field=models.CharField(
                choices=[("content", "Content"), ("cover", "Cover"), ("captions", "Captions")],
                db_default="content",
                default="content",
                max_length=8,
            ),
        ),
    ]
