"""The files of posts: which part has which, problems with them, and the form that each account gets.

Everybody's files stand under the scope "", those for one platform under its slug, those for one account under its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from accounts.models import Workspace
from integrations.contract import Content, MediaUse
from mastablasta.core.errors import FieldProblem
from mastablasta.core.media_rules import MediaRule
from mastablasta.core.pasting import is_blank
from media_library.codecs.recipes import CannotFit, Original, Recipe, losses, plan
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import renditions
from posts.models import Post, PostMedia

Role = Literal["content", "cover", "captions"]
Place = tuple[str, int]  # scope and index of the part
Files = Mapping[Place, tuple[MediaUse, ...]]  # each the original; a scope with any place has its own media
NO_FILES: Files = {}
Renditions = Mapping[tuple[UUID, str], Rendition]  # by asset and key of the recipe
NAMES_MEDIA = "media"  # stands in an override whose media the rows hold, also when it is to have none


@dataclass(frozen=True, slots=True)
class MediaChoice:
    """One file in one place. `alt_text` None = the file's own. `fit`: how it is brought into a form: fit, pad, crop.

    `role`: content, or the cover of the post's video, or its captions.
    """

    asset_id: UUID
    alt_text: str | None = None
    fit: str = "fit"
    role: Role = "content"


Choices = Mapping[Place, tuple[MediaChoice, ...]]


def place_field(place: Place) -> str:
    """Where a person named the media of this place, as problems name it."""
    scope, part = place
    return (f"overrides.{scope}." if scope else "") + (f"thread.{part}.media" if part else "media")


# --- what a post has ---
def uses_of(post: Post, choices: Choices) -> list[PostMedia]:
    """These choices as uses of the post, not yet stored."""
    return [
        PostMedia(
            post=post, asset_id=one.asset_id, scope=scope, part=part, position=position, alt_text=one.alt_text,
            fit=one.fit, role=one.role,
        )
        for (scope, part), chosen in choices.items()
        for position, one in enumerate(chosen)
    ]  # fmt: skip


def read_choices(posts: Iterable[Post]) -> dict[UUID, dict[Place, tuple[MediaChoice, ...]]]:
    """What was chosen for each of these posts, by post, in order. One query."""
    found: dict[UUID, dict[Place, tuple[MediaChoice, ...]]] = {
        post.id: {(key, 0): () for key, override in post.overrides.items() if NAMES_MEDIA in override} for post in posts
    }
    rows = PostMedia.objects.filter(post__in=found).order_by("post", "scope", "part", "position")
    columns = ("post", "scope", "part", "asset", "alt_text", "fit", "role")
    for post_id, scope, part, *choice in rows.values_list(*columns):
        before = found[post_id].get((scope, part), ())
        found[post_id][scope, part] = (*before, MediaChoice(*choice))
    return found


def files_of(choices: Choices, assets: Mapping[UUID, Asset]) -> dict[Place, tuple[MediaUse, ...]]:
    """The same as originals; what is not in `assets` is left out."""
    return {
        place: tuple(_original(assets[one.asset_id], one) for one in chosen if one.asset_id in assets)
        for place, chosen in choices.items()
    }


def read_files(posts: Iterable[UUID]) -> dict[UUID, dict[Place, tuple[MediaUse, ...]]]:
    """What these posts have, by post; posts without media are left out. One query, none without posts."""
    found: dict[UUID, dict[Place, tuple[MediaUse, ...]]] = {}
    wanted = set(posts)
    if not wanted:  # Django would still write the query: once in each commit of a drain
        return found
    rows = PostMedia.objects.filter(post__in=wanted).select_related("asset")
    for row in rows.order_by("post", "scope", "part", "position"):
        files = found.setdefault(row.post_id, {})
        place = (row.scope, row.part)
        choice = MediaChoice(row.asset_id, row.alt_text, row.fit, role_of(row.role))
        files[place] = (*files.get(place, ()), _original(row.asset, choice))
    return found


def role_of(stored: str) -> Role:
    """The role that a row or a request names, which is one of PostMedia.Role."""
    if stored == PostMedia.Role.COVER:
        return "cover"
    return "captions" if stored == PostMedia.Role.CAPTIONS else "content"


def _original(asset: Asset, choice: MediaChoice) -> MediaUse:
    return MediaUse(
        asset_id=str(asset.id),
        path="",
        mime_type=asset.mime_type,
        size=asset.size,
        alt_text=asset.alt_text if choice.alt_text is None else choice.alt_text,
        kind=asset.form,
        width=asset.width,
        height=asset.height,
        duration_s=asset.duration_s,
        fit=choice.fit,
        facts=asset.facts,
        role=choice.role,
    )


# --- problems with it ---
def find_assets(workspace: Workspace, choices: Iterable[Choices]) -> dict[UUID, Asset]:
    """The chosen files of this workspace by id, deleted ones too. One query, none without files."""
    wanted = {one.asset_id for places in choices for chosen in places.values() for one in chosen}
    return Asset.objects.in_workspace(workspace).in_bulk(wanted) if wanted else {}


def problems_with(workspace: Workspace, choices: Choices, found: Mapping[UUID, Asset]) -> list[FieldProblem]:
    """Problems with chosen files wherever they go: unknown, deleted, without alt text. `found`: by `find_assets`."""
    problems: list[FieldProblem] = []
    for place, chosen in choices.items():
        for position, one in enumerate(chosen):
            problem = _problem(workspace, found.get(one.asset_id), one)
            if problem is not None:
                problems.append(replace(problem, field=f"{place_field(place)}.{position}"))
    return problems


def _problem(workspace: Workspace, asset: Asset | None, choice: MediaChoice) -> FieldProblem | None:
    params = {"media_id": str(choice.asset_id)}
    if asset is None:
        message = f"There is no file {choice.asset_id} in this workspace; GET /api/v2/media lists them."
        return FieldProblem("", "unknown_media", message, params)
    if asset.deleted_at is not None:
        return FieldProblem("", "media_deleted", f"{asset.filename} was deleted; choose another file.", params)
    alt_text = asset.alt_text if choice.alt_text is None else choice.alt_text
    if workspace.requires_alt_text and is_blank(alt_text) and choice.role == "content":
        message = f"{asset.filename} has no alt text, which this workspace requires; say what is to be seen."
        return FieldProblem("", "alt_text_required", message, params)
    return None


# --- the form that an account gets ---
@dataclass(frozen=True, slots=True)
class RequiredRendition:
    """What is to be made of one file in one part."""

    part: int
    position: int
    asset_id: UUID
    recipe: Recipe

    @property
    def key(self) -> tuple[UUID, str]:
        return self.asset_id, self.recipe.key


def required_renditions(content: Content, rule: MediaRule | None) -> tuple[list[RequiredRendition], list[FieldProblem]]:
    """What has to be made of its files for this rule, and why where nothing can be made. Pure.

    Kinds and counts that the rule does not take at all are the connector's to refuse; they are passed over here.
    """
    forms: list[RequiredRendition] = []
    problems: list[FieldProblem] = []
    for number, part in enumerate(content.parts):
        for position, use in enumerate(part.media):
            if rule is None or not takes(rule, use.kind, role=use.role):
                continue
            part_rule = replace(rule, images=rule.covers) if use.role == "cover" else rule
            try:
                recipe = plan(original_of(use), part_rule, fit=use.fit)
            except CannotFit as unfit:
                problems += [replace(one, field=f"{part.media_field}.{position}") for one in unfit.problems]
            else:
                forms.append(RequiredRendition(number, position, UUID(use.asset_id), recipe))
    return forms, problems


def losses_of(content: Content, rule: MediaRule | None) -> list[FieldProblem]:
    """What its files lose in the form that this rule asks for. Pure."""
    found = []
    for form in required_renditions(content, rule)[0]:
        part = content.parts[form.part]
        lost = losses(original_of(part.media[form.position]), form.recipe)
        found += [replace(one, field=f"{part.media_field}.{form.position}") for one in lost]
    return found


def original_of(use: MediaUse) -> Original:
    """What is known of a file before anything is made of it."""
    return Original(use.kind, use.mime_type, use.size, use.width, use.height, use.duration_s, use.facts)


def takes(rule: MediaRule, kind: str, *, role: str = "content") -> bool:
    """Whether the rule takes files of this kind in this role."""
    if role == "cover":
        return kind == "image" and rule.covers is not None
    if role == "captions":
        return kind == "captions" and rule.captions is not None
    kinds = {"image": rule.images, "animation": rule.animations, "video": rule.videos, "document": rule.documents}
    return kinds.get(kind) is not None


def failed_renditions(
    content: Content, forms: Sequence[RequiredRendition], found: Renditions | None = None
) -> list[FieldProblem]:
    """What could not be made although it looked possible. One query, none without files or with `found` at hand."""
    if found is None:
        found = renditions.find({form.key for form in forms}) if forms else {}
    return failed_among(content, forms, found)


def failed_among(content: Content, forms: Sequence[RequiredRendition], found: Renditions) -> list[FieldProblem]:
    """The same, with the renditions at hand."""
    return [
        FieldProblem(
            f"{content.parts[form.part].media_field}.{form.position}",
            "media_failed",
            f"A file cannot be brought into the form that is needed: {found[form.key].status_reason} Choose another.",
            {"media_id": str(form.asset_id)},
        )
        for form in forms
        if form.key in found and found[form.key].status == AssetStatus.FAILED
    ]


def with_files(content: Content, made: Mapping[tuple[int, int], MediaUse]) -> Content:
    """The content with these files, by part and position, in place of their originals."""
    parts = tuple(
        replace(part, media=tuple(made.get((number, position), use) for position, use in enumerate(part.media)))
        for number, part in enumerate(content.parts)
    )
    return replace(content, parts=parts)
