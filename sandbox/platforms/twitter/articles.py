"""Articles: drafts that nobody sees, published as posts that lead to them; for people with X Premium.

Source: https://docs.x.com/x-api/articles/introduction, and articleCreateDraft and articlePublish in
https://api.x.com/2/openapi.json, 2.167 (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.twitter import problems
from sandbox.platforms.twitter.limits import CREATE, CREATE_BY_APP
from sandbox.platforms.twitter.posts import NOT_PERMITTED, WRITING
from sandbox.platforms.twitter.schema import a_list_of, a_number_of, a_string, a_string_of, an_id, an_object, one_of
from sandbox.platforms.twitter.server import Article, Caller, Twitter, endpoint
from sandbox.platforms.twitter.uploads import to_attach
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request

LONGEST_TITLE, LONGEST = 1_000, 1_000_000
BLOCK = an_object(
    {
        "text": a_string,
        "type": one_of(
            "unstyled", "header-one", "header-two", "unordered-list-item", "ordered-list-item", "blockquote", "atomic"
        ),
        "key": a_string,
        "inline_style_ranges": a_list_of(
            an_object(
                {
                    "offset": a_number_of(0, LONGEST),
                    "length": a_number_of(0, LONGEST),
                    "style": one_of("bold", "italic", "strikethrough"),
                },
                required=("offset", "length", "style"),
            )
        ),
    },
    required=("text", "type"),
)
DRAFT_BODY = an_object(
    {
        "title": a_string_of(1, LONGEST_TITLE),
        "content_state": an_object(
            {"blocks": a_list_of(BLOCK), "entities": a_list_of(an_object({}))}, required=("blocks", "entities")
        ),
        "cover_media": an_object(
            {"media_id": an_id, "media_category": one_of("tweet_image")}, required=("media_id", "media_category")
        ),
    },
    required=("title", "content_state"),
)


@endpoint("POST", "/2/articles/draft", Operation.OTHER, scopes=WRITING, quota=CREATE, app_quota=CREATE_BY_APP)
def draft(server: Twitter, request: Request, caller: Caller) -> Answer:
    body = request.fields()
    if errors := list(DRAFT_BODY("$", body)):
        raise Refused(problems.invalid(errors))
    if not server.is_subscribed(caller.person):
        raise Refused(problems.forbidden(NOT_PERMITTED))
    cover = body.get("cover_media")
    media = to_attach(server, caller.person, [cover["media_id"]], request.at_ms) if cover else ()
    article = Article(server.site.ids.next_at(request.at_ms), caller.person, body, media)
    server.articles[article.id] = article
    return server.answer({"data": {"id": article.id, "title": body["title"]}}, 201)


@endpoint("POST", "/2/articles/{id}/publish", Operation.PUBLISH, scopes=WRITING, quota=CREATE, app_quota=CREATE_BY_APP)
def publish(server: Twitter, request: Request, caller: Caller) -> Answer:
    """Make the post of an article, once."""
    article = server.articles.get(request.args["id"])
    if article is None or article.owner is not caller.person:
        gone = problems.not_found("article", "id", request.args["id"])
        raise Refused(
            problems.problem(404, gone["title"], gone["detail"], "resource-not-found", resource_type="article")
        )
    if article.post_id:
        raise problems.refuse("The article has been published already.")
    extra: dict[str, Any] = {"article": article.body}
    post = server.new_post(
        caller.person,
        f"https://x.com/i/article/{article.id}",
        request.at_ms,
        media=article.media,
        app=caller.app,
        extra=extra,
    )
    server.site.add_post(post)
    article.post_id = post.id
    return server.answer({"data": {"post_id": post.id}})
