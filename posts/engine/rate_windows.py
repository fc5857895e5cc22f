"""Which windows a platform counts an account's posts in, and counting what its lane does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache

from integrations import registry
from integrations.capabilities import RateRule
from integrations.services import budgets
from posts.engine.mailbox import JobDone
from posts.queue.types import Result


@cache
def publish_rules(platform: str, scope: str) -> tuple[RateRule, ...]:
    """All that the platform says of how often one account, or our app, may publish."""
    rules = registry.capabilities(platform).rates
    return tuple(rule for rule in rules if rule.scope == scope and rule.operation == "publish")


@cache
def lane_rule(platform: str) -> RateRule | None:
    """The window that each account's lane counts: the shortest of those that begin with their first call."""
    rolling = [rule for rule in publish_rules(platform, "account") if not rule.resets_in]
    return min(rolling, key=lambda rule: rule.window_s, default=None)


@cache
def longer_rules(platform: str) -> tuple[RateRule, ...]:
    """An account's other windows."""
    return tuple(rule for rule in publish_rules(platform, "account") if rule is not lane_rule(platform))


def counted_results(done: Sequence[JobDone], *, at: datetime) -> list[Result]:
    """The results, with the visible calls counted in their accounts' longer windows; in the caller's transaction.

    An account whose window is used up rests until it ends. Two queries for all, none where there is nothing to count.
    """
    rules = {
        (end.result.account_id, budgets.row_key(f"account:{end.result.account_id}:publish", rule)): (
            rule,
            end.result.spent,
        )
        for end in done
        if end.result is not None and end.result.spent
        for rule in longer_rules(end.job.platform)
    }
    used_up = budgets.count_calls({key: counted for (_, key), counted in rules.items()}, at=at)
    rests: dict[object, list[datetime]] = {}
    for account, key in rules:
        if key in used_up:
            rests.setdefault(account, []).append(used_up[key])
    results = [end.result for end in done if end.result is not None]
    return [_resting(result, rests.get(result.account_id, [])) for result in results]


def _resting(result: Result, ends: Sequence[datetime]) -> Result:
    if not ends:
        return result
    return replace(result, blocked_until=max([*ends, *([result.blocked_until] if result.blocked_until else [])]))
