"""Instagram: what Meta's object specifications say of the calls that we make, and of what we read in their answers.

Both hosts have the calls behind the version; those of one host alone stand below. Sources: the specifications of Graph
API v26.0 that Meta's SDKs are generated from, https://github.com/facebook/facebook-business-sdk-codegen (read
2026-11-23), and the guides named beside the calls.
"""

from __future__ import annotations

from tests.specifications import facebook
from tests.specifications.shapes import FILE, FLAG, FORM, TEXT, WHOLE, Call, Either, Items, Text, fields, one_of

PROOF = {"appsecret_proof": Text(pattern="^[0-9a-f]{64}$")}  # at the host of Facebook Login alone
ID = Text(pattern="^[0-9]+$")
REFUSALS = facebook.REFUSALS
MADE = fields({"id!": TEXT}, is_part=True)
LOGIN = "https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login"
UPLOADS = "https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads"
URL = Text(pattern="^https?://[\x21-\x7e]+$")

_POST = {"caption": TEXT, "collaborators": facebook.JSON_LIST, "location_id": ID}
_FILE = {"image_url": URL, "video_url": URL, "upload_type": one_of("resumable"), "user_tags": facebook.JSON_LIST}
IMAGE = fields(_POST | _FILE | {"alt_text": TEXT})
CHILD = fields(_FILE | {"is_carousel_item!": FLAG, "alt_text": TEXT, "media_type": one_of("VIDEO")})
CAROUSEL = fields(_POST | {"media_type!": one_of("CAROUSEL"), "children!": Items(ID, 2, 10, comma=",")})
REEL = fields(
    _POST
    | _FILE
    | {
        "media_type!": one_of("REELS"),
        "cover_url": URL,
        "thumb_offset": WHOLE,
        "share_to_feed": FLAG,
        "audio_name": TEXT,
    }
)
STORY = fields(_FILE | {"media_type!": one_of("STORIES")})
LISTED = fields({"data!": Items(MADE)}, is_part=True)
LISTING = fields(PROOF | {"fields": TEXT, "limit": WHOLE, "after": TEXT, "since": WHOLE})

