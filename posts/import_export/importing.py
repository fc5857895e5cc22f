"""Posts out of a file: row by row under the rules of POST and PATCH /posts, a chunk in as many statements as one.

Why not django-import-export: it writes model instances by itself, and a post is what serializer and services make of
it, with deliveries, lanes and files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from rest_framework.exceptions import ValidationError

from accounts.models import User, Workspace
from mastablasta.core.api.errors import problems_in
from mastablasta.core.errors import DomainError, FieldProblem
from posts.api.serializers import EditedPostSerializer
from posts.import_export.account_names import AccountNames
from posts.import_export.row import Row
from posts.models import Post
from posts.services import creation, edits
from posts.services.creation import NewPost, Refused
from posts.services.drafts import Draft
from posts.services.edits import Edit, Standing

CHUNK = 500  # rows whose posts are looked up and stored together
CREATED, UPDATED, UNCHANGED, REFUSED = "created", "updated", "unchanged", "refused"


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of a row. `post_id` None = it was refused, or nothing was stored in a rehearsal."""

    row: int
    status: str
    external_id: str = ""
    post_id: UUID | None = None
    problems: Sequence[FieldProblem] = ()


def import_rows(
    rows: Iterable[Row], *, workspace: Workspace, by: User | None, is_rehearsal: bool = False, at: datetime
) -> Iterator[RowOutcome]:
    """Make a post of each row, or change the post that it names; tells what became of each, in their order.

    A row means the post with its `external_id`, else the one with its `id`, if there is one in the workspace: it is
    edited as by PATCH, and left alone where the row says what is so. Every other row makes a new post. What is refused
    refuses no other row. Rows are stored chunk by chunk, while the caller takes the outcomes; a rehearsal stores
    nothing, and comes to the same.
    """
    importer = _Importer(workspace, by=by, is_rehearsal=is_rehearsal, at=at)
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        yield from importer.take(chunk)


@dataclass(frozen=True, slots=True)
class _Read:
    """A row as the serializer read it, or why it could not."""

    row: int
    external_id: str = ""
    post_id: UUID | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[FieldProblem] = ()

    def draft(self, onto: Standing | None = None) -> Draft:
        """Raises Invalid."""
        if onto is None:
            return EditedPostSerializer.draft(dict(self.body))
        return EditedPostSerializer.draft(dict(self.body), onto=onto.draft, platforms=onto.platforms)

    def came_to(self, status: str, post_id: UUID | None) -> RowOutcome:
        return RowOutcome(self.row, status, self.external_id, post_id)

    def refused(self, problems: Sequence[FieldProblem]) -> RowOutcome:
        return RowOutcome(self.row, REFUSED, self.external_id, None, problems)


