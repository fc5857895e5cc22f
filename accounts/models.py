"""People, their workspaces, their sign-ins and their API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Permission, PermissionsMixin
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.emails import one_form, to_look_for
from accounts.querysets import InvitationQuerySet, SessionQuerySet, WorkspaceQuerySet, WorkspaceScopedQuerySet
from accounts.roles import Action, Role, SiteRole, effective_role, may
from accounts.spelling import prepared
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.fields import EncryptedTextField
from mastablasta.core.models import Row


class UserManager(BaseUserManager["User"]):
    """Makes users for Django's own commands; people register through accounts.services."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=one_form(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A superuser is a site admin."""
        return self.create_user(email, password, **{**fields, "site_role": SiteRole.ADMIN, "is_superuser": True})

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email=to_look_for(email or ""))


class User(Row, AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail, in its one form, is the user name. `timezone` "": that of the workspace.

    `has_staff_access`: a site admin lets them into Django admin, where they see their own workspaces.
    """

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    site_role = models.CharField(max_length=10, choices=SiteRole.choices, default=SiteRole.EDITOR)
    is_active = models.BooleanField(default=True)
    has_staff_access = models.BooleanField(
        _("staff access"),
        default=False,
        db_default=False,
        help_text=_("Lets them in here, to their own workspaces. Site admins need none."),
    )
    default_workspace = models.ForeignKey(
        "Workspace", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    timezone = models.CharField(max_length=64, blank=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),
            models.CheckConstraint(condition=models.Q(site_role__in=SiteRole.values), name="user_site_role_known"),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new password ends all sign-ins and is told by the audit log, without it, whoever sets it: the person, the
        admin or `manage.py changepassword`."""
        is_other = getattr(self, "_password", None) is not None or self.__dict__.pop("_has_lost_password", False)
        has_new_password = is_other and not self._state.adding
        if not has_new_password:
            super().save(*args, **kwargs)
            return
        with transaction.atomic():
            super().save(*args, **kwargs)
            at = timezone.now()
            self.sessions.filter(revoked_at=None).update(revoked_at=at, updated_at=at)
            record("changed", [subject_of(self, changes={"password": (None, None)})], at=at)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(None if raw_password is None else prepared(raw_password))

    def set_unusable_password(self) -> None:
        super().set_unusable_password()
        self._has_lost_password = True

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is theirs, however it is spelled. One that was stored as it was typed gets its one form then."""
        if raw_password is None or super().check_password(prepared(raw_password)):
            return raw_password is not None
        if raw_password == prepared(raw_password) or not super().check_password(raw_password):
            return False
        self.set_password(raw_password)
        self._password = None  # it is the same one
        self.save(update_fields=["password"])
        return True

    @property
    def is_staff(self) -> bool:
        """Whether Django admin lets them in."""
        return self.site_role == SiteRole.ADMIN or self.has_staff_access

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether their role may do `perm` in Django admin at all; its pages say with which rows, and what nobody can.

        A site admin may everything, people with staff access what the group of their role holds, others nothing.
        """
        if not (self.is_active and self.is_staff):
            return False
        return self.site_role == SiteRole.ADMIN or perm in self.get_group_permissions(obj)

    def has_module_perms(self, app_label: str) -> bool:
        if self.site_role == SiteRole.ADMIN:
            return self.has_perm(app_label)
        return any(perm.startswith(f"{app_label}.") and self.has_perm(perm) for perm in self.get_group_permissions())

    def get_group_permissions(self, obj: Any = None) -> set[str]:  # noqa: ARG002  Django asks so
        """Those of their role's group, as "app.codename". Nobody is put into a group, so that none can disagree."""
        return self._role_permissions

    @cached_property
    def _role_permissions(self) -> set[str]:
        held = Permission.objects.filter(group__name=SiteRole(self.site_role).group_name)
        return {f"{app}.{codename}" for app, codename in held.values_list("content_type__app_label", "codename")}

    def workspaces_allowing(self, action: str) -> frozenset[UUID] | None:
        """The workspaces, without deleted ones, where they may do `action` (an `accounts.roles.Action`); None = in all.

        One query, however often it is asked of this object.
        """
        return None if self.site_role == SiteRole.ADMIN else self._workspaces_by_action[Action(action)]

    @cached_property
    def _workspaces_by_action(self) -> dict[Action, frozenset[UUID]]:
        site_role = SiteRole(self.site_role)
        kept = self.memberships.filter(workspace__deleted_at=None).values_list("workspace", "role")
        roles = {workspace: effective_role(Role(role), site_role=site_role) for workspace, role in kept}
        return {
            action: frozenset(workspace for workspace, role in roles.items() if may(role, action)) for action in Action
        }


class Workspace(Row):
    """What a team shares: accounts, posts, media. What belongs to one is invisible from all others.

    `missed_post_policy` "" and `missed_post_hours` null leave it to the server, `timezone` "" to UTC.
    `duplicate_window_hours`, `clash_window_minutes`: 0 = nothing is looked for.
    """

    name = models.CharField(max_length=100)
    is_personal = models.BooleanField(default=False)
    missed_post_policy = models.CharField(max_length=10, blank=True, choices=[("send", _("send")), ("hold", _("hold"))])
    missed_post_hours = models.PositiveIntegerField(null=True, blank=True)
    requires_alt_text = models.BooleanField(default=False)
    timezone = models.CharField(max_length=64, blank=True, default="", db_default="")
    duplicate_window_hours = models.PositiveSmallIntegerField(default=24, db_default=24)
    clash_window_minutes = models.PositiveSmallIntegerField(default=5, db_default=5)
    duplicate_policy = models.CharField(
        max_length=10, choices=[("warn", _("warn")), ("refuse", _("refuse"))], default="warn", db_default="warn"
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(Row):
    """One person's role in one workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    objects = WorkspaceScopedQuerySet["Membership"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "workspace"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]
        indexes = [models.Index(fields=["workspace", "role"], name="membership_workspace_role")]

    def __str__(self) -> str:
        return f"membership as {self.role}"


class Invitation(Row):
    """The offer of a role in a workspace, to whoever holds its token, once. Only the token's SHA-256 is stored.

    `email` says whom it was meant for; who accepts may have another address.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role.choices)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known"),
        ]
        indexes = [models.Index(fields=["workspace", "created_at"], name="invitation_newest")]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"


