"""Accounts by name: `mastodon:@ada@example.social` means the same in every workspace, which an id does not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from accounts.models import Workspace
from integrations import registry
from integrations.models import SocialAccount
from mastablasta.core.errors import FieldProblem


def name_of(platform: str, handle: str) -> str:
    return f"{platform}:{handle}"


def names_of(account_ids: Collection[UUID]) -> dict[UUID, str]:
    """What files call these accounts: by name, or by id where another account of the workspace has the same name."""
    columns = ("id", "workspace", "platform", "handle")
    named = {row[0]: row[1:] for row in SocialAccount.objects.filter(id__in=account_ids).values_list(*columns)}
    alike = SocialAccount.objects.filter(
        workspace__in={workspace for workspace, _, _ in named.values()},
        handle__in={handle for _, _, handle in named.values()},
    ).connected()
    count = Counter(alike.values_list("workspace", "platform", "handle"))
    return {
        account_id: str(account_id) if count[workspace, platform, handle] > 1 else name_of(platform, handle)
        for account_id, (workspace, platform, handle) in named.items()
    }


class AccountNames:
    """The connected accounts of a workspace by their names, read once for all rows of a file."""

    def __init__(self, workspace: Workspace) -> None:
        self._found: dict[str, list[UUID]] = defaultdict(list)
        rows = SocialAccount.objects.in_workspace(workspace).connected()
        for account_id, platform, handle in rows.values_list("id", "platform", "handle"):
            self._found[_key(name_of(platform, handle))].append(account_id)

    def with_ids(self, values: dict[str, Any]) -> tuple[dict[str, Any], list[FieldProblem]]:
        """The row with ids in place of names, in `accounts` and in `overrides`, and what cannot be told by name."""
        problems: list[FieldProblem] = []
        found = dict(values)
        if isinstance(accounts := values.get("accounts"), list):
            found["accounts"] = [self._id(one, f"accounts.{number}", problems) for number, one in enumerate(accounts)]
        if isinstance(overrides := values.get("overrides"), dict):
            found["overrides"] = {
                str(self._id(key, f"overrides.{key}", problems)): said for key, said in overrides.items()
            }
        return found, problems

    def _id(self, name: Any, field: str, problems: list[FieldProblem]) -> Any:
        """The id of the account that has this name; whatever is not a name stays as it is."""
        if not isinstance(name, str) or not registry.is_platform(name.partition(":")[0]) or ":" not in name:
            return name
        ids = self._found.get(_key(name), [])
        if len(ids) == 1:
            return str(ids[0])
        message = (
            f"There is no connected account {name} in this workspace; connect it, or name another."
            if not ids
            else f"Several connected accounts are called {name}; name one by its id."
        )
        problems.append(FieldProblem(field, "unknown_account", message))
        return name


def _key(name: str) -> str:
    platform, _, handle = name.partition(":")
    return name_of(platform, handle.strip().removeprefix("@").casefold())
