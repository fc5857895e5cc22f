"""Mastodon: what its documentation says of the calls that we make, and of what we read in their answers.

Source: the OpenAPI description of Mastodon 4.7.0 that https://github.com/abraham/mastodon-openapi makes of
https://docs.joinmastodon.org (read 2026-11-28). Forms may be sent wherever it speaks of JSON:
https://docs.joinmastodon.org/client/intro/#parameters. Of answers only what is read here is named.
"""

from __future__ import annotations

from tests.specifications.shapes import (
    FILE,
    FLAG,
    FORM,
    JSON,
    MULTIPART,
    TEXT,
    WHOLE,
    Call,
    Either,
    Fields,
    Items,
    Text,
    fields,
    one_of,
)

REFRESHING = "https://www.rfc-editor.org/rfc/rfc6749#section-6"
APP_TOKEN = "https://docs.joinmastodon.org/client/token/#app"  # the reference names `code` as required for all
WEBFINGER = "https://docs.joinmastodon.org/spec/webfinger/"

URI, MOMENT = Text(form="uri"), Text(form="date-time")
VISIBILITY = one_of("public", "unlisted", "private", "direct")

# --- what is sent ----------------------------------------------------------------------------------------------------
_STATUS = {
    "in_reply_to_id": TEXT,
    "language": TEXT,
    "quoted_status_id": TEXT,
    "quote_approval_policy": TEXT,
    "sensitive": FLAG,
    "spoiler_text": TEXT,
    "visibility": VISIBILITY,
}
TEXT_STATUS = fields(_STATUS | {"status!": TEXT})
POLL_STATUS = fields(
    _STATUS
    | {
        "status": TEXT,
        "poll!": fields({"options": Items(TEXT), "expires_in": WHOLE, "multiple": FLAG, "hide_totals": FLAG}),
    }
)
MEDIA_STATUS = fields(_STATUS | {"status": TEXT, "media_ids!": Items(TEXT)})
UPLOAD = fields({"file!": FILE, "description": TEXT, "focus": TEXT})

_APP = {"client_id!": TEXT, "client_secret!": TEXT}
EXCHANGE = fields(
    _APP | {"code!": TEXT, "grant_type!": TEXT, "redirect_uri!": TEXT, "code_verifier": TEXT, "scope": TEXT}
)
REFRESH = fields(
    _APP | {"grant_type!": one_of("refresh_token"), "refresh_token!": TEXT, "scope": TEXT}, beyond=REFRESHING
)
FOR_APP = fields(_APP | {"grant_type!": one_of("client_credentials"), "scope": TEXT}, beyond=APP_TOKEN)

# --- what is read in answers -----------------------------------------------------------------------------------------
ATTACHMENT = fields({"id!": TEXT, "url?": URI}, is_part=True)
STATUS = fields(
    {
        "id!": TEXT,
        "uri!": TEXT,
        "url?": URI,
        "created_at!": MOMENT,
        "content!": TEXT,
        "spoiler_text!": TEXT,
        "in_reply_to_id?": TEXT,
        "media_attachments!": Items(ATTACHMENT),
        "poll?": fields({"id!": TEXT}, is_part=True),
        "quote?": fields(is_part=True),
        "favourites_count!": WHOLE,
        "reblogs_count!": WHOLE,
        "replies_count!": WHOLE,
        "quotes_count?": WHOLE,
    },
    is_part=True,
)
ACCOUNT = fields(
    {
        "id!": TEXT,
        "username!": TEXT,
        "display_name!": TEXT,
        "avatar!": URI,
        "url?": URI,
        "suspended?": FLAG,
        "limited?": FLAG,
        "memorial?": FLAG,
        "moved?": fields({"acct!": TEXT}, is_part=True),
        "source!": fields(
            {"privacy!": VISIBILITY, "language?": Text(form="iso-639-1"), "sensitive!": FLAG}, is_part=True
        ),
    },
    is_part=True,
)
STATUS_LIMITS = fields(
    {"max_characters!": WHOLE, "max_media_attachments!": WHOLE, "characters_reserved_per_url!": WHOLE}, is_part=True
)
_MEDIA_LIMITS = {
    "supported_mime_types!": Items(TEXT),
    "image_size_limit!": WHOLE,
    "image_matrix_limit!": WHOLE,
    "video_size_limit!": WHOLE,
    "video_matrix_limit!": WHOLE,
    "video_frame_rate_limit!": WHOLE,
}
MEDIA_LIMITS = fields(_MEDIA_LIMITS | {"description_limit?": WHOLE}, is_part=True)


POLL_LIMITS = fields(
    {
        "max_options!": WHOLE,
        "max_characters_per_option!": WHOLE,
        "min_expiration!": WHOLE,
        "max_expiration!": WHOLE,
    },
    is_part=True,
)


