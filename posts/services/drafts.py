"""What people ask for, and what becomes of it as a post: content, accounts, files, and problems with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from unicodedata import normalize
from uuid import UUID

from accounts.models import Workspace
from integrations import registry
from integrations.models import SocialAccount
from integrations.validation import unknown_options
from mastablasta.core.bulk_insert import NewRows
from mastablasta.core.errors import FieldProblem
from mastablasta.core.pasting import is_blank
from media_library.models import Asset
from media_library.services import renditions
from posts.models import Post, PostTag, PostType
from posts.services import external_ids, media, post_content, scheduling
from posts.services.media import Choices, Files
from posts.services.post_content import AccountChoice

LONGEST_CONTENT = 100_000
NEVER_STORED = {"unknown_account", "unknown_platform", "unknown_media", "unknown_option", external_ids.TAKEN}
MOST_MEDIA = 50  # of one part; more than any platform takes


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person asks for. `platforms` stand for their default accounts, `accounts` are ids.

    `thread`: the texts of its parts; then `content` is empty or equals the first. `overrides`: by platform or account
    id, any of `content`, `thread` and `first_comment`. `media`: by scope and part; a scope of an override that has any
    place has media of its own, maybe none. `named_in_thread`: scopes whose first files were named in the thread, where
    problems name them too. `notes`: what whoever reads the draft has to warn of. `allow_duplicate`: the same text again
    is meant.
    """

    content: str = ""
    platforms: Sequence[str] = ()
    accounts: Sequence[UUID] = ()
    post_type: str = PostType.STANDARD
    post_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    thread: Sequence[str] = ()
    media: Choices = field(default_factory=dict)
    first_comment: str = ""
    tags: Sequence[str] = ()
    external_id: str = ""
    scheduled_at: datetime | None = None
    timezone: str = ""
    named_in_thread: Collection[str] = ()
    notes: Sequence[FieldProblem] = ()
    allow_duplicate: bool = False

    @property
    def named_accounts(self) -> set[UUID]:
        """The accounts that it names, in `accounts` and in overrides."""
        return {*self.accounts, *(UUID(key) for key in self.overrides if _is_id(key))}


def _is_id(key: str) -> bool:
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is in the workspace of drafts: the accounts and files that they may mean, read once for all of them.

    `external_ids`: the posts that have theirs already. `failed`: forms of the files that could not be made.
    """

    workspace: Workspace
    accounts: AccountChoice
    assets: Mapping[UUID, Asset]
    external_ids: Mapping[str, UUID]
    failed: media.Renditions

    @classmethod
    def of(cls, workspace: Workspace, drafts: Sequence[Draft]) -> Surroundings:
        """Up to four queries: accounts, files and what could not be made of them, external ids."""
        platforms = {platform for draft in drafts for platform in draft.platforms}
        accounts = {account for draft in drafts for account in draft.named_accounts}
        choice = AccountChoice(workspace, platforms, accounts)
        assets = media.find_assets(workspace, [draft.media for draft in drafts])
        held = external_ids.holders(workspace, [draft.external_id for draft in drafts])
        return cls(workspace, choice, assets, held, renditions.failed_of(assets))


@dataclass(frozen=True, slots=True)
class Composed:
    """The accounts and files that a draft means, all of its problems, and what to warn of.

    `has_endpoint`: a webhook may have to be told of it.
    """

    accounts: list[SocialAccount]
    files: Files
    problems: list[FieldProblem]
    warnings: list[FieldProblem]
    has_endpoint: bool


def compose(post: Post, draft: Draft, *, goes_out: bool, within: Surroundings | None = None) -> Composed:
    """Write the draft's content into `post` (unsaved). `within`: where several are composed; None = it is read."""
    within = within or Surroundings.of(post.workspace, [draft])
    accounts, problems = post_content.choose_accounts(within.accounts, draft.platforms, draft.accounts)
    if goes_out and not accounts and not problems:
        message = "Name at least one platform or account to publish to."
        problems.append(FieldProblem("platforms", "required", message))
    post.content = draft.content or (draft.thread[0] if draft.thread else "")
    post.thread, post.first_comment = list(draft.thread), draft.first_comment
    post.overrides = {key: dict(override) for key, override in draft.overrides.items()}
    for scope in dict.fromkeys(scope for scope, _ in draft.media if scope):
        post.overrides.setdefault(scope, {})[media.NAMES_MEDIA] = []  # the rows hold it
    files = media.files_of(draft.media, within.assets)
    post.post_type = draft.post_type
    if draft.thread and draft.post_type == PostType.STANDARD:
        post.post_type = PostType.THREAD
    post.post_options = {slug: dict(options) for slug, options in draft.post_options.items()}
    post.timezone, post.external_id = draft.timezone, draft.external_id or None
    post.wanted_platforms = [str(p.params["platform"]) for p in problems if p.code in post_content.NOBODY_CODES]
    problems += external_ids.problems_of(draft.external_id, post, within.external_ids)
    problems += _override_problems(draft, within.accounts.ids)
    problems += _unknown_options(draft, but={account.platform for account in accounts})
    problems += media.problems_with(within.workspace, draft.media, within.assets)
    problems += post_content.content_problems(post, accounts, files, within.failed)
    problems = as_named(draft, problems)
    warnings = [*draft.notes, *post_content.default_warnings(within.accounts, accounts, draft.accounts)]
    warnings += _unused_overrides(draft, accounts, post.wanted_platforms)
    warnings += as_named(draft, post_content.loss_warnings(post, accounts, files))
    post.warnings = post_content.as_rows([*problems, *warnings])
    return Composed(accounts, files, problems, warnings, within.accounts.has_endpoint)


