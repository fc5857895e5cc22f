"""Workspaces and people that operators name on a command line."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError

from accounts.models import User, Workspace
from accounts.services.workspaces import may_write


def named_workspace(workspace_id: UUID) -> Workspace:
    """The workspace of --workspace. Raises CommandError, status 2."""
    workspace = Workspace.objects.kept().filter(id=workspace_id).first()
    if workspace is None:
        raise CommandError(f"--workspace: there is no workspace {workspace_id}.", returncode=2)
    return workspace


def named_person(email: str, *, option: str = "") -> User:
    """The person with this e-mail, however it is spelled. Raises CommandError, status 2, that names the `option`."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        nobody = f"{option}: nobody" if option else "Nobody"
        sentence = f"{nobody} is registered as {email}; register first, or look for the right e-mail."
        raise CommandError(sentence, returncode=2) from None


def named_editor(email: str, workspace: Workspace) -> User:
    """The person of --user, who may write in the workspace. Raises CommandError, status 2."""
    person = named_person(email, option="--user")
    if not may_write(person, workspace):
        raise CommandError(f"--user: {email} may not write in this workspace; make them an editor.", returncode=2)
    return person
