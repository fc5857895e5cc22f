"""When each account has something due first, from its own figures and its posts' plans."""

from django.db import migrations, models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Least


def fill(apps, schema_editor):
    plans = apps.get_model("analytics", "CollectionPlan").objects.filter(account=OuterRef("account"))
    first = Subquery(plans.filter(next_at__isnull=False).order_by("next_at").values("next_at")[:1])
    lanes = apps.get_model("analytics", "CollectionLane").objects.using(schema_editor.connection.alias)
    lanes.update(ready_at=Least(Coalesce(first, F("next_at")), Coalesce(F("next_at"), first)))


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial"), ("integrations", "0007_host_sign_in")]
    operations = [
        migrations.AddField("collectionlane", "ready_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("collectionlane", "is_parked", models.BooleanField(db_default=False, default=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            "collectionlane",
            models.Index(
                fields=["ready_at", "account"],
                condition=Q(is_parked=False, ready_at__isnull=False),
                name="collection_lane_ready",
            ),
        ),
        migrations.AddIndex(
            "collectionlane",
            models.Index(fields=["account"], condition=Q(is_parked=True), name="collection_lane_parked"),
        ),
    ]
