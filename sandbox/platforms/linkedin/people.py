"""Signing in, who somebody is, and which organisations they administer.

Sources: https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow,
…/shared/authentication/token-introspection, …/consumer/integrations/self-serve/sign-in-with-linkedin-v2 and
…/marketing/community-management/organizations/organization-access-control-by-role (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.linkedin.server import ROUTES, Caller, LinkedIn, endpoint, paged, refused, restli_list
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, json_answer


@ROUTES.add("GET", "/oauth/v2/authorization", Operation.OTHER)
def show_consent(server: LinkedIn, request: Request) -> Answer:
    return server.consent.show(request)


@ROUTES.add("POST", "/oauth/v2/authorization", Operation.OTHER)
def decide_consent(server: LinkedIn, request: Request) -> Answer:
    return server.consent.decide(request)


@ROUTES.add("POST", "/oauth/v2/accessToken", Operation.TOKEN)
def give_token(server: LinkedIn, request: Request) -> Answer:
    return server.oauth.token(request)


@ROUTES.add("POST", "/oauth/v2/revoke", Operation.TOKEN)
def revoke(server: LinkedIn, request: Request) -> Answer:
    """Take back all that the person granted to the app; unknown is fine."""
    fields = request.fields()
    app = server.oauth.client(request, fields)
    value = str(fields.get("token") or "")
    found = server.site.tokens.get(value) or server.site.refresh_tokens.get(value)
    for token in server.site.tokens.values():
        if found is not None and token.grant.app is app and token.grant.person is found.grant.person:
            token.grant.is_revoked = True
    return json_answer(200, {})


@ROUTES.add("POST", "/oauth/v2/introspectToken", Operation.TOKEN)
def introspect(server: LinkedIn, request: Request) -> Answer:
    fields = request.fields()
    try:
        app = server.oauth.client(request, fields)
    except Refused:
        return json_answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
    token = server.site.tokens.get(str(fields.get("token") or ""))
    if token is None or token.grant.app is not app:
        return json_answer(200, {"active": False})
    fault = token.fault(request.at_ms)
    return json_answer(
        200,
        {
            "active": fault is None,
            "client_id": app.client_id,
            "authorized_at": token.created_ms // 1000,
            "created_at": token.created_ms // 1000,
            "status": fault or "active",
            "expires_at": (token.expires_ms or 0) // 1000,
            "scope": ",".join(token.grant.scopes),
            "auth_type": "3L",
        },
    )


@endpoint("GET", "/v2/userinfo", Operation.OTHER, scopes=("openid",))
def userinfo(server: LinkedIn, _: Request, caller: Caller) -> dict[str, Any]:
    person = caller.person
    return {
        "sub": person.id,
        "name": person.name,
        "given_name": person.name,
        "family_name": "Example",
        "picture": f"{server.site.url}/pictures/{person.id}.png",
        "locale": {"country": "US", "language": "en"},
    }


@endpoint("GET", "/rest/organizationAcls", Operation.OTHER, scopes=("rw_organization_admin",))
def administered(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    query = request.query()
    if query.get("q") != "roleAssignee" or request.header(b"x-restli-method") not in {None, "FINDER"}:
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    rows = [
        {"organization": one.urn, "role": "ADMINISTRATOR", "roleAssignee": caller.urn, "state": "APPROVED"}
        for one in server.organisations_of(caller.person)
    ]
    return paged(request, rows)


@endpoint("GET", "/rest/organizationsLookup", Operation.OTHER)
def names(server: LinkedIn, request: Request, _: Caller) -> dict[str, Any]:
    found = {
        one: server.organisations[one] for one in restli_list(request.query().get("ids")) if one in server.organisations
    }
    rows = {number: {"id": int(number), "localizedName": one.name} for number, one in found.items()}
    return {"results": rows, "statuses": {}, "errors": {}}
