"""Making posts: one or a thousand at once, in as many statements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from django.db import connection, transaction

from accounts.models import User, Workspace
from mastablasta.core.bulk_insert import NewRows, insert_rows, insert_together
from mastablasta.core.errors import Conflict, DomainError, FieldProblem
from posts import audit, events
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import drafts, external_ids, guard, media, option_reading, post_content, post_renditions
from posts.services.drafts import Composed, Draft, Surroundings
from posts.services.guard import Planned
from posts.services.media import RequiredRendition
from posts.states import DeliveryState, PostStatus


@dataclass(frozen=True, slots=True)
class NewPost:
    """A draft that is to become a post: scheduled by its time, sent now with `publish`, else kept as a draft."""

    draft: Draft
    publish: bool = False

    @property
    def goes_out(self) -> bool:
        return self.publish or self.draft.scheduled_at is not None


@dataclass(frozen=True, slots=True)
class Made:
    """A post that was stored, what it was made of, and its deliveries in the order in which the API shows them."""

    post: Post
    draft: Draft
    composed: Composed
    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a post cannot be made."""

    problems: list[FieldProblem]

    def as_error(self) -> DomainError:
        return post_content.refusal(self.problems)


def create_post(workspace: Workspace, *, by: User | None, draft: Draft, publish: bool = False, at: datetime) -> Made:
    """Store a post with a delivery for each chosen account; schedule or publish it if asked to.

    A draft keeps what its platforms would refuse as `warnings`; scheduling and publishing raise Invalid instead, with
    every problem by platform and field, and store nothing. Raises Conflict `external_id_taken`.
    """
    with transaction.atomic():
        (made,) = compose_posts(workspace, by=by, wanted=[NewPost(draft, publish)], at=at)
        if isinstance(made, Refused):
            raise made.as_error()
        store_posts([made], at=at)
    return made


def compose_posts(
    workspace: Workspace,
    *,
    by: User | None,
    wanted: Sequence[NewPost],
    lanes: Collection[UUID] = (),
    at: datetime,
) -> list[Made | Refused]:
    """What would be made of these, in the same order; nothing is stored yet. Up to five queries, however many.

    In one transaction with `store_posts`, of two requests at once with the same text the later is told of the other.
    `lanes`: the accounts of what this transaction changes besides; theirs are locked together with those of these.
    """
    if not wanted:
        return []
    within = Surroundings.of(workspace, [one.draft for one in wanted])
    composed = _with_ids_of_their_own([_compose(one, by=by, within=within, at=at) for one in wanted])
    made = [one for one in composed if isinstance(one, Made) and one.deliveries]
    if not made:
        return composed
    loaded = made[0].deliveries[0].account.workspace  # whoever asks has no more of it than its id
    verdicts = guard.judge(loaded, [_planned(one, at=at) for one in made], is_stored_next=True, lanes=lanes)
    judged = {one.post.id: verdict for one, verdict in zip(made, verdicts, strict=True)}
    return [_judged(one, judged.get(one.post.id)) if isinstance(one, Made) else one for one in composed]


def store_posts(new: Sequence[Made], *, at: datetime) -> None:
    """Store what was composed, all of it or nothing; what is due wakes its accounts when the transaction ends.

    Raises Conflict `external_id_taken` when somebody has been faster.
    """
    if new:
        ids = [one.draft.external_id for one in new]
        with external_ids.refusing_races(new[0].post.workspace, ids, is_part=True):
            _store(new, at=at)


def store_each(composed: Sequence[Made | Refused], *, is_atomic: bool = False, at: datetime) -> list[Made | Refused]:
    """Store what can be; returns what became of each. `is_atomic`: where one is refused, nothing is stored."""
    results = list(composed)
    while not (is_atomic and any(isinstance(one, Refused) for one in results)):
        try:
            store_posts([one for one in results if isinstance(one, Made)], at=at)
        except Conflict as faster:
            results = [_unless_taken(one, faster) for one in results]
        else:
            break
    return results


def _unless_taken(one: Made | Refused, faster: Conflict) -> Made | Refused:
    """Refused if it is among those whose external id somebody else has taken meanwhile; Conflict names at least one."""
    external_id = one.draft.external_id if isinstance(one, Made) else ""
    problems = [problem for problem in faster.problems if external_id and problem.params["external_id"] == external_id]
    return Refused(problems) if problems else one