def instance(media_limits: Fields, domain: str) -> Fields:
    configuration = fields(
        {"statuses!": STATUS_LIMITS, "media_attachments!": media_limits, "polls!": POLL_LIMITS}, is_part=True
    )
    return fields({"version!": TEXT, "title!": TEXT, domain: TEXT, "configuration!": configuration}, is_part=True)


# --- the calls -------------------------------------------------------------------------------------------------------
READING, WRITING, MEDIA_WRITING = (frozenset({scope}) for scope in ("read:statuses", "write:statuses", "write:media"))
IDENTITY = frozenset({"profile", "read:accounts"})  # either will do
REFUSALS = frozenset({401, 404, 410, 422, 429, 503})

CALLS = {
    "POST /api/v1/statuses": Call(
        headers={"Idempotency-Key": TEXT},
        body={JSON: Either((TEXT_STATUS, MEDIA_STATUS, POLL_STATUS))},
        answers={200: STATUS},
        refusals=REFUSALS,
        scopes=WRITING,
    ),
    "GET /api/v1/statuses": Call(
        query=fields({"id": Items(TEXT)}), answers={200: Items(STATUS)}, refusals=REFUSALS, scopes=READING
    ),
    "GET /api/v1/statuses/{id}": Call(path={"id": TEXT}, answers={200: STATUS}, refusals=REFUSALS, scopes=READING),
    "DELETE /api/v1/statuses/{id}": Call(path={"id": TEXT}, answers={200: STATUS}, refusals=REFUSALS, scopes=WRITING),
    "GET /api/v1/statuses/{id}/source": Call(
        path={"id": TEXT}, answers={200: fields({"text!": TEXT}, is_part=True)}, refusals=REFUSALS, scopes=READING
    ),
    "GET /api/v1/accounts/{id}/statuses": Call(
        path={"id": TEXT},
        query=fields({"limit": WHOLE, "exclude_reblogs": FLAG, "max_id": TEXT}),
        answers={200: Items(STATUS)},
        refusals=REFUSALS,
        scopes=READING,
    ),
    "GET /api/v1/accounts/verify_credentials": Call(answers={200: ACCOUNT}, refusals=REFUSALS | {403}, scopes=IDENTITY),
    "POST /api/v2/media": Call(
        body={MULTIPART: UPLOAD},
        answers={200: ATTACHMENT, 202: ATTACHMENT},
        refusals=REFUSALS | {500},
        scopes=MEDIA_WRITING,
    ),
    "POST /api/v1/media": Call(
        body={MULTIPART: UPLOAD}, answers={200: ATTACHMENT}, refusals=REFUSALS, scopes=MEDIA_WRITING
    ),
    "GET /api/v1/media/{id}": Call(
        path={"id": TEXT}, answers={200: ATTACHMENT, 206: None}, refusals=REFUSALS, scopes=MEDIA_WRITING
    ),
    "GET /api/v2/instance": Call(answers={200: instance(MEDIA_LIMITS, "domain!")}, refusals=REFUSALS),
    "GET /api/v1/instance": Call(
        answers={200: instance(fields(_MEDIA_LIMITS, is_part=True), "uri!")}, refusals=REFUSALS
    ),
    "GET /.well-known/oauth-authorization-server": Call(
        answers={
            200: fields(
                {
                    "authorization_endpoint!": URI,
                    "token_endpoint!": URI,
                    "revocation_endpoint!": URI,
                    "app_registration_endpoint!": URI,
                    "scopes_supported!": Items(Text(is_some=True)),
                },
                is_part=True,
            )
        },
        refusals=REFUSALS,
    ),
    "GET /.well-known/webfinger": Call(query=fields({"resource!": Text(pattern="^acct:")}), beyond=WEBFINGER),
    "POST /api/v1/apps": Call(
        body={FORM: fields({"client_name!": TEXT, "redirect_uris!": Items(URI), "scopes": Text(form="scopes")})},
        answers={200: fields({"client_id!": TEXT, "client_secret!": TEXT}, is_part=True)},
        refusals=REFUSALS,
    ),
    "GET /oauth/authorize": Call(
        query=fields(
            {
                "client_id!": TEXT,
                "redirect_uri!": TEXT,
                "response_type!": TEXT,
                "scope": TEXT,
                "state": TEXT,
                "code_challenge": TEXT,
                "code_challenge_method": TEXT,
            }
        ),
        refusals=frozenset({400}),
    ),
    "POST /oauth/token": Call(
        body={FORM: Either((EXCHANGE, REFRESH, FOR_APP))},
        answers={200: fields({"access_token!": TEXT, "scope!": TEXT, "token_type!": TEXT}, is_part=True)},
        refusals=REFUSALS | {400},
    ),
    "POST /oauth/revoke": Call(
        body={FORM: fields(_APP | {"token!": TEXT})}, answers={200: None}, refusals=REFUSALS | {403}
    ),
}
