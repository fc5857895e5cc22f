from django.db import migrations, models
from django.db.models import Q

KINDS = ["image", "video", "document", "captions"]


class Migration(migrations.Migration):

    dependencies = [
        ("media_library", "0002_longer_alt_texts"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="asset", name="asset_kind_known"),
        migrations.RemoveConstraint(model_name="asset", name="asset_ready_has_thumbnail"),
        migrations.AlterField(
            model_name="asset",
            name="kind",
            field=models.CharField(
                choices=[
                    ("image", "Image"), ("video", "Video"), ("document", "Document"), ("captions", "Captions"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(condition=Q(kind__in=KINDS), name="asset_kind_known"),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=~Q(status="ready") | ~Q(thumbnail_name="") | Q(kind__in=["document", "captions"]),
                name="asset_ready_has_thumbnail",
            ),
        ),
    ]
