"""Comments below posts.

Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/comments-api (read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.platforms.linkedin.posts import READING, author_of, check_fields, is_post
from sandbox.platforms.linkedin.server import Caller, LinkedIn, endpoint, invalid, paged, refused
from sandbox.records import Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer

MAX_CHARACTERS = 1_250
WRITING = ("w_member_social", "w_organization_social")


@endpoint("POST", "/rest/socialActions/{urn}/comments", Operation.PUBLISH, scopes=WRITING)
def create(server: LinkedIn, request: Request, caller: Caller) -> Answer:
    parent, fields = parent_of(server, request), request.fields()
    check_fields(fields, {"actor", "object", "message"}, {"actor", "object", "message"})
    actor = server.check_author(caller, fields["actor"], writes=True)
    if request.at_ms < parent.created_ms + server.options.comment_delay_ms:
        raise refused(404, "NOT_FOUND", f"Unable to obtain activity for {parent.id}")
    message = fields["message"]
    text = message.get("text") if isinstance(message, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= MAX_CHARACTERS:
        raise invalid("INVALID_VALUE", f"/message/text :: has 1 to {MAX_CHARACTERS} characters")
    number = server.site.ids.next_at(request.at_ms)
    urn = f"urn:li:comment:({activity_of(parent)},{number})"
    extra = {"author": actor, "number": number}
    comment = server.new_post(caller.person, text, request.at_ms, own_id=urn, reply_to=parent.id, extra=extra)
    server.site.add_post(comment)
    return json_answer(201, shape(comment))


@endpoint("GET", "/rest/socialActions/{urn}/comments", Operation.LOOKUP, scopes=READING)
def find(server: LinkedIn, request: Request, _: Caller) -> dict[str, Any]:
    parent = parent_of(server, request)
    below = [post for post in parent.person.posts if post.reply_to == parent.id]
    return paged(request, [shape(post) for post in below if server.site.shows(post, request.at_ms)])


@endpoint("DELETE", "/rest/socialActions/{urn}/comments/{number}", Operation.DELETE, scopes=WRITING)
def delete(server: LinkedIn, request: Request, caller: Caller) -> Answer:
    urn = f"urn:li:comment:({request.args['urn']},{request.args['number']})"
    comment = server.site.posts.get(urn)
    if comment is None:
        raise refused(404, "NOT_FOUND", f"Comment not found: {urn}")
    actor = request.query().get("actor") or caller.urn
    if server.check_author(caller, actor, writes=True) != author_of(comment):
        raise refused(403, "ACCESS_DENIED", "Not enough permissions to access: DELETE comment", 100)
    server.site.remove_post(comment)
    return Answer(204, b"")


def parent_of(server: LinkedIn, request: Request) -> Post:
    """Return the post in the path. Raises Refused."""
    post = server.site.posts.get(request.args["urn"])
    if post is None or not is_post(post):
        raise refused(404, "NOT_FOUND", f"Unable to obtain activity for {request.args['urn']}")
    return post


def activity_of(post: Post) -> str:
    """Return the URN by which comments name what they stand below."""
    return f"urn:li:activity:{post.id.rpartition(':')[2]}"


def shape(comment: Post) -> dict[str, Any]:
    extra = comment.extra or {}
    return {
        "id": extra["number"],
        "commentUrn": comment.id,
        "actor": extra["author"],
        "object": comment.id.partition("(")[2].partition(",")[0],
        "message": {"attributes": [], "text": comment.text},
        "created": {"actor": extra["author"], "time": comment.created_ms},
        "lastModified": {"actor": extra["author"], "time": comment.created_ms},
    }
