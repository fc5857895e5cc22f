"""Facebook: what Meta's object specifications say of the calls that we make, and of what we read in their answers.

Sources: the specifications of Graph API v26.0 that Meta's SDKs are generated from,
https://github.com/facebook/facebook-business-sdk-codegen (read 2026-11-23), and the guides named beside the calls.
"""

from __future__ import annotations

from tests.specifications.shapes import (
    FILE,
    FLAG,
    FORM,
    MULTIPART,
    TEXT,
    WHOLE,
    Call,
    Either,
    Items,
    Text,
    fields,
    one_of,
)

PROOF = {"appsecret_proof!": Text(pattern="^[0-9a-f]{64}$")}
ID = Text(pattern="^[0-9]+(_[0-9]+)?$")
MANUAL_FLOW = "https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow"
LONG_LIVED = "https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived"
BATCH = "https://developers.facebook.com/docs/graph-api/batch-requests"
DEBUG = "https://developers.facebook.com/docs/graph-api/reference/debug_token"

_APP = {"client_id!": TEXT, "client_secret!": TEXT}
EXCHANGE = fields(_APP | {"grant_type": TEXT, "code": TEXT, "redirect_uri": TEXT, "fb_exchange_token": TEXT})
REFUSALS = frozenset({400, 401, 403, 404, 500})
POST = fields({"id!": TEXT, "message": TEXT, "created_time!": TEXT, "permalink_url": TEXT}, is_part=True)
POSTS = fields({"data!": Items(POST)}, is_part=True)
MADE = fields({"id!": TEXT}, is_part=True)
DONE = fields({"success!": FLAG}, is_part=True)
LISTING = {"fields": TEXT, "limit": WHOLE, "after": TEXT}
# Of a list in a form Meta's own SDKs send the JSON: https://github.com/facebook/facebook-python-business-sdk
JSON_LIST = Text(pattern=r"^\[.*\]$")
RUPLOAD = "https://developers.facebook.com/docs/video-api/guides/reels-publishing"

STATUS = fields(
    {
        "video_status": TEXT,
        "uploading_phase": fields({"status": TEXT, "bytes_transferred": WHOLE}, is_part=True),
        "processing_phase": fields({"status": TEXT}, is_part=True),
        "publishing_phase": fields({"status": TEXT}, is_part=True),
    },
    is_part=True,
)
VIDEO = fields({"id!": TEXT, "permalink_url": TEXT, "post_id": TEXT, "status": STATUS}, is_part=True)

_SAID = {"description": TEXT, "title": TEXT}
START = fields({"upload_phase!": one_of("start")})
FINISH = fields(_SAID | {"upload_phase!": one_of("finish"), "video_id!": TEXT, "video_state!": one_of("PUBLISHED")})
CHUNKED_START = fields({"upload_phase!": one_of("start"), "file_size!": WHOLE})
CHUNKED_FINISH = fields(_SAID | {"upload_phase!": one_of("finish"), "upload_session_id!": TEXT})
CHUNK = fields(
    {
        "upload_phase!": one_of("transfer"),
        "upload_session_id!": TEXT,
        "start_offset!": WHOLE,
        "video_file_chunk!": FILE,
    }
)

