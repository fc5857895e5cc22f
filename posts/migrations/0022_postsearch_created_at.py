from django.db import migrations, models


class Migration(migrations.Migration):
    """Filled by the rebuilding of the index, which follows whenever its triggers have changed."""

    dependencies = [("posts", "0021_post_by_time")]

    operations = [
        migrations.AddField(
            model_name="postsearch",
            name="created_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
