"""YouTube: what Google's description of the API says of the calls that we make, and of what we read in their answers.

Sources: the discovery document of the YouTube Data API v3, revision 20261104,
https://youtube.googleapis.com/$discovery/rest?version=v3 (read 2026-11-23), and the guides named beside the calls.
"""

from __future__ import annotations

from tests.specifications.shapes import (
    FILE,
    FLAG,
    FORM,
    JSON,
    TEXT,
    Binary,
    Call,
    Items,
    Text,
    Whole,
    fields,
    one_of,
)

WEB_SERVER = "https://developers.google.com/identity/protocols/oauth2/web-server"
RESUMABLE = "https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol"
FORCE_SSL = frozenset({"https://www.googleapis.com/auth/youtube.force-ssl"})

VIDEO_ID = Text(pattern="^[A-Za-z0-9_-]{11}$")
PLAIN = Text(pattern="^[^<>]*$")
PART = Items(TEXT, least=1, comma=",")
SPAN = Text(pattern=r"^bytes ([0-9]+-[0-9]+|\*)/[0-9]+$")
IDS = Items(TEXT, least=1, most=50, comma=",")
REFUSALS = frozenset({400, 401, 403, 404, 429, 500, 503})

SNIPPET = fields(
    {
        "title!": PLAIN,
        "description!": PLAIN,
        "categoryId!": TEXT,
        "tags": Items(PLAIN),
        "defaultLanguage": TEXT,
        "defaultAudioLanguage": TEXT,
    }
)
STATUS = fields(
    {
        "privacyStatus!": one_of("public", "unlisted", "private"),
        "publishAt": TEXT,
        "selfDeclaredMadeForKids": FLAG,
        "containsSyntheticMedia": FLAG,
        "embeddable": FLAG,
        "license": one_of("youtube", "creativeCommon"),
        "publicStatsViewable": FLAG,
    }
)
CAPTIONS = fields({"videoId!": VIDEO_ID, "language!": TEXT, "name!": Text(most=150)})
PLACEMENT = fields({"hasPaidProductPlacement!": FLAG})
_RESOURCE = {"snippet!": SNIPPET, "status!": STATUS, "paidProductPlacementDetails": PLACEMENT}
READ_STATUS = fields(
    {
        "privacyStatus": TEXT,
        "uploadStatus": one_of("uploaded", "processed", "failed", "rejected", "deleted"),
        "failureReason": TEXT,
        "rejectionReason": TEXT,
    },
    is_part=True,
)
VIDEO = fields(
    {
        "id!": TEXT,
        "snippet": fields({"description": TEXT}, is_part=True),
        "status": READ_STATUS,
        "processingDetails": fields(
            {"processingStatus": one_of("processing", "succeeded", "failed", "terminated")}, is_part=True
        ),
    },
    is_part=True,
)
VIDEO_LIST = fields({"items!": Items(VIDEO)}, is_part=True)
CHANNEL = fields(
    {
        "id!": TEXT,
        "snippet": fields({"title": TEXT, "customUrl": TEXT}, is_part=True),
        "statistics": fields(
            {"subscriberCount": TEXT, "hiddenSubscriberCount": FLAG, "videoCount": TEXT}, is_part=True
        ),
        "status": fields({"longUploadsStatus": TEXT}, is_part=True),
    },
    is_part=True,
)
ITEM = fields(
    {
        "id": TEXT,
        "snippet": fields({"title": TEXT, "description": TEXT, "publishedAt": TEXT}, is_part=True),
        "contentDetails": fields({"videoId": TEXT, "videoPublishedAt": TEXT}, is_part=True),
        "status": fields({"privacyStatus": TEXT}, is_part=True),
    },
    is_part=True,
)
COMMENT = fields(
    {
        "id": TEXT,
        "snippet": fields({"textOriginal": TEXT, "textDisplay": TEXT, "publishedAt": TEXT}, is_part=True),
    },
    is_part=True,
)
THREAD = fields({"id": TEXT, "snippet": fields({"topLevelComment": COMMENT}, is_part=True)}, is_part=True)
NEW_ITEM = fields(
    {
        "snippet!": fields(
            {
                "playlistId!": TEXT,
                "resourceId!": fields({"kind!": one_of("youtube#video"), "videoId!": VIDEO_ID}),
            }
        )
    }
)
NEW_THREAD = fields(
    {
        "snippet!": fields(
            {
                "channelId!": TEXT,
                "videoId!": VIDEO_ID,
                "topLevelComment!": fields({"snippet!": fields({"textOriginal!": TEXT})}),
            }
        )
    }
)
_KEYS = {"client_id!": TEXT, "client_secret!": TEXT, "grant_type!": one_of("authorization_code", "refresh_token")}
_GRANT = {"code": TEXT, "redirect_uri": TEXT, "code_verifier": TEXT, "refresh_token": TEXT}

