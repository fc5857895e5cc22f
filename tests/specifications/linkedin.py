"""LinkedIn: what its documentation says of the calls that we make. It publishes no machine-readable specification.

Sources: the pages named beside the calls, of https://learn.microsoft.com/en-us/linkedin (read 2026-11-23).
"""

from __future__ import annotations

from tests.specifications.shapes import (
    FILE,
    FLAG,
    FORM,
    JSON,
    TEXT,
    WHOLE,
    Call,
    Either,
    Items,
    Text,
    Whole,
    fields,
    one_of,
)

PERSON, ORGANISATION = r"urn:li:person:[A-Za-z0-9_-]+", r"urn:li:organization:[0-9]+"
AUTHOR = Text(pattern=f"^({PERSON}|{ORGANISATION})$")
ORGANISATION_URN = Text(pattern=f"^{ORGANISATION}$")
POST = Text(pattern=r"^urn:li:(share|ugcPost):[0-9]+$")
COMMENTED = Text(pattern=r"^urn:li:(share|ugcPost|activity):[0-9]+$")
POSTS = Text(pattern=r"^List\(urn:li:(share|ugcPost):[0-9]+(,urn:li:(share|ugcPost):[0-9]+)*\)$")
NUMBERS = Text(pattern=r"^List\([0-9]+(,[0-9]+)*\)$")
ENTITY = Text(pattern=r"^\((share:urn:li:share|ugc:urn:li:ugcPost):[0-9]+\)$")
IMAGE, VIDEO = Text(pattern=r"^urn:li:image:"), Text(pattern=r"^urn:li:video:")
DOCUMENT = Text(pattern=r"^urn:li:document:")
# What is special in the little text format is escaped, or part of a mention or a hashtag.
LITTLE_TEXT = Text(
    pattern=r"^([^\\|{}@\[\]()<>#*_~]|\\[\\|{}@\[\]()<>#*_~]|\{hashtag\|\\#\|\w+\}"
    r"|@\[([^\\\[\]]|\\.)+\]\(urn:li:(person|organization):[A-Za-z0-9_-]+\))*$"
)

_VERSION = Text(pattern=r"^20[0-9]{4}$")
HEADERS = {"LinkedIn-Version": _VERSION, "X-Restli-Protocol-Version": one_of("2.0.0")}
FINDER = HEADERS | {"X-RestLi-Method": one_of("FINDER")}
_APP = {"client_id!": TEXT, "client_secret!": TEXT}
CODE = fields(_APP | {"grant_type!": one_of("authorization_code"), "code!": TEXT, "redirect_uri!": TEXT})
REFRESH = fields(_APP | {"grant_type!": one_of("refresh_token"), "refresh_token!": TEXT})
REFUSALS = frozenset({400, 401, 403, 404, 422, 426, 429, 500})

_IMAGE_OF = fields({"id!": IMAGE, "altText": Text(most=4086)})
_ARTICLE = fields({"source!": TEXT, "title!": TEXT, "description": TEXT, "thumbnail": IMAGE})
_POLL = fields(
    {
        "question!": Text(least=1, most=140),
        "options!": Items(fields({"text!": Text(least=1, most=30)}), least=2, most=4),
        "settings!": fields({"duration!": one_of("ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS")}),
    }
)
CONTENT = Either(
    (
        fields({"media!": _IMAGE_OF}),
        fields({"media!": fields({"id!": VIDEO, "title": TEXT})}),
        fields({"media!": fields({"id!": DOCUMENT, "title!": Text(least=1)})}),
        fields({"multiImage!": fields({"images!": Items(_IMAGE_OF, least=2, most=20)})}),
        fields({"article!": _ARTICLE}),
        fields({"poll!": _POLL}),
    )
)
_DISTRIBUTION = fields(
    {
        "feedDistribution!": one_of("MAIN_FEED", "NONE"),
        "targetEntities!": Items(TEXT, most=0),
        "thirdPartyDistributionChannels!": Items(TEXT, most=0),
    }
)
NEW_POST = fields(
    {
        "author!": AUTHOR,
        "commentary!": LITTLE_TEXT,
        "visibility!": one_of("PUBLIC", "CONNECTIONS", "LOGGED_IN", "CONTAINER"),
        "distribution!": _DISTRIBUTION,
        "lifecycleState!": one_of("PUBLISHED", "DRAFT"),
        "isReshareDisabledByAuthor!": FLAG,
        "content": CONTENT,
    }
)
NEW_COMMENT = fields({"actor!": AUTHOR, "object!": POST, "message!": fields({"text!": Text(least=1, most=1250)})})
_OWNER = {"owner!": AUTHOR}
_VIDEO = {"fileSizeBytes!": Whole(1, 500_000_000), "uploadCaptions!": FLAG, "uploadThumbnail!": FLAG}
BEGIN_WHOLE = fields({"initializeUploadRequest!": fields(_OWNER)})
BEGIN_VIDEO = fields({"initializeUploadRequest!": fields(_OWNER | _VIDEO)})
_PARTS = fields({"video!": VIDEO, "uploadToken!": TEXT, "uploadedPartIds!": Items(TEXT, least=1)})
END_VIDEO = fields({"finalizeUploadRequest!": _PARTS})
_BY_AUTHOR = fields(
    {
        "q!": one_of("author"),
        "author!": AUTHOR,
        "count": Whole(1, 100),
        "start": WHOLE,
        "sortBy": one_of("CREATED", "LAST_MODIFIED"),
    }
)
_ADMINISTERED = fields(
    {
        "q!": one_of("roleAssignee"),
        "role": one_of("ADMINISTRATOR"),
        "state": one_of("APPROVED"),
        "start": WHOLE,
        "count": Whole(1, 100),
    }
)
_COUNTED = (
    "IMPRESSION", "MEMBERS_REACHED", "REACTION", "COMMENT", "RESHARE", "POST_SAVE", "POST_SEND", "LINK_CLICKS",
)  # fmt: skip

