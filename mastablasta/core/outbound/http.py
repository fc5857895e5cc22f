"""Http: what a connector holds to talk to one host."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from mastablasta.core.outbound.addresses import Origin, Purpose, Refused, split_url
from mastablasta.core.outbound.auth import Auth
from mastablasta.core.outbound.errors import CallFailed, Unavailable
from mastablasta.core.outbound.multipart import File, multipart
from mastablasta.core.outbound.responses import Response
from mastablasta.core.outbound.transport import MAX_BYTES, Call, exchange
from mastablasta.core.time_scale import scaled

TIMEOUT_S = scaled(10)

Params = Mapping[str, Any] | Sequence[tuple[str, Any]]


NO_AUTH = Auth("")


class Http:
    """Calls below one base URL, with its token if it has one. Cheap to make; use it on one thread at a time.

    `base_url` may have a path; paths given to the calls are appended to it. An absolute URL is taken as it is, but the
    token and the headers of `with_headers` go only to the base URL's own origin and to those that `auth` names.
    Redirects are answers. The environment's proxies and .netrc are not looked at. `on_visible` is the mark: called
    right before the first byte of a call with `visible=True` could leave; if it raises, nothing is sent and its
    exception passes through.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth = NO_AUTH,
        headers: Mapping[str, str] | None = None,
        purpose: Purpose = "platform",
        on_visible: Callable[[], None] | None = None,
    ) -> None:
        """Raises Unavailable (refused_address) for a URL that is not a plain http(s) one."""
        self.base_url = base_url.rstrip("/")
        self.purpose: Purpose = purpose
        self._origin, path = _split(self.base_url)
        self._base_path = path.rstrip("/")
        self._auth = auth
        self._headers = dict(headers or {})
        self._trusted = frozenset({self._origin, *(_split(origin)[0] for origin in auth.origins)})
        self._on_visible = on_visible

    def __repr__(self) -> str:
        return f"<Http {self.base_url} for {self.purpose}>"

    def with_auth(self, auth: Auth) -> Http:
        """The same base URL and headers, with this token instead of its own."""
        return self._copy(auth=auth)

    def with_scheme(self, scheme: str) -> Http:
        """The same, with its token shown under another scheme, as some upload servers want it."""
        return self._copy(auth=replace(self._auth, scheme=scheme))

    def with_headers(self, **headers: str) -> Http:
        """The same, with these headers on every call that may carry the token; `LinkedIn_Version` is LinkedIn-Version.

        What a call names itself counts before them.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._copy(headers={**self._headers, **named})

    def _copy(self, **changes: Any) -> Http:
        own = {"auth": self._auth, "headers": self._headers, "purpose": self.purpose, "on_visible": self._on_visible}
        return Http(self.base_url, **{**own, **changes})

    def elsewhere(self, base_url: str) -> Http:
        """Another base URL for the same purpose; the token and the headers of `with_headers` stay behind."""
        return Http(base_url, purpose=self.purpose)

    def get(self, path_or_url: str, **how: Any) -> Response:
        return self.request("GET", path_or_url, **how)

    def post(self, path_or_url: str, **how: Any) -> Response:
        return self.request("POST", path_or_url, **how)

    def put(self, path_or_url: str, **how: Any) -> Response:
        return self.request("PUT", path_or_url, **how)

    def delete(self, path_or_url: str, **how: Any) -> Response:
        return self.request("DELETE", path_or_url, **how)

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: Params | bytes | File | None = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        visible: bool = False,
        timeout_s: float = TIMEOUT_S,
        max_bytes: int = MAX_BYTES,
        into: Callable[[bytes], None] | None = None,
        cut_at: int | None = None,
        may_repeat: bool = False,
    ) -> Response:
        """Make one call and return its answer, whatever the status.

        `json` is sent as JSON, `data` as a form (as it is when bytes or a File), `files` with `data` as multipart.
        Files are read block by block. `into` is given the body of a 200 block by block, as it comes; then the answer's
        is empty. What it raises passes through. `cut_at`: of the answer's body only so many bytes are read, as they
        come, whatever `max_bytes` says. `may_repeat`: carried out twice it does no harm, so it is sent again when a
        kept connection turns out to be closed, as GET, HEAD and DELETE are.
        `timeout_s` is total: resolving, connecting (at most 5 s), sending, waiting and reading.
        Raises Unavailable when certainly nothing was done or the call was not visible, else OutcomeUnknown.
        Codes before the first byte: refused_address, dns_failure, connection_refused, connect_timeout, tls_error;
        after it: timed_out, connection_reset, too_large, unreadable.
        """
        if visible and self._on_visible is None:
            raise RuntimeError("a visible call needs on_visible: without the mark a crash would send it twice")
        body, content_headers = _body(json, data, files)
        # Not kept in names: what a frame's names hold can end up in a log.
        outcome = exchange(
            call_of(
                method,
                path_or_url,
                base=(self._origin, self._base_path),
                params=[*self._signature_for(path_or_url).items(), *_pairs(params)],
                headers={**self._headers_for(path_or_url), **content_headers, **(headers or {})},
                body=body,
                purpose=self.purpose,
                on_visible=self._on_visible if visible else None,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                into=into,
                cut_at=cut_at,
                may_repeat=may_repeat,
            )
        )
        if isinstance(outcome, CallFailed):
            raise outcome
        return outcome

    def _headers_for(self, path_or_url: str) -> Mapping[str, str]:
        """The headers that show there who calls; {} for an origin that is not trusted."""
        if self._origin_of(path_or_url) not in self._trusted:
            return {}
        if not self._auth.token:
            return self._headers
        return {"Authorization": f"{self._auth.scheme} {self._auth.token}", **self._headers}

    def _signature_for(self, path_or_url: str) -> Mapping[str, str]:
        """The query parameters that prove there that our app calls; {} for anybody but the base URL's own origin."""
        if not self._auth.token or self._auth.sign is None or self._origin_of(path_or_url) != self._origin:
            return {}
        return self._auth.sign(self._auth.token)

    def _origin_of(self, path_or_url: str) -> Origin:
        return self._origin if path_or_url.startswith("/") else _split(path_or_url)[0]


