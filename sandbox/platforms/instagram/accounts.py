"""Signing in at either host, and what they say of accounts.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login,
…/docs/instagram-platform/reference/me and …/docs/graph-api/reference/user/accounts (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.graph import Caller, asked_fields, comma_apart, endpoint
from sandbox.platforms.instagram.server import ROUTES, Account, Instagram, is_own_host
from sandbox.routing import Operation
from sandbox.wire import Answer, Request


# https://www.instagram.com/oauth/authorize
@ROUTES.add("GET", "/instagram/oauth/authorize", Operation.OTHER)
def show_consent(server: Instagram, request: Request) -> Answer:
    return server.consent.show(comma_apart(request))


@ROUTES.add("POST", "/instagram/oauth/authorize", Operation.OTHER)
def decide_consent(server: Instagram, request: Request) -> Answer:
    return server.consent.decide(comma_apart(request))


# https://api.instagram.com/oauth/access_token
@ROUTES.add("POST", "/instagram/oauth/access_token", Operation.TOKEN)
def give_short(server: Instagram, request: Request) -> Answer:
    return server.oauth.give_short(request)  # type: ignore[attr-defined,no-any-return]


# https://developers.facebook.com/docs/instagram-platform/reference/access_token
@ROUTES.add("GET", "/instagram/access_token", Operation.TOKEN)
def give_long(server: Instagram, request: Request) -> Answer:
    return server.oauth.give_long(request)  # type: ignore[attr-defined,no-any-return]


# https://developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
@ROUTES.add("GET", "/instagram/refresh_access_token", Operation.TOKEN)
def renew(server: Instagram, request: Request) -> Answer:
    return server.oauth.renew(request)  # type: ignore[attr-defined,no-any-return]


PROFILE_FIELDS = frozenset(
    {"username", "name", "profile_picture_url", "followers_count", "follows_count", "media_count"}
)
OWN_FIELDS = PROFILE_FIELDS | {"id", "user_id", "account_type"}
PAGE_FIELDS = frozenset({"id", "name", "access_token", "instagram_business_account"})


@endpoint(ROUTES, "GET", "/me", Operation.OTHER)
def who_am_i(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    """Say who calls: the person or page at Facebook, the account at Instagram."""
    asked_fields(request, OWN_FIELDS if is_own_host(request) else ("id", "name"))
    if not is_own_host(request):
        return {"id": caller.page.id if caller.page else caller.person.id}
    account = server.account_of(caller.person)
    is_personal = caller.person.handle.lower() in server.options.personal
    shown = {
        "id": str(int(account.id) + 1),  # the app's own number for it, of no use in paths
        "user_id": account.id,
        "account_type": "PERSONAL" if is_personal else "BUSINESS",
        **profile(server, account),
    }
    return {"data": [shown]}


@endpoint(ROUTES, "GET", "/me/accounts", Operation.OTHER, scopes=("pages_show_list",))
def pages(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    """Name the pages with a token for each and the account that each is linked to, a few at a time."""
    asked_fields(request, PAGE_FIELDS)
    query, own = request.query(), server.pages_of(caller.person)
    grant = server.site.tokens[server.access_token(request)].grant
    start = int(query.get("after") or 0)
    size = min(int(query.get("limit") or 25), server.options.accounts_per_page)
    shown = []
    for page in own[start : start + size]:
        account = server.account_of_page(page)
        linked = {"instagram_business_account": {"id": account.id, **profile(server, account)}} if account else {}
        token = server.page_token(page, grant, request.at_ms)
        shown.append({"id": page.id, "name": page.name, "access_token": token, **linked})
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + size)}}
    if start + size < len(own):
        paging["next"] = f"{server.site.url}/v26.0/me/accounts?after={start + size}"
    return {"data": shown, "paging": paging}


def profile(server: Instagram, account: Account) -> dict[str, Any]:
    return {
        "username": account.username,
        "name": account.person.name,
        "profile_picture_url": f"{server.site.url}/pictures/{account.id}.jpg",
        "followers_count": account.person.followers,
        "follows_count": account.person.following,
        "media_count": sum((post.extra or {}).get("account") == account.id for post in account.person.posts),
    }
