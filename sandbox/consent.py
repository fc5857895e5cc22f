"""The page where a person allows an app, or does not."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sandbox.feed import PAGE_HEADERS, page
from sandbox.oauth import OAuth
from sandbox.records import App, Person
from sandbox.wire import Answer, Header, Refused, Request, html_answer

OOB = "urn:ietf:wg:oauth:2.0:oob"
UNKNOWN_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, or unsupported "
    "authentication method."
)
BAD_REDIRECT = "The requested redirect uri is malformed or doesn't match client redirect URI."
CARRIED_FIELDS = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


@dataclass(slots=True, frozen=True)
class Asking:
    """A request for consent by a known client with one of its own redirect URIs."""

    app: App
    redirect_uri: str
    state: str | None
    fields: dict[str, str]
    scopes: tuple[str, ...]
    challenge: str | None


@dataclass(slots=True, frozen=True)
class ConsentPage:
    """The authorize endpoint of one site: GET shows it, POST is the person's answer."""

    oauth: OAuth
    unknown_client_status: int = 401
    bad_redirect_status: int = 400
    default_scope: str = "read"

    def show(self, request: Request) -> Answer:
        """Answer GET; `_consent=<handle>` allows at once, `_consent=deny` refuses at once."""
        query = request.query()
        asking = self._asking(query)
        consent = query.get("_consent")
        if consent is None:
            return self._form(asking)
        return self._decided(asking, is_allowed=consent != "deny", handle=str(consent))

    def decide(self, request: Request) -> Answer:
        """Answer the form."""
        fields = request.fields()
        asking = self._asking({**request.query(), **fields})
        is_allowed = fields.get("decision") == "allow"
        return self._decided(asking, is_allowed=is_allowed, handle=str(fields.get("handle") or ""))

    def _asking(self, fields: dict[str, Any]) -> Asking:
        """Return what is asked for. Raises Refused with a page, or with a redirect where that is safe."""
        given = {name: fields[name] for name in CARRIED_FIELDS if isinstance(fields.get(name), str)}
        app = self.oauth.site.apps.get(given.get("client_id", ""))
        if app is None:
            raise Refused(problem_page(self.unknown_client_status, UNKNOWN_CLIENT))
        redirect_uri = given.get("redirect_uri", "")
        if not app.takes(redirect_uri):
            raise Refused(problem_page(self.bad_redirect_status, BAD_REDIRECT))
        scopes = tuple(given.get("scope", self.default_scope).split())
        asking = Asking(app, redirect_uri, given.get("state"), given, scopes, given.get("code_challenge") or None)
        problem = self._problem(asking)
        if problem is not None:
            raise Refused(redirected(asking, {"error": problem[0], "error_description": problem[1]}))
        return asking

    def _problem(self, asking: Asking) -> tuple[str, str] | None:
        if asking.fields.get("response_type") != "code":
            return (
                "unsupported_response_type",
                "The authorization server does not support this response type.",
            )
        if not asking.scopes or not set(asking.scopes) <= set(asking.app.scopes):
            return "invalid_scope", "The requested scope is invalid, unknown, or malformed."
        method = asking.fields.get("code_challenge_method")
        if (asking.challenge or method) and method != "S256":
            return "invalid_code_challenge_method", "The code_challenge_method must be S256."
        if asking.challenge is None and (method or self.oauth.policy.is_pkce_required):
            return "invalid_request", "Missing required parameter: code_challenge."
        return None

    def _decided(self, asking: Asking, *, is_allowed: bool, handle: str) -> Answer:
        if not is_allowed:
            description = "The resource owner or authorization server denied the request."
            return redirected(asking, {"error": "access_denied", "error_description": description})
        person = self.oauth.platform.person_called(handle)
        if person is None:
            return self._form(asking, problem=f"Nobody here can be called {handle!r}.")
        return self._allowed(asking, person)

    def _allowed(self, asking: Asking, person: Person) -> Answer:
        code = self.oauth.grant_code(
            asking.app,
            person,
            scopes=asking.scopes,
            redirect_uri=asking.redirect_uri,
            challenge=asking.challenge,
        )
        if asking.redirect_uri == OOB:
            return html_answer(200, page("Authorization code", f"<main><code>{escape(code)}</code></main>"), headers())
        return redirected(asking, {"code": code})

    def _form(self, asking: Asking, problem: str | None = None) -> Answer:
        site = self.oauth.site
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in asking.fields.items()
        )
        people = "".join(f'<option value="{escape(person.handle)}">' for person in list(site.people.values())[:500])
        scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in asking.scopes)
        complaint = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
        body = (
            f'<main><div class="card"><h1>Authorize {escape(asking.app.name)}</h1>'
            f'<p class="note">{escape(self.oauth.platform.label)} at {escape(site.url)}</p>'
            f"<p>It would like to use:</p><ul>{scopes}</ul>{complaint}"
            f'<form method="post">{hidden}'
            '<label>Your handle (a new one signs you up)<input name="handle" list="people" autofocus'
            f' autocomplete="off"></label><datalist id="people">{people}</datalist>'
            '<div class="choices"><button name="decision" value="allow">Allow</button>'
            '<button name="decision" value="deny">Deny</button></div></form></div></main>'
        )
        return html_answer(400 if problem else 200, page(f"Authorize {asking.app.name}", body), headers())


def headers() -> list[Header]:
    return [(name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()]


def problem_page(status: int, sentence: str) -> Answer:
    body = (
        f'<main><div class="card"><h1>An error has occurred</h1><p class="problem">{escape(sentence)}</p></div></main>'
    )
    return html_answer(status, page("An error has occurred", body), headers())


def redirected(asking: Asking, result: dict[str, str]) -> Answer:
    """Send the browser back to the app, with the state it gave; out of band there is only a page."""
    if asking.redirect_uri == OOB:
        return problem_page(400, result.get("error_description", ""))
    if asking.state is not None:
        result = {**result, "state": asking.state}
    parts = urlsplit(asking.redirect_uri)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *result.items()])
    location = urlunsplit(parts._replace(query=query)).encode()
    return Answer(302, b"", b"text/html; charset=utf-8", [(b"location", location), (b"cache-control", b"no-store")])
