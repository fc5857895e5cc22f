"""From what people write to what each account publishes: content, accounts, and problems with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q, QuerySet

from accounts.models import Workspace
from integrations import registry
from integrations.contract import Content, Part, Target
from integrations.models import PlatformHost, SocialAccount
from integrations.states import AccountState
from mastablasta.core.bulk_insert import NewRows
from mastablasta.core.compiled_queries import CompiledQuery, IsOneOf
from mastablasta.core.errors import Conflict, DomainError, FieldProblem, Invalid
from mastablasta.core.fields import EncryptedTextField
from posts.guard.fingerprints import fingerprint_of
from posts.models import Delivery, Post, PostType
from posts.services import external_ids, media
from posts.services.media import NO_FILES, Files
from webhooks import outbox

NOBODY_CODES = frozenset({"no_account", "no_default"})
MOST_NAMED = 5
_REMEDIES: dict[str, str] = {
    AccountState.PENDING: "is pending; activate it",
    AccountState.PAUSED: "is paused; activate it",
    AccountState.NEEDS_REAUTH: "has to be connected again; do that",
}
CONTENT_FIELDS = ("content", "post_type", "post_options", "overrides", "thread", "first_comment")


def content_for(post: Mapping[str, Any], *, platform: str, account_id: UUID, files: Files = NO_FILES) -> Content:
    """Return what this account is to publish. Pure; `post` holds CONTENT_FIELDS of a Post by name, `files` its media.

    An override for the platform replaces what it names, and one for the account what that one left: a new text takes
    the place of the whole text, thread or not, and media that of the media of all parts. The first comment is the last
    part and has no media.
    """
    said = _said_to(post, platform, account_id)
    if said.thread:
        texts = [(part, f"{said.where}thread.{number}") for number, part in enumerate(said.thread)]
    else:
        texts = [(said.content, f"{said.where}content")]
    parts = [
        Part(
            part, files.get((said.media_scope, number), ()), kind="reply" if number else "post", field=name,
            media_field=media.place_field((said.media_scope, number)),
        )
        for number, (part, name) in enumerate(texts)
    ]  # fmt: skip
    if said.comment:
        parts.append(Part(said.comment, kind="comment", field=f"{said.comment_where}first_comment"))
    post_type = post["post_type"]
    if post_type in {PostType.STANDARD, PostType.THREAD}:
        post_type = PostType.THREAD if len(texts) > 1 else PostType.STANDARD
    return Content(tuple(parts), post["post_options"].get(platform, {}), post_type)


def kinds_of_parts(post: Mapping[str, Any], *, platform: str, account_id: UUID) -> list[str]:
    """The kind of each part that `content_for` gives: what has to be known of a post to say how far it is."""
    said = _said_to(post, platform, account_id)
    replies = ["reply"] * (len(said.thread) - 1)
    return ["post", *replies, *(["comment"] if said.comment else [])]


class _Said(NamedTuple):
    """What a post says to one account, and under which names: `where` and `comment_where` begin those of the fields."""

    content: str
    thread: Sequence[str]
    where: str
    comment: str
    comment_where: str
    media_scope: str


def _said_to(post: Mapping[str, Any], platform: str, account_id: UUID) -> _Said:
    said = _Said(post["content"], post["thread"], "", post["first_comment"], "", "")
    for key in (platform, str(account_id)) if post["overrides"] else ():
        override, where = post["overrides"].get(key, {}), f"overrides.{key}."
        if "content" in override or "thread" in override:
            text = {"content": override.get("content", ""), "thread": override.get("thread", [])}
            said = said._replace(**text, where=where)
        if "first_comment" in override:
            said = said._replace(comment=override["first_comment"], comment_where=where)
        if media.NAMES_MEDIA in override:
            said = said._replace(media_scope=key)
    return said


def target_of(account: SocialAccount) -> Target:
    host = account.platform_host
    return Target(host.base_url, host.host, account.remote_id, account.handle, host.info, account.facts)


class AccountChoice:
    """The connected accounts of a workspace that drafts may mean, read in one query for all of them; none for none.

    `platforms`: those whose default accounts may be meant; `accounts`: the ids that may be named. `has_endpoint`: an
    account was found and the workspace has an endpoint, so that a webhook may have to be told of what becomes of it.
    Nobody here speaks to a platform: tokens and the apps' secrets stay where they are.
    """

    def __init__(self, workspace: Workspace, platforms: Iterable[str], accounts: Iterable[UUID]) -> None:
        slugs, ids = sorted(set(platforms)), sorted(set(accounts))
        rows = _MEANT.all(workspace=workspace.pk, platforms=slugs, accounts=ids) if slugs or ids else []
        self.found: list[SocialAccount] = [_account(row) for row in rows]
        self.has_endpoint = any(row[-1] for row in rows)
        self.ids = frozenset(str(account.id) for account in self.found)
        self.nobody = cache(lambda platform: _nobody(platform, _connected(workspace)))
        self.active = cache(lambda platform: _active(platform, _connected(workspace)))


def _connected(workspace: Workspace) -> QuerySet[SocialAccount]:
    return SocialAccount.objects.in_workspace(workspace).connected()


_ACCOUNT, _HOST, _WORKSPACE = (
    [field.attname for field in model._meta.concrete_fields if not isinstance(field, EncryptedTextField)]
    for model in (SocialAccount, PlatformHost, Workspace)
)


def _meant(workspace: UUID, platforms: Any, accounts: Any) -> QuerySet[Any, Any]:
    meant = Q(IsOneOf("id", accounts)) | Q(IsOneOf("platform", platforms), is_default=True)
    columns = [*_ACCOUNT, *(f"platform_host__{name}" for name in _HOST), *(f"workspace__{name}" for name in _WORKSPACE)]
    rows = SocialAccount.objects.filter(meant, workspace=workspace).connected().order_by("platform", "id")
    return rows.values_list(*columns, outbox.has_endpoint("workspace"))


_MEANT = CompiledQuery(_meant, workspace=UUID, platforms=list, accounts=list)


def _account(row: Sequence[Any]) -> SocialAccount:
    """With its host and workspace."""
    of_host = len(_ACCOUNT)
    of_workspace = of_host + len(_HOST)
    account = SocialAccount.from_db(DEFAULT_DB_ALIAS, _ACCOUNT, row[:of_host])
    account.platform_host = PlatformHost.from_db(DEFAULT_DB_ALIAS, _HOST, row[of_host:of_workspace])
    account.workspace = Workspace.from_db(DEFAULT_DB_ALIAS, _WORKSPACE, row[of_workspace:-1])
    return account


def choose_accounts(
    choice: AccountChoice, platforms: Sequence[str], accounts: Sequence[UUID]
) -> tuple[list[SocialAccount], list[FieldProblem]]:
    """The accounts that are meant, each once, and problems with them (unknown, none connected, not usable).

    A platform stands for its default account, unless accounts of that platform are named beside it: so what was read
    can be written back.
    """
    wanted = [
        account
        for account in choice.found
        if account.id in set(accounts) or (account.is_default and account.platform in platforms)
    ]
    named = {account.platform for account in wanted if account.id in set(accounts)}
    wanted = [account for account in wanted if account.id in set(accounts) or account.platform not in named]
    problems = [
        FieldProblem(
            f"accounts.{index}",
            "unknown_account",
            f"There is no connected account {account_id} in this workspace; GET /api/v2/accounts lists them.",
        )
        for index, account_id in enumerate(accounts)
        if account_id not in {account.id for account in wanted}
    ]
    placed = {account.platform for account in wanted}
    for platform in dict.fromkeys(platforms):
        if not registry.is_platform(platform):
            valid = ", ".join(registry.PLATFORM_SLUGS)
            message = f"{platform!r} is not a platform; valid: {valid}."
            problems.append(FieldProblem("platforms", "unknown_platform", message, {"valid": valid}))
        elif platform not in placed:
            problems.append(choice.nobody(platform))
    for account in wanted:
        if account.state in {AccountState.PENDING, AccountState.PAUSED}:
            whose = f"The {account.get_platform_display()} account {account.handle}"
            message = f"{whose} is {account.state}; activate it first."
            if account.id not in set(accounts) and (handles := choice.active(account.platform)):
                which = "is active: name it" if len(handles) == 1 else "are active: name one"
                message += f" {_listed(handles)} {which} in `accounts` instead."
            problems.append(FieldProblem("accounts", "account_not_active", message, {"account_id": str(account.id)}))
    return wanted, problems


def _nobody(platform: str, connected: QuerySet[SocialAccount]) -> FieldProblem:
    """Why a platform stands for no account: none is connected, or none of them is the default.

    Those that are active are named, and others only where there is none.
    """
    params, label = {"platform": platform}, registry.PLATFORMS[platform].label
    others = list(connected.filter(platform=platform).order_by("handle", "id"))
    if not others:
        message = f"No {label} account is connected in this workspace; connect one first."
        return FieldProblem("platforms", "no_account", message, params)
    active = [account for account in others if account.state == AccountState.ACTIVE]
    handles = [account.handle for account in active or others]
    message = (
        f"The {label} account {handles[0]} is not the default; name it in `accounts`, or make it the default."
        if len(handles) == 1
        else f"None of the {label} accounts {_listed(handles)} is the default; "
        "name one in `accounts`, or make one the default."
    )
    if not active:
        message += "".join(f" {account.handle} {_REMEDIES[account.state]} first." for account in others[:MOST_NAMED])
    return FieldProblem("platforms", "no_default", message, {**params, "handles": handles[:MOST_NAMED]})


def _active(platform: str, connected: QuerySet[SocialAccount]) -> list[str]:
    active = connected.filter(platform=platform, state=AccountState.ACTIVE)
    return list(active.order_by("handle", "id").values_list("handle", flat=True))


def default_warnings(
    choice: AccountChoice, chosen: Iterable[SocialAccount], accounts: Collection[UUID]
) -> list[FieldProblem]:
    """Chosen defaults that have to be connected again, where an active account of their platform is at hand.

    `accounts` are those that a person named: of them nothing is said.
    """
    warnings = []
    for account in chosen:
        if account.state != AccountState.NEEDS_REAUTH or account.id in accounts:
            continue
        if handles := choice.active(account.platform):
            label = registry.PLATFORMS[account.platform].label
            message = (
                f"The default {label} account {account.handle} has to be connected again before this goes out; "
                f"{_listed(handles)} {'is' if len(handles) == 1 else 'are'} active. "
                f"Connect {account.handle} again, or name another in `accounts`."
            )
            params = {"platform": account.platform, "account_id": str(account.id)}
            warnings.append(FieldProblem("platforms", "default_needs_reauth", message, params))
    return warnings


def as_rows(problems: Iterable[FieldProblem]) -> list[dict[str, Any]]:
    """As a post keeps its warnings."""
    return [{"field": p.field, "code": p.code, "message": p.message, "params": dict(p.params)} for p in problems]


def _listed(handles: Sequence[str]) -> str:
    *most, last = handles if len(handles) <= MOST_NAMED else [*handles[:MOST_NAMED], "others"]
    return f"{', '.join(most)} and {last}" if most else last


def content_problems(
    post: Post, accounts: Iterable[SocialAccount], files: Files = NO_FILES, failed: media.Renditions | None = None
) -> list[FieldProblem]:
    """What the platforms of these accounts would refuse; each problem names its platform and account in `params`.

    `failed`: the forms of its files that could not be made, where they are at hand; None = they are read.
    """
    fields = {name: getattr(post, name) for name in CONTENT_FIELDS}
    found: dict[tuple[str, str, str], FieldProblem] = {}
    for account in accounts:
        content = content_for(fields, platform=account.platform, account_id=account.id, files=files)
        for problem in problems_at(account.platform, content, target_of(account), failed):
            params = {**problem.params, "platform": account.platform, "account_id": str(account.id)}
            key = (account.platform, problem.field, problem.message)
            found.setdefault(key, FieldProblem(problem.field, problem.code, problem.message, params))
    return list(found.values())


def loss_warnings(post: Post, accounts: Iterable[SocialAccount], files: Files) -> list[FieldProblem]:
    """What its files lose on the way to these accounts, once a platform."""
    if not any(files.values()):
        return []
    fields = {name: getattr(post, name) for name in CONTENT_FIELDS}
    found: dict[tuple[str, str, str], FieldProblem] = {}
    for account in accounts:
        content = content_for(fields, platform=account.platform, account_id=account.id, files=files)
        connector, target = registry.connector_class(account.platform), target_of(account)
        for lost in media.losses_of(content, connector.media_rule(content.post_type, target)):
            message = f"On {registry.PLATFORMS[account.platform].label}: {lost.message}"
            params = {**lost.params, "platform": account.platform, "account_id": str(account.id)}
            found.setdefault(
                (account.platform, lost.field, lost.code), FieldProblem(lost.field, lost.code, message, params)
            )
    return list(found.values())


def problems_at(
    platform: str, content: Content, target: Target | None, failed: media.Renditions | None = None
) -> list[FieldProblem]:
    """What this platform would refuse of it, with its files in their form there; `target` None = stock limits."""
    connector = registry.connector_class(platform)
    if not any(part.media for part in content.parts):
        return [*connector.validate(content, target)]
    forms, unfit = media.required_renditions(content, connector.media_rule(content.post_type, target))
    return [*connector.validate(content, target), *unfit, *media.failed_renditions(content, forms, failed)]


def add_deliveries(post: Post, accounts: Iterable[SocialAccount], files: Files = NO_FILES) -> None:
    """A delivery in draft for each account."""
    Delivery.objects.bulk_create(deliveries_of(post, accounts, files))


def deliveries_of(post: Post, accounts: Iterable[SocialAccount], files: Files = NO_FILES) -> list[Delivery]:
    """A delivery in draft for each account, not yet stored."""
    return [
        _new_delivery(
            post=post,
            workspace_id=post.workspace_id,
            account=account,
            platform=account.platform,
            **_facts(post, account.platform, account.id, files),
        )
        for account in accounts
    ]


_new_delivery = NewRows(Delivery)


def recompute_facts(posts: Iterable[tuple[Post, Iterable[Delivery], Files]]) -> None:
    """Say again of each delivery what follows from its content, after that changed; one statement."""
    changed: list[Delivery] = []
    for post, deliveries, files in posts:
        for delivery in deliveries:
            facts = _facts(post, delivery.platform, delivery.account_id, files)
            if any(getattr(delivery, name) != value for name, value in facts.items()):
                delivery.is_one_step, delivery.fingerprint = facts["is_one_step"], facts["fingerprint"]
                changed.append(delivery)
    Delivery.objects.bulk_update(changed, ["is_one_step", "fingerprint"])


def _facts(post: Post, platform: str, account_id: UUID, files: Files) -> dict[str, Any]:
    """Columns of a delivery: whether its first call is already the visible one, and what its text is compared by."""
    fields = {name: getattr(post, name) for name in CONTENT_FIELDS}
    content = content_for(fields, platform=platform, account_id=account_id, files=files)
    is_one_step = registry.connector_class(platform).is_one_step(content)
    return {"is_one_step": is_one_step, "fingerprint": fingerprint_of(content)}


def fingerprints(post: Post, accounts: Iterable[SocialAccount], files: Files) -> dict[UUID, int | None]:
    """What each account is to publish is compared by this, by its id."""
    return {account.id: _facts(post, account.platform, account.id, files)["fingerprint"] for account in accounts}


def raise_if_any(problems: Sequence[FieldProblem]) -> None:
    """Raise Invalid with all of them, if there are any."""
    if problems:
        raise refusal(problems)


def refusal(problems: Sequence[FieldProblem]) -> DomainError:
    """One error for all of them: a Conflict where another post is the only problem."""
    more = len(problems) - 1
    sentence = problems[0].message + (f" (and {more} more)" if more else "")
    kind = Conflict if {one.code for one in problems} == {external_ids.TAKEN} else Invalid
    return kind("invalid" if more else problems[0].code, sentence, problems)