CALLS = {
    "GET /o/oauth2/v2/auth": Call(
        query=fields(
            {
                "client_id!": TEXT,
                "redirect_uri!": TEXT,
                "response_type!": one_of("code"),
                "scope!": TEXT,
                "state!": TEXT,
                "access_type!": one_of("offline"),
                "prompt!": TEXT,
                "code_challenge!": TEXT,
                "code_challenge_method!": one_of("S256"),
            }
        ),
        beyond=WEB_SERVER,
    ),
    "POST /token": Call(body={FORM: fields(_KEYS | _GRANT)}, beyond=WEB_SERVER),
    "POST /revoke": Call(body={FORM: fields({"token!": TEXT})}, beyond=WEB_SERVER),
    "GET /youtube/v3/channels": Call(
        query=fields({"part!": PART, "mine!": FLAG}),
        answers={200: fields({"items": Items(CHANNEL)}, is_part=True)},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "POST /upload/youtube/v3/videos": Call(
        query=fields({"uploadType!": one_of("resumable"), "part!": PART, "notifySubscribers": FLAG}),
        headers={"X-Upload-Content-Type": Text(pattern="^video/"), "X-Upload-Content-Length": TEXT},
        body={JSON: fields(_RESOURCE)},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "PUT /upload/youtube/v3/videos": Call(
        query=fields({"uploadType!": one_of("resumable"), "upload_id!": TEXT}),
        headers={"Content-Range": SPAN},
        body={"": FILE, "*/*": Binary(("video/*",))},
        answers={200: VIDEO},
        beyond=RESUMABLE,
    ),
    "POST /upload/youtube/v3/thumbnails/set": Call(
        query=fields({"videoId!": VIDEO_ID, "uploadType!": one_of("media")}),
        body={"*/*": Binary(("image/jpeg", "image/png"))},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "POST /upload/youtube/v3/captions": Call(
        query=fields({"uploadType!": one_of("resumable"), "part!": PART}),
        headers={"X-Upload-Content-Type": TEXT, "X-Upload-Content-Length": TEXT},
        body={JSON: fields({"snippet!": CAPTIONS})},
        refusals=REFUSALS | {409},
        scopes=FORCE_SSL,
    ),
    "PUT /upload/youtube/v3/captions": Call(
        query=fields({"uploadType!": one_of("resumable"), "upload_id!": TEXT}),
        body={"*/*": Binary(("application/x-subrip", "text/vtt"))},
        answers={200: fields({"id!": TEXT}, is_part=True)},
        beyond=RESUMABLE,
    ),
    "PUT /youtube/v3/videos": Call(
        query=fields({"part!": PART}),
        body={JSON: fields(_RESOURCE | {"id!": VIDEO_ID})},
        answers={200: VIDEO},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "GET /youtube/v3/videos": Call(
        query=fields({"part!": PART, "id!": IDS}), answers={200: VIDEO_LIST}, refusals=REFUSALS, scopes=FORCE_SSL
    ),
    "DELETE /youtube/v3/videos": Call(query=fields({"id!": TEXT}), refusals=REFUSALS, scopes=FORCE_SSL),
    "GET /youtube/v3/videos:batchGetStats": Call(
        query=fields({"part!": PART, "id!": IDS}), refusals=REFUSALS, scopes=FORCE_SSL
    ),
    "GET /youtube/v3/playlistItems": Call(
        query=fields(
            {
                "part!": PART,
                "playlistId!": TEXT,
                "videoId": VIDEO_ID,
                "maxResults": Whole(least=0, most=50),
                "pageToken": TEXT,
            }
        ),
        answers={200: fields({"items!": Items(ITEM), "nextPageToken": TEXT}, is_part=True)},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "POST /youtube/v3/playlistItems": Call(
        query=fields({"part!": PART}), body={JSON: NEW_ITEM}, refusals=REFUSALS, scopes=FORCE_SSL
    ),
    "POST /youtube/v3/commentThreads": Call(
        query=fields({"part!": PART}),
        body={JSON: NEW_THREAD},
        answers={200: THREAD},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "GET /youtube/v3/commentThreads": Call(
        query=fields(
            {
                "part!": PART,
                "videoId!": VIDEO_ID,
                "order!": one_of("time", "relevance"),
                "maxResults": Whole(least=1, most=100),
                "textFormat": one_of("html", "plainText"),
                "pageToken": TEXT,
            }
        ),
        answers={200: fields({"items!": Items(THREAD), "nextPageToken": TEXT}, is_part=True)},
        refusals=REFUSALS,
        scopes=FORCE_SSL,
    ),
    "DELETE /youtube/v3/comments": Call(query=fields({"id!": TEXT}), refusals=REFUSALS, scopes=FORCE_SSL),
}

# Which method of the discovery document each call is, and which of its schemas is sent and read.
METHODS = {
    "GET /youtube/v3/channels": "channels.list",
    "POST /upload/youtube/v3/videos": "videos.insert",
    "POST /upload/youtube/v3/captions": "captions.insert",
    "POST /upload/youtube/v3/thumbnails/set": "thumbnails.set",
    "PUT /youtube/v3/videos": "videos.update",
    "GET /youtube/v3/videos": "videos.list",
    "DELETE /youtube/v3/videos": "videos.delete",
    "GET /youtube/v3/videos:batchGetStats": "videos.batchGetStats",
    "GET /youtube/v3/playlistItems": "playlistItems.list",
    "POST /youtube/v3/playlistItems": "playlistItems.insert",
    "POST /youtube/v3/commentThreads": "commentThreads.insert",
    "GET /youtube/v3/commentThreads": "commentThreads.list",
    "DELETE /youtube/v3/comments": "comments.delete",
}
