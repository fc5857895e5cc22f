"""DRF's exception handler: whatever a view raised becomes a problem (see problems.py).

Services raise DomainError; STATUS says which status each kind has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from drf_standardized_errors.formatter import flatten_errors
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import Error, ExceptionHandlerContext
from rest_framework import exceptions, status
from rest_framework.response import Response

from mastablasta.core.api.problems import MEDIA_TYPE, SENTENCES, problem
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.errors import (
    Conflict,
    DomainError,
    FieldProblem,
    Forbidden,
    Invalid,
    NoRoom,
    NotSignedIn,
    NotThere,
    TooLarge,
    TooOften,
    Unreachable,
    WrongType,
    summary,
)

if TYPE_CHECKING:  # DRF imports this module while it imports its views
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

STATUS: dict[type[DomainError], int] = {
    Invalid: status.HTTP_400_BAD_REQUEST,
    NotSignedIn: status.HTTP_401_UNAUTHORIZED,
    Forbidden: status.HTTP_403_FORBIDDEN,
    NotThere: status.HTTP_404_NOT_FOUND,
    Conflict: status.HTTP_409_CONFLICT,
    TooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    WrongType: status.HTTP_415_UNSUPPORTED_MEDIA_TYPE,
    TooOften: status.HTTP_429_TOO_MANY_REQUESTS,
    Unreachable: status.HTTP_502_BAD_GATEWAY,
    Undecryptable: status.HTTP_503_SERVICE_UNAVAILABLE,
    NoRoom: status.HTTP_507_INSUFFICIENT_STORAGE,
}


class PreconditionFailed(exceptions.APIException):
    """If-Match names a version that is no longer the newest."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "changed_meanwhile"
    default_detail = "If-Match: this is no longer the newest version; read it again and repeat the change."


def exception_handler(exc: Exception, context: ExceptionHandlerContext) -> Response | None:
    """Return the problem for what a view raised; of an unexpected exception only the log learns more."""
    return ProblemHandler(exc, context).run()


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return _as_api_exception(exc)
        if isinstance(exc, RequestDataTooBig):
            return _plain(413)
        if isinstance(exc, SuspiciousOperation | UnreadablePostError):
            return _plain(400)
        if isinstance(exc, OperationalError | InterfaceError):
            return _plain(503)
        return super().convert_known_exceptions(exc)

    def format_exception(self, exc: exceptions.APIException) -> dict[str, Any]:
        code = exc.status_code
        if isinstance(self.exc, DomainError):
            return problem(code, self.exc.code, _sentence(self.exc), self.exc.problems)
        if isinstance(exc, exceptions.ValidationError):
            problems = problems_in(exc)
            return problem(code, "invalid", summary(problems), problems)
        if isinstance(exc, exceptions.UnsupportedMediaType):
            return problem(code, *_content_types(self.context["view"]))
        if _says_nothing_own(exc) and code in SENTENCES:
            usual_code, sentence = SENTENCES[code]
            return problem(code, usual_code, sentence)
        detail = cast(exceptions.ErrorDetail, exc.detail)
        return problem(code, str(detail.code), str(detail))

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """A refusal is an answer and no failure of the program; only of a full disk its operator has to hear."""
        if not isinstance(self.exc, DomainError):
            super().report_exception(exc, response)
        elif isinstance(self.exc, NoRoom):
            log.warning("request_refused", code=self.exc.code, detail=self.exc.detail)

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        response = Response(data, status=exc.status_code, headers=self.get_headers(exc))
        renderer = getattr(self.context["request"], "accepted_renderer", None)
        if getattr(renderer, "format", "json") == "json":  # others show the same as a page
            response.content_type = MEDIA_TYPE
        return response


def problems_in(error: exceptions.ValidationError) -> list[FieldProblem]:
    """Its faults, each by its field."""
    return [_field_problem(one) for one in flatten_errors(error.detail)]


def _sentence(error: DomainError) -> str:
    """Its own, or where that only repeats the first field's, one that names the field."""
    repeats = bool(error.problems) and error.detail == error.problems[0].message
    return summary(error.problems) if repeats else error.detail


def _content_types(view: APIView) -> tuple[str, str]:
    types = " or ".join(str(parser.media_type) for parser in view.get_parsers())
    return (
        "unsupported_media_type",
        f"The body is of a type that this address does not read; send Content-Type: {types}.",
    )


def _as_api_exception(error: DomainError) -> exceptions.APIException:
    answer: Any = exceptions.APIException(error.detail, error.code)
    answer.status_code = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    if isinstance(error, TooOften):
        answer.wait = error.retry_after_s  # get_headers() makes Retry-After of it
    if isinstance(error, NotSignedIn):
        answer.auth_header = "Bearer"  # and WWW-Authenticate of this
    return cast(exceptions.APIException, answer)


def _plain(code: int) -> exceptions.APIException:
    usual_code, sentence = SENTENCES[code]
    answer = exceptions.APIException(sentence, usual_code)
    answer.status_code = code
    return answer


def _says_nothing_own(exc: exceptions.APIException) -> bool:
    """Whether the words are DRF's own, which name no remedy."""
    own_words = (exceptions.MethodNotAllowed, exceptions.NotAcceptable, exceptions.Throttled)
    is_default = str(exc.detail) == str(type(exc).default_detail)
    return isinstance(exc, own_words) or is_default or exc.status_code == 500


def _field_problem(error: Error) -> FieldProblem:
    """`field` is dotted (`thread.1.content`); "" when the fault is of the body as a whole."""
    name = (error.attr or "").removesuffix("non_field_errors").removesuffix(".")
    return FieldProblem(name, str(error.code), error.detail, getattr(error.code, "params", {}))
