"""What people write (Post), what goes to one account (Delivery), each try (Attempt), and the queue (Lane).

The rows are the truth: no task, no memory of a process decides what is sent. The same holds of bulk work that is too
much for one request (BulkJob).
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from integrations import registry
from integrations.models import SocialAccount
from mastablasta.core.indexes import BlockRangeIndex
from mastablasta.core.models import Row
from media_library.models import LONGEST_ALT_TEXT, Asset
from posts.querysets import AttemptQuerySet, BulkJobQuerySet, DeliveryQuerySet, PostQuerySet
from posts.states import CLAIMABLE, COUNTED, AttemptKind, AttemptOutcome, DeliveryState, PostStatus


class PostType(models.TextChoices):
    """What the API calls the types that platforms declare in their capabilities; the database takes any of them."""

    STANDARD = "standard", _("Standard")
    THREAD = "thread", _("Thread")
    REEL = "reel", _("Reel")
    STORY = "story", _("Story")
    CAROUSEL = "carousel", _("Carousel")
    VIDEO = "video", _("Video")
    SHORT = "short", _("Short")
    ARTICLE = "article", _("Article")


class Post(Row):
    """One piece of content, written once. `version` rises with every edit; `status` is read off its deliveries.

    `wanted_platforms`: chosen by platform where there was no account yet. `warnings`: what its platforms would refuse,
    as a draft may. `external_id`: its name in somebody else's system; null = none.
    """

    created_at = models.DateTimeField(default=now, editable=False)  # many at once keep their order, however stored
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="posts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    content = models.TextField(blank=True)
    post_type = models.CharField(max_length=20, default=PostType.STANDARD)
    status = models.CharField(max_length=20, choices=PostStatus.choices, default=PostStatus.DRAFT)
    wanted_platforms = models.JSONField(default=list, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    post_options = models.JSONField(default=dict, blank=True)
    overrides = models.JSONField(default=dict, blank=True)
    thread = models.JSONField(default=list, blank=True)
    first_comment = models.TextField(blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=PostStatus.values), name="post_status_known"),
            models.CheckConstraint(
                condition=~Q(status="scheduled") | Q(scheduled_at__isnull=False),
                name="post_scheduled_has_time",
            ),
            models.UniqueConstraint(
                fields=["workspace", "external_id"],
                condition=Q(deleted_at=None, external_id__isnull=False),
                name="post_external_id_once",
            ),
        ]
        indexes = [
            models.Index(
                "workspace",
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at=None),
                name="post_newest",
            ),
            models.Index("workspace", "status", F("created_at").desc(), F("id").desc(), name="post_by_status"),
            models.Index(fields=["workspace", "scheduled_at"], condition=Q(status="scheduled"), name="post_scheduled"),
            # Of all workspaces, for the calendar of site admins. To write 20,000 posts with it took 0.3 % more pages
            # and 3 bytes of WAL each, to change them nothing (PostgreSQL 18, 2026-11-30).
            BlockRangeIndex(fields=["scheduled_at"], pages_per_range=16, autosummarize=True, name="post_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.content[:40]!r} ({self.status})"


class PostTag(models.Model):
    """A label of a post, for people."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="tag_rows")
    name = models.CharField(max_length=50)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "name"], name="post_tag_once")]
        indexes = [models.Index(fields=["name", "post"], name="post_tag_name")]

    def __str__(self) -> str:
        return self.name


class PostSearch(models.Model):
    """A post's row in the index of the search. The database writes it, and holds beside it what only it understands.

    `created_at`: the post's, on PostgreSQL, so that the newest of many are found without looking at the others' posts.
    """

    post = models.OneToOneField(Post, on_delete=models.CASCADE, related_name="search_row")
    created_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"index of {self.post_id}"