CALLS = {
    "GET /v26.0/dialog/oauth": Call(
        query=fields(
            {
                "client_id!": TEXT,
                "redirect_uri!": TEXT,
                "response_type!": one_of("code"),
                "scope!": TEXT,
                "state!": TEXT,
            }
        ),
        beyond=MANUAL_FLOW,
    ),
    "POST /v26.0/oauth/access_token": Call(
        body={FORM: EXCHANGE}, answers={200: fields({"access_token!": TEXT}, is_part=True)}, beyond=MANUAL_FLOW
    ),
    "GET /v26.0/debug_token": Call(query=fields({"input_token!": TEXT}), beyond=DEBUG),
    "GET /v26.0/me": Call(query=fields(PROOF | {"fields": TEXT}), answers={200: MADE}, refusals=REFUSALS),
    "GET /v26.0/me/accounts": Call(query=fields(PROOF | LISTING), refusals=REFUSALS),
    "DELETE /v26.0/me/permissions": Call(query=fields(PROOF), refusals=REFUSALS),
    "POST /v26.0/": Call(
        query=fields(PROOF),
        body={FORM: fields({"batch!": JSON_LIST, "include_headers!": one_of("false")})},
        refusals=REFUSALS,
        beyond=BATCH,
    ),
    "POST /v26.0/{page_id}/feed": Call(
        path={"page_id": ID},
        query=fields(PROOF),
        body={FORM: fields({"message": TEXT, "link": TEXT, "attached_media": JSON_LIST})},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "GET /v26.0/{page_id}/published_posts": Call(
        path={"page_id": ID},
        query=fields(PROOF | LISTING | {"since": WHOLE}),
        answers={200: POSTS},
        refusals=REFUSALS,
    ),
    "POST /v26.0/{id}/comments": Call(
        path={"id": ID},
        query=fields(PROOF),
        body={FORM: fields({"message!": TEXT})},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "GET /v26.0/{id}/comments": Call(
        path={"id": ID},
        query=fields(
            PROOF
            | LISTING
            | {"filter": one_of("stream", "toplevel"), "order": one_of("chronological", "reverse_chronological")}
        ),
        answers={200: POSTS},
        refusals=REFUSALS,
    ),
    "DELETE /v26.0/{id}": Call(path={"id": ID}, query=fields(PROOF), refusals=REFUSALS),
    "POST /v26.0/{page_id}/photos": Call(
        path={"page_id": ID},
        query=fields(PROOF),
        body={MULTIPART: fields({"source!": FILE, "published!": FLAG, "alt_text_custom": TEXT})},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "POST /v26.0/{page_id}/photo_stories": Call(
        path={"page_id": ID},
        query=fields(PROOF),
        body={FORM: fields({"photo_id!": TEXT})},
        answers={200: DONE},
        refusals=REFUSALS,
    ),
    "GET /v26.0/{page_id}/stories": Call(
        path={"page_id": ID}, query=fields(PROOF | {"fields": TEXT}), refusals=REFUSALS
    ),
    "POST /v26.0/{page_id}/videos": Call(
        path={"page_id": ID},
        query=fields(PROOF),
        body={FORM: Either((CHUNKED_START, CHUNKED_FINISH)), MULTIPART: CHUNK},
        refusals=REFUSALS,
    ),
    "POST /v26.0/{page_id}/video_reels": Call(
        path={"page_id": ID}, query=fields(PROOF), body={FORM: Either((START, FINISH))}, refusals=REFUSALS
    ),
    "POST /v26.0/{page_id}/video_stories": Call(
        path={"page_id": ID}, query=fields(PROOF), body={FORM: Either((START, FINISH))}, refusals=REFUSALS
    ),
    "GET /v26.0/{id}": Call(
        path={"id": ID}, query=fields(PROOF | {"fields": TEXT}), answers={200: VIDEO}, refusals=REFUSALS
    ),
    "POST /video-upload/v26.0/{video_id}": Call(
        path={"video_id": ID},
        query=fields({"appsecret_proof": TEXT}),  # at the simulator, which has one address for both hosts
        headers={"offset": TEXT, "file_size": TEXT},
        body={"*/*": FILE},
        answers={200: DONE},
        beyond=RUPLOAD,
    ),
}

# Of which object of Meta's specifications, and which edge of it, each call is; "" = the object itself. A list of
# comments, deleting and reading are the same for posts, comments and videos.
EDGES = {
    "GET /v26.0/me": ("User", ""),
    "GET /v26.0/me/accounts": ("User", "accounts"),
    "DELETE /v26.0/me/permissions": ("User", "permissions"),
    "POST /v26.0/{page_id}/feed": ("Page", "feed"),
    "GET /v26.0/{page_id}/published_posts": ("Page", "published_posts"),
    "POST /v26.0/{id}/comments": ("PagePost", "comments"),
    "GET /v26.0/{id}/comments": ("PagePost", "comments"),
    "DELETE /v26.0/{id}": ("PagePost", ""),
    "POST /v26.0/{page_id}/photos": ("Page", "photos"),
    "POST /v26.0/{page_id}/photo_stories": ("Page", "photo_stories"),
    "GET /v26.0/{page_id}/stories": ("Page", "stories"),
    "POST /v26.0/{page_id}/videos": ("Page", "videos"),
    "POST /v26.0/{page_id}/video_reels": ("Page", "video_reels"),
    "POST /v26.0/{page_id}/video_stories": ("Page", "video_stories"),
    "GET /v26.0/{id}": ("AdVideo", ""),
}

# What we ask for of posts, videos and comments inside of a batch, by Meta's objects.
OBJECTS = {"post": "PagePost", "video": "AdVideo", "comment": "Comment"}