def tags_of(post: Post, names: Sequence[str]) -> list[PostTag]:
    """These tags of the post, each once, not yet stored."""
    return [_new_tag(post=post, name=name) for name in tag_names(names)]


_new_tag = NewRows(PostTag)


def tag_names(names: Sequence[str]) -> list[str]:
    """The names as they are stored: composed (NFC), each once."""
    return list(dict.fromkeys(normalize("NFC", name) for name in names))


def problems_of(draft: Draft) -> list[FieldProblem]:
    """What is wrong with a draft whatever its platforms: nothing to say, too much of it, unknown platforms."""
    problems = []
    texts = {"content": draft.content, "first_comment": draft.first_comment}
    texts |= {f"thread.{number}": text for number, text in enumerate(draft.thread)}
    for key, override in draft.overrides.items():
        texts |= {
            f"overrides.{key}.{name}": override[name] for name in ("content", "first_comment") if name in override
        }
        texts |= {f"overrides.{key}.thread.{n}": text for n, text in enumerate(override.get("thread", ()))}
    if is_blank(draft.content) and not draft.thread and not draft.media.get(("", 0)):
        message = "content is missing; write something to publish, or add media."
        problems.append(FieldProblem("content", "required", message))
    if draft.thread and draft.content not in {"", draft.thread[0]}:
        message = "With a thread, leave content out, or let it equal the first part."
        problems.append(FieldProblem("content", "contradiction", message))
    for name, text in texts.items():
        if len(text) > LONGEST_CONTENT:
            message = f"{name} has {len(text)} characters; the limit is {LONGEST_CONTENT}."
            params = {"limit": LONGEST_CONTENT, "actual": len(text)}
            problems.append(FieldProblem(name, "too_long", message, params))
        elif name.rpartition(".")[0].endswith("thread") and is_blank(text) and not _has_media(draft, name):
            problems.append(FieldProblem(name, "empty", f"{name} is empty; write something or leave it out."))
    for place, chosen in draft.media.items():
        if len(chosen) > MOST_MEDIA:
            message = f"{len(chosen)} files in one post are more than any platform takes; the limit is {MOST_MEDIA}."
            params = {"limit": MOST_MEDIA, "actual": len(chosen)}
            problems.append(FieldProblem(media.place_field(place), "too_many_media", message, params))
    for platform in draft.post_options:
        if not registry.is_platform(platform):
            message = f"{platform!r} is not a platform; valid: {', '.join(registry.PLATFORM_SLUGS)}."
            problems.append(FieldProblem(f"post_options.{platform}", "unknown_platform", message))
    return as_named(draft, problems)


def as_named(draft: Draft, problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    """The problems with the first files of a thread by the names under which they were given."""
    in_thread = [(f"overrides.{scope}." if scope else "") for scope in draft.named_in_thread]
    return [
        next(
            (
                replace(one, field=f"{before}thread.0.{one.field.removeprefix(before)}")
                for before in in_thread
                if one.field == f"{before}media" or one.field.startswith(f"{before}media.")
            ),
            one,
        )
        for one in problems
    ]


def _has_media(draft: Draft, name: str) -> bool:
    """Whether this part of a thread, as problems name it, has files."""
    *before, _, part = name.split(".")
    scope = before[1] if before else ""
    return bool(draft.media.get((scope, int(part))))


def time_problems(draft: Draft, *, publish: bool, at: datetime) -> list[FieldProblem]:
    """Problems with when the draft is to go out."""
    if draft.scheduled_at is None:
        return []
    if publish:
        return [FieldProblem("publish", "contradiction", "Give either scheduled_time or publish, not both.")]
    return scheduling.time_problems(draft.scheduled_at, at=at)


def _override_problems(draft: Draft, ids: Collection[str]) -> list[FieldProblem]:
    """Overrides are for a platform, or for an account of this workspace, of which `ids` names those that are meant."""
    return [
        FieldProblem(
            f"overrides.{key}", "unknown_account", f"{key!r} is neither a platform nor an account of this workspace."
        )
        for key in draft.overrides
        if not registry.is_platform(key) and key not in ids
    ]


def _unused_overrides(
    draft: Draft, accounts: Sequence[SocialAccount], wanted_platforms: Sequence[str]
) -> list[FieldProblem]:
    """Overrides for what is not chosen, once anything is; unknown ones are problems of their own."""
    used = {account.platform for account in accounts} | {str(account.id) for account in accounts}
    used |= set(wanted_platforms)
    warnings = []
    for key in draft.overrides if used else ():
        if key not in used:
            who = registry.PLATFORMS[key].label if registry.is_platform(key) else f"The account {key}"
            message = (
                f"{who} is not among those that this post goes to, so this is not used; choose it, or leave this out."
            )
            warnings.append(FieldProblem(f"overrides.{key}", "override_unused", message))
    return warnings


def _unknown_options(draft: Draft, *, but: Collection[str]) -> list[FieldProblem]:
    """Options that their platform does not have, of platforms that no chosen account speaks for."""
    problems: list[FieldProblem] = []
    for slug, options in draft.post_options.items():
        if slug not in but and registry.is_built(slug):
            problems += unknown_options(options, registry.capabilities(slug))
    return problems
