"""Posts out of a file: row by row under the rules of POST and PATCH /posts, a chunk in as many statements as one.

Why not django-import-export: it writes model instances by itself, and a post is what serializer and services make of
it, with deliveries, lanes and files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from posts.api.requests import EditedPostSerializer
from posts.import_export.account_names import AccountNames
from posts.import_export.row import Row
from posts.models import Post
from posts.services import creation, edits
from posts.services.creation import NewPost, Refused
from posts.services.drafts import Draft
from posts.services.edits import Edit
from posts.services.standings import Standing, standings_of

CHUNK = 500  # rows whose posts are looked up and stored together
CREATED, UPDATED, UNCHANGED, REFUSED = "created", "updated", "unchanged", "refused"
STORED = [CREATED, UPDATED, UNCHANGED]  # of a row that is a post now


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
    waiting = flag_repeated(rows, workspace)
    while chunk := list(islice(waiting, CHUNK)):
        yield from importer.take(chunk)


def flag_repeated(rows: Iterable[Row], workspace: Workspace) -> Iterator[Row]:
    """The rows, of which each that is about the same post as one before it has this as its problem.

    They are by `external_id`, by `id`, or by one of each of a post that is there; what becomes of the first does not
    count. Rows that have problems already keep them. A query a chunk, none where no row of it has an `id`.
    """
    row_of: dict[_Key, int] = {}
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        there = _posts_with_ids(chunk, workspace)
        for row in chunk:
            keys = _keys_of(row, there)
            earlier = next((key for key in keys if key in row_of), None)
            if earlier is None:
                row_of |= dict.fromkeys(keys, row.number)
                yield row
            else:
                field = earlier[0] if earlier == keys[0] else "id"
                yield row if row.problems else replace(row, problems=[_repeated(field, row_of[earlier])])


_Key = tuple[str, str | UUID]  # a column that names a post, and what stands there


def _posts_with_ids(rows: Sequence[Row], workspace: Workspace) -> dict[_Key, tuple[UUID, str | None]]:
    """Id and external id of each post that these rows may mean and that exists, by both; {} where no row has an id."""
    ids = {post_id for row in rows if (post_id := _id_in(row.values))}
    if not ids:
        return {}
    named = Q(external_id__in={_text_in(row.values, "external_id") for row in rows} - {""}) | Q(id__in=ids)
    posts = list(Post.objects.in_workspace(workspace).kept().filter(named).values_list("id", "external_id"))
    by_id: dict[_Key, tuple[UUID, str | None]] = {("id", post[0]): post for post in posts}
    return by_id | {("external_id", post[1]): post for post in posts if post[1]}


def _keys_of(row: Row, there: Mapping[_Key, tuple[UUID, str | None]]) -> list[_Key]:
    """By what the post of this row is known: as the row says, and as the post that is there says."""
    name, post_id = _text_in(row.values, "external_id"), _id_in(row.values)
    own: list[_Key] = [("external_id", name)] if name else []
    meant = there.get(("external_id", name)) or (there.get(("id", post_id)) if post_id else None)
    if meant is None:
        return own
    return [*own, ("id", meant[0]), *([("external_id", meant[1])] if meant[1] else [])]


def _repeated(field: str, earlier: int) -> FieldProblem:
    message = f"Row {earlier} is about the same post; leave one of the two out."
    return FieldProblem(field, "row_repeated", message, {"row": earlier})


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
    """What is the same for all rows of a file, such as the workspace's account names."""

    def __init__(self, workspace: Workspace, *, by: User | None, is_rehearsal: bool, at: datetime) -> None:
        self.workspace, self.by, self.is_rehearsal, self.at = workspace, by, is_rehearsal, at
        self.accounts = AccountNames(workspace)
        self.serializer = EditedPostSerializer()

    def take(self, rows: Sequence[Row]) -> list[RowOutcome]:
        read = [self._read(row) for row in rows]
        there = self._posts_of(read)
        outcomes: dict[int, RowOutcome] = {}
        new: list[tuple[_Read, NewPost]] = []
        changed: list[tuple[_Read, Edit]] = []
        for one in read:
            post, standing = there.get(one.external_id) or there.get(one.post_id) or (None, None)
            if one.problems:
                outcomes[one.row] = one.refused(one.problems)
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
        outcomes |= {outcome.row: outcome for outcome in self._store(new, changed)}
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
        standings = standings_of(posts)
        found: dict[Any, tuple[Post, Standing]] = {post.id: (post, standings[post.id]) for post in posts}
        return found | {post.external_id: found[post.id] for post in posts if post.external_id}

    def _store(self, new: Sequence[tuple[_Read, NewPost]], changed: Sequence[tuple[_Read, Edit]]) -> list[RowOutcome]:
        """Store what is new and what is changed in one transaction, undone in a rehearsal.

        New ones first: what keeps the same text out is locked before lanes are, and lanes all at once.
        """
        if not new and not changed:
            return []
        lanes: Collection[UUID] = ()
        if new and changed:
            lanes = edits.accounts_of(self.workspace, [edit for _, edit in changed])
        with transaction.atomic():
            outcomes = [*self._create(new, lanes), *self._change(changed)]
            transaction.set_rollback(self.is_rehearsal)
        return outcomes

    def _change(self, changed: Sequence[tuple[_Read, Edit]]) -> Iterator[RowOutcome]:
        results = edits.edit_posts(self.workspace, [edit for _, edit in changed], at=self.at) if changed else {}
        for one, edit in changed:
            result = results[edit.post_id]
            if isinstance(result, DomainError):
                yield one.refused(_problems_of(result))
            else:
                yield one.came_to(UPDATED, edit.post_id)

    def _create(self, new: Sequence[tuple[_Read, NewPost]], lanes: Collection[UUID]) -> Iterator[RowOutcome]:
        """`lanes`: of which accounts the transaction needs them besides."""
        wanted = [post for _, post in new]
        results = creation.compose_posts(self.workspace, by=self.by, wanted=wanted, lanes=lanes, at=self.at)
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
    """The text of this name; "" where there is none, or one that no row of a database can have."""
    text = values.get(name) if isinstance(values, dict) else None
    return text.strip() if isinstance(text, str) and "\0" not in text else ""


def _addressed(body: dict[str, Any]) -> dict[str, Any]:
    """Without an empty list of platforms beside accounts, or of accounts beside platforms: it would clear the other."""
    for empty, other in (("platforms", "accounts"), ("accounts", "platforms")):
        if body.get(other) and not body.get(empty, True):
            return {name: value for name, value in body.items() if name != empty}
    return body
