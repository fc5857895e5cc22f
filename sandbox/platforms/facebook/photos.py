"""Pictures of pages: uploaded unpublished, and then taken by a post or a story.

Sources: https://developers.facebook.com/docs/graph-api/reference/page/photos and …/docs/page-stories-api
(read 2026-11-23).
"""

from __future__ import annotations

from typing import Any

from sandbox.graph import Caller, endpoint, refused
from sandbox.platforms.facebook.pictures import keep, own_photo
from sandbox.platforms.facebook.posts import WRITING, is_of, publish, refuse_unknown
from sandbox.platforms.facebook.server import ROUTES, Facebook
from sandbox.routing import Operation
from sandbox.wire import Request, Upload

PHOTO_FIELDS = frozenset({"source", "published", "alt_text_custom", "caption", "access_token", "appsecret_proof"})


@endpoint(ROUTES, "POST", "/{page}/photos", Operation.UPLOAD, scopes=WRITING)
def upload(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    server.page_called(request, caller)
    fields = request.fields()
    refuse_unknown(fields, PHOTO_FIELDS)
    if str(fields.get("published")) != "false":
        raise refused("(#100) a photo that is published at once is not simulated", 100)
    source = fields.get("source")
    if not isinstance(source, Upload):
        raise refused("(#324) Missing or invalid image file", 324, 2069019)
    return {"id": keep(server, caller.person, source.data, str(fields.get("alt_text_custom") or ""), request.at_ms).id}


# https://developers.facebook.com/docs/page-stories-api#photo-stories
@endpoint(ROUTES, "POST", "/{page}/photo_stories", Operation.PUBLISH, scopes=WRITING)
def publish_story(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    page = server.page_called(request, caller)
    media = own_photo(server, caller.person, str(request.fields().get("photo_id") or ""))
    post = publish(server, page, "", request, media=(media,), kind="story")
    return {"success": True, "post_id": post.id}


# https://developers.facebook.com/docs/page-stories-api#get-stories
@endpoint(ROUTES, "GET", "/{page}/stories", Operation.LOOKUP, scopes=("pages_read_engagement",))
def stories(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    page = server.page_called(request, caller)
    own = [post for post in reversed(page.owner.posts) if is_of(post, page) and (post.extra or {})["kind"] == "story"]
    shown = own if server.options.story_archive else []
    return {
        "data": [
            {
                "post_id": post.id,
                "status": "published",
                "creation_time": str(post.created_ms // 1000),
                "media_id": post.media[0].id,
                "media_type": post.media[0].kind,
                "url": f"https://www.facebook.com/stories/{page.id}/{post.id}",
            }
            for post in shown
            if server.site.shows(post, request.at_ms)
        ]
    }
