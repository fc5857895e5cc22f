"""What the items of a bulk request ask for, and doing it: the same whether a request waits for it or a job does it.

Items are read without the database, each by itself, and then carried out together in a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.models import User, Workspace
from mastablasta.core.api.errors import problems_in
from mastablasta.core.api.problems import fault
from mastablasta.core.errors import Conflict, DomainError, FieldProblem, Invalid, summary
from posts.api.etags import etag_of, tags_in
from posts.api.presenting import present_posts
from posts.api.requests import EditedPostSerializer, NewPostSerializer
from posts.import_export import import_jobs
from posts.models import BulkJob, BulkKind, Post
from posts.services import cancellation, creation, edits, retries, scheduling
from posts.services.bulk_jobs import Result, Steps
from posts.services.creation import Made, NewPost, Refused
from posts.services.edits import Edit, Refusals
from posts.services.locks import Outcome, not_there
from posts.services.standings import standings_of


class EditItemSerializer(EditedPostSerializer):
    """Some of what one post says, where and when it goes: as `PATCH /posts/{id}` takes it, with the post's id."""

    id = serializers.UUIDField()
    if_match = serializers.CharField(
        required=False, max_length=200, help_text="The ETag that was read: refused when the post moved on."
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """For whom items are carried out, as of when, and how.

    `by` None: that person is gone. `at`: when it was asked for. `is_atomic`: all of them or none.
    """

    workspace: Workspace
    by: User | None
    at: datetime
    is_atomic: bool = False


@dataclass(frozen=True, slots=True)
class ItemEdit:
    """A partial edit of one post, read. `if_match`: the ETags that it is meant for; None = whatever the post is."""

    post_id: UUID
    body: dict[str, Any]
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of bulk work. `reader` gives what reads one item after the other, without the database.

    `carry_out`: of what was read, in its order.
    """

    reader: Callable[[], Callable[[Any], Any]]
    carry_out: Callable[[Batch, Sequence[Any]], list[Outcome]]


def carry_out(kind: str, batch: Batch, read: Sequence[Any], *, first: int = 0) -> Result:
    """Do what the items ask for, as `read_items` gave them; `first` is the index of the first in its request.

    Where `batch` is atomic and one fails, nothing is stored, and all that stands against it is in `failed`.
    """
    outcomes = KINDS[kind].carry_out(batch, read)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for index, (item, outcome) in enumerate(zip(read, outcomes, strict=True), first):
        if isinstance(outcome, Post):
            done.append({"index": index, "id": str(outcome.id), "content": outcome.content})
        else:
            failed.append(_failed(index, outcome, post_id=_id_of(item)))
    return Result([] if batch.is_atomic and failed else done, failed)


def read_items(kind: str, items: Iterable[Any]) -> list[Any]:
    """What each item asks for, or Invalid with all that is wrong with it; no query."""
    reads = KINDS[kind].reader()
    return [_read(reads, item) for item in items]


def _read(reads: Callable[[Any], Any], item: Any) -> Any:
    try:
        return reads(item)
    except ValidationError as error:
        return _Unread(Invalid("invalid", "", problems_in(error)), _named_id(item))
    except Invalid as error:
        return _Unread(error, _named_id(item))


@dataclass(frozen=True, slots=True)
class _Unread:
    """An item that cannot be read, and why."""

    error: Invalid
    post_id: UUID | None


def _named_id(item: Any) -> UUID | None:
    try:
        return UUID(item["id"]) if isinstance(item, dict) and isinstance(item.get("id"), str) else None
    except ValueError:
        return None


def _id_of(item: Any) -> UUID | None:
    return item if isinstance(item, UUID) else getattr(item, "post_id", None)


def _failed(index: int, error: DomainError, *, post_id: UUID | None) -> dict[str, Any]:
    problems = error.problems or [FieldProblem("", error.code, error.detail)]
    code = problems[0].code if len(problems) == 1 else "invalid"
    details = [{"field": one.field, "code": one.code, "message": one.message} for one in problems]
    shown_id = None if post_id is None else str(post_id)
    return {"index": index, "id": shown_id, "error": summary(problems), "code": code, "details": details}


# --- create ---
def _new_post_reader() -> Callable[[Any], NewPost]:
    serializer = NewPostSerializer()  # one for all: to make one costs more than to read ten items

    def read(item: Any) -> NewPost:
        body = serializer.run_validation(item)
        return NewPost(NewPostSerializer.draft(body), publish=body.get("publish", False))

    return read


def _create(batch: Batch, read: Sequence[NewPost | _Unread]) -> list[Outcome]:
    wanted = [one for one in read if isinstance(one, NewPost)]
    with transaction.atomic():
        composed = iter(creation.compose_posts(batch.workspace, by=batch.by, wanted=wanted, at=batch.at))
        results = [next(composed) if isinstance(one, NewPost) else Refused(list(one.error.problems)) for one in read]
        stored = creation.store_each(results, is_atomic=batch.is_atomic, at=batch.at)
    return [one.post if isinstance(one, Made) else one.as_error() for one in stored]


# --- update ---
def _edit_reader() -> Callable[[Any], ItemEdit]:
    serializer = EditItemSerializer(partial=True)

    def read(item: Any) -> ItemEdit:
        body = dict(serializer.run_validation(item))
        if "id" not in body:
            raise ValidationError({"id": [fault("required", "Name the post: send its id with what is to change.")]})
        return ItemEdit(body.pop("id"), body, body.pop("if_match", None))

    return read


def _update(batch: Batch, read: Sequence[ItemEdit | _Unread]) -> list[Outcome]:
    """As if each had been sent alone, in this order: what names a post once more begins with what came of the first."""
    outcomes: list[Outcome | None] = [one.error if isinstance(one, _Unread) else None for one in read]
    with transaction.atomic():
        for turn in _turns(read):
            done = _update_once(batch, [one for _, one in turn])
            for (index, _), outcome in zip(turn, done, strict=True):
                outcomes[index] = outcome
        if batch.is_atomic and any(isinstance(outcome, DomainError) for outcome in outcomes):
            transaction.set_rollback(True)
    return [outcome for outcome in outcomes if outcome is not None]


def _turns(read: Sequence[ItemEdit | _Unread]) -> Iterator[list[tuple[int, ItemEdit]]]:
    """The edits with their indexes, in turns that name each post once."""
    left = [(index, one) for index, one in enumerate(read) if isinstance(one, ItemEdit)]
    while left:
        turn: dict[UUID, tuple[int, ItemEdit]] = {}
        for index, one in left:
            turn.setdefault(one.post_id, (index, one))
        yield list(turn.values())
        taken = {index for index, _ in turn.values()}
        left = [(index, one) for index, one in left if index not in taken]


def _update_once(batch: Batch, items: Sequence[ItemEdit]) -> list[Outcome]:
    rows = Post.objects.in_workspace(batch.workspace).kept().filter(id__in=[one.post_id for one in items])
    standings = standings_of(list(rows))
    outcomes: dict[UUID, Outcome] = {}
    wanted: list[Edit] = []
    for item in items:
        standing = standings.get(item.post_id)
        if standing is None:
            outcomes[item.post_id] = not_there()
            continue
        try:
            onto, platforms = standing.draft, standing.platforms
            wanted.append(Edit(item.post_id, EditedPostSerializer.draft(item.body, onto=onto, platforms=platforms)))
        except Invalid as error:
            outcomes[item.post_id] = error
    refuse = _changed_meanwhile({item.post_id: item.if_match for item in items if item.if_match is not None})
    outcomes |= edits.edit_posts(batch.workspace, wanted, refuse=refuse, is_atomic=batch.is_atomic, at=batch.at)
    return [outcomes[item.post_id] for item in items]


def _changed_meanwhile(wanted: Mapping[UUID, str]) -> Refusals:
    """Refuses posts that are no longer what `wanted` names by their ids; three queries, none where nothing is named."""

    def refuse(posts: Sequence[Post]) -> dict[UUID, DomainError]:
        named = [post for post in posts if post.id in wanted]
        refused: dict[UUID, DomainError] = {}
        for post, shown in zip(named, present_posts(named) if named else (), strict=True):
            if not {"*", etag_of(shown)} & tags_in(wanted[post.id]):
                sentence = "This is no longer the newest version; read it again and repeat the change."
                refused[post.id] = Conflict(
                    "changed_meanwhile", sentence, [FieldProblem("if_match", "changed_meanwhile", sentence)]
                )
        return refused

    return refuse


# --- publish, retry, delete ---
def _id_reader() -> Callable[[Any], UUID]:
    return lambda item: UUID(str(item))


def _by_ids(do: Callable[..., Mapping[UUID, Outcome]]) -> Callable[[Batch, Sequence[UUID]], list[Outcome]]:
    def carry_out(batch: Batch, ids: Sequence[UUID]) -> list[Outcome]:
        outcomes = do(batch.workspace, ids, is_atomic=batch.is_atomic, at=batch.at)
        return [outcomes[post_id] for post_id in ids]

    return carry_out


# --- what a job does ---
def _read_of_job(kind: str, items: Sequence[Any]) -> list[Any]:
    return import_jobs.read(items) if kind in import_jobs.KINDS else read_items(kind, items)


def _carry_out_of_job(job: BulkJob, read: list[Any], first: int) -> Result:
    if job.kind in import_jobs.KINDS:
        return import_jobs.carry_out(job, read)
    return carry_out(job.kind, Batch(job.workspace, job.author, job.created_at, job.is_atomic), read, first=first)


STEPS = Steps(_read_of_job, _carry_out_of_job)

KINDS: Mapping[str, Kind] = {
    BulkKind.CREATE: Kind(_new_post_reader, _create),
    BulkKind.UPDATE: Kind(_edit_reader, _update),
    BulkKind.PUBLISH: Kind(_id_reader, _by_ids(scheduling.publish_posts)),
    BulkKind.RETRY: Kind(_id_reader, _by_ids(retries.retry_posts)),
    BulkKind.DELETE: Kind(_id_reader, _by_ids(cancellation.delete_posts)),
}