class PostMedia(models.Model):
    """One use of a file in a post; the only place that names media, thread and override JSON hold none.

    `scope` "" = for everybody, or a platform's slug, or an account's id: what is named for a platform or account takes
    the place of what everybody gets. `part`: index of the thread's part, 0 for the content. `alt_text` null = the
    file's own. `fit`: how it is brought into a form that a platform asks for. `role`: whether the post shows it, or it
    stands for the post's video, or it is the video's captions.
    """

    class Fit(models.TextChoices):
        FIT = "fit", _("Fit inside")
        PAD = "pad", _("Pad")
        CROP = "crop", _("Crop")

    class Role(models.TextChoices):
        CONTENT = "content", _("Content")
        COVER = "cover", _("Cover")
        CAPTIONS = "captions", _("Captions")

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="media_uses")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="uses")
    scope = models.CharField(max_length=36, blank=True)
    part = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField()
    alt_text = models.CharField(max_length=LONGEST_ALT_TEXT, null=True, blank=True)
    fit = models.CharField(max_length=4, choices=Fit.choices, default=Fit.FIT)
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.CONTENT, db_default=Role.CONTENT)

    class Meta:
        verbose_name_plural = "post media"
        constraints = [
            models.UniqueConstraint(fields=["post", "scope", "part", "position"], name="post_media_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_id} in {self.post_id}"


class Delivery(Row):
    """One post for one account.

    `due_at` is the promise and no retry moves it; `next_attempt_at` says when to look next. `tries` counts retries
    used, `attempt_count` every look (send, poll, question), `visible_calls` calls that could have made it visible.
    `sent_at` is the mark: a visible step is open since then. `doubted_at`: since when nobody knows whether it is out;
    absence is believed by it, not by when sending began. `is_one_step`: the first call of a send is the visible one, so
    the claim's own commit can be the mark, and SQL need not ask the connector.
    `released_at`: a person asked for it once more; the missed-post rule counts from then. `losses`: workers in a row
    that vanished with it. `fingerprint`: of what it says (posts/guard/fingerprints.py); null = nothing to be seen.
    """

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="deliveries")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(SocialAccount, on_delete=models.PROTECT, related_name="deliveries")
    platform = models.CharField(max_length=20, choices=registry.choices)
    state = models.CharField(max_length=15, choices=DeliveryState.choices, default=DeliveryState.DRAFT)
    due_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    is_one_step = models.BooleanField(default=False)
    fingerprint = models.BigIntegerField(null=True, blank=True, editable=False)
    released_at = models.DateTimeField(null=True, blank=True)
    losses = models.PositiveSmallIntegerField(default=0)
    generation = models.PositiveIntegerField(default=1)
    tries = models.PositiveIntegerField(default=0)
    attempt_count = models.PositiveIntegerField(default=0)
    visible_calls = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    doubted_at = models.DateTimeField(null=True, blank=True)
    parts_done = models.PositiveIntegerField(default=0)
    progress = models.JSONField(null=True, blank=True)
    parts = models.JSONField(null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    remote_id = models.CharField(max_length=255, blank=True)
    url = models.CharField(max_length=1000, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    error_code = models.CharField(max_length=60, blank=True)
    error_kind = models.CharField(max_length=20, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    error_retryable = models.BooleanField(default=False)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["post", "account"], name="delivery_once"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(lease_token__isnull=False), name="delivery_one_in_flight"
            ),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state_known"),
            models.CheckConstraint(
                condition=Q(lease_token=None, lease_expires_at=None)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="delivery_lease_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(lease_token__isnull=False),
                name="delivery_sending_is_leased",
            ),
            models.CheckConstraint(
                condition=Q(lease_token=None) | Q(state__in=["sending", "processing", "unknown"]),
                name="delivery_lease_is_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(state__in=["sending", "processing", "unknown", "unconfirmed"]),
                name="delivery_mark_is_open",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=CLAIMABLE) | Q(next_attempt_at__isnull=False, due_at__isnull=False),
                name="delivery_claimable_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="unknown") | Q(sent_at__isnull=False, doubted_at__isnull=False),
                name="delivery_unknown_was_marked",
            ),
            models.CheckConstraint(
                condition=~Q(state="published")
                | (Q(published_at__isnull=False) & (~Q(remote_id="") | Q(resolved_by__isnull=False))),
                name="delivery_published_names_its_post",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "next_attempt_at", "id"],
                condition=Q(state__in=CLAIMABLE, lease_token=None),
                name="delivery_head",
            ),
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(state__in=CLAIMABLE, lease_token=None),
                name="delivery_due",
            ),
            models.Index(fields=["account"], condition=Q(state="blocked"), name="delivery_parked"),
            models.Index(
                "workspace",
                "state",
                F("updated_at").desc(),
                condition=Q(state__in=["failed", "rejected", "unconfirmed", "blocked", "held"]),
                name="delivery_triage",
            ),
            models.Index(fields=["account", "remote_id"], condition=~Q(remote_id=""), name="delivery_remote"),
            models.Index(fields=["state"], condition=Q(state__in=COUNTED), name="delivery_counted"),
            models.Index(
                fields=["account", "fingerprint"], condition=Q(fingerprint__isnull=False), name="delivery_same_text"
            ),
            models.Index(
                fields=["account", "due_at", "id"], condition=Q(due_at__isnull=False), name="delivery_promised"
            ),
            models.Index(fields=["published_at"], condition=Q(state="published"), name="delivery_published"),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} delivery {self.id} ({self.state})"