class Session(Row):
    """One sign-in: a family of refresh tokens, of which only the newest counts.

    A reused older one revokes the family; access tokens name their session and end with it.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    current_jti = models.UUIDField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user"], condition=models.Q(revoked_at=None), name="session_live"),
            models.Index(fields=["expires_at"], name="session_expires"),
        ]

    def __str__(self) -> str:
        return f"session {self.id} of {self.user_id}"

    def stands(self, at: datetime) -> bool:
        """Whether its tokens count at `at`."""
        return self.revoked_at is None and self.expires_at > at


class ApiKey(Row):
    """A key of one user for one workspace. Only its SHA-256 is stored; the key itself is shown once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    role = models.CharField(max_length=10, choices=Role.choices, null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceScopedQuerySet["ApiKey"].as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def stands(self, at: datetime) -> bool:
        """Whether it opens anything at `at`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class SecondFactor(Row):
    """What lets a person into Django admin beside the password: an authenticator app (TOTP) that knows the secret.

    `confirmed_at` null: it is being set up, and nobody is asked for it. `last_step`: the 30 s of Unix time whose code
    was given last; none counts twice. `recovery_hashes`: SHA-256 of the recovery codes that are left; each has 80
    random bits and counts once.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor")
    secret_enc = EncryptedTextField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)
    recovery_hashes = models.JSONField(default=list)

    class Meta:
        verbose_name = "second factor"

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"