CALLS = {
    # …/shared/authentication/authorization-code-flow, …/programmatic-refresh-tokens, …/token-introspection
    "GET /oauth/v2/authorization": Call(
        query=fields(
            {
                "response_type!": one_of("code"),
                "client_id!": TEXT,
                "redirect_uri!": TEXT,
                "state!": TEXT,
                "scope!": TEXT,
            }
        )
    ),
    "POST /oauth/v2/accessToken": Call(body={FORM: Either((CODE, REFRESH))}, refusals=REFUSALS),
    "POST /oauth/v2/introspectToken": Call(body={FORM: fields(_APP | {"token!": TEXT})}, refusals=REFUSALS),
    "POST /oauth/v2/revoke": Call(body={FORM: fields(_APP | {"token!": TEXT})}, refusals=REFUSALS),
    # …/consumer/integrations/self-serve/sign-in-with-linkedin-v2; the versions' headers are not needed there
    "GET /v2/userinfo": Call(headers=HEADERS, refusals=REFUSALS),
    # …/marketing/community-management/organizations/organization-access-control-by-role, …/organization-lookup-api
    "GET /rest/organizationAcls": Call(query=_ADMINISTERED, headers=FINDER, refusals=REFUSALS),
    "GET /rest/organizationsLookup": Call(query=fields({"ids!": NUMBERS}), headers=HEADERS, refusals=REFUSALS),
    "GET /rest/networkSizes/{urn}": Call(
        path={"urn": ORGANISATION_URN},
        query=fields({"edgeType!": one_of("COMPANY_FOLLOWED_BY_MEMBER")}),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
    # …/marketing/community-management/shares/posts-api
    "POST /rest/posts": Call(headers=HEADERS, body={JSON: NEW_POST}, refusals=REFUSALS),
    "GET /rest/posts": Call(
        versions=(_BY_AUTHOR, fields({"ids!": POSTS})),
        headers=HEADERS | {"X-RestLi-Method": one_of("FINDER", "BATCH_GET")},
        refusals=REFUSALS,
    ),
    "GET /rest/posts/{urn}": Call(
        path={"urn": POST},
        query=fields({"viewContext": one_of("AUTHOR", "READER")}),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
    "DELETE /rest/posts/{urn}": Call(
        path={"urn": TEXT}, headers=HEADERS | {"X-RestLi-Method": one_of("DELETE")}, refusals=REFUSALS
    ),
    # …/marketing/community-management/shares/comments-api
    "POST /rest/socialActions/{urn}/comments": Call(
        path={"urn": COMMENTED}, headers=HEADERS, body={JSON: NEW_COMMENT}, refusals=REFUSALS
    ),
    "GET /rest/socialActions/{urn}/comments": Call(
        path={"urn": COMMENTED},
        query=fields({"start": WHOLE, "count": Whole(1, 100)}),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
    "DELETE /rest/socialActions/{urn}/comments/{id}": Call(
        path={"urn": COMMENTED, "id": Text(pattern="^[0-9]+$")},
        query=fields({"actor": ORGANISATION_URN}),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
    # …/marketing/community-management/shares/images-api, …/documents-api and …/videos-api
    **{
        f"POST /rest/{kind}": Call(
            query=fields({"action!": one_of("initializeUpload")}),
            headers=HEADERS,
            body={JSON: BEGIN_WHOLE},
            refusals=REFUSALS,
        )
        for kind in ("images", "documents")
    },
    "POST /rest/videos": Call(
        query=fields({"action!": one_of("initializeUpload", "finalizeUpload")}),
        headers=HEADERS,
        body={JSON: Either((BEGIN_VIDEO, END_VIDEO))},
        refusals=REFUSALS,
    ),
    "GET /rest/images/{urn}": Call(path={"urn": IMAGE}, headers=HEADERS, refusals=REFUSALS),
    "GET /rest/documents/{urn}": Call(path={"urn": DOCUMENT}, headers=HEADERS, refusals=REFUSALS),
    "GET /rest/videos/{urn}": Call(path={"urn": VIDEO}, headers=HEADERS, refusals=REFUSALS),
    "PUT /dms-uploads/{key}/{part}": Call(
        path={"key": TEXT, "part": TEXT}, headers=HEADERS, body={"*/*": FILE}, refusals=REFUSALS
    ),
    # …/marketing/community-management/organizations/share-statistics and …/members/post-statistics
    "GET /rest/organizationalEntityShareStatistics": Call(
        query=fields(
            {
                "q!": one_of("organizationalEntity"),
                "organizationalEntity!": ORGANISATION_URN,
                "shares": POSTS,
                "ugcPosts": POSTS,
            }
        ),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
    "GET /rest/memberCreatorPostAnalytics": Call(
        query=fields(
            {
                "q!": one_of("entity"),
                "entity!": ENTITY,
                "queryType!": one_of(*_COUNTED),
                "aggregation!": one_of("TOTAL"),
            }
        ),
        headers=HEADERS,
        refusals=REFUSALS,
    ),
}
