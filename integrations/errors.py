"""What a connector raises: each says what to do next, never which status came.

`Unavailable` and `OutcomeUnknown` come from the door to the network, which alone knows whether bytes left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from mastablasta.core.errors import FieldProblem
from mastablasta.core.outbound import CallFailed, OutcomeUnknown, Unavailable

__all__ = [
    "CallFailed",
    "ExchangeRefused",
    "NeedsReconnect",
    "OperatorProblem",
    "OutcomeUnknown",
    "RateLimited",
    "Rejected",
    "SignInEnded",
    "Unavailable",
]


class SignInEnded(CallFailed):
    """The person's own sign-in has ended, and their targets go on without it, by tokens that have not.

    Only what is asked in the person's name is refused; nothing was done, and nobody is to be signed out for it.
    """

    kind: ClassVar[str] = "sign_in_ended"

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message, code="sign_in_ended", http_status=http_status)


class Rejected(CallFailed):
    """This content is refused as it is; nothing is out. A person has to edit it."""

    kind: ClassVar[str] = "rejected"

    def __init__(
        self,
        message: str,
        *,
        code: str = "rejected",
        http_status: int | None = None,
        problems: Sequence[FieldProblem] = (),
    ) -> None:
        super().__init__(message, code=code, http_status=http_status)
        self.problems = tuple(problems)


class NeedsReconnect(CallFailed):
    """The platform does not accept our credentials (any more), or a scope is missing; nothing was done.

    `can_refresh`: a fresh access token may help. False where only the person can (scope missing, account locked).
    `scope`: whom it concerns: "grant" = every account that stands on this sign-in, "account" = only the one that was
    called for, as when a page's own token or somebody's role there has ended.
    """

    kind: ClassVar[str] = "needs_reconnect"

    def __init__(
        self,
        message: str,
        *,
        code: str = "needs_reconnect",
        http_status: int | None = None,
        can_refresh: bool = True,
        scope: Literal["grant", "account"] = "grant",
    ) -> None:
        super().__init__(message, code=code, http_status=http_status)
        self.can_refresh = can_refresh
        self.scope = scope


class RateLimited(CallFailed):
    """Nothing was done; no call before `until`. `scope` says for whom the window is closed."""

    kind: ClassVar[str] = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        until: datetime,
        scope: Literal["account", "host"] = "account",
        code: str = "rate_limited",
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, code=code, http_status=http_status)
        self.until = until
        self.scope = scope


class OperatorProblem(CallFailed):
    """Our own app at the platform is in trouble (keys, balance, version); no account and no person can help it."""

    kind: ClassVar[str] = "operator_problem"


class ExchangeRefused(CallFailed):
    """The platform does not take the code of a sign-in; the person has to begin again.

    `app_unknown`: it no longer knows our app there, so that it has to be registered again.
    """

    kind: ClassVar[str] = "exchange_refused"

    def __init__(
        self,
        message: str,
        *,
        code: str = "exchange_refused",
        http_status: int | None = None,
        app_unknown: bool = False,
    ) -> None:
        super().__init__(message, code=code, http_status=http_status)
        self.app_unknown = app_unknown