def _with_ids_of_their_own(results: Iterable[Made | Refused]) -> list[Made | Refused]:
    """The first of those with the same external id stays, the others are refused."""
    seen: set[str] = set()
    kept: list[Made | Refused] = []
    for one in results:
        external_id = one.draft.external_id if isinstance(one, Made) else ""
        kept.append(Refused([external_ids.repeated(external_id)]) if external_id in seen else one)
        seen |= {external_id} - {""}
    return kept


def _compose(new: NewPost, *, by: User | None, within: Surroundings, at: datetime) -> Made | Refused:
    """What would be stored."""
    draft = new.draft
    problems = [*drafts.problems_of(draft), *drafts.time_problems(draft, publish=new.publish, at=at)]
    if problems:
        return Refused(problems)
    post = _new_post(workspace=within.workspace, author=by)
    composed = drafts.compose(post, draft, goes_out=new.goes_out, within=within)
    problems = [one for one in composed.problems if new.goes_out or one.code in drafts.NEVER_STORED]
    if problems:
        return Refused(problems)
    deliveries = post_content.deliveries_of(post, composed.accounts, composed.files)
    if new.goes_out:
        _promise(post, deliveries, due_at=draft.scheduled_at or at)
    return Made(post, draft, composed, deliveries)


_new_post = NewRows(Post)


def _planned(made: Made, *, at: datetime) -> Planned:
    return Planned(
        made.post.id,
        {delivery.account_id: delivery.fingerprint for delivery in made.deliveries},
        made.post.scheduled_at or at,
        is_draft=made.post.status == PostStatus.DRAFT,
        may_repeat=made.draft.allow_duplicate,
    )


def _judged(made: Made, verdict: guard.Verdict | None) -> Made | Refused:
    """The post with what the guard warns of, or why it is refused."""
    if verdict is None:
        return made
    if verdict.problems:
        return Refused([*verdict.problems])
    made.post.warnings = [*made.post.warnings, *post_content.as_rows(verdict.warnings)]
    return made


def _promise(post: Post, deliveries: Iterable[Delivery], *, due_at: datetime) -> None:
    """As `scheduling.schedule_posts` leaves rows that are there: nobody can hold what is not stored yet."""
    post.status, post.scheduled_at = PostStatus.SCHEDULED, due_at
    for delivery in deliveries:
        delivery.state, delivery.due_at, delivery.next_attempt_at = DeliveryState.QUEUED, due_at, due_at


def _store(new: Sequence[Made], *, at: datetime) -> None:
    """Nobody sees these rows before the transaction ends, and the lanes are woken last.

    Posts are stored in the order of their external ids: two requests with the same ones wait for each other at the
    first of them, and never each for what the other has. On PostgreSQL tags come before them, since the constraint
    counts at the end of the transaction: so the search's index is written once with the tags, not once more for them.
    """
    posts = sorted((one.post for one in new), key=lambda post: post.external_id or "")
    tags = list(chain.from_iterable(drafts.tags_of(one.post, one.draft.tags) for one in new))
    deliveries = list(chain.from_iterable(one.deliveries for one in new))
    told = audit.created(((one.post, len(one.deliveries)) for one in new), at=at)
    if connection.vendor == "postgresql":
        insert_rows(tags)
    insert_together(posts, deliveries, told=told)
    if connection.vendor != "postgresql":
        insert_rows(tags)
    insert_rows(list(chain.from_iterable(media.uses_of(one.post, one.draft.media) for one in new)))
    forms: dict[tuple[UUID, str], RequiredRendition] = {}
    for one in new:
        if one.post.status == PostStatus.SCHEDULED and any(one.composed.files.values()):
            forms |= post_renditions.required_for(one.post, one.composed.accounts, one.composed.files)
    post_renditions.require_all(forms.values(), at=at)
    option_reading.require_reading([one.post for one in new if one.post.status == PostStatus.SCHEDULED], at=at)
    events.record_scheduled(
        (
            (one.post, [d.platform for d in one.deliveries])
            for one in new
            if one.draft.scheduled_at and one.composed.has_endpoint
        ),
        at=at,
    )
    claims.wake_lanes(_earliest(deliveries))


def _earliest(deliveries: Iterable[Delivery]) -> dict[UUID, datetime]:
    """When each account has something to look at for the first time, by account."""
    due: dict[UUID, datetime] = {}
    for delivery in deliveries:
        at = delivery.next_attempt_at
        if at is not None:
            due[delivery.account_id] = min(at, due.get(delivery.account_id, at))
    return dict(sorted(due.items()))
