"""The same text twice, and posts too near: what to warn of, and what the workspace wants to be refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from accounts.models import Workspace
from mastablasta.core.errors import DomainError, FieldProblem
from posts.guard.neighbours import Neighbour, Plan, Together, find_stored
from posts.models import Post
from posts.queue import claims
from posts.services import post_content

RULES = ("duplicate_window_hours", "clash_window_minutes", "duplicate_policy")
DUPLICATE, TOO_NEAR = "duplicate_text", "too_near"


@dataclass(frozen=True, slots=True)
class Planned:
    """A post that is about to be stored, scheduled or sent.

    `fingerprints`: what each of its accounts is to publish, by account. `at`: when it goes out, of a draft now.
    `may_repeat`: somebody means the same text again.
    """

    post_id: UUID
    fingerprints: Mapping[UUID, int | None]
    at: datetime
    is_draft: bool = False
    may_repeat: bool = False

    @property
    def plans(self) -> list[Plan]:
        return [
            Plan(self.post_id, account_id, fingerprint, self.at, self.is_draft)
            for account_id, fingerprint in self.fingerprints.items()
        ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problems` refuse the post, `warnings` refuse nothing; each names the other post, its account and time."""

    problems: tuple[FieldProblem, ...] = ()
    warnings: tuple[FieldProblem, ...] = ()


def judge(
    workspace: Workspace, planned: Sequence[Planned], *, is_stored_next: bool = False, lanes: Collection[UUID] = ()
) -> list[Verdict]:
    """The problems of each of these in its workspace, in their order; also what an earlier one of them says.

    One statement, none where nothing is looked for, and one more where the workspace's rules are not loaded.
    `is_stored_next`: they are stored in this transaction, and of two requests at once with the same text the later one
    waits and finds the earlier. Where the workspace refuses, it waits for the lanes of the accounts, before it locks
    anything else: whoever promises a post that is there holds them too, and judges it then. Elsewhere it waits for
    others who store the same text only, and two at once may lack a warning if one of them was there as a draft.
    `lanes`: the accounts of what the transaction changes besides; theirs are locked too, in the order that all keep.
    """
    if workspace.get_deferred_fields() & {*RULES}:
        workspace.refresh_from_db(fields=RULES)
    window = timedelta(hours=workspace.duplicate_window_hours)
    gap = timedelta(minutes=workspace.clash_window_minutes)
    plans = [(one, plan) for one in planned for plan in one.plans]
    is_locked = is_stored_next and connection.in_atomic_block
    wanted = {*lanes, *(plan.account_id for _, plan in plans)}
    has_lanes = is_locked and bool(window) and _refuses(workspace)
    if has_lanes:
        claims.lock_lanes(wanted)
    stored = find_stored([plan for _, plan in plans], window=window, gap=gap, is_locked=is_locked and not has_lanes)
    if lanes and not has_lanes:
        claims.lock_lanes(wanted)
    number, together, verdicts = 0, Together(window, gap), []
    for one in planned:
        found: list[tuple[Plan, Neighbour]] = []
        for plan in one.plans:
            here = {neighbour.is_same: neighbour for neighbour in (*together.find(plan), *stored.get(number, ()))}
            found += [(plan, here[is_same]) for is_same in (True, False) if is_same in here]
            number += 1
        verdict = _verdict(one, found, refuses=_refuses(workspace))
        if not verdict.problems:
            for plan in one.plans:
                together.add(plan)
        verdicts.append(verdict)
    return verdicts


def _refuses(workspace: Workspace) -> bool:
    return workspace.duplicate_policy == "refuse"


def warn(judged: Iterable[tuple[Post, Verdict]]) -> dict[UUID, DomainError]:
    """Put the warnings on the posts, not yet stored; by id why the others are refused."""
    refused: dict[UUID, DomainError] = {}
    for post, verdict in judged:
        if verdict.problems:
            refused[post.id] = post_content.refusal(verdict.problems)
        else:
            post.warnings = [*post.warnings, *post_content.as_rows(verdict.warnings)]
    return refused


def _verdict(one: Planned, found: Sequence[tuple[Plan, Neighbour]], *, refuses: bool) -> Verdict:
    same = tuple(_same_text(plan, other, is_refused=refuses) for plan, other in found if other.is_same)
    near = tuple(_too_near(plan, other) for plan, other in found if not other.is_same)
    if refuses and not one.is_draft and not one.may_repeat:
        return Verdict(same, near)
    return Verdict((), (*same, *near))


def _same_text(plan: Plan, other: Neighbour, *, is_refused: bool) -> FieldProblem:
    message = f"{_named(other)} says the same by the same account; change the text or leave the account out" + (
        ", or send `allow_duplicate: true` if it is meant." if is_refused else "."
    )
    return FieldProblem("content", DUPLICATE, message, _params(plan, other))


def _too_near(plan: Plan, other: Neighbour) -> FieldProblem:
    message = f"{_named(other)} goes out by the same account at nearly the same time; choose another time."
    return FieldProblem("scheduled_time", TOO_NEAR, message, _params(plan, other))


def _named(other: Neighbour) -> str:
    return f"The draft {other.post_id}" if other.is_draft else f"The post {other.post_id} of {_text(other.at)}"


def _params(plan: Plan, other: Neighbour) -> dict[str, str]:
    return {"post_id": str(other.post_id), "account_id": str(plan.account_id), "time": _text(other.at)}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
