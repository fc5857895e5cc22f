"""What Facebook and Instagram share: the Graph API's versions, tokens of persons and pages, signed calls, refusals.

Sources: https://developers.facebook.com/docs/graph-api/guides/error-handling, …/docs/graph-api/guides/secure-requests,
…/docs/facebook-login/guides/access-tokens and …/docs/graph-api/overview/rate-limiting (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import orjson

from sandbox.consent import ConsentPage
from sandbox.json_platform import JsonPlatform
from sandbox.oauth import NO_STORE, OAuth, Policy, development_app
from sandbox.quotas import Quota
from sandbox.records import App, Grant, Person, Token
from sandbox.routing import Operation, Route, Routes
from sandbox.wire import Answer, Header, Refused, Request, json_answer, retry_after
from sandbox.world import Site

VERSIONED = re.compile(r"/(v[0-9]+\.0)(/.*)")
LIVING = ("v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0")
SHORT_S = 5_400
PAGE_DAY = Quota("pages", 4_800, 86_400)
PERSON_HOUR = Quota("app", 200, 3_600)
NEEDS_PROOF = "API calls from the server require an appsecret_proof argument"
WRONG_PROOF = "Invalid appsecret_proof provided in the API argument"
NO_OBJECT = (
    "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, "
    "or does not support this operation."
)
ENDED = {
    "revoked": (458, "Error validating access token: The user has not authorized application."),
    "expired": (463, "Error validating access token: Session has expired."),
    "unknown": (0, "Invalid OAuth access token - Cannot parse access token."),
    "role": (492, "Error validating access token: The session is invalid because the user has no role on the page."),
}


def graph_error(message: str, code: int, subcode: int = 0, *, status: int = 400, **more: Any) -> Answer:
    """Return a refusal as the Graph API writes it."""
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, **more}
    if subcode:
        error["error_subcode"] = subcode
    return json_answer(status, {"error": {**error, "fbtrace_id": "AbCdEfGhIjKlMnOpQrStUvW"}})


def refused(message: str, code: int = 100, subcode: int = 0, **more: Any) -> Refused:
    return Refused(graph_error(message, code, subcode, **more))


@dataclass(slots=True, eq=False)
class Page:
    """One page of a person's; `tokens` are kept per grant, by the token's text."""

    id: str
    name: str
    owner: Person


@dataclass(slots=True, frozen=True)
class Caller:
    """Who calls, through which app: a person, or one of their pages."""

    person: Person
    app: App
    scopes: tuple[str, ...]
    page: Page | None


class GraphOAuth(OAuth):
    """Codes become tokens of an hour or two, and those tokens of sixty days; nothing is refreshed."""

    def missing(self, name: str) -> Refused:
        return refused(f"Missing {name} parameter.", 100)

    def wrong(self, what: str) -> Refused:
        said: Mapping[str, tuple[str, int, int]] = {
            "client": ("Error validating client secret.", 1, 0),
            "code": ("This authorization code has been used or is not valid.", 100, 36009),
            "redirect_uri": (
                "Error validating verification code: the redirect_uri differs.",
                100,
                36008,
            ),
        }
        return refused(*said.get(what, (f"Invalid {what}.", 100, 0)))

    def give(self, request: Request) -> Answer:
        """Answer `/oauth/access_token`, by GET or POST."""
        fields = {**request.query(), **request.fields()}
        app = self.client(request, fields)
        if fields.get("grant_type") == "fb_exchange_token":
            return self._long_lived(app, str(fields.get("fb_exchange_token") or ""), request.at_ms)
        return self._token(self._exchanged(app, fields, request.at_ms), SHORT_S, request.at_ms)

    def _long_lived(self, app: App, short: str, at_ms: int) -> Answer:
        token = self.site.tokens.get(short)
        if token is None or token.grant.app is not app or token.fault(at_ms):
            raise token_refused(token.fault(at_ms) if token else None)
        return self._token(token.grant, int(self.policy.token_ttl_s or 0), at_ms)

    def _token(self, grant: Grant, ttl_s: int, at_ms: int) -> Answer:
        token = Token(f"EAA{secrets.token_urlsafe(32)}", grant, at_ms, at_ms + ttl_s * 1000)
        self.site.tokens[token.access] = token
        body = {"access_token": token.access, "token_type": "bearer", "expires_in": ttl_s}
        return json_answer(200, body, list(NO_STORE))


def token_refused(fault: str | None) -> Refused:
    subcode, message = ENDED[fault or "unknown"]
    return refused(message, 190, subcode, status=401)


class GraphPlatform(JsonPlatform):
    """One platform of Meta's. A subclass names its permissions, and what can be changed about it."""

    known_scopes: tuple[str, ...] = ()
    kept_names = (*JsonPlatform.kept_names, "pages", "page_tokens")

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.pages: dict[str, Page] = {}
        self.page_tokens: dict[str, str] = {}
        """A page's token -> the page's id."""
        self.oauth = GraphOAuth(self, Policy(token_ttl_s=5_184_000, has_app_tokens=False))
        self.consent = ConsentPage(self.oauth, unknown_client_status=400, default_scope="public_profile")
        development_app(site, self.known_scopes)

    # --- versions ---

    def route_of(self, request: Request) -> tuple[Route[Any] | None, dict[str, str]]:
        """Return the route without its version: what has none is not ours."""
        versioned = VERSIONED.fullmatch(request.path)
        path = versioned[2] if versioned else request.path
        return self.routes.find(request.method, path)

    def carry_out(self, route: Route[Any] | None, request: Request) -> Answer:
        """Answer, and say by which version: a dead one is answered by the oldest that lives."""
        answer = super().carry_out(route, request)
        if versioned := VERSIONED.fullmatch(request.path):
            version = versioned[1] if versioned[1] in LIVING else LIVING[0]
            answer.headers.append((b"facebook-api-version", version.encode()))
        return answer

    # --- who calls ---

    def caller_of(self, request: Request, *, token: str | None = None) -> Caller:
        """Return who calls. Raises Refused for a token that is not good, and a call that our app has not signed."""
        access = token or self.access_token(request)
        found = self.site.tokens.get(access)
        fault = found.fault(request.at_ms) if found else "unknown"
        if found is None or fault is not None:
            raise token_refused(fault)
        grant = found.grant
        if grant.person is None or grant.app is None:
            raise refused("An active access token must be used to query information about the current user.", 2500)
        self._check_proof(request, access, grant.app)
        page = self.pages.get(self.page_tokens.get(access, ""))
        if page is not None and page.name in self.options.lost_pages:
            raise token_refused("role")
        return Caller(grant.person, grant.app, grant.scopes, page)

    def access_token(self, request: Request) -> str:
        """Return the token of a call: in a header, the query, or the body."""
        scheme, _, value = (request.header(b"authorization") or "").partition(" ")
        if scheme.lower() in {"bearer", "oauth"} and value:
            return value.strip()
        return str({**request.query(), **self.form(request)}.get("access_token") or "")

    def form(self, request: Request) -> dict[str, Any]:
        """Return the fields of a body that is a form; an upload's bytes are none."""
        kind = request.header(b"content-type") or ""
        is_form = request.multipart is not None or "form" in kind or "json" in kind
        return request.fields() if is_form else {}

    def _check_proof(self, request: Request, access: str, app: App) -> None:
        given = request.query().get("appsecret_proof") or self.form(request).get("appsecret_proof")
        if given is None and not (self.options.require_proof and self.is_signed(request)):
            return
        if given is None:
            raise refused(NEEDS_PROOF, 100, type="GraphMethodException")
        proof = hmac.new(app.client_secret.encode(), access.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), str(given).encode()):
            raise refused(WRONG_PROOF, 100, type="GraphMethodException")

    def is_signed(self, request: Request) -> bool:
        """Return whether calls of this kind have to be signed; those to the upload host have not."""
        return VERSIONED.fullmatch(request.path) is not None

    # --- pages ---

    def pages_of(self, person: Person) -> list[Page]:
        """Return a person's pages, making those that were not asked for yet."""
        known = {page.name: page for page in self.pages.values() if page.owner is person}
        for name in person.pages:
            if name not in known:
                page = known[name] = Page(self.site.ids.next_at(person.created_ms), name, person)
                self.pages[page.id] = page
        return [known[name] for name in person.pages]

    def page_token(self, page: Page, grant: Grant, at_ms: int) -> str:
        """Return the page's token under a grant, always the same; it has no end of its own."""
        for access, page_id in self.page_tokens.items():
            if page_id == page.id and self.site.tokens[access].grant is grant:
                return access
        token = Token(f"EAAP{secrets.token_urlsafe(32)}", grant, at_ms)
        self.site.tokens[token.access] = token
        self.page_tokens[token.access] = page.id
        return token.access

    # --- how much ---

    def usage(self, caller: Caller, at_ms: int) -> list[Header]:
        """Count one call and return the header that says what share is used. Raises Refused when it is too many."""
        if not self.world.limits.quotas:
            return []
        if caller.page is None:
            reading = self.meter.read(caller.person.id, PERSON_HOUR, at_ms, spend=1)
            percent = (reading.limit - reading.remaining) * 100 // reading.limit
            share = {"call_count": percent, "total_cputime": 0, "total_time": 0}
            headers = [(b"x-app-usage", orjson.dumps(share))]
        else:
            reading = self.meter.read(caller.page.id, PAGE_DAY, at_ms, spend=1)
            percent = (reading.limit - reading.remaining) * 100 // reading.limit
            headers = [business_usage(caller.page.id, max(percent, self.options.used_percent), self.options.regain_min)]
        if reading.remaining < 0:
            answer = graph_error("(#32) Page request limit reached", 32, status=403)
            answer.headers.extend(headers)
            raise Refused(answer)
        return headers

    # --- refusals ---

    def error(self, status: int, name: str, message: str) -> Answer:  # noqa: ARG002 - it has codes, not names
        return graph_error(message, 100, status=status)

    def no_such_route(self) -> Answer:
        return graph_error("Unknown path components", 2500, status=404)

    def unreadable(self, reason: str) -> Answer:
        return graph_error(f"(#100) Invalid parameter: {reason}", 100)

    def server_error(self, status: int) -> Answer:
        return graph_error(
            "An unexpected error has occurred. Please retry your request later.", 2, status=status, is_transient=True
        )

    def too_many(self, *, until_ms: int, at_ms: int) -> Answer:
        """Return the refusal with the minutes that Meta names, and the seconds of a front that a test can wait for."""
        minutes = max(-(-(until_ms - at_ms) // 60_000), 1)
        answer = graph_error("(#80001) There have been too many calls to this Page account.", 80001)
        answer.headers += [business_usage("1", 100, minutes), retry_after(until_ms, at_ms)]
        return answer

    def rejected(self, operation: Operation) -> Answer:
        if operation is Operation.UPLOAD:
            return graph_error("(#324) Missing or invalid image file", 324, 2069019)
        return graph_error("(#100) Invalid parameter", 100, 1404102, error_user_msg="This goes against our standards.")


def business_usage(page: str, percent: int, minutes: int) -> Header:
    """Return X-Business-Use-Case-Usage for one page."""
    share = {"type": "pages", "call_count": percent, "total_cputime": 0, "total_time": 0}
    told = {page: [{**share, "estimated_time_to_regain_access": minutes if percent >= 100 or minutes else 0}]}
    return b"x-business-use-case-usage", orjson.dumps(told)


Handler = Callable[[Any, Request, Caller], Any]


def endpoint(
    routes: Routes[Any],
    method: str,
    path: str,
    operation: Operation,
    *,
    scopes: Sequence[str] = (),
    can_process: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler of signed calls, for `path` behind the version; it returns the body of a good answer."""

    def register(handler: Handler) -> Handler:
        def answer(server: GraphPlatform, request: Request) -> Answer:
            caller = server.caller_of(request)
            headers = server.usage(caller, request.at_ms)
            check_scopes(caller, scopes)
            said = handler(server, request, caller)
            done = said if isinstance(said, Answer) else json_answer(200, said)
            done.headers.extend(headers)
            return done

        routes.add(method, path, operation, can_process=can_process)(answer)
        return handler

    return register


def check_scopes(caller: Caller, scopes: Sequence[str]) -> None:
    """Raises Refused where the person did not grant one of these."""
    for scope in scopes:
        if scope not in caller.scopes:
            raise refused(f"(#200) The permission {scope} is missing.", 200, status=403)


def add_sign_in(routes: Routes[Any]) -> None:
    """Add what people and programs need to sign in: consent, tokens, what they are good for, what was granted."""

    # https://www.facebook.com/v26.0/dialog/oauth
    @routes.add("GET", "/dialog/oauth", Operation.OTHER)
    def show_consent(server: Any, request: Request) -> Answer:
        return server.consent.show(comma_apart(request))  # type: ignore[no-any-return]

    @routes.add("POST", "/dialog/oauth", Operation.OTHER)
    def decide_consent(server: Any, request: Request) -> Answer:
        return server.consent.decide(comma_apart(request))  # type: ignore[no-any-return]

    # https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow#confirm
    @routes.add("GET", "/oauth/access_token", Operation.TOKEN)
    @routes.add("POST", "/oauth/access_token", Operation.TOKEN)
    def give_token(server: Any, request: Request) -> Answer:
        return server.oauth.give(request)  # type: ignore[no-any-return]

    # https://developers.facebook.com/docs/graph-api/reference/debug_token
    @routes.add("GET", "/debug_token", Operation.TOKEN)
    def debug_token(server: GraphPlatform, request: Request) -> Answer:
        app_id, _, secret = server.access_token(request).partition("|")
        app = server.site.apps.get(app_id)
        if app is None or not hmac.compare_digest(secret.encode(), app.client_secret.encode()):
            raise token_refused(None)
        token = server.site.tokens.get(str(request.query().get("input_token") or ""))
        if token is None or token.grant.app is not app or token.grant.person is None:
            return json_answer(200, {"data": {"is_valid": False, "scopes": []}})
        return json_answer(200, {"data": about_token(server, token, request.at_ms)})

    # https://developers.facebook.com/docs/graph-api/reference/user/permissions
    @endpoint(routes, "GET", "/me/permissions", Operation.OTHER)
    def permissions(_: GraphPlatform, __: Request, caller: Caller) -> dict[str, Any]:
        return {"data": [{"permission": scope, "status": "granted"} for scope in caller.scopes]}

    @endpoint(routes, "DELETE", "/me/permissions", Operation.TOKEN)
    def revoke(server: GraphPlatform, _: Request, caller: Caller) -> dict[str, Any]:
        for token in server.site.tokens.values():
            if token.grant.person is caller.person and token.grant.app is caller.app:
                token.grant.is_revoked = True
        return {"success": True}


def about_token(server: GraphPlatform, token: Token, at_ms: int) -> dict[str, Any]:
    person, app = token.grant.person, token.grant.app
    assert person is not None  # noqa: S101 - the caller has looked
    assert app is not None  # noqa: S101
    page_id = server.page_tokens.get(token.access)
    pages = [page.id for page in server.pages_of(person)]
    return {
        "app_id": app.client_id,
        "type": "PAGE" if page_id else "USER",
        "user_id": person.id,
        **({"profile_id": page_id} if page_id else {}),
        "is_valid": token.fault(at_ms) is None,
        "expires_at": token.expires_ms // 1000 if token.expires_ms else 0,
        "data_access_expires_at": (token.created_ms // 1000) + 90 * 86_400,
        "scopes": list(token.grant.scopes),
        "granular_scopes": [
            {"scope": scope, "target_ids": pages} for scope in token.grant.scopes if scope.startswith("pages_")
        ],
    }


# --- reading ---
MOST_READS = 50


def asked_fields(request: Request, known: Collection[str]) -> dict[str, str]:
    """Return what `fields` asks for, by name, with what stands behind a name. Raises Refused for a name not in `known`.

    https://developers.facebook.com/docs/graph-api/guides/field-expansion (read 2026-11-23).
    """
    asked = {}
    for named in _apart(str(request.query().get("fields") or "")):
        name = re.split(r"[.{(]", named, maxsplit=1)[0]
        if name not in known:
            raise refused(f"(#100) Tried accessing nonexisting field ({name})", 100)
        asked[name] = named.removeprefix(name)
    return asked


def _apart(fields: str) -> Iterator[str]:
    """Split at the commas that stand in no brackets."""
    depth, begun = 0, 0
    for at, letter in enumerate(fields):
        depth += (letter in "({") - (letter in ")}")
        if letter == "," and depth == 0:
            yield fields[begun:at]
            begun = at + 1
    if fields:
        yield fields[begun:]


def add_batch(routes: Routes[Any]) -> None:
    """Add several reads in one call, each of which counts: https://developers.facebook.com/docs/graph-api/batch-requests
    (read 2026-11-23).
    """

    @routes.add("POST", "/", Operation.METRICS)
    def batch(server: GraphPlatform, request: Request) -> Answer:
        server.caller_of(request)
        fields = request.fields()
        try:
            asked = orjson.loads(str(fields.get("batch")))
            urls = [(one["method"], str(one["relative_url"])) for one in asked]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            raise refused("(#100) Param batch must be an array.", 100) from None
        if len(urls) > MOST_READS:
            raise refused(f"Too many requests in batch message. Maximum batch size is {MOST_READS}", 100)
        if any(method != "GET" for method, _ in urls):
            raise refused("(#100) a batch of anything but reads is not simulated", 100)
        answers = [_read(server, request, url) for _, url in urls]
        headers = next((answer.headers for answer in reversed(answers) if answer is not None), [])
        body = [None if one is None else {"code": one.status, "body": one.body.decode()} for one in answers]
        return json_answer(200, body, list(headers))


def _read(server: GraphPlatform, request: Request, url: str) -> Answer | None:
    """Answer one read with the token and the proof of the whole; None = it takes too long."""
    if server.options.silent_reads > 0:
        server.options.silent_reads -= 1
        return None
    path, _, query = url.partition("?")
    proof = urlencode({"appsecret_proof": str(request.query().get("appsecret_proof") or "")})
    one = replace(
        request, method="GET", path=f"/{path}", query_string=f"{query}&{proof}".encode(), body=b"", multipart=None
    )
    route, args = server.route_of(one)
    one.args = args
    return server.carry_out(route, one)


def comma_apart(request: Request) -> Request:
    """Return the request with its scopes apart by blanks, as the consent page reads them."""
    request.query_string = re.sub(
        rb"(?<=scope=)[^&]*", lambda found: found[0].replace(b"%2C", b"+").replace(b",", b"+"), request.query_string
    )
    return request