CALLS = {
    **{
        name: facebook.CALLS[name]
        for name in (
            "GET /v26.0/dialog/oauth",
            "POST /v26.0/oauth/access_token",
            "GET /v26.0/debug_token",
            "GET /v26.0/me/accounts",
            "DELETE /v26.0/me/permissions",
        )
    },
    "GET /oauth/authorize": Call(
        query=fields(
            {
                "client_id!": TEXT,
                "redirect_uri!": TEXT,
                "response_type!": one_of("code"),
                "scope!": TEXT,
                "state!": TEXT,
            }
        ),
        beyond=LOGIN,
    ),
    "POST /oauth/access_token": Call(
        body={
            FORM: fields(
                {
                    "client_id!": TEXT,
                    "client_secret!": TEXT,
                    "grant_type!": one_of("authorization_code"),
                    "redirect_uri!": TEXT,
                    "code!": TEXT,
                }
            )
        },
        beyond=LOGIN,
    ),
    "GET /access_token": Call(
        query=fields({"grant_type!": one_of("ig_exchange_token"), "client_secret!": TEXT, "access_token!": TEXT}),
        answers={200: fields({"access_token!": TEXT, "expires_in": WHOLE}, is_part=True)},
    ),
    "GET /refresh_access_token": Call(
        query=fields({"grant_type!": one_of("ig_refresh_token"), "access_token!": TEXT}),
        answers={200: fields({"access_token!": TEXT, "expires_in": WHOLE}, is_part=True)},
    ),
    "GET /v26.0/me": Call(query=fields(PROOF | {"fields!": TEXT}), refusals=REFUSALS),
    "POST /v26.0/{account_id}/media": Call(
        path={"account_id": ID},
        query=fields(PROOF),
        body={FORM: Either((IMAGE, CHILD, CAROUSEL, REEL, STORY))},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "POST /v26.0/{account_id}/media_publish": Call(
        path={"account_id": ID},
        query=fields(PROOF),
        body={FORM: fields({"creation_id!": WHOLE})},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "GET /v26.0/{account_id}/content_publishing_limit": Call(
        path={"account_id": ID}, query=fields(PROOF | {"fields": TEXT}), refusals=REFUSALS
    ),
    "GET /v26.0/{account_id}/media": Call(
        path={"account_id": ID}, query=LISTING, answers={200: LISTED}, refusals=REFUSALS
    ),
    "GET /v26.0/{account_id}/stories": Call(
        path={"account_id": ID}, query=LISTING, answers={200: LISTED}, refusals=REFUSALS
    ),
    "POST /v26.0/{id}/comments": Call(
        path={"id": ID},
        query=fields(PROOF),
        body={FORM: fields({"message!": TEXT})},
        answers={200: MADE},
        refusals=REFUSALS,
    ),
    "GET /v26.0/{id}/comments": Call(path={"id": ID}, query=LISTING, answers={200: LISTED}, refusals=REFUSALS),
    "GET /v26.0/{id}": Call(
        path={"id": ID}, query=fields(PROOF | {"fields!": TEXT}), answers={200: MADE}, refusals=REFUSALS
    ),
    "DELETE /v26.0/{id}": Call(path={"id": ID}, query=fields(PROOF), refusals=REFUSALS),
    "POST /v26.0/": facebook.CALLS["POST /v26.0/"],
    "POST /ig-api-upload/v26.0/{container_id}": Call(
        path={"container_id": ID},
        query=fields(PROOF),  # at the simulator, which has one address for both hosts
        headers={"offset": TEXT, "file_size": TEXT},
        body={"*/*": FILE},
        answers={200: fields({"success!": FLAG}, is_part=True)},
        beyond=UPLOADS,
    ),
}

# Of which object of Meta's specifications, and which edge of it, each call is, at the host of Facebook Login and at
# Instagram's own ("" = it has none), and the edge ("" = the object itself). Posts and comments are read alike.
EDGES = {
    "GET /access_token": ("", "IGAccessTokenForIGOnlyAPI", ""),
    "GET /refresh_access_token": ("", "IGRefreshAccessTokenForIGOnlyAPI", ""),
    "GET /v26.0/me": ("User", "IGUserForIGOnlyAPI", ""),
    "GET /v26.0/me/accounts": ("User", "", "accounts"),
    "DELETE /v26.0/me/permissions": ("User", "", "permissions"),
    "POST /v26.0/{account_id}/media": ("IGUser", "IGUserForIGOnlyAPI", "media"),
    "POST /v26.0/{account_id}/media_publish": ("IGUser", "", "media_publish"),
    "GET /v26.0/{account_id}/content_publishing_limit": ("IGUser", "IGUserForIGOnlyAPI", "content_publishing_limit"),
    "GET /v26.0/{account_id}/media": ("IGUser", "IGUserForIGOnlyAPI", "media"),
    "GET /v26.0/{account_id}/stories": ("IGUser", "IGUserForIGOnlyAPI", "stories"),
    "POST /v26.0/{id}/comments": ("IGMedia", "IGMediaForIGOnlyAPI", "comments"),
    "GET /v26.0/{id}/comments": ("IGMedia", "IGMediaForIGOnlyAPI", "comments"),
    "GET /v26.0/{id}": ("IGMedia", "IGMediaForIGOnlyAPI", ""),
    "DELETE /v26.0/{id}": ("IGMedia", "", ""),
}


def edges_at(host: int) -> dict[str, tuple[str, str]]:
    """The edges at one host: 0 = Facebook Login's, 1 = Instagram's own."""
    return {name: (row[host], row[2]) for name, row in EDGES.items() if row[host]}
