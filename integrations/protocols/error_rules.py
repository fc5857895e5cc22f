"""What refused calls mean: the table that a platform fills in, and the walk over it, which is the same everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Unavailable
from integrations.protocols.rate_headers import RateWindows, Whose
from mastablasta.core.outbound import Response


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """What to raise for one kind of refusal; `{said}` in the sentence is what the platform said itself.

    `can_refresh` and `scope` are those of NeedsReconnect.
    """

    outcome: type[CallFailed]
    code: str
    sentence: str
    can_refresh: bool = False
    scope: Literal["grant", "account"] = "grant"

    def failure(self, answer: Response, *, said: str, until: datetime, limited: Whose = "account") -> CallFailed:
        """The failure to raise for `answer`. `until` and `limited`: of a RateLimited, when and for whom it ends."""
        sentence, status = self.sentence.format(said=said or f"status {answer.status}"), answer.status
        if issubclass(self.outcome, RateLimited):
            return self.outcome(sentence, until=until, scope=limited, code=self.code, http_status=status)
        if issubclass(self.outcome, NeedsReconnect):
            return self.outcome(
                sentence, code=self.code, http_status=status, can_refresh=self.can_refresh, scope=self.scope
            )
        return self.outcome(sentence, code=self.code, http_status=status)


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """A platform's refusals. What it says itself counts before the status: first its words, then its codes.

    `label`: who refuses, as sentences name it. `by_words`: statuses, words in small letters, and what any of these mean
    in an answer with such a status; the first that fit count. `by_code`: by the codes or names that the platform gives.
    `otherwise`: what is in none of them. `windows`: how it tells when it takes calls again.
    """

    label: str
    otherwise: ErrorRule
    by_status: Mapping[int, ErrorRule]
    by_code: Mapping[str | int, ErrorRule] = field(default_factory=dict)
    by_words: tuple[tuple[Collection[int], tuple[str, ...], ErrorRule], ...] = ()
    windows: RateWindows = field(default_factory=RateWindows)

    def rule_of(self, status: int, *, codes: Iterable[str | int] = (), said: str = "") -> ErrorRule | None:
        """What the platform's own words and codes mean; None = its status has to tell."""
        words = said.lower()
        for statuses, hints, rule in self.by_words:
            if status in statuses and any(hint in words for hint in hints):
                return rule
        return next((self.by_code[code] for code in codes if code in self.by_code), None)

    def failure(self, answer: Response, *, codes: Iterable[str | int] = (), said: str = "") -> CallFailed:
        """Return what to raise for an answer other than 2xx."""
        if common := common_failure(answer, label=self.label):
            return common
        rule = self.rule_of(answer.status, codes=codes, said=said)
        rule = rule or self.by_status.get(answer.status, self.otherwise)
        until, limited = self.windows.opens_at(answer)
        return rule.failure(answer, said=said, until=until, limited=limited)


def common_failure(answer: Response, *, label: str) -> CallFailed | None:
    """What every platform means by a fault of its own (5xx, 408), by pointing elsewhere, and by a proxy in front of it
    that wants to see a browser; None for other answers."""
    if answer.server_trouble or answer.status == 408:
        return answer.in_doubt("is a fault of the server", code="server_error")
    if answer.status < 400:
        sentence = f"{label} points to another address."
        return Unavailable(sentence, code="redirected", http_status=answer.status)
    if answer.status == 403 and _is_challenge(answer):
        sentence = "A proxy in front of the server asked for a browser check."
        return Unavailable(sentence, code="challenged", http_status=answer.status)
    return None


def _is_challenge(answer: Response) -> bool:
    """Cloudflare says so in a header, or with a page of its own."""
    is_page = "html" in answer.headers.get("content-type", "")
    return "cf-mitigated" in answer.headers or (is_page and "cloudflare" in answer.headers.get("server", "").lower())
