"""What platforms with OAuth 2 share: tokens as plain values, and what a failure means when tokens are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from integrations.contract import Tokens
from integrations.errors import CallFailed, OperatorProblem, RateLimited, Unavailable


def tokens_of(token: Mapping[str, Any]) -> Tokens:
    """Return what a session's `fetch_token` or `refresh_token` gave."""
    expires_at = token.get("expires_at")
    scope = token.get("scope") or ()
    return Tokens(
        access_token=str(token["access_token"]),
        refresh_token=str(token.get("refresh_token") or ""),
        expires_at=datetime.fromtimestamp(expires_at, UTC) if isinstance(expires_at, int | float) else None,
        scopes=tuple(scope.split() if isinstance(scope, str) else scope),
    )


def for_tokens(failure: CallFailed) -> CallFailed:
    """What a content call would mean by this is not what a token call means: nobody can say now."""
    if isinstance(failure, Unavailable | RateLimited | OperatorProblem):
        return failure
    return Unavailable(failure.message, code=failure.code, http_status=failure.http_status)


def web_address(value: Any) -> str:
    """An http(s) address that a platform gave, "" for anything else."""
    return value[:1000] if isinstance(value, str) and urlsplit(value).scheme in {"https", "http"} else ""
