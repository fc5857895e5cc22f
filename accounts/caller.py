"""Who asks: what authentication learns in its one query."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import ApiKey, Session, User, Workspace
from accounts.querysets import WorkspaceQuerySet
from accounts.roles import Action, Role, SiteRole, effective_role, may


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, the proof they came with, and the workspace that they ask about. `request.auth` holds it.

    `workspace` is None when none was named and there is no default, or (`is_refused`) when the one that was
    named is unknown, deleted or not theirs. `role` is what counts there after all caps; None without a
    workspace. `is_member`, of who came with a key: they are a member of its workspace, whatever else gives them a role.
    """

    user: User
    session: Session | None = None
    api_key: ApiKey | None = None
    workspace: Workspace | None = None
    role: Role | None = None
    is_refused: bool = False
    is_member: bool = False

    def role_given(self, membership: str | None) -> Role | None:
        """The role that counts for this caller where `membership` is their membership's."""
        return effective_role(
            Role(membership) if membership else None,
            site_role=SiteRole(self.user.site_role),
            narrowed_to=Role(self.api_key.role) if self.api_key and self.api_key.role else None,
        )

    def workspaces(self, rows: WorkspaceQuerySet) -> WorkspaceQuerySet:
        """Those of `rows` that this caller may know of (with a key its own), with `member_role`."""
        rows = rows.with_role_of(self.user)
        return rows if self.api_key is None else rows.filter(pk=self.api_key.workspace_id)

    @property
    def zone(self) -> str:
        """The IANA name of the time zone that days without one are of: the person's, the workspace's, UTC."""
        return self.user.timezone or (self.workspace.timezone if self.workspace else "") or "UTC"

    def may(self, action: Action) -> bool:
        return may(self.role, action)

    @property
    def is_signed_in(self) -> bool:
        """Whether the person signed in; an API key cannot do what makes or ends keys and sign-ins."""
        return self.api_key is None