class _Importer:
    """What is the same for all rows of a file: the workspace's account names, and which posts came before."""

    def __init__(self, workspace: Workspace, *, by: User | None, is_rehearsal: bool, at: datetime) -> None:
        self.workspace, self.by, self.is_rehearsal, self.at = workspace, by, is_rehearsal, at
        self.accounts = AccountNames(workspace)
        self.serializer = EditedPostSerializer()
        self.row_of: dict[str | UUID, int] = {}

    def take(self, rows: Sequence[Row]) -> list[RowOutcome]:
        read = [self._read(row) for row in rows]
        there = self._posts_of(read)
        outcomes: dict[int, RowOutcome] = {}
        new: list[tuple[_Read, NewPost]] = []
        changed: list[tuple[_Read, Edit]] = []
        for one in read:
            post, standing = there.get(one.external_id) or there.get(one.post_id) or (None, None)
            if problems := one.problems or self._came_before(one, post):
                outcomes[one.row] = one.refused(problems)
                continue
            try:
                draft = one.draft(standing)
            except DomainError as error:
                outcomes[one.row] = one.refused(_problems_of(error))
                continue
            if post is None or standing is None:
                new.append((one, NewPost(draft)))
            elif standing.is_changed_by(draft):
                changed.append((one, Edit(post.id, draft)))
            else:
                outcomes[one.row] = one.came_to(UNCHANGED, post.id)
        outcomes |= {outcome.row: outcome for outcome in (*self._change(changed), *self._create(new))}
        return [outcomes[one.row] for one in read]

    def _read(self, row: Row) -> _Read:
        values, problems = row.values, list(row.problems)
        if isinstance(values, dict):
            values, unknown = self.accounts.with_ids(values)
            problems += unknown
        external_id = _text_in(values, "external_id")
        if not problems:
            try:
                body = self.serializer.run_validation(values)
            except ValidationError as error:
                problems = problems_in(error)
            else:
                return _Read(row.number, external_id, _id_in(values), _addressed(body))
        return _Read(row.number, external_id, problems=problems)

    def _posts_of(self, read: Sequence[_Read]) -> dict[Any, tuple[Post, Standing]]:
        """The posts that these rows mean, by external id and by id."""
        named = Q(external_id__in={one.external_id for one in read if one.external_id})
        named |= Q(id__in={one.post_id for one in read if one.post_id})
        posts = list(Post.objects.in_workspace(self.workspace).kept().filter(named))
        for post in posts:
            post.workspace = self.workspace  # read already
        standings = edits.standings_of(posts)
        found: dict[Any, tuple[Post, Standing]] = {post.id: (post, standings[post.id]) for post in posts}
        return found | {post.external_id: found[post.id] for post in posts if post.external_id}

    def _came_before(self, one: _Read, post: Post | None) -> list[FieldProblem]:
        """Whether an earlier row of the file meant the same post."""
        keys: list[str | UUID] = [key for key in (one.external_id, post and post.id) if key]
        earlier = next((self.row_of[key] for key in keys if key in self.row_of), None)
        if earlier is not None:
            message = f"Row {earlier} is about the same post; leave one of the two out."
            name = "external_id" if one.external_id in self.row_of else "id"
            return [FieldProblem(name, "row_repeated", message, {"row": earlier})]
        self.row_of |= dict.fromkeys(keys, one.row)
        return []

    def _change(self, changed: Sequence[tuple[_Read, Edit]]) -> Iterator[RowOutcome]:
        if not changed:
            return
        with transaction.atomic():
            results = edits.edit_posts(self.workspace, [edit for _, edit in changed], at=self.at)
            transaction.set_rollback(self.is_rehearsal)
        for one, edit in changed:
            result = results[edit.post_id]
            if isinstance(result, DomainError):
                yield one.refused(_problems_of(result))
            else:
                yield one.came_to(UPDATED, edit.post_id)

    def _create(self, new: Sequence[tuple[_Read, NewPost]]) -> Iterator[RowOutcome]:
        wanted = [post for _, post in new]
        results = creation.compose_posts(self.workspace, by=self.by, wanted=wanted, at=self.at) if wanted else []
        if not self.is_rehearsal:
            results = creation.store_each(results, at=self.at)
        for (one, _), result in zip(new, results, strict=True):
            if isinstance(result, Refused):
                yield one.refused(result.problems)
            else:
                yield one.came_to(CREATED, None if self.is_rehearsal else result.post.id)


def _problems_of(error: DomainError) -> Sequence[FieldProblem]:
    return error.problems or [FieldProblem("", error.code, error.detail)]


def _id_in(values: Any) -> UUID | None:
    """The id in a row, which may be that of a post in another workspace, or none at all."""
    try:
        return UUID(_text_in(values, "id"))
    except ValueError:
        return None


def _text_in(values: Any, name: str) -> str:
    text = values.get(name) if isinstance(values, dict) else None
    return text.strip() if isinstance(text, str) else ""


def _addressed(body: dict[str, Any]) -> dict[str, Any]:
    """Without an empty list of platforms beside accounts, or of accounts beside platforms: it would clear the other."""
    for empty, other in (("platforms", "accounts"), ("accounts", "platforms")):
        if body.get(other) and not body.get(empty, True):
            return {name: value for name, value in body.items() if name != empty}
    return body
