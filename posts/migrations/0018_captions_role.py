from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("posts", "0017_created_at_by_default"),
    ]

    operations = [
        migrations.AlterField(
            model_name="postmedia",
            name="role",
            field=models.CharField(
                choices=[("content", "Content"), ("cover", "Cover"), ("captions", "Captions")],
                default="content",
                max_length=8,
            ),
        ),
    ]
