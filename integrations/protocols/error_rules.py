"""What refused calls mean: the rules of which a platform makes its own table, and what is the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Unavailable
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

    def failure(
        self, answer: Response, *, said: str, until: datetime, limited: Literal["account", "host"] = "account"
    ) -> CallFailed:
        """The failure to raise for `answer`. `until` and `limited`: of a RateLimited, when and for whom it ends."""
        sentence, status = self.sentence.format(said=said or f"status {answer.status}"), answer.status
        if issubclass(self.outcome, RateLimited):
            return self.outcome(sentence, until=until, scope=limited, code=self.code, http_status=status)
        if issubclass(self.outcome, NeedsReconnect):
            return self.outcome(
                sentence, code=self.code, http_status=status, can_refresh=self.can_refresh, scope=self.scope
            )
        return self.outcome(sentence, code=self.code, http_status=status)


def common_failure(answer: Response, *, label: str, fault_of: str = "the server") -> CallFailed | None:
    """What every platform means by a fault of its own (5xx, 408) and by pointing elsewhere; None for other answers."""
    if answer.server_trouble or answer.status == 408:
        return answer.in_doubt(f"is a fault of {fault_of}", code="server_error")
    if answer.status < 400:
        sentence = f"{label} points to another address."
        return Unavailable(sentence, code="redirected", http_status=answer.status)
    return None
