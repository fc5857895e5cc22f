"""Registering an app, consent, tokens, who am I, and what this server is."""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

from sandbox.consent import OOB
from sandbox.feed import PAGE_HEADERS, article
from sandbox.feed import page as feed_page
from sandbox.platforms.mastodon import shapes
from sandbox.platforms.mastodon.rules import SCOPES
from sandbox.platforms.mastodon.server import ROUTES, Mastodon
from sandbox.records import Person
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, html_answer, json_answer

FORBIDDEN_SCHEMES = ("data", "javascript", "vbscript")
MISSING_PICTURE = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


# https://docs.joinmastodon.org/methods/oauth/#authorization-server-metadata
@ROUTES.add("GET", "/.well-known/oauth-authorization-server", Operation.OTHER)
def metadata(server: Mastodon, _: Request) -> Answer:
    if not server.dialect.has_metadata:
        raise server.not_found()
    base = server.site.url
    grants = ["authorization_code", "client_credentials"]
    return json_answer(
        200,
        {
            "issuer": f"{base}/",
            "service_documentation": "https://docs.joinmastodon.org/",
            "authorization_endpoint": f"{base}/oauth/authorize",
            "token_endpoint": f"{base}/oauth/token",
            "app_registration_endpoint": f"{base}/api/v1/apps",
            "revocation_endpoint": f"{base}/oauth/revoke",
            "userinfo_endpoint": f"{base}/oauth/userinfo",
            "scopes_supported": sorted(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": [*grants, "refresh_token"] if server.options.rotating_tokens else grants,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        },
    )


# https://docs.joinmastodon.org/methods/apps/#create
@ROUTES.add("POST", "/api/v1/apps", Operation.OTHER)
def register_app(server: Mastodon, request: Request) -> Answer:
    fields = request.fields()
    name, uris = fields.get("client_name"), redirect_uris(fields.get("redirect_uris"))
    scopes = tuple(str(fields.get("scopes") or "read").split())
    if not isinstance(name, str) or not name.strip():
        raise Refused(server.dialect.bad_app("Name can't be blank"))
    if not uris:
        raise Refused(server.dialect.bad_app("Redirect URI can't be blank"))
    for uri in uris:
        problem = uri_problem(uri)
        if problem is not None:
            raise Refused(server.dialect.bad_app(f"Redirect URI {problem}"))
    if not SCOPES.issuperset(scopes):
        raise Refused(server.dialect.bad_app("Scopes doesn't match configured on the server."))
    website = fields.get("website")
    app = server.site.register_app(
        name=name, website=website if isinstance(website, str) else None, redirect_uris=uris, scopes=scopes
    )
    return json_answer(200, shapes.credential_application(app))


def redirect_uris(given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        return tuple(given.split())
    if isinstance(given, list) and all(isinstance(uri, str) for uri in given):
        return tuple(uri for uri in given if uri)
    return ()


def uri_problem(uri: str) -> str | None:
    if uri == OOB:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "must be a valid URI."
    if parts.scheme in FORBIDDEN_SCHEMES:
        return "is forbidden by the server."
    if not parts.scheme or (parts.scheme in ("http", "https") and not parts.hostname):
        return "must be an absolute URI."
    return "cannot contain a fragment." if parts.fragment else None


# https://docs.joinmastodon.org/methods/oauth/#authorize
@ROUTES.add("GET", "/oauth/authorize", Operation.OTHER)
def show_consent(server: Mastodon, request: Request) -> Answer:
    return server.consent.show(request)


@ROUTES.add("POST", "/oauth/authorize", Operation.OTHER)
def decide_consent(server: Mastodon, request: Request) -> Answer:
    return server.consent.decide(request)


# https://docs.joinmastodon.org/methods/oauth/#token
@ROUTES.add("POST", "/oauth/token", Operation.TOKEN)
def issue_token(server: Mastodon, request: Request) -> Answer:
    try:
        return server.oauth.token(request)
    except Refused as refusal:
        if refusal.answer.status != 401:
            raise
        return server.dialect.client_refused(refusal.answer)


# https://docs.joinmastodon.org/methods/oauth/#revoke
@ROUTES.add("POST", "/oauth/revoke", Operation.TOKEN)
def revoke_token(server: Mastodon, request: Request) -> Answer:
    server.oauth.revoke(request)
    return server.dialect.revoked()


# https://docs.joinmastodon.org/methods/oauth/#userinfo
@ROUTES.add("GET", "/oauth/userinfo", Operation.OTHER)
def userinfo(server: Mastodon, request: Request) -> Answer:
    person, _ = server.person(request, "profile")
    account = shapes.account(person, server.site)
    return json_answer(
        200,
        {
            "iss": f"{server.site.url}/",
            "sub": account["uri"],
            "name": person.name,
            "preferred_username": person.handle,
            "profile": account["url"],
            "picture": account["avatar"],
        },
    )


# https://docs.joinmastodon.org/methods/accounts/#verify_credentials
@ROUTES.add("GET", "/api/v1/accounts/verify_credentials", Operation.OTHER)
def verify_credentials(server: Mastodon, request: Request) -> Answer:
    person, _ = server.person(request, "profile", "read", "read:accounts")
    return json_answer(200, {**shapes.credential_account(person, server.site), **standing(server, person)})


# https://docs.joinmastodon.org/entities/Account/#suspended, #limited, #moved
def standing(server: Mastodon, person: Person) -> dict[str, Any]:
    handle, options = person.handle.lower(), server.options
    flags = {"suspended": options.suspended, "limited": options.limited}
    told: dict[str, Any] = {name: True for name, those in flags.items() if handle in those}
    if handle in options.moved:
        account = shapes.account(person, server.site)
        told["moved"] = {**account, "acct": f"{person.handle}@elsewhere.example"}
    return told


# https://docs.joinmastodon.org/methods/instance/#v2
@ROUTES.add("GET", "/api/v2/instance", Operation.OTHER)
def instance_v2(server: Mastodon, _: Request) -> Answer:
    return json_answer(200, shapes.instance_v2(server.options, server.site))


# https://docs.joinmastodon.org/methods/instance/#v1
@ROUTES.add("GET", "/api/v1/instance", Operation.OTHER)
def instance_v1(server: Mastodon, _: Request) -> Answer:
    return json_answer(200, shapes.instance_v1(server.options, server.site))


# The pictures and pages that the entities link to.
@ROUTES.add("GET", "/avatars/original/missing.png", Operation.OTHER)
@ROUTES.add("GET", "/headers/original/missing.png", Operation.OTHER)
def missing_picture(_server: Mastodon, _: Request) -> Answer:
    return Answer(200, MISSING_PICTURE, b"image/png")


@ROUTES.add("GET", "/@{handle}/{id}", Operation.OTHER)
def status_page(server: Mastodon, request: Request) -> Answer:
    post = server.site.posts.get(request.args["id"])
    if post is None or post.visibility not in ("public", "unlisted"):
        raise server.not_found()
    page = feed_page(f"{post.person.name} on {server.options.title}", f"<main>{article(post, server)}</main>")
    return html_answer(200, page, [(name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()])
