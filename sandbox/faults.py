"""What can go wrong: rules that wait for calls, and windows that are closed.

Which rules a call takes is settled in one step when the call has been read, before anything is done for it,
so two calls never share one `times`. A call takes every `slow` and `processing` that fits it and the first
fitting rule of any other effect. Each rule has a generator of its own, seeded, so that the same seed and the
same number of fitting calls give the same faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any

from sandbox.routing import Operation


class Reply(Enum):
    """What the client gets to see."""

    OWN = "the platform's own answer"
    ERROR_500 = "its error page"
    ERROR_503 = "its page while overloaded"
    TOO_MANY = "its refusal for the rate"
    REJECTED = "its validation error"
    RESET = "a reset connection"
    BAD_GATEWAY = "an HTML page of the front in between"
    GARBAGE = "200 with an unreadable body"
    WITHOUT_ID = "200 without an id"
    VENDOR = "a refusal that only this platform has"


@dataclass(slots=True, frozen=True)
class Effect:
    is_carried_out: bool
    reply: Reply
    required: frozenset[str] = frozenset()
    is_delay: bool = False


EFFECTS = {
    "status_500": Effect(False, Reply.ERROR_500),
    "status_503": Effect(False, Reply.ERROR_503),
    "rate_limited": Effect(False, Reply.TOO_MANY, frozenset({"retry_after"})),
    "reset_before": Effect(False, Reply.RESET),
    "accept_then_reset": Effect(True, Reply.RESET),
    "accept_then_500": Effect(True, Reply.ERROR_500),
    "reject_content": Effect(False, Reply.REJECTED),
    "html_502": Effect(False, Reply.BAD_GATEWAY),
    "garbage_200": Effect(True, Reply.GARBAGE),
    "publish_without_id": Effect(False, Reply.WITHOUT_ID),
    "slow": Effect(True, Reply.OWN, frozenset({"ms"}), is_delay=True),
    "processing": Effect(True, Reply.OWN, frozenset({"ms"}), is_delay=True),
}
VENDOR = Effect(False, Reply.VENDOR)
AT_ONCE = frozenset({"expire_token", "revoke_token", "forget_apps"})
ANY = "any"


def effect_of(name: str) -> Effect:
    """Return the effect of that name; what is none of EFFECTS is in a platform's `vendor_effects`."""
    return EFFECTS.get(name, VENDOR)


@dataclass(slots=True)
class Rule:
    """One order of POST /_control/faults that waits for its calls."""

    id: int
    platform: str
    instance: str | None
    operation: str
    effect: str
    left: int
    probability: float
    seed: int
    retry_after_s: float = 0.0
    ms: int = 0
    draws: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.draws = Random(self.seed)  # noqa: S311 - repeatable on purpose

    def fits(self, slug: str, site: str, operation: Operation) -> bool:
        return self.platform == slug and self.instance in (None, site) and self.operation in (ANY, operation)

    def strikes(self) -> bool:
        """Draw for one fitting call; a hit uses up one of `times`."""
        if self.probability < 1 and self.draws.random() >= self.probability:
            return False
        self.left -= 1
        return True

    def as_row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "platform": self.platform,
            "instance": self.instance,
            "operation": self.operation,
            "effect": self.effect,
            "times": self.left,
            "probability": self.probability,
            "seed": self.seed,
            "retry_after": self.retry_after_s,
            "ms": self.ms,
        }


@dataclass(slots=True)
class Plan:
    """What is to happen with one call."""

    is_carried_out: bool = True
    reply: Reply = Reply.OWN
    delay_ms: int = 0
    processing_ms: int = 0
    closed_until_ms: int = 0
    effect: str = ""


class Faults:
    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.windows: dict[tuple[str, str | None], int] = {}
        self._ids = 0

    def add(self, rule_of: dict[str, Any]) -> Rule:
        """Add a rule, given its fields without the id."""
        self._ids += 1
        rule = Rule(id=self._ids, **rule_of)
        self.rules.append(rule)
        return rule

    def clear(self) -> int:
        """Drop all rules and open all windows; return how many rules there were."""
        count = len(self.rules)
        self.rules.clear()
        self.windows.clear()
        return count

    def closed_until_ms(self, slug: str, site: str) -> int:
        """Return until when publish calls of this site are refused; a time in the past when they are not."""
        return max(self.windows.get((slug, None), 0), self.windows.get((slug, site), 0))

    def plan(self, slug: str, site: str, operation: Operation, *, can_process: bool, at_ms: int) -> Plan:
        """Settle what one call takes; `can_process`: the platform may still work on it after its answer."""
        plan = Plan()
        if self.windows and operation is Operation.PUBLISH:
            until_ms = self.closed_until_ms(slug, site)
            if until_ms > at_ms:
                return Plan(is_carried_out=False, reply=Reply.TOO_MANY, closed_until_ms=until_ms)
        if self.rules:
            self._take_rules(plan, slug, site, operation, can_process, at_ms)
        return plan

    def _take_rules(
        self, plan: Plan, slug: str, site: str, operation: Operation, can_process: bool, at_ms: int
    ) -> None:
        has_effect = False
        for rule in self.rules:
            effect = effect_of(rule.effect)
            if (has_effect and not effect.is_delay) or not rule.fits(slug, site, operation):
                continue
            if (rule.effect == "processing" and not can_process) or not rule.strikes():
                continue
            if rule.effect == "slow":
                plan.delay_ms += rule.ms
            elif rule.effect == "processing":
                plan.processing_ms = max(plan.processing_ms, rule.ms)
            else:
                has_effect = True
                plan.effect = rule.effect
                plan.is_carried_out, plan.reply = effect.is_carried_out, effect.reply
                if effect.reply is Reply.TOO_MANY:
                    plan.closed_until_ms = self._close(rule, at_ms)
        self.rules[:] = [rule for rule in self.rules if rule.left > 0]

    def _close(self, rule: Rule, at_ms: int) -> int:
        key = (rule.platform, rule.instance)
        until_ms = at_ms + round(rule.retry_after_s * 1000)
        self.windows[key] = max(self.windows.get(key, 0), until_ms)
        return until_ms