def call_of(
    method: str,
    path_or_url: str,
    *,
    base: tuple[Origin, str] | None = None,
    params: Params | None = None,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] | None,
    purpose: Purpose,
    on_visible: Callable[[], None] | None = None,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
    into: Callable[[bytes], None] | None = None,
    cut_at: int | None = None,
    may_repeat: bool = False,
) -> Call:
    """Put one request together. Raises Unavailable (refused_address)."""
    if base is not None and path_or_url.startswith("/"):
        origin, target = base[0], base[1] + path_or_url
    else:
        origin, target = _split(path_or_url)
    if params:
        target = f"{target}{'&' if '?' in target else '?'}{urlencode(params, doseq=True)}"
    sent = {
        "Host": origin.netloc,
        "User-Agent": f"MastaBlasta/{settings.VERSION} (+{settings.PUBLIC_URL})",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
    }
    sent.update(headers)
    return Call(method, origin, target, sent, body, purpose, timeout_s, max_bytes, on_visible, into, cut_at, may_repeat)


def _pairs(params: Params | None) -> Iterable[tuple[str, Any]]:
    if params is None:
        return ()
    return params.items() if isinstance(params, Mapping) else params


def _body(
    json: Any, data: Params | bytes | File | None, files: Mapping[str, File] | None
) -> tuple[bytes | Iterable[bytes] | None, dict[str, str]]:
    if isinstance(data, File):
        return data.blocks(), {"Content-Type": data.mime_type, "Content-Length": str(data.size)}
    if files is not None:
        form, content_type = multipart(data, files)
        return form, {"Content-Type": content_type, "Content-Length": str(form.length)}
    if json is not None:
        text = json_format.dumps(json, ensure_ascii=False, separators=(",", ":"))
        return text.encode(), {"Content-Type": "application/json"}
    if isinstance(data, bytes):
        return data, {}
    if data is not None:
        return urlencode(data, doseq=True).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return None, {}


def _split(url: str) -> tuple[Origin, str]:
    try:
        return split_url(url)
    except Refused as refused:
        raise Unavailable(str(refused), code="refused_address") from None
