"""A post's name in somebody else's system: at most one post of a workspace has it, deleted ones aside."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import Workspace
from mastablasta.core.errors import Conflict, FieldProblem
from posts.models import Post

TAKEN = "external_id_taken"


def holders(workspace: Workspace, external_ids: Collection[str]) -> dict[str, UUID]:
    """The posts that have these, by external id. One query, none without external ids."""
    wanted = {one for one in external_ids if one}
    if not wanted:
        return {}
    rows = Post.objects.in_workspace(workspace).kept().filter(external_id__in=wanted)
    return {str(external_id): post_id for external_id, post_id in rows.values_list("external_id", "id")}


def problems_of(external_id: str, post: Post, found: Mapping[str, UUID]) -> list[FieldProblem]:
    """Why this post cannot have it; `found`: by `holders`."""
    holder = found.get(external_id)
    return [] if holder is None or holder == post.id else [taken(external_id, holder)]


def taken(external_id: str, holder: UUID) -> FieldProblem:
    message = f"The post {holder} has the external_id {external_id!r} already; change that post, or choose another."
    return FieldProblem("external_id", TAKEN, message, {"external_id": external_id, "post_id": str(holder)})


def repeated(external_id: str) -> FieldProblem:
    message = f"A post before this one has the external_id {external_id!r} too; give each its own."
    return FieldProblem("external_id", TAKEN, message, {"external_id": external_id})


@contextmanager
def refusing_races(workspace: Workspace, external_ids: Collection[str], *, is_part: bool = False) -> Iterator[None]:
    """One transaction, in which somebody may be faster in taking one of these.

    Raises Conflict then, with a problem for each that is still taken, and nothing is stored. `is_part`: of a
    transaction that ends with whatever else is raised here, so that only external ids need a point to go back to.
    """
    try:
        with transaction.atomic(savepoint=not is_part or any(external_ids)):
            yield
    except IntegrityError as error:
        if "external_id" not in str(error):  # both databases name the constraint or its column
            raise
        problems = [taken(external_id, holder) for external_id, holder in holders(workspace, external_ids).items()]
        message = problems[0].message if problems else "Another post has just had this external_id; send it again."
        raise Conflict(TAKEN, message, problems) from error
