"""Idempotency-Key: a POST that is sent again does its work once, and answers as the first time.

`ApiView` asks `guarded` for the handler of every POST outside /auth/ that carries the header. A key belongs to the
caller, the workspace, the method and the path, for 24 hours:

1. **Claim.** One INSERT, committed before the view runs, decides among all who come with the key. Whoever comes second
   gets the first answer (`Idempotent-Replayed: true`), 409 `idempotency_in_flight` while there is none yet, or 422
   `idempotency_key_reused` for another body. A claim holds for LOCKED_FOR; then it is a crashed process's and free.
2. **Answer.** The view and the storing of its answer are ONE transaction: after a crash both are there or neither is.
   The storing is fenced by the claim, so a process that slept through the end of its claim changes nothing. A view
   that calls out, or waits for what others must see, declares `is_one_transaction = False`: its answer is stored right
   after it, and a crash in between lets the same key run it again once the claim has ended.
3. **Refusals are not stored.** Where a view refuses (4xx) or fails (5xx), nothing was done, and the key is free at
   once: the same key works with a corrected body.

Answers with secrets are not stored either: a view that gives one declares `answers_with_secret = True`, and a replay is
409 `already_done` with the id of what was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

import structlog
from django.core.files.uploadedfile import UploadedFile
from django.db import DatabaseError, transaction
from django.http import QueryDict
from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from mastablasta.core.api.renderers import JsonRenderer
from mastablasta.core.errors import Conflict, FieldProblem, Invalid
from mastablasta.core.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST = 255
PATTERN = "^[!-~]([ -~]*[!-~])?$"  # printable ASCII; blanks at the ends are the header's, not the key's
EXEMPT = "/api/v2/auth/"
KEPT_FOR = timedelta(hours=24)
LOCKED_FOR = timedelta(seconds=60)
KEPT_HEADERS = ("Location", "ETag", "Cache-Control", "Preference-Applied")
log = structlog.get_logger(__name__)

Handler = Callable[..., Response]


class Guarded(Protocol):
    """What a view declares."""

    is_one_transaction: ClassVar[bool]
    answers_with_secret: ClassVar[bool]


class KeyReused(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = f"{HEADER}: this key came with another body before; send a new key for a new request."


class InFlight(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_in_flight"
    default_detail = f"{HEADER}: the first request with this key is still at work; send it again a little later."
    wait = 1  # Retry-After


class ClaimLost(exceptions.APIException):
    """The work took longer than LOCKED_FOR and somebody else has begun again; ours is rolled back."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("This took too long and was undone; send it again with the same key.", "unavailable")


def guarded(handler: Handler, request: Request, *, view: Guarded, scope: tuple[UUID, UUID | None]) -> Handler:
    """Return what to call instead of `handler`: itself when the request has no key, or needs none.

    `scope`: whose key it is, the person and the workspace. Raises Invalid when the header holds no key.
    """
    text = request.headers.get(HEADER)
    if text is None or request.path.startswith(EXEMPT):
        return handler
    key = _checked(text)
    user, workspace = scope

    def once(request: Request, *args: Any, **kwargs: Any) -> Response:
        at = timezone.now()
        claim = IdempotencyKey(
            user=user,
            workspace=workspace,
            key=key,
            method_path=f"POST {request.path}"[:200],
            scope_sha256=_digest(str(user), str(workspace), request.path.rstrip("/"), key),
            body_sha256=_fingerprint(request),
            locked_until=at + LOCKED_FOR,
            expires_at=at + KEPT_FOR,
        )
        if not IdempotencyKey.objects.claim(claim, at=at):
            return _replay(claim)
        return _run(claim, view, lambda: handler(request, *args, **kwargs))

    return once


def _run(claim: IdempotencyKey, view: Guarded, work: Callable[[], Response]) -> Response:
    """Do the work and keep its answer. Where it raises or refuses, the key is free again."""
    try:
        if not view.is_one_transaction:
            return _keep(claim, work(), view)
        with transaction.atomic():
            return _keep(claim, work(), view)
    except BaseException:
        try:
            IdempotencyKey.objects.release(claim)
        except DatabaseError:
            log.warning("idempotency_key_not_released")  # its claim ends by itself
        raise


def _keep(claim: IdempotencyKey, response: Response, view: Guarded) -> Response:
    if response.status_code >= 400:
        IdempotencyKey.objects.release(claim)
        return response
    claim.status = response.status_code
    claim.headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    if view.answers_with_secret:
        claim.made_id = str(response.data.get("id", ""))
    elif response.data is not None:
        claim.answer = JsonRenderer().render(response.data).decode()
    if not IdempotencyKey.objects.settle(claim) and view.is_one_transaction:
        raise ClaimLost
    return response


def _replay(claim: IdempotencyKey) -> Response:
    first = IdempotencyKey.objects.filter(scope_sha256=claim.scope_sha256).first()
    if first is None:  # refused meanwhile: free for the next try
        raise InFlight
    if first.body_sha256 != claim.body_sha256:
        raise KeyReused
    if first.status is None:
        raise InFlight
    if first.made_id is not None:
        sentence = f"{HEADER}: this was done already, and its answer held a secret that is shown only once."
        params = {"id": first.made_id}
        raise Conflict("already_done", sentence, [FieldProblem("", "already_done", sentence, params)])
    headers = {**first.headers, REPLAYED: "true"}
    return Response(json.loads(first.answer) if first.answer else None, status=first.status, headers=headers)


def _checked(text: str) -> str:
    if not text:
        raise Invalid.field(HEADER, "empty", "The header is empty; send a key of your own, such as a UUID.")
    if len(text) > LONGEST:
        sentence = f"The key has {len(text)} characters; the limit is {LONGEST}."
        raise Invalid.field(HEADER, "too_long", sentence, limit=LONGEST, actual=len(text))
    if not (text.isascii() and text.isprintable()):
        raise Invalid.field(HEADER, "not_printable", "The key may hold printable ASCII characters only.")
    return text


def _fingerprint(request: Request) -> str:
    """What was asked, however it was written: order of names, blanks and multipart boundaries do not count."""
    data: Any = request.data
    if isinstance(data, QueryDict):
        data = {name: [_plain(value) for value in values] for name, values in data.lists()}
    query = sorted((name, value) for name, values in request.query_params.lists() for value in values)
    return _digest(json.dumps([data, query], sort_keys=True))


def _plain(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    return ["file", value.name, value.content_type, getattr(value, "sha256", "") or _sha256(value)]


def _sha256(file: UploadedFile) -> str:  # type: ignore[type-arg]  # generic in the stubs only
    """Of one that was not hashed while it arrived."""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
