"""Bluesky: what the lexicons say of the calls that we make and that the simulator answers, and of a post's record.

Source: the lexicons of https://github.com/bluesky-social/atproto/tree/main/lexicons, and for the forms of identifiers
https://atproto.com/specs (read 2026-11-28). A call is at /xrpc/ and the name of its lexicon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sandbox.platforms.bluesky import syntax
from tests.specifications.shapes import (
    ANYTHING,
    FILE,
    FLAG,
    JSON,
    TEXT,
    WHOLE,
    Binary,
    Blob,
    Call,
    Fields,
    Items,
    Shape,
    Text,
    Union,
    Whole,
    fields,
    one_of,
)

VIDEO_TUTORIAL = "https://docs.bsky.app/docs/tutorials/video"

AT_URI = Text(form="at-uri", fits=syntax.is_at_uri)
CID = Text(form="cid", fits=syntax.is_cid)
MOMENT = Text(form="datetime", fits=syntax.is_datetime)
DID = Text(form="did", fits=syntax.is_did)
HANDLE = Text(form="handle", fits=syntax.is_handle)
IDENTIFIER = Text(form="at-identifier", fits=syntax.is_identifier)
LANGUAGE = Text(form="language", fits=syntax.is_language)
NSID = Text(form="nsid", fits=syntax.is_nsid)
RECORD_KEY = Text(form="record-key", fits=syntax.is_record_key)
TID = Text(form="tid", fits=syntax.is_tid)
URI = Text(form="uri", fits=syntax.is_uri)
SIZE = Whole(least=1)
OFFSET = Whole(least=0)

# --- records ---------------------------------------------------------------------------------------------------------
STRONG_REF = fields({"uri!": AT_URI, "cid!": CID})
ASPECT = fields({"width!": SIZE, "height!": SIZE})
PICTURE = Blob(("image/*",), most=2_000_000)
IMAGES = fields({"images!": Items(fields({"image!": PICTURE, "alt!": TEXT, "aspectRatio": ASPECT}), most=4)})
GALLERY_ITEM = fields({"image!": PICTURE, "alt!": TEXT, "aspectRatio!": ASPECT})
GALLERY = fields({"items!": Items(Union({"app.bsky.embed.gallery#image": GALLERY_ITEM}), most=20)})
CAPTIONS = Items(fields({"lang!": LANGUAGE, "file!": Blob(("text/vtt",), most=20_000)}), most=20)
VIDEO = fields(
    {
        "video!": Blob(("video/mp4",), most=300_000_000),
        "captions": CAPTIONS,
        "alt": TEXT,
        "aspectRatio": ASPECT,
        "presentation": one_of("default", "gif"),
    }
)
LINK_CARD = fields(
    {
        "external!": fields(
            {"uri!": URI, "title!": TEXT, "description!": TEXT, "thumb": Blob(("image/*",), most=1_000_000)}
        )
    }
)
FACET = fields(
    {
        "index!": fields({"byteStart!": OFFSET, "byteEnd!": OFFSET}),
        "features!": Items(
            Union(
                {
                    "app.bsky.richtext.facet#mention": fields({"did!": DID}),
                    "app.bsky.richtext.facet#link": fields({"uri!": URI}),
                    "app.bsky.richtext.facet#tag": fields({"tag!": Text(most=640, most_graphemes=64)}),
                }
            )
        ),
    }
)
SHOWN: Mapping[str, Shape] = {
    "app.bsky.embed.images": IMAGES,
    "app.bsky.embed.gallery": GALLERY,
    "app.bsky.embed.video": VIDEO,
    "app.bsky.embed.external": LINK_CARD,
}
QUOTE = fields({"record!": STRONG_REF})
EMBEDS: Mapping[str, Shape] = SHOWN | {
    "app.bsky.embed.record": QUOTE,
    "app.bsky.embed.recordWithMedia": fields({"record!": QUOTE, "media!": Union(SHOWN)}),
}
SELF_LABELS = fields({"values!": Items(fields({"val!": Text(most=128)}), most=10)})
POST = fields(
    {
        "text!": Text(most=3_000, most_graphemes=300),
        "createdAt!": MOMENT,
        "facets": Items(FACET),
        "langs": Items(LANGUAGE, most=3),
        "labels": Union({"com.atproto.label.defs#selfLabels": SELF_LABELS}),
        "reply": fields({"root!": STRONG_REF, "parent!": STRONG_REF}),
        "embed": Union(EMBEDS),
    }
)
_GATE: Mapping[str, Shape] = {"post!": AT_URI, "createdAt!": MOMENT}
_THREADGATE = "app.bsky.feed.threadgate"
REPLY_RULE = Union(
    {
        **{f"{_THREADGATE}#{name}Rule": fields() for name in ("mention", "follower", "following")},
        f"{_THREADGATE}#listRule": fields({"list!": AT_URI}),
    }
)
QUOTE_RULE = Union({"app.bsky.feed.postgate#disableRule": fields()})
RECORDS = Union(
    {
        "app.bsky.feed.post": POST,
        _THREADGATE: fields({**_GATE, "allow": Items(REPLY_RULE, most=5)}),
        "app.bsky.feed.postgate": fields({**_GATE, "embeddingRules": Items(QUOTE_RULE, most=5)}),
    }
)

# --- answers ---------------------------------------------------------------------------------------------------------
COMMIT = fields({"cid!": CID, "rev!": TID})
WRITTEN = fields({"uri!": AT_URI, "cid!": CID, "commit": COMMIT, "validationStatus": one_of("valid", "unknown")})
_SESSION = {
    "handle!": HANDLE,
    "did!": DID,
    "didDoc": ANYTHING,
    "email": TEXT,
    "emailConfirmed": FLAG,
    "emailAuthFactor": FLAG,
    "active": FLAG,
    "status": one_of("takendown", "suspended", "deactivated"),
}
SESSION = fields(_SESSION)
NEW_SESSION = fields(_SESSION | {"accessJwt!": TEXT, "refreshJwt!": TEXT})
STATES = one_of(
    *(
        f"JOB_STATE_{state}"
        for state in (
            "CREATED", "ENCODING", "ENCODED", "SCANNING", "SCANNED", "UPLOADING", "UPLOADED", "COMPLETED", "FAILED",
        )
    )
)  # fmt: skip
JOB = fields(
    {
        "jobId!": TEXT,
        "did!": DID,
        "state!": STATES,
        "progress": Whole(0, 100),
        "blob": Blob(),
        "error": TEXT,
        "failureCode": one_of(
            "validation_failure",
            "encoding_failure",
            "pds_upload_failure",
            "pds_upload_unsupported_blob_size",
            "generic_failure",
        ),
        "message": TEXT,
    }
)
LABEL = fields({"src!": DID, "uri!": URI, "val!": Text(most=128), "cts!": MOMENT})
_AUTHOR = {
    "did!": DID,
    "handle!": HANDLE,
    "displayName": Text(most=640, most_graphemes=64),
    "avatar": URI,
    "labels": Items(LABEL),
    "createdAt": MOMENT,
}
AUTHOR = fields(_AUTHOR)
PROFILE = fields(_AUTHOR | {"followersCount": WHOLE, "followsCount": WHOLE, "postsCount": WHOLE, "indexedAt": MOMENT})


def picture_view(thumbnail: str, aspect: str) -> Fields:
    return fields({f"{thumbnail}!": URI, "fullsize!": URI, "alt!": TEXT, aspect: ASPECT})


SHOWN_VIEWS: Mapping[str, Shape] = {
    "app.bsky.embed.images#view": fields({"images!": Items(picture_view("thumb", "aspectRatio"), most=4)}),
    "app.bsky.embed.gallery#view": fields(
        {"items!": Items(Union({"app.bsky.embed.gallery#viewImage": picture_view("thumbnail", "aspectRatio!")}))}
    ),
    "app.bsky.embed.video#view": fields(
        {
            "cid!": CID,
            "playlist!": URI,
            "thumbnail": URI,
            "alt": TEXT,
            "aspectRatio": ASPECT,
            "presentation": one_of("default", "gif"),
        }
    ),
    "app.bsky.embed.external#view": fields(
        {"external!": fields({"uri!": URI, "title!": TEXT, "description!": TEXT, "thumb": URI})}
    ),
}
QUOTE_VIEW = fields(
    {
        "record!": Union(
            {
                "app.bsky.embed.record#viewRecord": fields(
                    {"uri!": AT_URI, "cid!": CID, "author!": AUTHOR, "value!": ANYTHING, "indexedAt!": MOMENT}
                ),
                "app.bsky.embed.record#viewNotFound": fields({"uri!": AT_URI, "notFound!": FLAG}),
            }
        )
    }
)
EMBED_VIEWS: Mapping[str, Shape] = SHOWN_VIEWS | {
    "app.bsky.embed.record#view": QUOTE_VIEW,
    "app.bsky.embed.recordWithMedia#view": fields({"record!": QUOTE_VIEW, "media!": Union(SHOWN_VIEWS)}),
}
VIEW = fields(
    {
        "uri!": AT_URI,
        "cid!": CID,
        "author!": AUTHOR,
        "record!": ANYTHING,
        "indexedAt!": MOMENT,
        "labels": Items(LABEL),
        "embed": Union(EMBED_VIEWS),
        "viewer": fields({"embeddingDisabled": FLAG, "replyDisabled": FLAG}),
        **{f"{name}Count": WHOLE for name in ("bookmark", "reply", "repost", "like", "quote")},
    }
)
_ANSWERED = Union(
    {
        "app.bsky.feed.defs#postView": VIEW,
        "app.bsky.feed.defs#notFoundPost": fields({"uri!": AT_URI, "notFound!": FLAG}),
    }
)
FEED_ITEM = fields({"post!": VIEW, "reply": fields({"root!": _ANSWERED, "parent!": _ANSWERED})})

# --- the calls -------------------------------------------------------------------------------------------------------
_PLACE: Mapping[str, Shape] = {"repo!": IDENTIFIER, "collection!": NSID}
_LONG_KEY = replace(RECORD_KEY, most=512)


def query(name: str, known: Mapping[str, Shape], answer: Fields, *errors: str) -> tuple[str, Call]:
    return f"GET /xrpc/{name}", Call(query=fields(known), answers={200: answer}, errors=frozenset(errors))


def procedure(
    name: str, body: Mapping[str, Shape], answer: Fields | None, *errors: str, query: Fields | None = None
) -> tuple[str, Call]:
    answers = {200: answer}
    return f"POST /xrpc/{name}", Call(query=query or fields(), body=body, answers=answers, errors=frozenset(errors))


CALLS = dict(
    [
        procedure(
            "com.atproto.repo.putRecord",
            {JSON: fields({**_PLACE, "rkey!": _LONG_KEY, "record!": RECORDS, "swapRecord?": CID, "validate": FLAG})},
            WRITTEN,
            "InvalidSwap",
        ),
        procedure(
            "com.atproto.repo.createRecord",
            {JSON: fields({**_PLACE, "rkey": _LONG_KEY, "record!": RECORDS, "validate": FLAG})},
            WRITTEN,
            "InvalidSwap",
        ),
        procedure(
            "com.atproto.repo.deleteRecord",
            {JSON: fields({**_PLACE, "rkey!": RECORD_KEY})},
            fields({"commit": COMMIT}),
            "InvalidSwap",
        ),
        query(
            "com.atproto.repo.getRecord",
            {**_PLACE, "rkey!": RECORD_KEY, "cid": CID},
            fields({"uri!": AT_URI, "cid": CID, "value!": ANYTHING}),
            "RecordNotFound",
        ),
        query(
            "com.atproto.repo.listRecords",
            {**_PLACE, "limit": Whole(1, 100), "cursor": TEXT, "reverse": FLAG},
            fields({"cursor": TEXT, "records!": Items(fields({"uri!": AT_URI, "cid!": CID, "value!": ANYTHING}))}),
        ),
        procedure("com.atproto.repo.uploadBlob", {"*/*": FILE}, fields({"blob!": Blob()})),
        query("com.atproto.identity.resolveHandle", {"handle!": HANDLE}, fields({"did!": DID}), "HandleNotFound"),
        procedure(
            "com.atproto.server.createSession",
            {JSON: fields({"identifier!": TEXT, "password!": TEXT})},
            NEW_SESSION,
            "AccountTakedown",
            "AuthFactorTokenRequired",
        ),
        procedure(
            "com.atproto.server.refreshSession", {}, NEW_SESSION, "AccountTakedown", "InvalidToken", "ExpiredToken"
        ),
        procedure("com.atproto.server.deleteSession", {}, None, "InvalidToken", "ExpiredToken"),
        query("com.atproto.server.getSession", {}, SESSION),
        query(
            "com.atproto.server.describeServer",
            {},
            fields(
                {
                    "did!": DID,
                    "availableUserDomains!": Items(TEXT),
                    "inviteCodeRequired": FLAG,
                    "phoneVerificationRequired": FLAG,
                    "blobUploadLimit": WHOLE,
                    "links": fields({"privacyPolicy": URI, "termsOfService": URI}),
                    "contact": fields({"email": TEXT}),
                }
            ),
        ),
        query(
            "com.atproto.server.getServiceAuth",
            {"aud!": Text(most=2048), "exp": WHOLE, "lxm": NSID},
            fields({"token!": TEXT}),
            "BadExpiration",
        ),
        query("app.bsky.actor.getProfile", {"actor!": IDENTIFIER}, PROFILE),
        query("app.bsky.feed.getPosts", {"uris!": Items(AT_URI, most=25)}, fields({"posts!": Items(VIEW)})),
        query(
            "app.bsky.feed.getAuthorFeed",
            {"actor!": IDENTIFIER, "limit": Whole(1, 100), "cursor": TEXT},
            fields({"cursor": TEXT, "feed!": Items(FEED_ITEM)}),
        ),
        procedure(
            "app.bsky.video.uploadVideo",
            {"video/mp4": Binary(("video/mp4",))},
            fields({"jobStatus!": JOB}),
            query=fields({"did!": DID, "name!": TEXT}, beyond=VIDEO_TUTORIAL),
        ),
        query("app.bsky.video.getJobStatus", {"jobId!": TEXT}, fields({"jobStatus!": JOB})),
        query(
            "app.bsky.video.getUploadLimits",
            {},
            fields(
                {
                    "canUpload!": FLAG,
                    "remainingDailyVideos": WHOLE,
                    "remainingDailyBytes": WHOLE,
                    "message": TEXT,
                    "error": TEXT,
                }
            ),
        ),
    ]
)
