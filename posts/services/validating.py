"""What would be sent where, and what stands against it, without storing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Workspace
from integrations import registry
from integrations.contract import Content, Measure, Target
from mastablasta.core.errors import FieldProblem
from posts.models import Post
from posts.services import composing, writing
from posts.services.writing import Draft

NOBODY = UUID(int=0)  # no account has this id, so only what is said for the platform counts


@dataclass(frozen=True, slots=True)
class SentText:
    """One visible post. `measure` None = this version cannot speak to the platform yet."""

    index: int
    kind: str
    text: str
    measure: Measure | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What one account would get, or for `account_id` None the platform with its stock limits; parts in order."""

    platform: str
    account_id: UUID | None
    parts: tuple[SentText, ...]
    options: Mapping[str, Any]
    problems: tuple[FieldProblem, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` = everything that scheduling or publishing would refuse; those of one platform name it in params."""

    problems: tuple[FieldProblem, ...]
    previews: tuple[Preview, ...]


def validate_draft(workspace: Workspace, *, draft: Draft, publish: bool = False, at: datetime) -> Verdict:
    """Return what stands against scheduling or publishing the draft, and what each account would get; stores nothing.

    Previews are ordered by platform and account.
    """
    post = Post(workspace=workspace)
    accounts, problems = writing.compose(post, draft, goes_out=True)
    problems = [*writing.problems_of(draft), *writing.time_problems(draft, publish=publish, at=at), *problems]
    fields = {name: getattr(post, name) for name in composing.CONTENT_FIELDS}
    previews = []
    for account in accounts:
        content = composing.content_for(fields, platform=account.platform, account_id=account.id)
        own = [p for p in problems if p.code == "account_not_active" and p.params["account_id"] == str(account.id)]
        previews.append(_preview(account.platform, account.id, content, composing.target_of(account), own))
    for platform in post.wanted_platforms:
        content = composing.content_for(fields, platform=platform, account_id=NOBODY)
        own = [p for p in problems if p.code == "no_account" and p.params["platform"] == platform]
        preview = _preview(platform, None, content, None, own)
        previews.append(preview)
        of_platform = {"platform": platform, "account_id": None}
        problems += [replace(p, params={**p.params, **of_platform}) for p in preview.problems[len(own) :]]
    previews.sort(key=lambda one: (one.platform, str(one.account_id)))
    return Verdict(tuple(problems), tuple(previews))


def _preview(
    platform: str, account_id: UUID | None, content: Content, target: Target | None, own: list[FieldProblem]
) -> Preview:
    """`own`: problems of the account itself, which come before those of its content."""
    connector = registry.connector_class(platform) if registry.is_built(platform) else None
    parts = tuple(
        SentText(index, part.kind, part.text, connector.measure(content, index, target) if connector else None)
        for index, part in enumerate(content.parts)
    )
    found = connector.validate(content, target) if connector else []
    return Preview(platform, account_id, parts, content.options, (*own, *found))
