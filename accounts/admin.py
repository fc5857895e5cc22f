"""People are managed here; their sign-ins and keys can be looked at and ended."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.forms import NewPasswordForm, NewPersonForm, PersonForm, WorkspaceForm
from accounts.models import ApiKey, Invitation, Membership, SecondFactor, Session, User, Workspace
from accounts.services.api_keys import end_api_keys
from accounts.services.invitations import withdraw
from accounts.services.members import end_membership
from accounts.services.second_factor import remove
from accounts.services.sign_in import end_sessions
from mastablasta.core.admin_base import MANAGE, Page, ReadOnlyPage
from mastablasta.core.errors import Conflict


class MembershipRows(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """One is ended on its own page, which ends what came by it, too."""

    model = Membership
    extra = 0
    can_delete = False
    show_change_link = True
    autocomplete_fields = ("user", "workspace")
    readonly_fields = ("created_at",)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Fields of a table have no label of their own; these say what they are to who hears them."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = capfirst(str(db_field.verbose_name))
        return field


@admin.register(User)
class UserPage(Page, UserAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """A person: role on this site, whether they may sign in, which workspaces they are in."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = NewPasswordForm
    list_display = ("email", "name", "site_role", "has_staff_access", "is_active", "last_login", "created_at")
    list_filter = ("site_role", "has_staff_access", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    date_hierarchy = "created_at"
    filter_horizontal = ()
    autocomplete_fields = ("default_workspace",)
    readonly_fields = ("password_set", "last_login", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("email", "name", "site_role", "has_staff_access", "is_active", "password_set")}),
        (_("At home"), {"fields": ("default_workspace", "timezone")}),
        (_("Times"), {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "site_role", "password1", "password2")}),)
    inlines = (MembershipRows,)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Without the password: `User.save` tells of that, whoever sets it."""
        message.changes.pop("password", None)
        super().log_change(request, obj, message)

    @admin.display(description=_("Password"))
    def password_set(self, user: User) -> str:
        state = gettext("Set.") if user.has_usable_password() else gettext("None: they cannot sign in.")
        told = gettext("It signs them out everywhere.")
        return format_html('{} <a href="../password/">{}</a>. {}', state, gettext("Set another one"), told)


@admin.register(Workspace)
class WorkspacePage(Page):
    """Made and deleted by their members."""

    empty = _("You are in no workspace yet: accept an invitation, or make one by POST /api/v2/workspaces.")
    workspace_path = "id"
    writing = MANAGE
    form = WorkspaceForm
    list_display = ("name", "is_personal", "missed_post_policy", "missed_post_hours", "created_at", "deleted_at")
    list_filter = ("is_personal", "missed_post_policy", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "=id")
    ordering = ("name", "id")
    date_hierarchy = "created_at"
    readonly_fields = ("id", "is_personal", "deleted_at", "created_at", "updated_at")
    inlines = (MembershipRows,)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipPage(Page):
    """Deleting one ends the person's API keys for the workspace and the invitations that they sent."""

    empty = _("Nobody is a member of anything yet: invite people, or add them on the page of a workspace.")
    workspace_path = "workspace"
    writing = None
    list_display = ("user", "workspace", "role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "workspace__name")
    date_hierarchy = "created_at"
    list_select_related = ("user", "workspace")
    autocomplete_fields = ("user", "workspace")
    readonly_fields = ("created_at", "updated_at")

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """`end_membership` tells it, with what goes along."""

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        end_membership(obj, at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        for membership in queryset.select_related("user", "workspace"):
            end_membership(membership, at=timezone.now())


class StandingFilter(admin.SimpleListFilter):
    """By whether it still opens anything, as far as being ended goes."""

    title = _("standing")
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", gettext("In force")), ("yes", gettext("Ended"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() is None else rows.filter(revoked_at__isnull=self.value() == "no")


@admin.register(Invitation)
class InvitationPage(ReadOnlyPage):
    """Sent and withdrawn by owners and admins of the workspace. The tokens are nowhere stored."""

    empty = _(
        "Nobody is invited. Owners and admins of a workspace invite people by POST /api/v2/workspaces/{id}/invitations."
    )
    workspace_path = "workspace"
    reading = writing = MANAGE
    hidden = ("sha256",)
    list_display = ("email", "workspace", "role", "invited_by", "expires_at", "accepted_at", "withdrawn_at")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter))
    search_fields = ("email", "workspace__name")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "invited_by")
    actions = ("withdraw",)

    @admin.action(description=_("Withdraw: these let nobody in any more, at once"))
    def withdraw(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        ended = 0
        for invitation in rows.filter(withdrawn_at=None):
            try:
                withdraw(invitation, at=timezone.now())
                ended += 1
            except Conflict as used:
                self.message_user(request, f"{invitation.email}: {used.detail}", messages.WARNING)
        self.message_user(request, gettext("%(count)s withdrawn.") % {"count": ended})


@admin.register(Session)
class SessionPage(ReadOnlyPage):
    """Sign-ins. Their tokens are nowhere stored."""

    title = _("Sign-ins")
    empty = _("Nobody is signed in to the API: sign-ins there are listed here, and can be ended.")
    newest_by, found_by = "pk", ("pk",)
    hidden = ("current_jti",)
    list_display = ("user", "created_at", "last_used_at", "expires_at", "revoked_at", "user_agent")
    list_filter = (StandingFilter,)
    search_fields = ("user__email", "user_agent")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    actions = ("sign_out",)

    @admin.action(description=_("Sign out: end these sign-ins and their tokens at once"))
    def sign_out(self, request: HttpRequest, rows: QuerySet[Session]) -> None:
        ended = end_sessions(Session.objects.filter(pk__in=rows.values("pk")), at=timezone.now())
        self.message_user(request, gettext("%(count)s ended.") % {"count": ended})


@admin.register(ApiKey)
class ApiKeyPage(ReadOnlyPage):
    """Keys are made by their owners and shown to them once."""

    title = _("API keys")
    empty = _("There is no API key yet: people make their own by POST /api/v2/auth/api-keys.")
    hidden = ("sha256",)
    list_display = ("name", "prefix", "user", "workspace", "role", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("role", StandingFilter)
    search_fields = ("name", "prefix", "user__email", "workspace__name")
    date_hierarchy = "created_at"
    list_select_related = ("user", "workspace")
    actions = ("revoke",)

    @admin.action(description=_("Revoke: these keys open nothing any more, at once"))
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        ended = end_api_keys(ApiKey.objects.filter(pk__in=rows.values("pk")), at=timezone.now())
        self.message_user(request, gettext("%(count)s revoked.") % {"count": ended})


@admin.register(SecondFactor)
class SecondFactorPage(ReadOnlyPage):
    """Set up by people themselves. Secrets are encrypted and codes hashed; neither is read here."""

    title = _("Second factors")
    empty = _(
        "Nobody has a second factor yet: each person sets up their own by “Second factor” in the head of the page."
    )
    hidden = ("secret_enc", "recovery_hashes")
    list_display = ("user", "confirmed_at", "last_used_at", "created_at")
    list_filter = (("confirmed_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email", "user__name")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    actions = ("remove",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in super().get_fields(request, obj) if name != "last_step"]

    @admin.action(description=_("Remove: for who has lost the app and the codes; be sure that it is them who ask"))
    def remove(self, request: HttpRequest, rows: QuerySet[SecondFactor]) -> None:
        removed = sum(remove(factor.user, at=timezone.now()) for factor in rows)
        self.message_user(request, gettext("%(count)s removed.") % {"count": removed})
