"""What would be sent where, and problems with it, without storing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.models import Workspace
from integrations import registry
from integrations.contract import Content, Measure, Target
from mastablasta.core.errors import FieldProblem
from posts.models import Post
from posts.services import drafts, guard, media, post_content
from posts.services.drafts import Composed, Draft

NOBODY = UUID(int=0)  # no account has this id, so only what is said for the platform counts


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file as it would be sent: type and pixels."""

    asset_id: UUID
    mime_type: str
    width: int
    height: int
    alt_text: str


@dataclass(frozen=True, slots=True)
class SentText:
    """One visible post. `measure` None = this version cannot speak to the platform yet.

    `media`: its files in the form that they would get there; what cannot get one is left out, and among the problems.
    """

    index: int
    kind: str
    text: str
    measure: Measure | None
    media: tuple[SentFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What one account would get, or for `account_id` None the platform with its stock limits; parts in order.

    `cost`: what the platform charges for it, in US dollars, as an estimate; None = nothing.
    """

    platform: str
    account_id: UUID | None
    parts: tuple[SentText, ...]
    options: Mapping[str, Any]
    problems: tuple[FieldProblem, ...]
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` = everything that scheduling or publishing would refuse; those of one platform name it in params.

    `warnings` refuse nothing.
    """

    problems: tuple[FieldProblem, ...]
    warnings: tuple[FieldProblem, ...]
    previews: tuple[Preview, ...]


def validate_draft(
    workspace: Workspace, *, draft: Draft, publish: bool = False, exclude_post: UUID | None = None, at: datetime
) -> Verdict:
    """Return the problems of scheduling or publishing the draft, and what each account would get; stores nothing.

    Previews are ordered by platform and account. `exclude_post`: the stored post that the draft is of, if any.
    """
    post = Post(workspace=workspace) if exclude_post is None else Post(id=exclude_post, workspace=workspace)
    composed = drafts.compose(post, draft, goes_out=True)
    files = composed.files
    against_time = drafts.time_problems(draft, publish=publish, at=at)
    problems = [*drafts.problems_of(draft), *against_time, *composed.problems]
    found = guard.Verdict() if against_time else _guarded(post, draft, composed, publish=publish, at=at)
    fields = {name: getattr(post, name) for name in post_content.CONTENT_FIELDS}
    previews = []
    for account in composed.accounts:
        content = post_content.content_for(fields, platform=account.platform, account_id=account.id, files=files)
        own = [p for p in problems if p.code == "account_not_active" and p.params["account_id"] == str(account.id)]
        preview = _preview(account.platform, account.id, content, post_content.target_of(account), own)
        previews.append(_as_named(draft, preview))
    for platform in post.wanted_platforms:
        content = post_content.content_for(fields, platform=platform, account_id=NOBODY, files=files)
        own = [p for p in problems if p.code in post_content.NOBODY_CODES and p.params["platform"] == platform]
        preview = _as_named(draft, _preview(platform, None, content, None, own))
        previews.append(preview)
        of_platform = {"platform": platform, "account_id": None}
        known = {(p.field, p.code) for p in problems if p.code == "unknown_option"}  # is said of drafts whoever sends
        problems += [
            replace(p, params={**p.params, **of_platform})
            for p in preview.problems[len(own) :]
            if (p.field, p.code) not in known
        ]
    previews.sort(key=lambda one: (one.platform, str(one.account_id)))
    return Verdict((*problems, *found.problems), (*composed.warnings, *found.warnings), tuple(previews))


def _guarded(post: Post, draft: Draft, composed: Composed, *, publish: bool, at: datetime) -> guard.Verdict:
    """The same text again, or posts too near."""
    if not composed.accounts:
        return guard.Verdict()
    planned = guard.Planned(
        post.id,
        post_content.fingerprints(post, composed.accounts, composed.files),
        draft.scheduled_at or at,
        is_draft=not publish and draft.scheduled_at is None,
        may_repeat=draft.allow_duplicate,
    )
    (verdict,) = guard.judge(composed.accounts[0].workspace, [planned])
    return verdict


def _as_named(draft: Draft, preview: Preview) -> Preview:
    return replace(preview, problems=tuple(drafts.as_named(draft, preview.problems)))


def _preview(
    platform: str, account_id: UUID | None, content: Content, target: Target | None, own: list[FieldProblem]
) -> Preview:
    """`own`: problems of the account itself, which come before those of its content."""
    connector = registry.connector_class(platform) if registry.is_built(platform) else None
    rule = connector.media_rule(content.post_type, target) if connector else None
    forms, _ = media.required_renditions(content, rule)
    parts = tuple(
        SentText(
            index, part.kind, part.text, connector.measure(content, index, target) if connector else None,
            tuple(
                SentFile(
                    form.asset_id, form.recipe.mime_type, form.recipe.width, form.recipe.height,
                    part.media[form.position].alt_text,
                )
                for form in forms
                if form.part == index
            ),
        )
        for index, part in enumerate(content.parts)
    )  # fmt: skip
    found = post_content.problems_at(platform, content, target) if connector else []
    cost = connector.estimated_cost(content) if connector else None
    return Preview(platform, account_id, parts, content.options, (*own, *found), cost)