class Lane(models.Model):
    """The queue of one account: when to look at it again, and who holds it. Claims touch nothing else first.

    `ready_at` null = nothing waits. `blocked_until` = the platform asked us to stay away. `is_parked` = the account or
    its host cannot be used; the claim passes it for nothing, and the other accounts of a dead grant are parked when
    they are next claimed, so that a drain never waits for a second lane. At most one delivery of an account is in
    flight, in due order. `window_spent`: visible calls in the platform's rate window that ends at `window_ends_at`.
    """

    account = models.OneToOneField(SocialAccount, primary_key=True, on_delete=models.CASCADE, related_name="lane")
    ready_at = models.DateTimeField(null=True, blank=True)
    blocked_until = models.DateTimeField(null=True, blank=True)
    is_parked = models.BooleanField(default=False)
    window_ends_at = models.DateTimeField(null=True, blank=True)
    window_spent = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease_token=None, lease_expires_at=None)
                | Q(lease_token__isnull=False, lease_expires_at__isnull=False),
                name="lane_lease_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["ready_at", "account"],
                condition=Q(lease_token=None, ready_at__isnull=False),
                name="lane_ready",
            ),
            models.Index(fields=["lease_expires_at"], condition=Q(lease_token__isnull=False), name="lane_lease"),
            models.Index(fields=["account"], condition=Q(is_parked=True), name="lane_parked"),
        ]

    def __str__(self) -> str:
        return f"lane of {self.account_id}"


class Attempt(models.Model):
    """One look at a delivery: opened in the claim's transaction, closed with its result. The audit trail.

    `request_id`: what the platform called the last call of it; "" where it told none.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=AttemptKind.choices)
    lease_token = models.UUIDField()
    worker = models.CharField(max_length=100, blank=True)
    started_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=AttemptOutcome.choices, null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=100, blank=True, db_default="")  # the claim's SQL leaves it out
    retry_at = models.DateTimeField(null=True, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once"),
            models.CheckConstraint(
                condition=Q(outcome=None, ended_at=None) | Q(outcome__isnull=False, ended_at__isnull=False),
                name="attempt_outcome_when_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}: {self.outcome or 'open'}"


class BulkKind(models.TextChoices):
    """What a bulk job does with each of its items."""

    CREATE = "create", _("Create posts")
    UPDATE = "update", _("Change posts")
    PUBLISH = "publish", _("Publish posts now")
    RETRY = "retry", _("Send again what failed")
    DELETE = "delete", _("Delete posts here")
    IMPORT = "import", _("Import posts from a file")
    REHEARSAL = "import_dry_run", _("Say what an import would do")


class BulkStatus(models.TextChoices):
    QUEUED = "queued", _("Waits for a worker")
    RUNNING = "running", _("Under way")
    DONE = "done", _("Every item was done or refused")
    CANCELLED = "cancelled", _("Cancelled by a person")
    FAILED = "failed", _("Given up, or undone as a whole")


OPEN_BULK = (BulkStatus.QUEUED, BulkStatus.RUNNING)


class BulkJob(Row):
    """Bulk work that a worker does, a chunk of items at a time.

    What a chunk does, its results and the counts here are written in one transaction: whoever is killed at any moment
    has done a chunk wholly or not at all. `done` counts items, of which `successful` and `failed` are the parts.
    `updated_at` is its last turn: jobs take turns.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="bulk_jobs")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=20, choices=BulkKind.choices)
    status = models.CharField(max_length=10, choices=BulkStatus.choices, default=BulkStatus.QUEUED)
    is_atomic = models.BooleanField(default=False)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    successful = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=BulkStatus.values), name="bulk_job_status_known"),
            models.CheckConstraint(
                condition=Q(done=F("successful") + F("failed")) & Q(done__lte=F("total")), name="bulk_job_counts"
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_BULK, finished_at=None)
                | (~Q(status__in=OPEN_BULK) & Q(finished_at__isnull=False)),
                name="bulk_job_end_has_time",
            ),
        ]
        indexes = [
            models.Index("workspace", F("created_at").desc(), F("id").desc(), name="bulk_job_newest"),
            models.Index(fields=["updated_at"], condition=Q(status__in=OPEN_BULK), name="bulk_job_open"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="bulk_job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.done} of {self.total} ({self.status})"


class BulkChunk(models.Model):
    """Items of a job that are done together: as they came, or once they are done what became of each.

    `first`: the index of its first item in the request. `successful` and `failed` hold rows as the API shows them.
    `tries`: how often a worker has begun with it.
    """

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    first = models.PositiveIntegerField()
    items = models.JSONField()
    successful = models.JSONField(default=list)
    failed = models.JSONField(default=list)
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="bulk_chunk_once")]

    def __str__(self) -> str:
        return f"chunk {self.number} of {self.job_id}"
