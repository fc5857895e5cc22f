"""OAuth 2 sessions that go through the door: requests-oauthlib speaks the protocol, we carry its calls."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from oauthlib.oauth2 import OAuth2Error
from requests import PreparedRequest
from requests import Response as RequestsResponse
from requests.adapters import BaseAdapter
from requests_oauthlib import OAuth2Session

from mastablasta.core.outbound.addresses import Purpose
from mastablasta.core.outbound.errors import CallFailed, Unavailable
from mastablasta.core.outbound.http import call_of
from mastablasta.core.outbound.responses import Response, keepable
from mastablasta.core.outbound.transport import exchange

# Both write tokens and bodies to their logs at DEBUG.
logging.getLogger("requests_oauthlib").setLevel(logging.INFO)
logging.getLogger("oauthlib").setLevel(logging.INFO)
# oauthlib refuses token addresses on plain http by itself; here the door does, but for the simulator.
if settings.IS_DEVELOPMENT:
    os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")
# A server may name what it granted otherwise than we asked for it; that is not a fault.
os.environ.setdefault("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")

# What oauthlib raises for answers that are no tokens, one that is nested too deeply among them.
_ODD_ANSWER = (OAuth2Error, ValueError, TypeError, AttributeError, OverflowError, RecursionError)

Check = Callable[[Response], None]


class OAuthSession(OAuth2Session):  # type: ignore[misc]  # untyped
    """An OAuth2Session whose calls are the door's: no environment, no proxies, no redirects, one time-out for all.

    `check` sees every answer first, and raises what it means; so platforms name their own refusals. Not for visible
    calls.
    """

    def __init__(
        self, client_id: str, *, check: Check | None = None, purpose: Purpose = "platform", **kwargs: Any
    ) -> None:
        super().__init__(client_id, **kwargs)
        self.trust_env = False
        adapter = _DoorAdapter(purpose, check)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def fetch_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Raises Unavailable (also `unreadable`), and what `check` raises."""
        return self._readable(super().fetch_token, *args, **kwargs)

    def refresh_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Raises Unavailable (also `unreadable`), and what `check` raises."""
        return self._readable(super().refresh_token, *args, **kwargs)

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[RequestsResponse]:
        """None: a redirect would carry the client's secret to another host."""
        return iter(())

    def _readable(self, ask: Callable[..., dict[str, Any]], *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            token = keepable(dict(ask(*args, **kwargs)))
        except _ODD_ANSWER:
            token = {}
        if not isinstance(token.get("access_token"), str) or not token["access_token"]:
            raise Unavailable("the answer holds no access token", code="unreadable")
        return token  # type: ignore[no-any-return]


class _DoorAdapter(BaseAdapter):
    """requests' transport: every call, whatever time-out or proxy it asks for, becomes one through the door."""

    def __init__(self, purpose: Purpose, check: Check | None) -> None:
        super().__init__()
        self._purpose: Purpose = purpose
        self._check = check

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> RequestsResponse:
        answer = exchange(
            call_of(
                str(request.method),
                str(request.url),
                headers={name: value for name, value in request.headers.items() if name.lower() != "connection"},
                body=request.body.encode() if isinstance(request.body, str) else request.body,
                purpose=self._purpose,
            )
        )
        if isinstance(answer, CallFailed):
            raise answer
        if self._check is not None:
            self._check(answer)
        return _response(request, answer)

    def close(self) -> None:
        pass


def _response(request: PreparedRequest, answer: Response) -> RequestsResponse:
    response = RequestsResponse()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    response.raw = io.BytesIO(answer.body)
    response.url = str(request.url)
    response.request = request
    response.encoding = "utf-8"
    return response
