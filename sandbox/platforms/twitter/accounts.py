"""Consent, tokens, who am I, and the pages that answers point at."""

from __future__ import annotations

from base64 import b64decode

from sandbox.consent import problem_page
from sandbox.feed import PAGE_HEADERS, article, page
from sandbox.platforms.twitter import shapes
from sandbox.platforms.twitter.limits import ME
from sandbox.platforms.twitter.queries import USER_PARAMETERS, read_query
from sandbox.platforms.twitter.server import ROUTES, Caller, Twitter, endpoint
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, html_answer, json_answer

MAX_STATE = 500
PICTURE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")


# https://x.com/i/oauth2/authorize
# https://docs.x.com/fundamentals/authentication/oauth-2-0/user-access-token
@ROUTES.add("GET", "/i/oauth2/authorize", Operation.OTHER)
def show_consent(server: Twitter, request: Request) -> Answer:
    check_state(request)
    return server.consent.show(request)


@ROUTES.add("POST", "/i/oauth2/authorize", Operation.OTHER)
def decide_consent(server: Twitter, request: Request) -> Answer:
    check_state(request)
    return server.consent.decide(request)


def check_state(request: Request) -> None:
    if len(str(request.query().get("state", ""))) > MAX_STATE:
        raise Refused(problem_page(400, f"The state may have {MAX_STATE} characters at most."))


# https://api.x.com/2/oauth2/token
@ROUTES.add("POST", "/2/oauth2/token", Operation.TOKEN)
def issue_token(server: Twitter, request: Request) -> Answer:
    return server.oauth.token(request)


# https://api.x.com/2/oauth2/revoke
@ROUTES.add("POST", "/2/oauth2/revoke", Operation.TOKEN)
def revoke_token(server: Twitter, request: Request) -> Answer:
    fields = request.fields()
    server.oauth.client(request, fields)
    if not fields.get("token"):
        raise server.oauth.missing("token")
    server.oauth.revoke(request)
    return json_answer(200, {"revoked": True})


# getUsersMe in https://api.x.com/2/openapi.json
@endpoint("GET", "/2/users/me", Operation.OTHER, scopes=("tweet.read", "users.read"), quota=ME)
def who_am_i(server: Twitter, request: Request, caller: Caller) -> Answer:
    wanted = read_query(request, USER_PARAMETERS, server.options)
    return server.answer({"data": shapes.user(caller.person, server, wanted.user_fields)})


# Where `profile_image_url` and a post's own address point.
@ROUTES.add("GET", "/profile_images/default_normal.png", Operation.OTHER)
def picture(_server: Twitter, _: Request) -> Answer:
    return Answer(200, PICTURE, b"image/png")


@ROUTES.add("GET", "/{handle}/status/{id}", Operation.OTHER)
@ROUTES.add("GET", "/{handle}/status/{id}/{kind}/{place}", Operation.OTHER)
@ROUTES.add("GET", "/i/web/status/{id}", Operation.OTHER)
def post_page(server: Twitter, request: Request) -> Answer:
    post = server.site.posts.get(request.args["id"])
    if post is None:
        raise Refused(problem_page(404, "This page doesn't exist."))
    body = page(f"{post.person.name} on X", f"<main>{article(post, server)}</main>")
    return html_answer(200, body, [(name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()])
