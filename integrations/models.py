"""Connected accounts, the grants behind them and the hosts they live on."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from integrations import registry
from integrations.querysets import SocialAccountQuerySet
from integrations.states import AccountState, CredentialState
from mastablasta.core.fields import EncryptedTextField
from mastablasta.core.models import Row


class PlatformHost(Row):
    """One server of a platform ('mastodon.social'), with the app that we registered there and what it allows.

    `sign_in`: which of its platform's sign-ins people use there, by its name in the registry; "" = the only one.
    `base_url` is how the server is reached, without a trailing slash (the simulator's have a path); `host` what people
    call it. `failures`: calls in
    a row that it did not answer; `failed_sends`: sends in a row, whatever it answered to look-ups between them. While
    `circuit_opened_at` is set nobody sends there but `probe_account`, the next one at `probe_at`. `answers_again_at`:
    when it began to answer, until what waited for it has been woken: who hears the first answer holds this row, which
    is locked last, and the lanes to be woken are locked first (the price: up to 2 s). `limited_until`: until then it
    takes no call of our app, whosever account. `is_paused_globally`: it is paused because everything is (GlobalPause).
    """

    platform = models.CharField(max_length=20, choices=registry.choices)
    sign_in = models.CharField(max_length=40, blank=True, default="", db_default="")
    host = models.CharField(max_length=255)
    base_url = models.CharField(max_length=300)
    client_id = models.CharField(max_length=500, blank=True)
    client_secret_enc = EncryptedTextField(null=True, blank=True)
    client_redirect_uri = models.CharField(max_length=500, blank=True)
    client_scopes = models.CharField(max_length=500, blank=True)
    info = models.JSONField(default=dict, blank=True)
    info_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=500, blank=True)
    is_paused_globally = models.BooleanField(default=False, db_default=False)
    failures = models.PositiveIntegerField(default=0)
    failed_sends = models.PositiveIntegerField(default=0, db_default=0)
    circuit_opened_at = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    probe_account = models.UUIDField(null=True, blank=True)
    answers_again_at = models.DateTimeField(null=True, blank=True)
    limited_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["platform", "host"], name="platform_host_once")]
        indexes = [
            models.Index(
                fields=["probe_at"], condition=Q(circuit_opened_at__isnull=False), name="platform_host_circuit"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} at {self.host}"


class GlobalPause(models.Model):
    """While there is a row, nothing is published anywhere: every host is paused, and so is each that is added.

    At most one. The hosts carry the pause, so that whatever asks whether a host may be called asks one row.
    """

    number = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    paused_at = models.DateTimeField()
    paused_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(number=1), name="global_pause_only_one")]

    def __str__(self) -> str:
        return f"everything is paused: {self.reason}"


class RateBudget(models.Model):
    """How many calls are left in one running window: our app's at a host, or one of an account's longer ones.

    Shared by all workers. What is not in a row yet has its whole window.
    """

    key = models.CharField(max_length=300, primary_key=True)
    limit = models.PositiveIntegerField()
    remaining = models.IntegerField()
    resets_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(remaining__gte=0), name="rate_budget_not_overdrawn")]

    def __str__(self) -> str:
        return f"{self.key}: {self.remaining} of {self.limit}"


class Credential(Row):
    """One grant: the tokens that a person gave us at one host. Several accounts may stand on one grant.

    `version` rises with every stored pair; who refreshes holds `refresh_lease` meanwhile (single flight): a row lock
    would keep a database connection waiting for a platform. `expires_at`:
    the access token's end. It is not renewed before `refresh_not_before`, nor beyond `refresh_expires_at`, a fixed end.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    platform_host = models.ForeignKey(PlatformHost, on_delete=models.PROTECT, related_name="credentials")
    subject = models.CharField(max_length=255)
    access_enc = EncryptedTextField()
    refresh_enc = EncryptedTextField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    refresh_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_not_before = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=CredentialState.choices, default=CredentialState.LIVE)
    refresh_lease = models.UUIDField(null=True, blank=True)
    refresh_lease_expires_at = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "platform_host", "subject"], name="credential_once"),
            models.CheckConstraint(condition=Q(state__in=CredentialState.values), name="credential_state_known"),
            models.CheckConstraint(
                condition=Q(refresh_lease=None, refresh_lease_expires_at=None)
                | Q(refresh_lease__isnull=False, refresh_lease_expires_at__isnull=False),
                name="credential_lease_whole",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], condition=Q(state="live"), name="credential_expires")]

    def __str__(self) -> str:
        return f"grant of {self.subject} at {self.platform_host_id}"


class SocialAccount(Row):
    """A place where posts appear: a profile, a page, a channel. Reconnecting the same one keeps its row.

    `target_token_enc`: its own token, where the platform gives one beside the grant's; calls are made with it then.
    """

    class Kind(models.TextChoices):
        PERSON = "person", _("Person")
        PAGE = "page", _("Page")
        CHANNEL = "channel", _("Channel")
        ORGANISATION = "organisation", _("Organisation")
        BOARD = "board", _("Board")

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="social_accounts")
    credential = models.ForeignKey(Credential, null=True, on_delete=models.SET_NULL, related_name="accounts")
    platform_host = models.ForeignKey(PlatformHost, on_delete=models.PROTECT, related_name="accounts")
    platform = models.CharField(max_length=20, choices=registry.choices)
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.PERSON)
    remote_id = models.CharField(max_length=255)
    handle = models.CharField(max_length=255)
    display_name = models.CharField(max_length=255, blank=True)
    avatar_url = models.CharField(max_length=1000, blank=True)
    state = models.CharField(max_length=15, choices=AccountState.choices, default=AccountState.ACTIVE)
    state_reason = models.CharField(max_length=500, blank=True)
    is_default = models.BooleanField(default=False)
    facts = models.JSONField(default=dict, blank=True)
    target_token_enc = EncryptedTextField(null=True, blank=True)
    connected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    connected_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)

    objects = SocialAccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "platform", "platform_host", "remote_id"], name="social_account_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "platform"],
                condition=Q(is_default=True) & ~Q(state="disconnected"),
                name="social_account_one_default",
            ),
            models.CheckConstraint(condition=Q(state__in=AccountState.values), name="social_account_state_known"),
        ]
        indexes = [models.Index(fields=["workspace", "state"], name="social_account_state")]

    def __str__(self) -> str:
        return f"{self.handle} on {self.get_platform_display()}"


class OAuthState(Row):
    """One sign-in at a platform under way: proves that the callback belongs to who started it. Single use.

    `held_enc` is the finished sign-in of a browser that has to confirm it by a button; `confirm_sha256` the button's.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    platform_host = models.ForeignKey(PlatformHost, on_delete=models.CASCADE, related_name="+")
    client_id = models.CharField(max_length=500, blank=True)
    verifier_enc = EncryptedTextField()
    redirect_uri = models.CharField(max_length=500)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    held_enc = EncryptedTextField(null=True, blank=True)
    confirm_sha256 = models.CharField(max_length=64, null=True, blank=True, unique=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="oauth_state_expires")]

    def __str__(self) -> str:
        return f"sign-in {self.id} of {self.user_id}"
