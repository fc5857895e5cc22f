"""How a server words its refusals, and what it leaves out: Mastodon itself, and Takahe.

Sources: https://docs.joinmastodon.org/entities/Error/ (read 2026-11-23); the texts from the server's locale;
Takahe's answers were measured on its version 0.11 (2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sandbox.quotas import Reading
from sandbox.wire import Answer, Header, html_answer, json_answer

NOT_READY = "Cannot attach files that have not finished processing. Try again in a moment!"
PROCESSING_ERROR = "Error processing thumbnail for uploaded media"
TOKEN_FAULTS = {
    "invalid": "The access token is invalid",
    "expired": "The access token expired",
    "revoked": "The access token was revoked",
}
ERROR_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


def error(status: int, sentence: str, headers: list[Header] | None = None) -> Answer:
    return json_answer(status, {"error": sentence}, headers)


def page(status: int, sentence: str) -> Answer:
    return html_answer(status, ERROR_PAGE.format(sentence))


def invalid(problem: str) -> Answer:
    return error(422, f"Validation failed: {problem}")


def unknown_media(ids: list[str]) -> Answer:
    return invalid(f"Media {', '.join(ids)} not found or already attached to another post")


# What POST /_control/faults can let only Mastodon answer.
EFFECTS: Mapping[str, Callable[[], Answer]] = {
    "media_not_ready": lambda: invalid(NOT_READY),
    "media_not_found": lambda: unknown_media(["1"]),
    "processing_error": lambda: error(500, PROCESSING_ERROR),
}


class StockDialect:
    """Mastodon 4.5."""

    remembers_keys = True
    has_quotas = True
    has_metadata = True
    has_app_tokens = True
    has_identity_scopes = True
    processes_media = True
    unknown_client_status = 401
    bad_redirect_status = 400

    def bad_token(self, fault: str) -> Answer:
        sentence = TOKEN_FAULTS[fault]
        challenge = f'Bearer realm="Doorkeeper", error="invalid_token", error_description="{sentence}"'
        return error(401, sentence, [(b"www-authenticate", challenge.encode())])

    def no_token(self) -> Answer:
        return self.bad_token("invalid")

    def out_of_scope(self) -> Answer:
        return error(403, "This action is outside the authorized scopes")

    def needs_person(self) -> Answer:
        return error(422, "This method requires an authenticated user")

    def login_disabled(self) -> Answer:
        return error(403, "Your login is currently disabled")

    def not_found(self) -> Answer:
        return error(404, "Record not found")

    def invalid(self, problem: str) -> Answer:
        return invalid(problem)

    def unknown_media(self, ids: list[str]) -> Answer:
        return unknown_media(ids)

    def failed_media(self) -> Answer:
        return error(422, PROCESSING_ERROR)

    def refused(self, sentence: str) -> Answer:
        return error(422, sentence)

    def too_long(self, limit: int) -> Answer:
        return self.invalid(f"Text character limit of {limit} exceeded")

    def blank(self) -> Answer:
        return self.invalid("Text can't be blank")

    def bad_app(self, problem: str) -> Answer:
        return self.invalid(problem)

    def bad_file(self) -> Answer:
        return self.invalid("File content type is invalid, File is invalid")

    def unreadable(self, reason: str) -> Answer:
        return error(400, f"Error occurred while parsing request parameters: {reason}")

    def too_many(self, reading: Reading) -> Answer:
        return error(429, "Too many requests", self.quota_headers(reading))

    def quota_headers(self, reading: Reading) -> list[Header]:
        reset = datetime.fromtimestamp(reading.reset_ms / 1000, UTC).isoformat(timespec="microseconds")
        return [
            (b"x-ratelimit-limit", str(reading.limit).encode()),
            (b"x-ratelimit-remaining", str(max(reading.remaining, 0)).encode()),
            (b"x-ratelimit-reset", reset.replace("+00:00", "Z").encode()),
        ]

    def client_refused(self, answer: Answer) -> Answer:
        return answer

    def revoked(self) -> Answer:
        return json_answer(200, {})

    def server_error(self, status: int) -> Answer:
        if status == 503:
            return error(503, "There was a temporary problem serving your request, please try again")
        return page(500, "We're sorry, but something went wrong on our end.")


class TakaheDialect(StockDialect):
    """Takahe 0.11: no idempotency, no quotas, HTML where Mastodon has JSON, media ready at once.

    Who somebody is it tells to a token with `read` only (api/decorators.py, api/models/token.py of jointakahe/takahe,
    read 2026-11-29).
    """

    remembers_keys = False
    has_quotas = False
    has_metadata = False
    has_app_tokens = False
    has_identity_scopes = False
    processes_media = False
    unknown_client_status = 400
    bad_redirect_status = 401

    def bad_token(self, _fault: str) -> Answer:
        return Answer(400, b"Invalid Bearer token", b"text/html; charset=utf-8")

    def no_token(self) -> Answer:
        return error(401, "identity_token_required")

    def out_of_scope(self) -> Answer:
        return error(403, "out_of_scope_for_token")

    def not_found(self) -> Answer:
        return page(404, "Not Found")

    def invalid(self, problem: str) -> Answer:
        return error(400, problem)

    def unknown_media(self, _ids: list[str]) -> Answer:
        return self.not_found()

    def refused(self, sentence: str) -> Answer:
        return error(400, sentence)

    def too_long(self, _limit: int) -> Answer:
        return error(400, "Status is too long")

    def blank(self) -> Answer:
        return error(400, "Status is empty")

    def bad_app(self, _problem: str) -> Answer:
        return error(400, "invalid_input")

    def bad_file(self) -> Answer:
        return page(500, "Server Error (500)")

    def too_many(self, _reading: Reading) -> Answer:
        return error(429, "Too many requests")

    def client_refused(self, _answer: Answer) -> Answer:
        return error(401, "access_denied")

    def revoked(self) -> Answer:
        return html_answer(200, "")

    def server_error(self, status: int) -> Answer:
        return page(status, "Server Error (500)" if status == 500 else "Service Unavailable")
