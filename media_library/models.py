"""What people upload (Asset), and the forms that platforms take of it (Rendition).

The bytes lie in the storage under `stored_name`, a name of our making: what people call a file is never part of a path.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from mastablasta.core.models import Row
from media_library.formats import HAVE_PICTURES
from media_library.querysets import AssetQuerySet, RenditionQuerySet

LONGEST_ALT_TEXT = 10_000  # what the widest platform takes; each has a limit of its own


class AssetKind(models.TextChoices):
    IMAGE = "image", _("Image")
    VIDEO = "video", _("Video")
    DOCUMENT = "document", _("Document")
    CAPTIONS = "captions", _("Captions")


class AssetStatus(models.TextChoices):
    PROCESSING = "processing", _("Processing")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class Asset(Row):
    """One file, uploaded once to a workspace and judged by its bytes. The original is kept as it came.

    `width`, `height` in pixels as people see it (orientation applied). `is_animated`: a GIF or WebP of several frames.
    `facts`: what the decoder found beyond that, for the rules of platforms (inspection.py lists them). `status` is that
    of its thumbnail and `web` rendition; the original can be used from the first moment. While it is `processing`,
    `next_try_at` says when to begin, or until when a worker has it; `tries` counts beginnings. Documents and captions
    have neither, nor a size in pixels, and are ready at once.
    `deleted_at`: gone from the library and its bytes with it; the row stays for the posts that had it, and one of
    those that failed cannot be retried without its picture.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="assets")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=8, choices=AssetKind.choices)
    mime_type = models.CharField(max_length=50)
    filename = models.CharField(max_length=255)
    stored_name = models.CharField(max_length=255, unique=True)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    duration_s = models.FloatField(null=True, blank=True)
    is_animated = models.BooleanField(default=False)
    facts = models.JSONField(default=dict, blank=True)
    alt_text = models.CharField(max_length=LONGEST_ALT_TEXT, blank=True)
    status = models.CharField(max_length=10, choices=AssetStatus.choices, default=AssetStatus.PROCESSING)
    status_reason = models.CharField(max_length=500, blank=True)
    thumbnail_name = models.CharField(max_length=255, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = AssetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "sha256"], condition=Q(deleted_at=None), name="asset_same_bytes_once"
            ),
            models.CheckConstraint(condition=Q(kind__in=AssetKind.values), name="asset_kind_known"),
            models.CheckConstraint(condition=Q(status__in=AssetStatus.values), name="asset_status_known"),
            models.CheckConstraint(
                condition=~Q(status="ready") | ~Q(thumbnail_name="") | Q(kind__in=["document", "captions"]),
                name="asset_ready_has_thumbnail",
            ),
            models.CheckConstraint(
                condition=~Q(status="processing") | Q(next_try_at__isnull=False), name="asset_processing_has_time"
            ),
        ]
        indexes = [
            models.Index(
                "workspace", F("created_at").desc(), F("id").desc(), condition=Q(deleted_at=None), name="asset_newest"
            ),
            models.Index(fields=["next_try_at"], condition=Q(status="processing"), name="asset_processing"),
            models.Index(fields=["id"], condition=Q(status="failed"), name="asset_failed"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def form(self) -> str:
        """As platforms see it: image, animation (a picture that moves), video, document or captions."""
        return "animation" if self.is_animated else self.kind

    @property
    def form_word(self) -> str:
        """Likewise, as people call it."""
        return gettext("Animation") if self.is_animated else self.get_kind_display()

    @property
    def has_picture(self) -> bool:
        """Whether there is anything to be seen of it: a size in pixels, a thumbnail, a preview."""
        return self.kind in HAVE_PICTURES


class Rendition(Row):
    """An asset in the form that a recipe asks for: no metadata, orientation applied. Made once, used by every post.

    `recipe` is what to do, as JSON (recipes.Recipe); `recipe_key` its digest, "web" for the preview. `stored_name` ""
    until it is ready. `tries`, `next_try_at` as an asset's.
    """

    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="renditions")
    recipe_key = models.CharField(max_length=64)
    recipe = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=10, choices=AssetStatus.choices, default=AssetStatus.PROCESSING)
    status_reason = models.CharField(max_length=500, blank=True)
    stored_name = models.CharField(max_length=255, blank=True)
    mime_type = models.CharField(max_length=50, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    duration_s = models.FloatField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)

    objects = RenditionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["asset", "recipe_key"], name="rendition_once"),
            models.CheckConstraint(condition=Q(status__in=AssetStatus.values), name="rendition_status_known"),
            models.CheckConstraint(condition=~Q(status="ready") | ~Q(stored_name=""), name="rendition_ready_has_file"),
            models.CheckConstraint(
                condition=~Q(status="processing") | Q(next_try_at__isnull=False), name="rendition_processing_has_time"
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(status="processing"), name="rendition_processing"),
            models.Index(fields=["id"], condition=Q(status="failed"), name="rendition_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.recipe_key[:12]} of {self.asset_id}"
