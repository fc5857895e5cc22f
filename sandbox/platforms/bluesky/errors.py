"""How a Bluesky service says no: `{"error", "message"}`, where the name in `error` says more than the status.

Source: https://atproto.com/specs/xrpc#error-responses and answers of the reference server (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.wire import Answer, Header, Refused, json_answer

AUTH_MISSING = "Authentication Required"
TAKEN_DOWN = "Account has been taken down"
NOWHERE = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"  # the name of no bytes at all
DEACTIVATED = "Account is deactivated"


def error(status: int, name: str, message: str, headers: list[Header] | None = None) -> Answer:
    return json_answer(status, {"error": name, "message": message}, headers)


def refuse(status: int, name: str, message: str) -> Refused:
    return Refused(error(status, name, message))


def invalid(message: str) -> Refused:
    return refuse(400, "InvalidRequest", message)


def invalid_token() -> Refused:
    return refuse(400, "InvalidToken", "Token could not be verified")


def expired() -> Refused:
    return refuse(400, "ExpiredToken", "Token has expired")


def revoked() -> Refused:
    return refuse(400, "ExpiredToken", "Token has been revoked")


def internal_error() -> Answer:
    return error(500, "InternalServerError", "Internal Server Error")


EFFECTS: Mapping[str, Callable[[], Answer]] = {
    "account_not_found": lambda: error(403, "AccountNotFound", "Account not found"),
    "blob_not_found": lambda: error(400, "BlobNotFound", f"Could not find blob: {NOWHERE}"),
    "upstream_failure": lambda: error(502, "UpstreamFailure", "Upstream Failure"),
}
